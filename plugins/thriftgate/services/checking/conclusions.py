"""What an answer concludes with, read so that nothing is guessed: an option, a yes or no, an amount, a day, a time.

A conclusion is read whole or not at all: what stands behind its number (a unit, a fraction, "to 15 days", "per hour")
belongs to it, and a sentence that denies, asks or supposes states no result. Two conclusions are the same, or
different, only where no way of writing could mislead; for everything between there is None.

Failure behaviour: pure and total, in time linear in the text.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

from thriftgate.caching.lexicon import FUNCTION_WORDS, NEGATIONS
from thriftgate.services.checking.units import CURRENCY, SCALES, dimension_of, unit_named

_CONCLUDING = 400
"""Characters at the end of an answer in which its result is looked for."""
_LONGEST_LONE = 60
_LONGEST_UNIT = 3
_LONGEST_DIGITS = 18
_MINUTES = 60
_HALF_A_DAY = 12
_RATIOS = frozenset(map(Fraction, (7, 12, 24, 60, 100, 1_000, 1_000_000)))
"""How often one unit goes into another one of its kind."""

_NUMERAL = (
    r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:[ \u00a0\u202f'\u2019]\d{3})+(?:[.,]\d+)?(?!\d)|"
    r"\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}|\d*[.,]?\d+)"
)
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
_SIGN = r"(?:(?P<minus>[-\u2212\u2013])(?=[\d.$€£¥])|(?P<worded>minus |negative ))?"
_MONEY = r"(?P<money>US\$|[$€£¥])?"
_VALUE = re.compile(rf"{_SIGN}{_MONEY}(?P<later>-)?(?P<number>{_NUMERAL})(?![\d])", re.IGNORECASE)
_FRACTION = re.compile(r"\\[dt]?frac\{(-?\d{1,18})\}\{(\d{1,18})\}|(-?\d{1,18}) ?/ ?(\d{1,18})")
_MIXED = re.compile(r"(\d{1,18}) (\d{1,18})/(\d{1,18})")
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?: ?([ap])\.?m\.?)?", re.IGNORECASE)
_CLOSING = re.compile(r"[.!]?[*_`\"')\]}$]*(?:$|[.!;](?=\s|$)|,(?=\s)|\s[(\u2013\u2014-]|\n)")
_BECAUSE = re.compile(
    r"\s*\b(?:because|since|weil|denn|omdat|want|parce que|car|porque|perché|"
    r"in total|in all|altogether|insgesamt|in totaal|au total|en total|in totale)\b",
    re.IGNORECASE,
)
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


@dataclass(frozen=True, slots=True)
class Option:
    """One of several that were given, by its letter."""

    letter: str
    numbers: frozenset[Fraction]
    """Of what the option says, where the answer repeats it."""


@dataclass(frozen=True, slots=True)
class YesOrNo:
    """Yes or no, true or false."""

    kind: str
    is_affirmed: bool


@dataclass(frozen=True, slots=True)
class Amount:
    """A number with its sign and unit."""

    values: frozenset[Fraction]
    """More than one where the way of writing does not tell: "1.200" may be either."""
    unit: tuple[str, ...]
    """Stems of the words, one name for known units; empty where none is given."""
    text: str


@dataclass(frozen=True, slots=True)
class Moment:
    """A day, or a time of day in minutes."""

    kind: str
    value: str
    is_whole: bool
    """False for a time that may be before or after noon."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A formula or words that are the same only when they are written the same."""

    text: str


Conclusion = Option | YesOrNo | Amount | Moment | Phrase


def conclude_the_same(one: Conclusion, other: Conclusion) -> bool | None:
    """Whether two conclusions are the same; None where the way they are written does not tell."""
    if isinstance(one, Amount) and isinstance(other, Amount):
        return _are_same_amounts(one, other)
    if isinstance(one, Option) and isinstance(other, Option):
        if one.letter != other.letter:
            return False
        return True if not (one.numbers and other.numbers) or one.numbers == other.numbers else None
    if isinstance(one, YesOrNo) and isinstance(other, YesOrNo):
        return one.is_affirmed == other.is_affirmed if one.kind == other.kind else None
    if isinstance(one, Moment) and isinstance(other, Moment):
        return _are_same_moments(one, other)
    return True if one == other else None


