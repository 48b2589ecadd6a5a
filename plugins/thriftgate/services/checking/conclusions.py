"""What an answer concludes with, read so that nothing is guessed: an option, a yes or no, an amount, a day, a time.

A conclusion is read whole or not at all: what stands behind its number (a unit, a fraction, "to 15 days", "per hour")
belongs to it, and a sentence that denies, asks or supposes states no result. Two conclusions are the same, or
different, only where no way of writing could mislead; for everything between there is None.

Failure behaviour: pure and total, in time linear in the text.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from thriftgate.caching.differences.lexicon import FUNCTION_WORDS, NEGATIONS
from thriftgate.services.checking.values import (
    VALUE,
    Amount,
    Moment,
    Phrase,
    are_same_amounts,
    are_same_moments,
    is_closed,
    numbers_in,
    read_value,
    read_whole,
)

_CONCLUDING = 400
"""Characters at the end of an answer in which its result is looked for."""
_LONGEST_LONE = 60

_MARKER = re.compile(
    r"(?:####|\b(?:final |correct )?(?:answer|result|total|antwort|ergebnis|antwoord|résultat|réponse|respuesta|"
    r"risposta|resposta)(?: is| ist| est| es| è| é)?\b)[ \t:=*_`\"]*\n?[ \t:=*_`\"]*",
    re.IGNORECASE,
)
_OPTION_MARKER = re.compile(
    r"\b(?:answer|option|choice|antwort|antwoord|réponse|respuesta|risposta|resposta)\b"
    r"(?: (?:is|ist|est|es|è|é))?[ \t:*_`\"]*\n?[ \t:*_`\"]*(?:(?:option|choice)[ \t:*_`\"]*)?",
    re.IGNORECASE,
)
MARKERS = frozenset({
    "answer", "result", "total", "antwort", "ergebnis", "antwoord", "résultat", "réponse", "respuesta", "risposta",
    "resposta",
})  # fmt: skip
"""One of these is in a text in which a marker can be; looking for them takes a hundredth of the time."""
OPTION_MARKERS = (MARKERS - {"result", "total", "ergebnis", "résultat"}) | {"option", "choice"}
_BOXED = re.compile(r"\\boxed\{((?:[^{}]|\{[^{}]{0,40}\}){1,80})\}")
_CLOSED_OPTION = re.compile(r"(?:\(([A-Ja-j])\)|\[([A-Ja-j])\]|([A-J])(?=[).:*_]|\s*$))")
_LETTER = re.compile(r"(?<![\w'])(?:[B-HJ](?![\w'])|A(?![\w'])(?! [a-z])|I(?![\w'\u2019 ]))")
"""Letters that may name an option: neither the article nor the pronoun."""
_FORMULA = re.compile(r"\$([^$\n]{0,80}[^$\s])\$(?!\d)")
_TRUTHS = {
    **dict.fromkeys(("yes", "ja", "oui", "sí", "sì", "sim"), ("yes", True)),
    **dict.fromkeys(("no", "nein", "non", "nee", "não"), ("yes", False)),
    "true": ("true", True),
    "false": ("true", False),
}
_NUMBERS_A_LINE = re.compile(r"[*_`]*[.)][*_`]*[ \t]+\S")
"""Behind the number of a list's line, or of a heading."""
_ROUGHLY = re.compile(
    r"\b(?:about|around|approximately|roughly|nearly|almost|some|soon|over|under|than|least|most|until|up to|"
    r"etwa|ungefähr|rund|circa|ca|fast|mindestens|höchstens|bis|ongeveer|bijna|minstens|environ|presque|moins|plus|"
    r"aproximadamente|unos|unas|casi|menos|más|quasi|meno|più|cerca|mais|quase)\W+(?:[^\W\d]+\W+){0,1}[$€£¥]?$",
    re.IGNORECASE,
)
"""What stands before a number that is none exactly."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_DOUBTS = """
    wrong incorrect false untrue mistaken if would could might may unless or either perhaps maybe instead rather
    falsch unrichtig wenn falls würde könnte vielleicht oder sondern fout onjuist misschien
    faux incorrecte si pourrait peut-être ou incorrecto falso quizás o sbagliato forse se errado talvez
