"""Whether two answers come to the same, as far as their words show it.

Compared is what they say, in this order: what they conclude with (an option, a boxed or last stated result), their
numbers, dates and negations, and only then the vectors of short texts. Two answers of a paragraph resemble each other
by their subject alone: of 754 recorded pairs of 300 to 1,000 characters vectors settled 18, five of them wrongly, and
they cost ten times a question's.

Answers to two questions may end alike and say two things: "The answer is (B)" of other options, "$10" of another bill.
There a conclusion counts as the same only where most of the words around it and half of the other numbers are shared.
Texts that are equal are the same answer, whatever was asked: whoever asks would read the very same.

Failure behaviour: pure and total, in time linear in the texts. "Cannot tell" (None) is an answer, and the usual one for
two long texts without a stated result: a wrong verdict teaches the cache what is not so, and none costs nothing.
"""

import re
from fractions import Fraction
from typing import Any

from thriftgate.caching.differences.guards import first_veto, substituted_words
from thriftgate.caching.differences.lexicon import FUNCTION_WORDS, MONTHS, WEEKDAYS
from thriftgate.caching.differences.numerals import number_of
from thriftgate.caching.differences.reading import Reading, read, stem
from thriftgate.caching.entries import normalised_answer
from thriftgate.services.checking.conclusions import (
    MARKERS,
    OPTION_MARKERS,
    Conclusion,
    amount_in,
    conclude_the_same,
    conclusion_of,
    in_one_case,
    is_stated,
    letters_in,
    numbers_in,
)
from thriftgate.services.checking.values import Amount

SAME_ABOVE = 0.95
"""Cosine of two short answers' vectors from which they count as the same, if no guard objects: of recorded ones between
0.85 and 0.95, 13 of 26 did not ("variable" and "stable", 0.862)."""
DIFFERENT_BELOW = 0.5
"""Cosine below which two short answers count as different; between the two nobody can tell."""
LONGEST_COMPARED = 300
"""Characters of an answer whose vector speaks for what it says."""
_LONGEST_READ = 20_000
_CONCLUDING = 400
_RELATED = 0.6
"""Cosine from which two short answers speak of the same thing."""

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_CONCLUSION = re.compile(
    r"\b(?:so|therefore|thus|hence|in total|altogether|also|daher|somit|insgesamt|donc|por tanto|entonces)\b|=",
    re.IGNORECASE,
)
_CONCLUDES = frozenset({
    "so", "therefore", "thus", "hence", "total", "altogether", "also", "daher", "somit", "insgesamt", "donc", "tanto",
    "entonces",
})  # fmt: skip
"""One of these words, or an equals sign, is in whatever the expression above finds."""
_WORD = re.compile(r"\w+")
_ABOUT_ONE = 0.6
_ABOUT_ONE_IN_NUMBERS = 0.5
"""Share of their words, and of their numbers, that answers to two questions have in common when they speak of one
thing: of near questions of MMLU-Pro whose answers end alike 20 of 509 do, and half of two answers to one question."""
_LONGEST_SHARED = 4_000
"""Characters, from the end, of which that is asked."""
_LONG_WORD = re.compile(r"[^\W\d_]{3,}")
_OF_CONCLUSIONS = MARKERS | OPTION_MARKERS | _CONCLUDES | {"final", "correct", "boxed"}
_TRUTHS = frozenset({"yes", "no", "ja", "nein", "nee", "oui", "non", "sí", "sì", "sim", "não", "true", "false"})
_OF_HOW_MANY = frozenset(
    word
    for words in (
        "all some any every each both either neither only most few must need alle allen alles einige jede",
        "jeder jedes beide nur wenige muss müssen braucht brauchen sommige elke ieder iedere alleen slechts",
        "moet moeten hoeft tous toutes chaque seulement quelques doit devez todos todas cada solo sólo",
        "solamente algunos cualquier debe tutti tutte ogni soltanto qualsiasi alcuni deve só apenas qualquer",
        "alguns",
    )
    for word in words.split()
)
"""Small words of which an equal statement has the same: "any bank" is not "our bank", "need not" not "must not"."""
_CONNECTIVES = frozenset(
    map(stem, ("therefore", "thus", "hence", "total", "altogether", "daher", "somit", "insgesamt", "donc", "tanto"))
)
_ENOUGH_WORDS = 3
"""Meaningful words from which on the vector of an answer speaks for what it says."""
_ONE_STATEMENT = 0.85
_ALIKE = 0.6
"""Share of their meaningful words that two statements have in common when they are one, and when they are about one."""


def say_the_same(one: str, other: str, similarity: float | None, *, is_one_question: bool = True) -> bool | None:
    """Whether two answers say the same; None: cannot tell.

    `similarity` is the cosine of their vectors in [0, 1], None where there are none. `is_one_question` says that both
    answer the same question; answers to two that are only alike have to show that they speak of one thing.
    """
    if normalised_answer(one) == normalised_answer(other):
        return True
    one, other = one[-_LONGEST_READ:], other[-_LONGEST_READ:]
    concluded = conclusion_of(one), conclusion_of(other)
    told = _told(one, other, similarity, *concluded)
    return None if told and not is_one_question and not _are_about_one(one, other, *concluded) else told


