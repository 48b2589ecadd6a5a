"""Make JSON of what is almost JSON, say what was changed, and never change what it says.

What can be undone in one way only is undone: see `outline` for strings and `mending` for what stands between them. All
else is `Unreadable`, to be asked for again. A text that breaks off is `Unfinished`, never completed.

Failure behaviour: pure and total; linear. Takes milliseconds for long texts: not for an event loop.
"""

import json
import re

import jiter

from thriftgate.output.mending import mended, read_json
from thriftgate.output.outline import Outline, outline
from thriftgate.output.verdicts import Change, Repaired, Unfinished, Unreadable

MAX_CHARACTERS = 50_000
"""Longer texts are not repaired."""
MAX_DEPTH = 64

_FENCE = "```"
_BEGAN_BEFORE = re.compile(r"""["'\u201d\u2019]\s*:\s*$""")
_GOES_ON = re.compile(r"""[,:]\s*(?:["'\u201c\u2018{\[]|-?\d|(?:true|false|null|True|False|None)\b|\w{1,60}\s*:)""")

_FURTHER_LIST = re.compile(r"""\[\s*+(?:["'\u201c\u2018{\[\]]|-?\d|(?:true|false|null|True|False|None)\b)""")
"""Behind a document, the beginning of another; `[see below]` is prose."""


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
    before, after = inner[: found.start].strip(), inner[found.end :].strip()
    if _is_only_a_part(before, after) or (before and Change.BRACKETS in found.changes):
        return Unreadable()
    if before or after:
        changes.add(Change.AROUND)
    return _mended(found, changes)


def _is_only_a_part(before: str, after: str) -> bool:
    """Whether there are two documents, a bracket of prose before one, or one bracket too many or too few in it."""
    begins_before = before.startswith(('"', "'")) or _BEGAN_BEFORE.search(before[-80:])
    goes_on = "{" in after or "}" in after or after.count("]") > after.count("[") or _GOES_ON.match(after)
    return bool(begins_before or goes_on or _FURTHER_LIST.search(after))


def _mended(found: Outline, changes: set[Change]) -> Repaired | Unreadable:
    result = mended(found.body) if not found.needs_guessing and _depth(found.body) <= MAX_DEPTH else None
    if result is None:
        return _unreadable(found.body)
    text, mends = result
    return _repaired(text, changes | mends | found.changes)


def _scalar(inner: str, changes: set[Change]) -> Repaired | Unreadable:
    """A text without brackets is repaired only by taking a fence off."""
    return _repaired(inner.strip(), changes) if changes else Unreadable()


def _repaired(text: str, changes: set[Change]) -> Repaired | Unreadable:
    try:
        text.encode()  # half a character is in no text of JSON
        value = read_json(text)
    except ValueError as error:
        return Unreadable(error.lineno, error.colno) if isinstance(error, json.JSONDecodeError) else Unreadable()
    return Repaired(value, text, tuple(change for change in Change if change in changes))


def _unreadable(body: str) -> Unreadable:
    """With the place where JSON's own rules end, where that says anything."""
    try:
        json.loads(body)
    except json.JSONDecodeError as error:
        return Unreadable(error.lineno, error.colno)
    except (ValueError, RecursionError):
        pass
    return Unreadable()


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
