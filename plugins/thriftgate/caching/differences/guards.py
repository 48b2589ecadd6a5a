"""Differences an embedding cannot see: each guard compares two questions and may veto.

MiniLM puts a question and its negation at a cosine of 0.95, two swapped roles at 0.99, another amount at 0.89. The
guards look at the words instead. A guard that finds the same *kind* of thing on both sides with another value
always vetoes. Where only one side has the thing, it vetoes when the rest of the two questions is nearly the same
(`_is_same_frame`): then that thing is what the question is about, and otherwise it is just told along the way.

All guards are symmetric: `guard(a, b) == guard(b, a)`. Each costs 1-5 µs once both questions are read.

Failure behaviour: pure and total; a guard in doubt keeps silent, because the learned decision comes after it.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from itertools import permutations

from thriftgate.caching.differences.alternatives import is_alternatives_swapped
from thriftgate.caching.differences.clauses import is_denied_elsewhere
from thriftgate.caching.differences.constructions import is_built_otherwise
from thriftgate.caching.differences.contrasts import OPPOSITES, PARTICLES, RIVALS
from thriftgate.caching.differences.lexicon import CASE_WORDS, CASELESS_WORDS, FUNCTION_WORDS, ROLE_WORDS
from thriftgate.caching.differences.order import (
    is_crossed,
    is_done_by_another,
    is_exchanged,
    is_reordered,
    is_told_of_others,
    is_turned_round,
)
from thriftgate.caching.differences.reading import Reading, read
from thriftgate.caching.differences.surface import Surface, look
from thriftgate.caching.differences.wording import differing_place, is_worded_otherwise
from thriftgate.caching.differences.writing import is_written_otherwise

_SAME_FRAME = 0.6
_LONGEST_SWAP = 2
_SHORTEST_FRAME = 3
_NEGATIVE_PREFIXES = (
    "un", "in", "im", "ir", "il", "non", "non-", "dis", "de", "on", "ent", "ont", "des", "dés", "dé", "mis",
)  # fmt: skip
_LONGEST_UNIT = 3
_MOST_QUOTES = 4
_FROM = frozenset(["de", "da", "do", "del", "dal", "du", "desde", "dalla", "della"])
_TO = frozenset(["a", "à", "al", "ao", "aux", "alla"])
_POLITE = frozenset({"bitte", "danke", "alsjeblieft", "alstublieft", "graag"})
_NEAR = 4
"""Words behind "from" in which "to" stands, where "to" is a word that means other things as well."""


class Veto(StrEnum):
    """What a guard saw."""

    NUMBERS = "other numbers"
    ENTITIES = "other names"
    NEGATION = "one is negated"
    DATES = "other dates"
    LANGUAGE = "other language"
    CODE = "other code"
    ANTONYMS = "opposite or rival words"
    ROLES = "roles are swapped"
    SMALL_WORDS = "another small word that matters"
    CONSTRUCTIONS = "the same words in another construction"
    SYMBOLS = "other symbols"
    LETTERS = "other single letters"
    SPELLING = "other accents"
    CASE = "capitals that matter"
    QUOTES = "other quoted text or layout"
    WRITING = "the same words, written in another way"
    SCRIPT = "other words in a language without word lists"
    SUBSTITUTION = "one word is replaced"


_OPPOSITES_OF: dict[str, list[tuple[frozenset[str], frozenset[str]]]] = {}
_RIVALS_OF: dict[str, list[frozenset[str]]] = {}
for _one, _other in OPPOSITES:
    for _word in _one:
        _OPPOSITES_OF.setdefault(_word, []).append((_one, _other))
    for _word in _other:
        _OPPOSITES_OF.setdefault(_word, []).append((_other, _one))
for _kind in RIVALS:
    for _word in _kind:
        _RIVALS_OF.setdefault(_word, []).append(_kind)

Guard = Callable[[str, str], Veto | None]


def numbers(a: str, b: str) -> Veto | None:
    """Other amounts, counts, percentages or identifiers. 1 µs."""
    left, right = read(a), read(b)
    ours, theirs = frozenset(left.numbers), frozenset(right.numbers)
    if ours == theirs and left.numbers != right.numbers and left.frame == right.frame:
        return Veto.NUMBERS  # the same ones, another number of times
    return _differ(left, right, ours, theirs, Veto.NUMBERS)


def entities(a: str, b: str) -> Veto | None:
    """Other names or currencies; a name counts as shared when the other side has it in any spelling. 3 µs."""
    left, right = read(a), read(b)
    other_money = _differ(left, right, left.currencies, right.currencies, Veto.ENTITIES)
    return other_money or _differ(
        left, right, left.names - set(right.words), right.names - set(left.words), Veto.ENTITIES
    )


def negation(a: str, b: str) -> Veto | None:
    """The same statement, once denied: "not", "without", or "eligible" against "ineligible". 3 µs."""
    left, right = read(a), read(b)
    if _has_denied_word(left, right) or _has_denied_word(right, left):
        return Veto.NEGATION
    # In German every noun is written like a name, and would be missing from the frame.
    is_german = "de" in (left.language, right.language)
    if left.negations % 2 != right.negations % 2 and (
        _is_same_frame(left, right) or (is_german and _are_nearly_the_same(left.content, right.content))
    ):
        return Veto.NEGATION
    return Veto.NEGATION if is_denied_elsewhere(left, right) else None


def dates(a: str, b: str) -> Veto | None:
    """Other days or months. 1 µs."""
    left, right = read(a), read(b)
    return _differ(left, right, left.dates, right.dates, Veto.DATES)


def language(a: str, b: str) -> Veto | None:
    """Another language or script: an answer in the wrong language is a wrong answer. 1 µs."""
    left, right = read(a).language, read(b).language
    return Veto.LANGUAGE if left and right and left != right else None


def code(a: str, b: str) -> Veto | None:
    """Other code, addresses or file names; any difference counts. 1 µs."""
    return Veto.CODE if read(a).code != read(b).code else None


def antonyms(a: str, b: str) -> Veto | None:
    """One side has a word, the other its opposite or a rival of the same kind, and neither has both. 5 µs.

    At the end stands the particle of a Dutch or German verb, alone or before it: "schakel in de hal alles uit" and
    "… in" are opposites, though both have "in", and so are "an der Tür anschalten" and "… ausschalten".
    """
    first, second = read(a).words, read(b).words
    if _ends_in_opposites(first, second):
        return Veto.ANTONYMS
    left, right = set(first), set(second)
    only_left, only_right = left - right, right - left
    for word in only_left:
        for one, other in _OPPOSITES_OF.get(word, ()):
            if not other.isdisjoint(only_right) and one.isdisjoint(right) and other.isdisjoint(left):
                return Veto.ANTONYMS
        for kind in _RIVALS_OF.get(word, ()):
            if not kind.isdisjoint(only_right) and kind.isdisjoint(left & right):
                return Veto.ANTONYMS
    return None


def roles(a: str, b: str) -> Veto | None:
    """The same words with two of them changing places: "from A to B", "8 minus 3", "dog bites man". 30 µs."""
    left, right = read(a), read(b)
    seen, other = look(a), look(b)
    if seen.tokens == other.tokens or is_alternatives_swapped(seen, other):
        return None
    if not _directions(left).isdisjoint((y, word, x) for x, word, y in _directions(right)):
        return Veto.ROLES
    if is_reordered(seen, other) or is_exchanged(seen, left.names, other, right.names) or is_crossed(left, right):
        return Veto.ROLES
    if is_turned_round(left, right) or is_done_by_another(left, right) or is_told_of_others(left.words, right.words):
        return Veto.ROLES
    if left.content == right.content and _skeleton(left) == _skeleton(right):
        order = [stem for stem in left.stems if stem in left.content]
        return Veto.ROLES if order != [stem for stem in right.stems if stem in right.content] else None
    return None


def small_words(a: str, b: str) -> Veto | None:
    """Nothing differs but "when" and "where", "your" and "you're", "friend's" and "friends'". 10 µs."""
    return Veto.SMALL_WORDS if is_worded_otherwise(a, b) else None


def constructions(a: str, b: str) -> Veto | None:
    """The same words built otherwise: "stop to smoke" and "stop smoking", "few" and "a few". 5 µs."""
    return Veto.CONSTRUCTIONS if is_built_otherwise(read(a), read(b)) else None


def symbols(a: str, b: str) -> Veto | None:
    """Other symbols, or in another order: emoji, operators, signs, subscripts, "C++" and "C". 1 µs."""
    return Veto.SYMBOLS if look(a).symbols != look(b).symbols else None


def letters(a: str, b: str) -> Veto | None:
    """Other single letters that name something: "plan A" and "plan B", `x` and `y`. 1 µs."""
    return Veto.LETTERS if look(a).letters != look(b).letters else None


def spelling(a: str, b: str) -> Veto | None:
    """The same word with other accents, which the tokenizer drops: "año" and "ano", "schon" and "schön". 3 µs."""
    left, right = look(a), look(b)
    if left.spellings == right.spellings:
        return None
    words = {word for word, _ in left.spellings} & {word for word, _ in right.spellings}
    return Veto.SPELLING if any(word in words for word, _ in left.spellings ^ right.spellings) else None


def case(a: str, b: str) -> Veto | None:
    """Capitals that make another word or unit: "US" and "us", "5 mW" and "5 MW"; a shouted text says nothing. 3 µs."""
    left, right = look(a), look(b)
    if left.is_shouted or right.is_shouted:
        return None
    # Who writes no capitals at all says nothing with the first letter of a word.
    is_careful = left.has_capitals and right.has_capitals
    ours, theirs = (
        frozenset((word, form if is_careful or form[1:] != word[1:] else word) for word, form in seen.forms)
        for seen in (left, right)
    )
    ours, theirs = (frozenset(pair for pair in forms if _is_case_telling(pair[0])) for forms in (ours, theirs))
    if _is_other_variant(ours, theirs):
        return Veto.CASE
    return Veto.CASE if read(a).language == "de" == read(b).language and _is_other_noun(left, right) else None


def quotes(a: str, b: str) -> Veto | None:
    """Other text between quotation marks, or another indentation; white space counts in both. 2 µs."""
    left, right = look(a), look(b)
    if left.layout != right.layout:
        return Veto.QUOTES
    if left.quoted == right.quoted:
        return None
    if left.quoted and right.quoted:
        return Veto.QUOTES
    spans, plain = (left.quoted, right.text) if left.quoted else (right.quoted, left.text)
    return Veto.QUOTES if len(spans) > _MOST_QUOTES or not all(span in plain for span in spans) else None


def writing(a: str, b: str) -> Veto | None:
    """The same words to the embedder, and capitals, lines or marks that make another question of them. 3 µs."""
    return Veto.WRITING if is_written_otherwise(a, b) else None


def script(a: str, b: str) -> Veto | None:
    """Other words in an alphabet, or a language, for which there is neither an embedder nor word lists. 1 µs."""
    left, right = look(a), look(b)
    if left.foreign != right.foreign:
        return Veto.SCRIPT
    is_known = read(a).has_word_lists and read(b).has_word_lists
    return None if is_known or left.tokens == right.tokens else Veto.SCRIPT


def substitution(a: str, b: str) -> Veto | None:
    """The same sentence but for one or two meaningful words in one place. 3 µs.

    A synonym in that place is vetoed too, so this guard is not final: `evidence` lets it pass when another entry
    with the same answer uses the new word.
    """
    return Veto.SUBSTITUTION if substituted_words(a, b) else None


def substituted_words(a: str, b: str) -> frozenset[str]:
    """Stems of the meaningful words that `a` has in the one place where it differs from `b`; else empty."""
    left, right = read(a), read(b)
    one, other = differing_place(left.stems, right.stems)
    if max(len(one), len(other)) > _LONGEST_SWAP or len(left.stems) - len(one) < _SHORTEST_FRAME:
        return frozenset()
    new, old = left.content.intersection(one), right.content.intersection(other)
    return new if new and old else frozenset()


GUARDS: Sequence[Guard] = (
    language, script, symbols, letters, numbers, dates, entities, code, quotes, case, writing, spelling, negation,
    antonyms, small_words, roles, constructions,
)  # fmt: skip
"""Those whose veto is final, cheapest first."""


def first_veto(a: str, b: str) -> Veto | None:
    """The first final objection to answering `a` with the answer to `b`. About 60 µs, plus 120 µs per new question."""
    return next((veto for guard in GUARDS if (veto := guard(a, b)) is not None), None)


def _differ(left: Reading, right: Reading, one: frozenset[str], other: frozenset[str], veto: Veto) -> Veto | None:
    """Both sides have something and not the same; or one side only, in the same frame."""
    if one == other:
        return None
    if one and other:
        return veto
    return veto if _is_same_frame(left, right) else None


def _is_same_frame(left: Reading, right: Reading) -> bool:
    """Whether the meaningful words of the shorter question nearly all return in the longer one."""
    return _are_nearly_the_same(left.frame, right.frame)


def _are_nearly_the_same(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= _SAME_FRAME * max(len(one), len(other))


def _has_denied_word(left: Reading, right: Reading) -> bool:
    """Whether `right` has a word of `left` behind a negative prefix, and not the word itself."""
    words, others = set(left.words), set(right.words)
    return any(
        word.startswith(prefix) and len(word) - len(prefix) > 3 and word[len(prefix) :] in words - others
        for word in others - words
        for prefix in _NEGATIVE_PREFIXES
    )


def _directions(reading: Reading) -> set[tuple[str, str, str]]:
    """Each (x, role word, y) around a role word, where x and y are the nearest meaningful words."""
    found: set[tuple[str, str, str]] = set()
    before = ""
    waiting: list[tuple[str, str]] = []
    for place, (word, stem) in enumerate(zip(reading.words, reading.stems, strict=True)):
        if word in _TO and not _FROM.isdisjoint(reading.words[max(0, place - _NEAR) : place]):
            waiting.append((before, "to"))
        elif stem in reading.content:
            found.update((x, role, stem) for x, role in waiting if x and x != stem)
            waiting.clear()
            before = stem
        elif word in ROLE_WORDS:
            waiting.append((before, word))
    return found


def _ends_in_opposites(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether both end with the same verb, or with none, behind opposite particles."""
    one, other = (next((word for word in words[:-3:-1] if word not in _POLITE), "") for words in (first, second))
    return one != other and any(
        one.startswith(left) and other == right + one.removeprefix(left)
        for pair in PARTICLES
        for left, right in permutations(pair)
    )


def _skeleton(reading: Reading) -> tuple[str, ...]:
    """The function words in their places, with a blank for each meaningful word."""
    return tuple(
        word if word in FUNCTION_WORDS else "" for word, stem in zip(reading.words, reading.stems, strict=True) if stem
    )


def _is_other_variant(ours: frozenset[tuple[str, str]], theirs: frozenset[tuple[str, str]]) -> bool:
    """Both sides have a word, and no way of writing it in common."""
    if ours == theirs:
        return False
    shared = {word for word, _ in ours & theirs}
    return any(word not in shared for word in {word for word, _ in ours} & {word for word, _ in theirs})


def _is_case_telling(word: str) -> bool:
    """In capitals it is another word, or a number with its unit."""
    if word[0].isdigit():
        return (
            word[-1].isalpha()
            and word.split()[-1] not in CASELESS_WORDS
            and len(word.lstrip("0123456789., ")) <= _LONGEST_UNIT
        )
    return word in CASE_WORDS


def _is_other_noun(left: Surface, right: Surface) -> bool:
    """In German a capital makes a noun; who writes none at all says nothing by it."""
    careful = [any(form[0].isupper() for _, form in seen.forms) for seen in (left, right)]
    return all(careful) and _is_other_variant(left.forms, right.forms)