def _told(
    one: str, other: str, similarity: float | None, ours: Conclusion | None, theirs: Conclusion | None
) -> bool | None:
    if ours is not None and theirs is not None:
        return conclude_the_same(ours, theirs)
    if ours is None and theirs is None:
        told = _conclude_alike(_last_sentence(one), _last_sentence(other))
        if told is not None:
            return told
    if similarity is None or max(len(one), len(other)) > LONGEST_COMPARED:
        return None
    if similarity < DIFFERENT_BELOW:
        return False if _are_comparable(one, other) else None
    if similarity >= SAME_ABOVE and _shared(one, other) >= _ALIKE and _is_nothing_else(one, other):
        return True
    # A number or a name more on one side may be detail: only others in their places make another statement.
    return False if similarity >= _RELATED and _contradict(one, other) else None


def _are_about_one(one: str, other: str, ours: Conclusion | None, theirs: Conclusion | None) -> bool:
    """Whether most words and many numbers of each are in the other."""
    one, other = one[-_LONGEST_SHARED:], other[-_LONGEST_SHARED:]
    words, other_words = _long_words(one), _long_words(other)
    # What both conclude is known to be the same: it says nothing of what they speak of.
    concluded = _values(ours) | _values(theirs)
    numbers, other_numbers = numbers_in(one) - concluded, numbers_in(other) - concluded
    return (
        min(len(words), len(other_words)) >= _ENOUGH_WORDS
        and _overlap(words, other_words) >= _ABOUT_ONE
        and _overlap(numbers, other_numbers) >= _ABOUT_ONE_IN_NUMBERS
    )


def _values(end: Conclusion | None) -> frozenset[Fraction]:
    return end.values if isinstance(end, Amount) else frozenset()


def _long_words(text: str) -> frozenset[str]:
    """Apart from those that only say that a conclusion follows."""
    found = _LONG_WORD.findall(in_one_case(text))
    return frozenset(stem(word) for word in found if word not in FUNCTION_WORDS and word not in _OF_CONCLUSIONS)


def _overlap(one: frozenset[Any], other: frozenset[Any]) -> float:
    """What two sets have in common, as a share of the larger; 1 where both are empty."""
    return len(one & other) / max(len(one), len(other)) if one or other else 1.0


def _conclude_alike(one: str, other: str) -> bool | None:
    """Whether two last sentences that draw a conclusion say the same number of the same thing."""
    ours, theirs = amount_in(one), amount_in(other)
    if ours is None or theirs is None or not (is_stated(one) and is_stated(other)):
        return None
    if _shared(one, other) < _ALIKE:
        return None
    told = conclude_the_same(ours, theirs)
    return None if told and not _is_nothing_else(one, other) else told


def _last_sentence(text: str) -> str:
    """The last sentence, where that draws a conclusion from something before it; else empty."""
    end = text[-_CONCLUDING:]
    if "=" not in end and _CONCLUDES.isdisjoint(_WORD.findall(in_one_case(end))):
        return ""
    sentences = [one for one in _SENTENCE.split(end.strip()) if one.strip()]
    return sentences[-1] if len(sentences) > 1 and _CONCLUSION.search(sentences[-1]) else ""


def _shared(one: str, other: str) -> float:
    """The share of their meaningful words, numbers and names apart, that two statements have in common."""
    left, right = (read(text).frame - _CONNECTIVES for text in (one, other))
    return _overlap(left, right)


def _is_nothing_else(one: str, other: str) -> bool:
    """Whether no guard sees a difference, and neither numbers, denials nor one word in its place differ."""
    left, right = read(one), read(other)
    return (
        first_veto(one, other) is None
        and left.numbers == right.numbers
        # Two denials more are no denial to a guard, and two statements here.
        and left.negations == right.negations
        and _counted(left) == _counted(right)
        and _TRUTHS.intersection(left.words) == _TRUTHS.intersection(right.words)
        and _of_how_many(left) == _of_how_many(right)
        and not substituted_words(one, other)
    )


def _of_how_many(reading: Reading) -> list[str]:
    return sorted(word for word in reading.words if word in _OF_HOW_MANY)


def _counted(reading: Reading) -> set[str]:
    """What stands behind numbers: units, "pm"."""
    pairs = zip(reading.words, reading.stems[1:], strict=False)
    return {behind for word, behind in pairs if number_of(word) or any(map(str.isdigit, word))}


def _are_comparable(one: str, other: str) -> bool:
    """Whether both say enough, in one language, for far vectors to mean it: "12" is far from "It makes twelve"."""
    left, right = read(one), read(other)
    is_one_language = not (left.language and right.language) or left.language == right.language
    are_long_enough = min(len(left.content), len(right.content)) >= _ENOUGH_WORDS
    if (numbers_in(one) and numbers_in(other)) or letters_in(one) & letters_in(other):
        return False
    say_one_word = _TRUTHS.intersection(left.words, right.words)
    return is_one_language and are_long_enough and not say_one_word and _shared(one, other) < _ALIKE


def _contradict(one: str, other: str) -> bool:
    """Each has one number, or a day or month, and it is another; or the same statement is denied on one side alone."""
    ours, theirs = amount_in(one), amount_in(other)
    left, right = read(one), read(other)
    shared = _shared(one, other)
    has_one_number = len(left.numbers) == len(right.numbers) == 1 and shared >= _ALIKE
    if has_one_number and ours is not None and theirs is not None and conclude_the_same(ours, theirs) is False:
        return True
    # "Tomorrow" may be a Tuesday: only days are compared with days, and months with months.
    for kind in (WEEKDAYS, MONTHS):
        days, other_days = left.dates & kind, right.dates & kind
        if shared >= _ALIKE and days and other_days and days.isdisjoint(other_days):
            return True
    return shared >= _ONE_STATEMENT and (left.negations % 2 != right.negations % 2)