def conclusion_of(text: str) -> Conclusion | None:
    """What an answer states as its result; None where it states none, several, or one that may be misread."""
    end = _FORMULA.sub(r"\1", text[-_CONCLUDING:])
    lone = _lone(end.strip()) if len(text) < _LONGEST_LONE else None
    if lone is not None:
        return lone
    boxed = {_read_whole(found) or Phrase(" ".join(found.split())) for found in _BOXED.findall(end)}
    if boxed:
        return boxed.pop() if len(boxed) == 1 else None
    last = end.rsplit("####", 1)
    if len(last) > 1:
        return _read(last[1].lstrip(' \t:=*_`"\n'))
    return _only([*_options(end), *_amounts(end)])


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
    return _read_whole(text.strip(" \t\n*_`\"'"))


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
            found.append(Option(_of(letter).casefold(), numbers_in(sentence[sentence.find(letter[0]) :])))
    return found


def _of(letter: re.Match[str]) -> str:
    return next(part for part in letter.groups() if part).upper()


def _amounts(end: str) -> list[Conclusion | None]:
    found: list[Conclusion | None] = []
    for marker in _MARKER.finditer(end):
        behind = end[marker.end() :]
        if _VALUE.match(behind) is None and not behind.startswith("\\frac"):
            continue
        start = marker.end()
        found.append(_read(behind) if is_stated(sentence_around(end, marker.start(), start)) else None)
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


def numbers_in(text: str) -> frozenset[Fraction]:
    """The values of all numbers in a text."""
    return frozenset(value for found in re.findall(_NUMERAL, text) for value in _values(found))


def letters_in(text: str) -> frozenset[str]:
    """The letters in a text that may name options."""
    return frozenset(_LETTER.findall(text))


def amount_in(sentence: str) -> Amount | None:
    """The one amount of a sentence; None where there is none, or more than one, or it may be misread."""
    found = list(_VALUE.finditer(sentence))
    if len(found) != 1:
        return None
    start = found[0].start()
    if _ROUGHLY.search(sentence[:start]):
        return None
    if start and re.match(r"[\w.,:/^*+\u2212\u2013-]", sentence[start - 1]):
        return None
    read = _read(sentence[start:])
    return read if isinstance(read, Amount) else None


def _read_whole(text: str) -> Conclusion | None:
    """A text that is nothing but a value."""
    return _read(text.rstrip(". "), is_whole=True)


def _read(text: str, *, is_whole: bool = False) -> Conclusion | None:
    """The value at the start of a text, with all that belongs to it."""
    for pattern, make in ((_DAY, _day), (_TIME, _time), (_MIXED, _mixed), (_FRACTION, _fraction)):
        found = pattern.match(text)
        if found is not None:
            return make(found) if _is_closed(text, found.end(), is_whole=is_whole) else None
    found = _VALUE.match(text)
    if found is None or len(found["number"]) > _LONGEST_DIGITS:
        return None
    unit, end = _unit(text, found.end())
    if unit is None or not _is_closed(text, end, is_whole=is_whole):
        return None
    scale = 1
    for word in unit:
        scale *= SCALES.get(word, 1)
    named = tuple(word for word in unit if word not in SCALES)
    money = unit_named(found["money"]) if found["money"] else ""
    if money and named and named != (money,):
        return None
    sign = -1 if found["minus"] or found["worded"] or found["later"] else 1
    values = frozenset(sign * scale * value for value in _values(found["number"]))
    return Amount(values, (money,) if money else named, " ".join(text[:end].split()))


def _unit(text: str, start: int) -> tuple[tuple[str, ...] | None, int]:
    """The unit's words behind a number and where they end; None where more stands there than a unit."""
    sign = re.compile(r" ?([%\u2030°][CFcf]?|[$€£¥])").match(text, start)
    if sign is not None:
        return (unit_named(sign[1]),), sign.end()
    words: list[str] = []
    for word in re.compile(r"(?: |(?<=\d)|(?<=[a-z])/)([^\W\d_]+[²³]?)").finditer(text, start):
        if word.start() != start or _BECAUSE.match(text, start):
            break
        plain = word[1].casefold()
        if plain in FUNCTION_WORDS and plain not in ("per", "a", "an", "pro", "par", "por"):
            return None, start
        words.append(unit_named(word[1]))
        start = word.end()
    return (tuple(words) if len(words) <= _LONGEST_UNIT else None), start


