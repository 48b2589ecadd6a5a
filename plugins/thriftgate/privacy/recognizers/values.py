r"""Where the value after a name ends: `password=…`, `"api_key": "…"`, `X-Api-Key: …`, `my password is …`.

A password may have any sign in it, so no sign ends it by itself. A quoted value ends at its own quote. Any other ends
at a blank, or before a separator that the next field follows (`&user=`, `;Database=`), and gives back at its end what
was opened before its name: the bracket of a call, the quotes of a command. What is written with more escapes than the
sign before the value is a part of it: the `%26` of a query, the `\"` of a JSON text. In doubt more is taken, not less.

Failure behaviour: pure and total. Linear: a value has at most 512 characters, and what was taken is not read again.
"""

import re
from dataclasses import dataclass

from thriftgate.privacy.context import Context

LONGEST = 512
_NEAR = 200
"""Characters before a name in which what encloses it was opened."""
_STOPS = re.compile(r"[\s&;,|#<\"'`]")
_OF_A_URL = re.compile(r"[\s@/?#\"'<>]")
_FIELD = r"[A-Za-z_][\w.\[\]-]{1,63}"
_NEXT = {
    "=": re.compile(rf"[&;,|]{_FIELD}(?: {_FIELD})?="),
    ":": re.compile(rf"[,|]{_FIELD}:(?![/\\])"),
}
"""By the sign after a name: a separator with the beginning of the next field, which has the same sign."""
_TAG = re.compile(r"</?[A-Za-z][\w-]{0,15} ?/?>")
_AFTER_TEXT = re.compile(r"[)}\]]{0,8}(?:,[\"'{\[]|:|[,;]?(?:\s|$))")
"""What follows a quote that ends a text of a document or a command."""
_QUOTES = ("'", '"', "`")
_PAIRS = {")": "(", "]": "[", "}": "{", ">": "<"}
_ENVIRONMENT = re.compile(r"(?:^|\s)[A-Z][A-Z0-9_]*$")
_QUERY = re.compile(r"[?&][\w.\[\]%-]*$")


@dataclass(frozen=True, slots=True)
class Value:
    """The place of a value; `start` is behind its quote."""

    start: int
    end: int
    is_quoted: bool


def value_after(context: Context, name: tuple[int, int], opened: int, sign: str) -> Value:
    """The value that begins at `opened`, after a name and its sign: `=`, `:`, `is`."""
    text, depth = context.text, context.width(opened - 1)
    start = _skipped_brackets(text, opened)
    if text[start : start + 1] in _QUOTES:
        end = _closing_quote(context, start)
        if end is not None:
            return Value(start + 1, end, is_quoted=True)
        start += 1
    elif sign == "=>" and text[start - 1] == ">":
        start -= 1  # it may be a `=` before a value that begins so
        depth = context.width(start - 1)
    line = _line_before(text, name)
    end = _run_end(context, start, depth, line, sign)
    return Value(start, _without_tail(context, start, end, depth, line, sign), is_quoted=False)


def url_password_end(context: Context, start: int) -> int | None:
    """Where a password ends that begins behind `scheme://user:`: at the last `@` before path, query or text."""
    text, depth, end = context.text, context.width(start - 1), None
    for stop in _OF_A_URL.finditer(text, start, min(len(text), start + LONGEST)):
        at, mark = stop.start(), stop[0]
        if mark in "\n\r\t":
            break
        if context.width(at) <= depth:
            if mark != "@":
                break
            end = at
    return end if end is not None and end > start and re.match(r"[\w.\[-]", text[end + 1 : end + 2]) else None


def _skipped_brackets(text: str, start: int) -> int:
    """Behind brackets that hold a quoted value; any other bracket may belong to the value."""
    at = start
    while at - start < 3 and text[at : at + 1] in ("(", "[", "{"):
        at += 1
    return at if text[at : at + 1] in _QUOTES else start


def _closing_quote(context: Context, opening: int) -> int | None:
    """Where a quoted value ends; None where it does not in this line."""
    text, quote, depth = context.text, context.text[opening], context.width(opening)
    limit = min(len(text), opening + 1 + LONGEST)
    newline = text.find("\n", opening, limit)
    limit = limit if newline < 0 else newline
    at = text.find(quote, opening + 1, limit)
    while at >= 0:
        after = text[at + 1 : at + 2]
        if context.width(at) <= depth and not after.isalnum():
            if after != quote or not text[at + 2 : at + 3].isalnum():
                return at
            at += 1  # a doubled one stands for itself
        at = text.find(quote, at + 1, limit)
    return None


def _line_before(text: str, name: tuple[int, int]) -> str:
    """What stands before the value in its line, up to the name's end."""
    first = max(0, name[0] - _NEAR)
    return text[max(first, text.rfind("\n", first, name[0]) + 1) : name[1]]


def _run_end(context: Context, start: int, depth: int, line: str, sign: str) -> int:
    text, limit = context.text, min(len(context.text), start + LONGEST)
    is_query = _QUERY.search(line) is not None
    following = None if _ENVIRONMENT.search(line) else _NEXT.get(sign)
    if sign == ":" and not any(mark in line for mark in "{,|"):
        following = None
    stop = _STOPS.search(text, start, limit)
    while stop is not None:
        at, mark = stop.start(), stop[0]
        if mark in "\n\r\t":
            return at
        if context.width(at) <= depth:
            if mark.isspace() or (mark == "#" and is_query):
                return at
            if mark in _QUOTES and mark in line and _AFTER_TEXT.match(text, at + 1):
                return at
            if mark == "<" and _TAG.match(text, at):
                return at
            if following is not None and following.match(text, at):
                return at
        stop = _STOPS.search(text, at + 1, limit)
    return limit


def _without_tail(context: Context, start: int, end: int, depth: int, line: str, sign: str) -> int:
    """The end without what belongs to the text around the value."""
    text = context.text
    if _ENVIRONMENT.search(line) is not None:
        return end
    is_line = sign == ":" and text[end : end + 1] in ("", "\n", "\r")
    punctuation = "" if is_line else ",;:" if "=" in sign else ".,;:?"
    own = {mark: text.count(mark, start, end) for mark in "()[]{}<>"}
    while end > start:
        mark = text[end - 1]
        opening = _PAIRS.get(mark)
        if opening is not None:
            is_around = own[mark] > own[opening] and line.count(opening) > line.count(mark)
        else:
            is_around = mark in punctuation or (mark in "\"'`|" and mark in line)
        if not is_around or context.width(end - 1) > depth:
            break
        if opening is not None:
            own[mark] -= 1
        end -= 1
    return end
