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
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


class _Strings:
    """Follows JSON text character by character: whether this is inside a string, and inside JSON in that string."""

    def __init__(self, depth: int = 0) -> None:
        self._depth = depth
        self._in_string = False
        self._escape = ""
        self._inner: _Strings | None = None
        self._is_fresh = False

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

    @property
    def is_bare(self) -> bool:
        """True where the next character stands in JSON, but in no string of it."""
        if not self._in_string:
            return True
        return self._inner is not None and self._inner.is_bare

    def _step(self, character: str) -> None:
        if not self._in_string:
            if character == '"':
                self._in_string, self._is_fresh, self._inner = True, True, None
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
        if self._is_fresh and not character.isspace():
            self._is_fresh = False
            if character in "{[" and self._depth < _MAX_DEPTH:
                self._inner = _Strings(self._depth + 1)
        if self._inner is not None:
            self._inner._step(character)


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
        level, is_bare = self._strings.level, self._strings.is_bare
        out = json.dumps(value, ensure_ascii=False)
        # Between strings, the value is a string of its own: its quotes belong to it.
        out = out if is_bare else out[1:-1]
        for _ in range(level if is_bare else level - 1):
            out = json.dumps(out, ensure_ascii=False)[1:-1]
        return out


def restore_json(restorer: Restorer, text: str) -> str:
    """JSON text as the caller should see it; a text that does not begin like JSON is restored as text."""
    stream = StreamJsonRestorer(restorer)
    return stream.feed(text) + stream.flush()