def _is_closed(text: str, end: int, *, is_whole: bool) -> bool:
    """Whether a value ends there: at the end of its sentence, or before a reason."""
    if is_whole:
        return not text[end:].strip(" .,;!*_`\"')]}$")
    return bool(_CLOSING.match(text, end) or _BECAUSE.match(text, end))


def _values(number: str) -> frozenset[Fraction]:
    """What a number may mean: "1,200" is twelve hundred, "1.200" that or one and a fifth, "1,5" one and a half."""
    plain = re.sub(r"[ \u00a0\u202f'\u2019]", "", number)
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}", plain):
        plain = plain.replace(".", "").replace(",", ".")
    elif re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", plain):
        return frozenset((Fraction(plain), Fraction(plain.replace(".", ""))))
    elif re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", plain) and not plain.startswith("0"):
        plain = plain.replace(",", "")
    else:
        plain = plain.replace(",", ".")
    return frozenset((Fraction(f"0{plain}" if plain.startswith(".") else plain),))


def _day(found: re.Match[str]) -> Conclusion:
    return Moment("day", found[0], is_whole=True)


def _time(found: re.Match[str]) -> Conclusion:
    hour, minute, half = int(found[1]), int(found[2]), (found[3] or "").casefold()
    if minute >= _MINUTES:
        return Phrase(found[0])
    if half:
        hour = hour % _HALF_A_DAY + (_HALF_A_DAY if half == "p" else 0)
    is_whole = bool(half) or hour > _HALF_A_DAY or hour == 0 or len(found[1]) > len(str(hour))
    return Moment("time", f"{hour}:{minute:02}", is_whole=is_whole)


def _mixed(found: re.Match[str]) -> Conclusion | None:
    whole, part, of = (int(one) for one in found.groups())
    return _ratio(whole * of + part, of, found[0])


def _fraction(found: re.Match[str]) -> Conclusion | None:
    part, of = (int(one) for one in found.groups() if one is not None)
    return _ratio(part, of, found[0])


def _ratio(part: int, of: int, text: str) -> Conclusion | None:
    return Amount(frozenset((Fraction(part, of),)), (), text) if of else None


def _are_same_amounts(one: Amount, other: Amount) -> bool | None:
    if one.text == other.text:
        return True
    is_ambiguous = len(one.values) > 1 or len(other.values) > 1
    if one.unit == other.unit:
        if is_ambiguous:
            return None if one.values & other.values else False
        if not one.unit and _are_in_other_units(*one.values, *other.values):
            return None
        return one.values == other.values
    if is_ambiguous or one.values != other.values:
        # Sixty minutes are an hour, and what is counted in other units may be as much.
        return None
    if not one.unit or not other.unit:
        # Money is often left without its sign; of anything else nobody knows which unit was left out.
        return True if (one.unit or other.unit)[0] in CURRENCY else None
    dimensions = {tuple(dimension_of(word) for word in unit) for unit in (one.unit, other.unit)}
    is_known = len(dimensions) == 1 and None not in next(iter(dimensions))
    return False if is_known and 0 not in one.values else None


def _are_in_other_units(one: Fraction, other: Fraction) -> bool:
    """Whether two bare numbers may be one amount: 84 (cents) and 0.84 (dollars), 90 (minutes) and 1.5 (hours)."""
    return one != other and 0 not in (one, other) and (one / other in _RATIOS or other / one in _RATIOS)


def _are_same_moments(one: Moment, other: Moment) -> bool | None:
    if one.kind != other.kind:
        return None
    if one.value == other.value:
        return True if one.kind == "day" or one.is_whole == other.is_whole else None
    if one.kind == "day":
        return False
    (hour, minute), (other_hour, other_minute) = one.value.split(":"), other.value.split(":")
    may_be_same = minute == other_minute and (int(hour) - int(other_hour)) % _HALF_A_DAY == 0
    return None if may_be_same and not (one.is_whole and other.is_whole) else False