"""
_UNSTATED = NEGATIONS.union(_DOUBTS.split())
"""A sentence with one of these may state something else than its number or letter."""
_TAKEN_BACK = re.compile(
    r"\b(?:wrong|incorrect|false|mistaken|falsch|unrichtig|fout|onjuist|faux|fausse|incorrecte?|incorrecto|falso|sbagliat[oa]|"
    r"errad[oa])\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Option:
    """One of several that were given, by its letter."""

    letter: str
    numbers: frozenset[Fraction]
    """Of what the option says, where the answer repeats it."""
    words: frozenset[str] = frozenset()
    """Of the same."""


@dataclass(frozen=True, slots=True)
class YesOrNo:
    """Yes or no, true or false."""

    kind: str
    is_affirmed: bool


Conclusion = Option | YesOrNo | Amount | Moment | Phrase


def conclude_the_same(one: Conclusion, other: Conclusion) -> bool | None:
    """Whether two conclusions are the same; None where the way they are written does not tell."""
    if isinstance(one, Amount) and isinstance(other, Amount):
        return are_same_amounts(one, other)
    if isinstance(one, Option) and isinstance(other, Option):
        if one.letter != other.letter:
            return False
        return True if _may_be_one(one.numbers, other.numbers) and _may_be_one(one.words, other.words) else None
    if isinstance(one, YesOrNo) and isinstance(other, YesOrNo):
        return one.is_affirmed == other.is_affirmed if one.kind == other.kind else None
    if isinstance(one, Moment) and isinstance(other, Moment):
        return are_same_moments(one, other)
    return True if one == other else None


def conclusion_of(text: str) -> Conclusion | None:
    """What an answer states as its result; None where it states none, several, or one that may be misread."""
    end = _FORMULA.sub(r"\1", text[-_CONCLUDING:])
    lone = _lone(end.strip()) if len(text) < _LONGEST_LONE else None
    if lone is not None:
        return lone
    boxed = {_boxed(end, found) for found in _BOXED.finditer(end)}
    if boxed:
        return boxed.pop() if len(boxed) == 1 else None
    last = end.rsplit("####", 1)
    if len(last) > 1:
        value, _, behind = last[1].strip(' \t:=*_`"\n').partition("\n")
        return None if behind or _begins_a_line(value) else read_value(value)
    lower = in_one_case(end)
    options = _options(end) if any(word in lower for word in OPTION_MARKERS) else []
    amounts = _amounts(end) if any(word in lower for word in MARKERS) else []
    return _only([*options, *amounts])


def in_one_case(text: str) -> str:
    """The text with one form of each letter that expressions take for the same: of dotted and dotless ones as well."""
    return text.casefold().replace("\u0307", "").replace("\u0131", "i")


def _may_be_one(one: frozenset[Any], other: frozenset[Any]) -> bool:
    """Whether two sayings of an option agree; one that is not repeated agrees with any."""
    return not (one and other) or 2 * len(one & other) > max(len(one), len(other))


def _boxed(end: str, found: re.Match[str]) -> Conclusion | None:
    """What stands in a box, where nothing outside of it, a sign or a unit, belongs to it."""
    sentence = sentence_around(end, found.start(), found.end())
    is_alone = is_closed(end, found.end(), is_whole=False) and not re.search(
        r"[-\u2212\u2013]\s*$", end[: found.start()]
    )
    if not is_alone or _ROUGHLY.search(end[: found.start()]) or not is_stated(sentence.replace(found[0], "")):
        return None
    return read_whole(found[1]) or Phrase(" ".join(found[1].split()))


def _begins_a_line(text: str) -> bool:
    """Whether its number only counts lines of a list, or names a heading."""
    found = VALUE.match(text)
    return found is not None and _NUMBERS_A_LINE.match(text, found.end()) is not None


def _only(found: list[Conclusion | None]) -> Conclusion | None:
    """The one conclusion of several statements of it; None where one is unclear or they are not the same."""
    first = next(iter(found), None)
    if first is None or any(one is None or conclude_the_same(first, one) is not True for one in found):
        return None
    # The one that says most stands for all.
    return max((one for one in found if one is not None), key=_told)


def _told(one: Conclusion) -> int:
    return len(one.unit) if isinstance(one, Amount) else len(one.numbers) if isinstance(one, Option) else 0


def _lone(text: str) -> Conclusion | None:
    bare = text.strip(" \t\n*_`\"'([{)]}.,;:!$\\")
    if len(bare) == 1 and bare.upper() in "ABCDEFGHIJ":
        return Option(bare.casefold(), frozenset())
    if bare.casefold() in _TRUTHS:
        return YesOrNo(*_TRUTHS[bare.casefold()])
    return read_whole(text.strip(" \t\n*_`\"'"))


def _options(end: str) -> list[Conclusion | None]:
    found: list[Conclusion | None] = []
    for marker in _OPTION_MARKER.finditer(end):
        letter = _CLOSED_OPTION.match(end, marker.end())
        if letter is None:
            continue
        sentence = sentence_around(end, marker.start(), letter.end())
        others = {*_LETTER.findall(sentence), _of(letter)}
        if len(others) > 1 or not is_stated(sentence):
            found.append(None)
        else:
            behind = sentence[sentence.find(letter[0]) + len(letter[0]) :]
            words = {word for word in re.findall(r"[^\W\d_]{3,}", behind.casefold()) if word not in FUNCTION_WORDS}
            found.append(Option(_of(letter).casefold(), numbers_in(behind), frozenset(words)))
    return found


def _of(letter: re.Match[str]) -> str:
    return next(part for part in letter.groups() if part).upper()


def _amounts(end: str) -> list[Conclusion | None]:
    found: list[Conclusion | None] = []
    for marker in _MARKER.finditer(end):
        behind = end[marker.end() :]
        if VALUE.match(behind) is None and not behind.startswith("\\frac"):
            continue
        is_said = is_stated(sentence_around(end, marker.start(), marker.end())) and not _TAKEN_BACK.search(behind)
        # "The answer is 5. Have a nice day" ends a sentence; behind a colon or on a line of its own it may count lines.
        counts_lines = not marker[0].rstrip(' \t*_`"')[-1:].isalpha() and _begins_a_line(behind)
        found.append(read_value(behind) if is_said and not counts_lines else None)
    return found


def sentence_around(text: str, start: int, end: int) -> str:
    """The sentence in which a place of a text lies."""
    before = max((cut.end() for cut in _SENTENCE_END.finditer(text, 0, start)), default=0)
    after = _SENTENCE_END.search(text, end)
    return text[before : after.start() if after else len(text)]


def is_stated(sentence: str) -> bool:
    """Whether a sentence says what is so, and does not deny, ask or suppose anything."""
    words = re.findall(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?", sentence.casefold())
    return not sentence.rstrip(" *_\"')").endswith("?") and not any(
        word in _UNSTATED or word.replace("\u2019", "'").endswith("n't") for word in words
    )


def letters_in(text: str) -> frozenset[str]:
    """The letters in a text that may name options."""
    return frozenset(_LETTER.findall(text))


def amount_in(sentence: str) -> Amount | None:
    """The one amount of a sentence; None where there is none, or more than one, or it may be misread."""
    found = list(VALUE.finditer(sentence))
    if len(found) != 1:
        return None
    start = found[0].start()
    if _ROUGHLY.search(sentence[:start]):
        return None
    if start and re.match(r"[\w.,:/^*+\u2212\u2013-]", sentence[start - 1]):
        return None
    read = read_value(sentence[start:])
    return read if isinstance(read, Amount) else None
