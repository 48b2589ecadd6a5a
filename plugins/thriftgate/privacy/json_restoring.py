"""Values in the place of placeholders inside JSON text, whole or while it is written, so that JSON stays JSON.

A value is escaped for the string it stands in, and once more for every string of JSON that this string is part of. A
placeholder that stands where no string is gets quotes. What is no JSON is restored as it is.

Failure behaviour: pure and total, also for JSON that breaks off or never was any. Linear.
"""

import json

from thriftgate.privacy.restoring import Restorer, StreamRestorer

_MAX_DEPTH = 4
"""JSON in JSON in JSON in JSON; deeper strings are plain text."""
_JSON_STARTS = frozenset('{["')
_SECOND = {"{": frozenset('"}'), "[": frozenset('{["]-0123456789')}
"""What follows the first sign of JSON."""
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


class _Strings:
    """Follows JSON text character by character: whether this is inside a string, and inside JSON in that string."""

    def __init__(self, depth: int = 0) -> None:
        self._depth = depth
        self._in_string = False
        self._escape = ""
        self._inner: _Strings | None = None
        self._start = ""

    def feed(self, text: str) -> None:
        """Go on by a piece of the text."""
        for character in text:
            self._step(character)

    @property
    def level(self) -> int:
        """How many strings there are around the next character; 0: none."""
        if not self._in_string:
            return 0
        return 1 + (self._inner.level if self._inner is not None else 0)

    def skip(self) -> None:
        """Something of unknown content stands here: a string that begins with it is no JSON."""
        if self._in_string:
            if self._inner is not None:
                self._inner.skip()
            elif self._start in ("", "{", "["):
                self._start = "text"

    def _step(self, character: str) -> None:
        if not self._in_string:
            if character == '"':
                self._in_string, self._start, self._inner = True, "", None
            return
        if self._escape:
            self._in_escape(character)
        elif character == "\\":
            self._escape = "\\"
        elif character == '"':
            self._in_string = False
        else:
            self._decoded(character)

    def _in_escape(self, character: str) -> None:
        self._escape += character
        if self._escape[1] != "u":
            self._escape = ""
            self._decoded(_ESCAPES.get(character, character))
        elif len(self._escape) == 6:
            code, self._escape = self._escape[2:], ""
            try:
                self._decoded(chr(int(code, 16)))
            except ValueError:
                self._decoded("?")

    def _decoded(self, character: str) -> None:
        if self._inner is not None:
            self._inner._step(character)
        elif not character.isspace() and self._depth < _MAX_DEPTH:
            self._begin(character)

    def _begin(self, character: str) -> None:
        """The first two signs tell JSON from a sentence in brackets."""
        if not self._start:
            self._start = character if character in "{[" else "text"
        elif self._start in _SECOND:
            if character in _SECOND[self._start]:
                self._inner = _Strings(self._depth + 1)
                self._inner._step(character)
            self._start = "text"


class StreamJsonRestorer:
    """Restores JSON text piece by piece: `feed` each, `flush` at the end."""

    def __init__(self, restorer: Restorer) -> None:
        self._strings = _Strings()
        self._stream = StreamRestorer(restorer, spell=self._spelled, passed=self._strings.feed)
        self._first = ""

    @property
    def held(self) -> int:
        """Characters held back."""
        return self._stream.held

    def feed(self, piece: str) -> str:
        """What is certain by now."""
        if not self._first:
            self._first = piece.lstrip()[:1]
        return self._stream.feed(piece)

    def flush(self) -> str:
        """What was held back, now that nothing follows."""
        return self._stream.flush()

    def _spelled(self, value: str) -> str:
        if self._first not in _JSON_STARTS:
            return value
        level = self._strings.level
        self._strings.skip()
        if level == 0:  # between strings the value is a string of its own
            return json.dumps(value, ensure_ascii=False)
        for _ in range(level):
            value = json.dumps(value, ensure_ascii=False)[1:-1]
        return value


def restore_json(restorer: Restorer, text: str) -> str:
    """JSON text as the caller should see it; a text that does not begin like JSON is restored as text."""
    stream = StreamJsonRestorer(restorer)
    return stream.feed(text) + stream.flush()
