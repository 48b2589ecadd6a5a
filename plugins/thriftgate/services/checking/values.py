"""The value that stands at the start of a text: an amount with its sign and unit, a day, a time of day.

A value is read whole or not at all: what stands behind its number (a unit, a fraction, "to 15 days", "per hour")
belongs to it.

Failure behaviour: pure and total, in time linear in the text.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

from thriftgate.caching.differences.lexicon import FUNCTION_WORDS
from thriftgate.services.checking.units import CURRENCY, SCALES, dimension_of, unit_named

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
_SIGN = r"(?:(?P<minus>[-\u2212\u2013])(?=[\d.$€£¥])|(?P<worded>minus |negative ))?"
_MONEY = r"(?P<money>US\$|[$€£¥])?"
VALUE = re.compile(rf"{_SIGN}{_MONEY}(?P<later>-)?(?P<number>{_NUMERAL})(?![\d])", re.IGNORECASE)
_FRACTION = re.compile(r"\\[dt]?frac\{(-?\d{1,18})\}\{(\d{1,18})\}|(-?\d{1,18}) ?/ ?(\d{1,18})")
_MIXED = re.compile(r"(\d{1,18}) (\d{1,18})/(\d{1,18})")
_UNIT_SIGN = re.compile(r" ?([%\u2030°][CFcf]?|[$€£¥])")
_UNIT_WORD = re.compile(r"(?: |(?<=\d)|(?<=[a-z])/)([^\W\d_]+[²³]?)")
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?: ?([ap])\.?m\.?)?", re.IGNORECASE)
_CLOSING = re.compile(r"[.!]?[*_`\"')\]}$]*(?:$|[.!](?=\s|$)|\n)")
_BECAUSE = re.compile(
    r",?\s*\b(?:because|since|weil|denn|omdat|want|parce que|car|porque|perché|"
    r"in total|in all|altogether|insgesamt|in totaal|au total|en total|in totale)\b",
    re.IGNORECASE,
)


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


Value = Amount | Moment | Phrase


def numbers_in(text: str) -> frozenset[Fraction]:
    """The values of all numbers in a text."""
    return frozenset(value for found in re.findall(_NUMERAL, text) for value in _values(found))


def read_whole(text: str) -> Value | None:
    """A text that is nothing but a value."""
    return read_value(text.rstrip(". "), is_whole=True)


def read_value(text: str, *, is_whole: bool = False) -> Value | None:
    """The value at the start of a text, with all that belongs to it."""
    for pattern, make in ((_DAY, _day), (_TIME, _time), (_MIXED, _mixed), (_FRACTION, _fraction)):
        found = pattern.match(text)
        if found is not None:
            return make(found) if is_closed(text, found.end(), is_whole=is_whole) else None
    found = VALUE.match(text)
    if found is None or len(found["number"]) > _LONGEST_DIGITS:
        return None
    unit, end = _unit(text, found.end())
    if unit is None or not is_closed(text, end, is_whole=is_whole):
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
    if not values:
        return None
    return Amount(values, (money,) if money else named, " ".join(text[:end].split()))


def _unit(text: str, start: int) -> tuple[tuple[str, ...] | None, int]:
    """The unit's words behind a number and where they end; None where more stands there than a unit."""
    sign = _UNIT_SIGN.match(text, start)
    if sign is not None:
        return (unit_named(sign[1]),), sign.end()
    words: list[str] = []
    for word in _UNIT_WORD.finditer(text, start):
        if word.start() != start or _BECAUSE.match(text, start):
            break
        plain = word[1].casefold()
        if plain in FUNCTION_WORDS and plain not in ("per", "a", "an", "pro", "par", "por"):
            return None, start
        words.append(unit_named(word[1]))
        start = word.end()
    return (tuple(words) if len(words) <= _LONGEST_UNIT else None), start


def is_closed(text: str, end: int, *, is_whole: bool) -> bool:
    """Whether a value ends there: at the end of its sentence, or before a reason."""
    if is_whole:
        return not text[end:].strip(" .,;!*_`\"')]}$")
    return bool(_CLOSING.match(text, end) or _BECAUSE.match(text, end))


def _values(number: str) -> frozenset[Fraction]:
    """What a number may mean: "1,200" is twelve hundred, "1.200" that or one and a fifth, "1,5" one and a half.

    Nothing where it is written as no number is ("0,123,456").
    """
    plain = re.sub(r"[ \u00a0\u202f'\u2019]", "", number)
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}", plain):
        plain = plain.replace(".", "").replace(",", ".")
    elif re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", plain):
        return frozenset((Fraction(plain), Fraction(plain.replace(".", ""))))
    elif re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", plain) and not plain.startswith("0"):
        plain = plain.replace(",", "")
    else:
        plain = plain.replace(",", ".")
    if plain.count(".") > 1:
        return frozenset()
    return frozenset((Fraction(f"0{plain}" if plain.startswith(".") else plain),))


def _day(found: re.Match[str]) -> Value:
    return Moment("day", found[0], is_whole=True)


def _time(found: re.Match[str]) -> Value:
    hour, minute, half = int(found[1]), int(found[2]), (found[3] or "").casefold()
    if minute >= _MINUTES:
        return Phrase(found[0])
    if half:
        hour = hour % _HALF_A_DAY + (_HALF_A_DAY if half == "p" else 0)
    is_whole = bool(half) or hour > _HALF_A_DAY or hour == 0 or len(found[1]) > len(str(hour))
    return Moment("time", f"{hour}:{minute:02}", is_whole=is_whole)


def _mixed(found: re.Match[str]) -> Value | None:
    whole, part, of = (int(one) for one in found.groups())
    return _ratio(whole * of + part, of, found[0])


def _fraction(found: re.Match[str]) -> Value | None:
    part, of = (int(one) for one in found.groups() if one is not None)
    return _ratio(part, of, found[0])


def _ratio(part: int, of: int, text: str) -> Value | None:
    return Amount(frozenset((Fraction(part, of),)), (), text) if of else None


def are_same_amounts(one: Amount, other: Amount) -> bool | None:
    """Whether two amounts are the same; None where units or the way of writing do not tell."""
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


def are_same_moments(one: Moment, other: Moment) -> bool | None:
    """Whether two days, or two times of day, are the same; None for times that may lie half a day apart."""
    if one.kind != other.kind:
        return None
    if one.value == other.value:
        return True if one.kind == "day" or one.is_whole == other.is_whole else None
    if one.kind == "day":
        return False
    (hour, minute), (other_hour, other_minute) = one.value.split(":"), other.value.split(":")
    may_be_same = minute == other_minute and (int(hour) - int(other_hour)) % _HALF_A_DAY == 0
    return None if may_be_same and not (one.is_whole and other.is_whole) else False
