"""JSON read piece by piece: events as soon as they are certain, for any cutting of the text. Linear.

Failure behaviour: pure; raises NotJsonError at the first character that cannot be JSON.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MAX_DEPTH = 64
_SPACE = re.compile(r"[ \t\n\r]*")
_STRING_END = re.compile(r'["\\\x00-\x1f]')
_BEGINNINGS = frozenset('{["-0123456789tfn')
_SCALAR = re.compile(r"[-+.0-9A-Za-z]*")


class NotJsonError(ValueError):
    """The text is not JSON, or nested too deeply."""


@dataclass(frozen=True, slots=True)
class Member:
    """A key has been read; its value is next."""

    step: str


@dataclass(frozen=True, slots=True)
class Started:
    """A value begins with this character."""

    char: str
    element: int | None
    """Its place, when it is an element of a list."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A value is complete."""

    value: object


Event = Member | Started | Ended


_Reader = Callable[["Scanner", int, int | None], int | None]


class Scanner:
    """Reads one JSON value."""

    def __init__(self) -> None:
        self._text = ""
        self._events: list[Event] = []
        self._open: list[dict[str, Any] | list[Any]] = []
        self._keys: list[str] = []
        self._read: _Reader = Scanner._value  # not a bound method: it would hold its own object in a circle
        self._is_announced = False
        """The value at the beginning of `_text` has started, but has not ended."""
        self._pieces: list[str] = []
        """A string that has not ended."""
        self._is_escaped = False
        self._is_last = False

    def feed(self, chunk: str, *, is_last: bool = False) -> list[Event]:
        """The events that are certain by now."""
        self._events, self._is_last = [], is_last
        string_end: int | None = None
        if self._pieces:
            end = self._string_end(chunk, 0)
            self._pieces.append(chunk)
            if end is None:
                return []
            self._text = "".join(self._pieces)
            string_end = len(self._text) - len(chunk) + end
            self._pieces = []
        else:
            self._text += chunk
        at, text = 0, self._text
        while True:
            at = _space_end(text, at)
            if at >= len(text):
                break
            after = self._read(self, at, string_end)
            string_end = None
            if after is None:
                break
            at = after
        self._text = text[at:]
        if self._is_announced or self._read in (Scanner._key, Scanner._first_key):
            self._set_string_aside()
        return self._events

    def _set_string_aside(self) -> None:
        """Do not copy a long string again and again while it grows."""
        if self._text.startswith('"'):
            self._pieces, self._text = [self._text], ""

    # ---- what may come next; each gives the place behind what it read, None when there is not enough text

    def _value(self, at: int, string_end: int | None) -> int | None:
        char = self._text[at]
        if char in "{[":
            self._start(char)
            if len(self._open) >= MAX_DEPTH:
                raise NotJsonError
            self._open.append({} if char == "{" else [])
            self._is_announced = False
            self._read = Scanner._first_key if char == "{" else Scanner._first_element
            return at + 1
        self._start(char)
        end = string_end if string_end is not None else self._scalar_end(at)
        if end is None:
            return None
        self._is_announced = False
        self._finish(_parsed(self._text[at:end]))
        return end

    def _first_element(self, at: int, string_end: int | None) -> int | None:
        if self._text[at] == "]":
            return self._close(at)
        return self._value(at, string_end)

    def _first_key(self, at: int, string_end: int | None) -> int | None:
        if self._text[at] == "}":
            return self._close(at)
        return self._key(at, string_end)

    def _key(self, at: int, string_end: int | None) -> int | None:
        if self._text[at] != '"':
            raise NotJsonError
        end = string_end if string_end is not None else self._scalar_end(at)
        if end is None:
            return None
        key = str(_parsed(self._text[at:end]))
        self._keys.append(key)
        self._events.append(Member(key))
        self._read = Scanner._colon
        return end

    def _colon(self, at: int, string_end: int | None) -> int | None:
        if self._text[at] != ":":
            raise NotJsonError
        self._read = Scanner._value
        return at + 1

    def _more(self, at: int, string_end: int | None) -> int | None:
        char = self._text[at]
        if char != ",":
            return self._close(at)
        self._read = Scanner._key if isinstance(self._open[-1], dict) else Scanner._value
        return at + 1

    def _nothing(self, at: int, string_end: int | None) -> int | None:
        raise NotJsonError

    # ---- helpers

    def _start(self, char: str) -> None:
        if self._is_announced:
            return
        if char not in _BEGINNINGS:
            raise NotJsonError
        self._is_announced = True
        holder = self._open[-1] if self._open else None
        self._events.append(Started(char, len(holder) if isinstance(holder, list) else None))

    def _close(self, at: int) -> int:
        value = self._open.pop()
        if self._text[at] != ("}" if isinstance(value, dict) else "]"):
            raise NotJsonError
        self._finish(value)
        return at + 1

    def _finish(self, value: object) -> None:
        self._events.append(Ended(value))
        if not self._open:
            self._read = Scanner._nothing
            return
        holder = self._open[-1]
        if isinstance(holder, dict):
            holder[self._keys.pop()] = value
        else:
            holder.append(value)
        self._read = Scanner._more

    def _scalar_end(self, at: int) -> int | None:
        if self._text[at] == '"':
            return self._string_end(self._text, at + 1)
        found = _SCALAR.match(self._text, at)
        if found is None or found.end() == at:
            raise NotJsonError
        return found.end() if found.end() < len(self._text) or self._is_last else None

    def _string_end(self, text: str, at: int) -> int | None:
        """The place behind the closing mark."""
        if self._is_escaped and at < len(text):
            self._is_escaped = False
            at += 1
        while (found := _STRING_END.search(text, at)) is not None:
            if found[0] == '"':
                return found.end()
            if found[0] != "\\":
                raise NotJsonError
            at = found.end() + 1
            if at > len(text):
                self._is_escaped = True
                return None
        return None


def _space_end(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _parsed(token: str) -> object:
    try:
        return json.loads(token, parse_constant=_refuse)
    except ValueError as error:
        raise NotJsonError from error


def _refuse(word: str) -> object:
    raise NotJsonError
