"""Read what is almost JSON by JSON's own rules and the few mistakes that can be undone in one way only.

Undone are: commas before a closing bracket, commas that are missing where a line, a bracket or a key shows that a value
has ended, and Python's True, False and None. Whatever else JSON has no rule for has no reading here.

Failure behaviour: pure and total; linear, and as deep as the caller lets it be.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from thriftgate.output.verdicts import Change

_TOKEN = re.compile(r'([ \t\r\n]*)("[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+|.)', re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_WORDS = {"true": "true", "false": "false", "null": "null", "True": "true", "False": "false", "None": "null"}
_CLOSERS = {"}": "{", "]": "["}


def read_json(text: str) -> object:
    """Read JSON as RFC 8259 has it, each number a finite one and each key once; raises ValueError.

    Of a key that comes twice one reader takes the first value and another the last: what was checked would not be
    what is read.
    """
    return json.loads(text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_named_once)


def mended(body: str) -> tuple[str, set[Change]] | None:
    """The JSON that a text stands for, written as in the text, and what was changed; None where it would be a guess."""
    reader = _Reader()
    for token in _tokens(body):
        if not reader.take(token):
            return None
    if reader.is_open or not reader.out:
        return None
    return "".join(reader.out), reader.changes


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    is_on_new_line: bool


def _tokens(body: str) -> Iterator[_Token]:
    for found in _TOKEN.finditer(body.strip()):
        yield _Token(found[2], "\n" in found[1])


class _Reader:
    """Takes token after token, each as what it must be at its place."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.changes: set[Change] = set()
        self._open: list[str] = []
        self._wants = "value"
        """value, key, colon or comma: what comes next, a closing bracket apart."""
        self._has_comma = False
        """A comma was read behind the last value and not written yet."""
        self._last = ""

    @property
    def is_open(self) -> bool:
        return bool(self._open)

    def take(self, token: _Token) -> bool:
        """Whether it can stand here."""
        text = token.text
        if self.out and not self._open:
            return False
        if text in _CLOSERS:
            return self._close(text)
        if self._wants == "comma":
            if text == ",":
                is_first, self._has_comma = not self._has_comma, True
                return is_first
            if not self._has_comma:
                if not self._shows_an_end(token):
                    return False
                self.changes.add(Change.COMMAS)
            self.out.append(", ")
            self._has_comma = False
            self._wants = self._wanted_inside
        return self._take(text)

    def _take(self, text: str) -> bool:
        if self._wants == "colon":
            self.out.append(": ")
            self._wants = "value"
            return text == ":"
        if self._wants == "key":
            self._wants = "colon"
            return self._write(text, is_value=text[0] == '"' and len(text) > 1)
        if text in ("{", "["):
            self._open.append(text)
            self._wants = self._wanted_inside
            return self._write(text, is_value=True)
        self._wants = "comma"
        if text in _WORDS:
            if _WORDS[text] != text:
                self.changes.add(Change.LITERALS)
            return self._write(_WORDS[text], is_value=True)
        return self._write(text, is_value=(text[0] == '"' and len(text) > 1) or _NUMBER.fullmatch(text) is not None)

    def _write(self, text: str, *, is_value: bool) -> bool:
        self.out.append(text)
        self._last = text
        return is_value

    def _close(self, text: str) -> bool:
        if not self._open or self._open[-1] != _CLOSERS[text]:
            return False
        is_empty = self._last == self._open[-1] and self._wants in ("key", "value")
        if self._wants != "comma" and not is_empty:
            return False
        if self._has_comma:
            self.changes.add(Change.COMMAS)
            self._has_comma = False
        self._open.pop()
        self._wants = "comma"
        return self._write(text, is_value=True)

    def _shows_an_end(self, token: _Token) -> bool:
        """Whether a value surely ended before this: a bracket or a new line parts them, or a key must come."""
        return (
            token.is_on_new_line
            or self._last in _CLOSERS
            or token.text in ("{", "[")
            or (self._open[-1] == "{" and token.text[0] == '"')
        )

    @property
    def _wanted_inside(self) -> str:
        return "key" if self._open[-1] == "{" else "value"


class RepeatedKeyError(ValueError):
    """An object of JSON has a key twice."""


def _refuse(word: str) -> object:
    raise ValueError(f"{word} is not JSON")


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _named_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    named = dict(pairs)
    if len(named) < len(pairs):
        raise RepeatedKeyError("a key comes twice")
    return named
