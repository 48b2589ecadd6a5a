"""Make JSON of what is almost JSON, say what was changed, and never change what it says.

The syntax is mended by the library json-repair, which guesses; so its result is believed only when it has the same
words and the same numbers in the same order as the text. A text that breaks off is `Unfinished`, never completed.

Failure behaviour: pure and total. Takes milliseconds for long texts: not for an event loop.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, cast

import jiter
from json_repair import repair_json

from thriftgate.output.outline import Outline, outline
from thriftgate.output.verdicts import Change, Repaired, Unfinished, Unreadable

MAX_CHARACTERS = 50_000
"""Longer texts are not repaired: the library's time can grow with the square of the length."""
MAX_DEPTH = 64

_FENCE = "```"
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_MARKS = re.compile(r"""[\s{}\[\],:"'\\]+""")
_WORDS = {"none": "null"}


def repair(text: str) -> Repaired | Unfinished | Unreadable:
    """Read a text that strict JSON does not take."""
    if len(text) > MAX_CHARACTERS:
        return Unreadable()
    inner, changes = _without_fence(text)
    found = outline(inner)
    if found is None:
        return _scalar(inner, changes)
    if found.end is None:
        return Unfinished(_complete_part(found.body))
    if "{" in inner[found.end :]:
        # Two documents, or a bracket of prose before the document: which one is meant would be a guess.
        return Unreadable()
    if inner[: found.start].strip() or inner[found.end :].strip():
        changes.add(Change.AROUND)
    return _mended(found, changes)


def _mended(found: Outline, changes: set[Change]) -> Repaired | Unreadable:
    if found.needs_guessing or _depth(found.body) > MAX_DEPTH:
        return Unreadable()
    try:
        value: object = json.loads(found.body)
    except RecursionError:
        return Unreadable()
    except ValueError as error:
        value = _guessed(found.body)
        if not isinstance(value, dict | list) or not _says_the_same(cast("object", value), found):
            return _unreadable(error)
        changes |= found.changes or {Change.SYNTAX}
    else:
        changes |= found.changes - {Change.COMMAS}
    return _repaired(cast("object", value), changes)


def _guessed(body: str) -> object:
    try:
        return repair_json(body, return_objects=True, skip_json_loads=True)
    except (ValueError, RecursionError, TypeError, IndexError):
        return None


def _scalar(inner: str, changes: set[Change]) -> Repaired | Unreadable:
    """A text without brackets is repaired only by taking a fence off."""
    try:
        return _repaired(json.loads(inner), changes) if changes else Unreadable()
    except ValueError:
        return Unreadable()


def _repaired(value: object, changes: set[Change]) -> Repaired:
    ordered = tuple(change for change in Change if change in changes) or (Change.SYNTAX,)
    return Repaired(value, json.dumps(value, ensure_ascii=False), ordered)


def _unreadable(error: ValueError) -> Unreadable:
    return Unreadable(error.lineno, error.colno) if isinstance(error, json.JSONDecodeError) else Unreadable()


def _without_fence(text: str) -> tuple[str, set[Change]]:
    """The inside of the first code fence, if it stands before the JSON."""
    start = text.find(_FENCE)
    bracket = min((place for place in (text.find("{"), text.find("[")) if place >= 0), default=len(text))
    if start < 0 or start > bracket:
        return text, set()
    line_end = text.find("\n", start)
    inside = line_end + 1 if 0 <= line_end < bracket else start + len(_FENCE)
    end = text.rfind(_FENCE)
    changes = {Change.FENCE}
    if text[:start].strip() or (end > start and text[end + len(_FENCE) :].strip()):
        changes.add(Change.AROUND)
    return text[inside : end if end >= inside else len(text)], changes


def _complete_part(body: str) -> object:
    """What of a broken-off text was complete; None when it is not even the beginning of JSON."""
    # A number that stands at the very end may have had more digits.
    body = body.rstrip("+-.0123456789eE")
    try:
        return jiter.from_json(body.encode("utf-8", "surrogatepass"), partial_mode=True, allow_inf_nan=False)
    except ValueError:
        return None


def _depth(body: str) -> int:
    depth = deepest = 0
    for char in body:
        if char in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "}]":
            depth -= 1
    return deepest


def _says_the_same(value: object, found: Outline) -> bool:
    """Whether a value has the words and numbers of a text in the same order, and no string swallowed another."""
    texts, strings = _texts(value)
    return strings >= found.strings and _content(" ".join(texts)) == _content(_ESCAPE.sub(_unescaped, found.body))


def _content(plain: str) -> tuple[str, list[float]]:
    """What a text says: its characters in order without marks and spaces, and its numbers."""
    numbers = [float(number) for number in _NUMBER.findall(plain)]
    words = (_WORDS.get(word, word) for word in _MARKS.split(_NUMBER.sub(" ", plain).casefold()))
    return "".join(words), numbers


def _texts(value: object) -> tuple[list[str], int]:
    """Keys, strings, numbers and words of a value in the order of its text, and how many keys and strings."""
    found: list[str] = []
    strings = 0
    waiting: list[tuple[str, Any]] = [("value", value)]
    while waiting:
        kind, one = waiting.pop()
        strings += isinstance(one, str)
        if kind == "key":
            found.append(one)
        elif isinstance(one, Mapping):
            for key, inner in reversed(list(cast("Mapping[str, Any]", one).items())):
                waiting.extend((("value", inner), ("key", key)))
        elif isinstance(one, list):
            waiting.extend(("value", inner) for inner in reversed(cast("list[Any]", one)))
        else:
            found.append(one if isinstance(one, str) else json.dumps(one))
    return found, strings


def _unescaped(escape: re.Match[str]) -> str:
    if escape[1]:
        return chr(int(escape[1], 16))
    return " " if escape[2] in "nrtbf" else escape[2]
