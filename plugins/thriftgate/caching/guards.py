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

from thriftgate.caching.lexicon import FUNCTION_WORDS, OPPOSITES, RIVALS
from thriftgate.caching.reading import Reading, read

_SAME_FRAME = 0.6
_LONGEST_SWAP = 2
_SHORTEST_FRAME = 3
_NEGATIVE_PREFIXES = ("un", "in", "im", "ir", "il", "non", "non-", "dis", "de")
_ROLE_WORDS = frozenset({"to", "into", "from", "over", "than", "versus", "vs", "by", "before", "after", "zu", "nach"})


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
    SUBSTITUTION = "one word is replaced"


Guard = Callable[[str, str], Veto | None]


def numbers(a: str, b: str) -> Veto | None:
    """Other amounts, counts, percentages or identifiers. 1 µs."""
    left, right = read(a), read(b)
    return _differ(left, right, frozenset(left.numbers), frozenset(right.numbers), Veto.NUMBERS)


def entities(a: str, b: str) -> Veto | None:
    """Other names or currencies; a name counts as shared when the other side has it in any spelling. 3 µs."""
    left, right = read(a), read(b)
    if left.currencies and right.currencies and left.currencies != right.currencies:
        return Veto.ENTITIES
    return _differ(left, right, left.names - set(right.words), right.names - set(left.words), Veto.ENTITIES)


def negation(a: str, b: str) -> Veto | None:
    """The same statement, once denied: "not", "without", or "eligible" against "ineligible". 3 µs."""
    left, right = read(a), read(b)
    if _has_denied_word(left, right) or _has_denied_word(right, left):
        return Veto.NEGATION
    if left.negations % 2 != right.negations % 2 and _is_same_frame(left, right):
        return Veto.NEGATION
    return None


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
    """One side has a word, the other its opposite or a rival of the same kind, and neither has both. 5 µs."""
    left, right = set(read(a).words), set(read(b).words)
    only_left, only_right = left - right, right - left
    for one, other in OPPOSITES:
        if _is_split(only_left, only_right, left, right, one, other):
            return Veto.ANTONYMS
    for kind in RIVALS:
        if not kind.isdisjoint(only_left) and not kind.isdisjoint(only_right) and left & right & kind == set():
            return Veto.ANTONYMS
    return None


def roles(a: str, b: str) -> Veto | None:
    """The same words with two of them changing places around an unmoved frame, or around "to" and "from". 5 µs."""
    left, right = read(a), read(b)
    if left.stems == right.stems:
        return None
    if not _directions(left).isdisjoint((y, word, x) for x, word, y in _directions(right)):
        return Veto.ROLES
    if left.content == right.content and _skeleton(left) == _skeleton(right):
        order = [stem for stem in left.stems if stem in left.content]
        return Veto.ROLES if order != [stem for stem in right.stems if stem in right.content] else None
    return None


def substitution(a: str, b: str) -> Veto | None:
    """The same sentence but for one or two meaningful words in one place. 3 µs.

    A synonym in that place is vetoed too, so this guard is not final: `evidence` lets it pass when another entry
    with the same answer uses the new word.
    """
    return Veto.SUBSTITUTION if substituted_words(a, b) else None


def substituted_words(a: str, b: str) -> frozenset[str]:
    """Stems of the meaningful words that `a` has in the one place where it differs from `b`; else empty."""
    left, right = read(a), read(b)
    head = _shared_length(left.stems, right.stems)
    tail = _shared_length(left.stems[head:][::-1], right.stems[head:][::-1])
    one, other = left.stems[head : len(left.stems) - tail], right.stems[head : len(right.stems) - tail]
    if max(len(one), len(other)) > _LONGEST_SWAP or head + tail < _SHORTEST_FRAME:
        return frozenset()
    new, old = left.content.intersection(one), right.content.intersection(other)
    return new if new and old else frozenset()


GUARDS: Sequence[Guard] = (language, numbers, dates, entities, code, negation, antonyms, roles)
"""Those whose veto is final, cheapest first."""


def first_veto(a: str, b: str) -> Veto | None:
    """The first final objection to answering `a` with the answer to `b`. About 20 µs, plus 60 µs per new question."""
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
    one, other = left.frame, right.frame
    if not one or not other:
        return one == other
    return len(one & other) >= _SAME_FRAME * max(len(one), len(other))


def _has_denied_word(left: Reading, right: Reading) -> bool:
    """Whether `right` has a word of `left` behind a negative prefix, and not the word itself."""
    words, others = set(left.words), set(right.words)
    return any(
        word.startswith(prefix) and len(word) - len(prefix) > 3 and word[len(prefix) :] in words - others
        for word in others - words
        for prefix in _NEGATIVE_PREFIXES
    )


def _is_split(
    only_left: set[str],
    only_right: set[str],
    left: set[str],
    right: set[str],
    one: frozenset[str],
    other: frozenset[str],
) -> bool:
    if not one.isdisjoint(only_left) and not other.isdisjoint(only_right):
        return one.isdisjoint(right) and other.isdisjoint(left)
    if not other.isdisjoint(only_left) and not one.isdisjoint(only_right):
        return other.isdisjoint(right) and one.isdisjoint(left)
    return False


def _directions(reading: Reading) -> set[tuple[str, str, str]]:
    """Each (x, role word, y) around a role word, where x and y are the nearest meaningful words."""
    found: set[tuple[str, str, str]] = set()
    before = ""
    waiting: list[tuple[str, str]] = []
    for word, stem in zip(reading.words, reading.stems, strict=True):
        if stem in reading.content:
            found.update((x, role, stem) for x, role in waiting if x and x != stem)
            waiting.clear()
            before = stem
        elif word in _ROLE_WORDS and (before, word) not in waiting[-len(_ROLE_WORDS) :]:
            waiting.append((before, word))
    return found


def _skeleton(reading: Reading) -> tuple[str, ...]:
    """The function words in their places, with a blank for each meaningful word."""
    return tuple(
        word if word in FUNCTION_WORDS else "" for word, stem in zip(reading.words, reading.stems, strict=True) if stem
    )


def _shared_length(a: Sequence[str], b: Sequence[str]) -> int:
    length = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        length += 1
    return length
