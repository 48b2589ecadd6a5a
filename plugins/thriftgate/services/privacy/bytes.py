"""Answers as bytes: JSON whole, or server-sent events block by block; what nothing was put into stays as it came.

Failure behaviour: total; bytes that are neither JSON nor events pass through.
"""

import json
from collections.abc import Callable
from typing import Any, cast

from thriftgate.privacy.restoring import Restorer
from thriftgate.services.privacy.answers import EventRestorer, restored
from thriftgate.wire.shapes import Json
from thriftgate.wire.streaming.sse import DONE, SseBlocks, data_of, json_bytes

_DONE = DONE.encode()
Seen = Callable[[Json], None]


def restored_json(body: bytes, restorer: Restorer, seen: Seen) -> bytes:
    """A whole answer; `seen` is told what it says before anything is put back."""
    try:
        answer: Any = json.loads(body)
    except (ValueError, RecursionError):
        return body
    if isinstance(answer, dict):
        seen(cast("Json", answer))
    return json_bytes(restored(answer, restorer))


class EventBytes:
    """Server-sent events: `feed` each piece of the stream, however it is cut, `flush` at the end."""

    def __init__(self, restorer: Restorer, seen: Seen) -> None:
        self._events = EventRestorer(restorer)
        self._seen = seen
        self._blocks = SseBlocks()
        self._is_named = False

    def feed(self, piece: bytes) -> bytes:
        """What may be sent by now."""
        return b"".join(map(self._block, self._blocks.feed(piece)))

    def flush(self) -> bytes:
        """The rest, now that nothing follows."""
        rest = self._blocks.rest()
        return (self._block(rest) if rest.strip() else rest) + self._written(self._events.flush())

    def _block(self, block: bytes) -> bytes:
        data = data_of(block)
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
        self._is_named = any(line.startswith(b"event:") for line in block.splitlines())
        self._seen(cast("Json", event))
        events = self._events.feed(cast("Json", event))
        return block if events == [event] else self._written(events)

    def _written(self, events: list[dict[str, Any]]) -> bytes:
        out: list[bytes] = []
        for event in events:
            if self._is_named:
                out.append(b"event: " + str(event.get("type") or "message").encode() + b"\n")
            out.append(b"data: " + json_bytes(event) + b"\n\n")
        return b"".join(out)
