"""Answers as bytes: JSON whole, or server-sent events block by block; what nothing was put into stays as it came.

Failure behaviour: total; bytes that are neither JSON nor events pass through.
"""

import json
import re
from collections.abc import Callable
from typing import Any, cast

from thriftgate.privacy.restoring import Restorer
from thriftgate.services.privacy.answers import EventRestorer, restored
from thriftgate.wire.shapes import Json

_BLOCK_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_DONE = b"[DONE]"
Seen = Callable[[Json], None]


def restored_json(body: bytes, restorer: Restorer, seen: Seen) -> bytes:
    """A whole answer; `seen` is told what it says before anything is put back."""
    try:
        answer: Any = json.loads(body)
    except (ValueError, RecursionError):
        return body
    if isinstance(answer, dict):
        seen(cast("Json", answer))
    return _json(restored(answer, restorer))


class EventBytes:
    """Server-sent events: `feed` each piece of the stream, however it is cut, `flush` at the end."""

    def __init__(self, restorer: Restorer, seen: Seen) -> None:
        self._events = EventRestorer(restorer)
        self._seen = seen
        self._waiting = b""
        self._is_named = False

    def feed(self, piece: bytes) -> bytes:
        """What may be sent by now."""
        looked_at = max(0, len(self._waiting) - 3)
        self._waiting += piece
        out: list[bytes] = []
        at = 0
        for end in _BLOCK_END.finditer(self._waiting, looked_at):
            out.append(self._block(self._waiting[at : end.end()]))
            at = end.end()
        self._waiting = self._waiting[at:]
        return b"".join(out)

    def flush(self) -> bytes:
        """The rest, now that nothing follows."""
        rest, self._waiting = self._waiting, b""
        return (self._block(rest) if rest.strip() else rest) + self._written(self._events.flush())

    def _block(self, block: bytes) -> bytes:
        lines = block.splitlines()
        data = b"\n".join(line[5:].lstrip(b" ") for line in lines if line.startswith(b"data:"))
        if not data:
            return block
        if data.strip() == _DONE:
            return self._written(self._events.flush()) + block
        try:
            event: Any = json.loads(data)
        except (ValueError, RecursionError):
            return block
        if not isinstance(event, dict):
            return block
        self._is_named = any(line.startswith(b"event:") for line in lines)
        self._seen(cast("Json", event))
        events = self._events.feed(cast("Json", event))
        return block if events == [event] else self._written(events)

    def _written(self, events: list[dict[str, Any]]) -> bytes:
        out: list[bytes] = []
        for event in events:
            if self._is_named:
                out.append(b"event: " + str(event.get("type") or "message").encode() + b"\n")
            out.append(b"data: " + _json(event) + b"\n\n")
        return b"".join(out)


def _json(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which a model may well split
        return json.dumps(value, separators=(",", ":")).encode()
