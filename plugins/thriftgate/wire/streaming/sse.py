"""Server-sent events as bytes, both ways. Source: the HTML standard, "Server-sent events", parsing of a stream.

Failure behaviour: pure and total; bytes that are no UTF-8 become replacement characters.
"""

import codecs
import json
import re
from dataclasses import dataclass
from typing import Any

from thriftgate.wire.shapes import Json, mapping
from thriftgate.wire.turns import Dialect

DONE = "[DONE]"
_WRITER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
"""Kept: `json.dumps` makes one anew each time it is told how to write."""
_BLOCK_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")


@dataclass(frozen=True, slots=True)
class SseEvent:
    """One event: its name where it has one, and its data."""

    data: str
    event: str | None = None
    id: str | None = None

    @property
    def is_done(self) -> bool:
        """True for OpenAI's last line of a stream."""
        return self.data.strip() == DONE

    @property
    def body(self) -> Json | None:
        """The data as a JSON object; None when it is none or empty."""
        try:
            parsed: Any = json.loads(self.data)
        except (ValueError, RecursionError):
            return None
        return mapping(parsed) or None


class SseDecoder:
    """Bytes in pieces of any size → events: `feed()` each piece, `flush()` at the end.

    Lines end in LF, CR or CRLF, also where a piece ends between the two; an event ends with an empty line. An event
    that the end of the stream cuts off is given out by `flush` when it has data, since some servers forget the line.
    """

    def __init__(self) -> None:
        self._text = codecs.getincrementaldecoder("utf-8")("replace")
        self._line: list[str] = []
        self._is_first = True
        self._after_cr = False
        self._data: list[str] = []
        self._event: str | None = None
        self._id: str | None = None

    def feed(self, piece: bytes) -> list[SseEvent]:
        """The events that this piece completes."""
        return self._take(self._text.decode(piece))

    def flush(self) -> list[SseEvent]:
        """What the end of the stream leaves."""
        found = self._take(self._text.decode(b"", final=True))
        if self._line:
            found += self._end_line("".join(self._line))
            self._line = []
        return found + self._end_event()

    def _take(self, words: str) -> list[SseEvent]:
        if self._is_first and words:
            words, self._is_first = words.removeprefix("\ufeff"), False
        if self._after_cr and words:
            words, self._after_cr = words.removeprefix("\n"), False
        if words.endswith("\r"):
            self._after_cr = True
        # str.splitlines would also split at characters that are content here
        lines = words.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._line.append(lines[0])
        found: list[SseEvent] = []
        for following in lines[1:]:
            found += self._end_line("".join(self._line))
            self._line = [following] if following else []
        return found

    def _end_line(self, line: str) -> list[SseEvent]:
        if not line:
            return self._end_event()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id = value
        return []

    def _end_event(self) -> list[SseEvent]:
        data, event, identity = self._data, self._event, self._id
        self._data, self._event, self._id = [], None, None
        return [SseEvent("\n".join(data), event, identity)] if data else []


class SseBlocks:
    """Bytes in pieces of any size → whole events as they came, for who sends on most of them unchanged."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    @property
    def waiting(self) -> int:
        """Bytes of an event that has not ended."""
        return len(self._waiting)

    def feed(self, piece: bytes) -> list[bytes]:
        """The events that this piece completes, each with its empty line."""
        looked_at = max(0, len(self._waiting) - 3)  # an end may lie across two pieces
        self._waiting += piece
        found: list[bytes] = []
        at = 0
        for end in _BLOCK_END.finditer(self._waiting, looked_at):
            found.append(bytes(self._waiting[at : end.end()]))
            at = end.end()
        if at:
            del self._waiting[:at]
        return found

    def rest(self) -> bytes:
        """What has not ended, given out as it is."""
        rest, self._waiting = bytes(self._waiting), bytearray()
        return rest


def data_of(block: bytes) -> bytes:
    """The data of an event's bytes; empty where it has none."""
    return b"\n".join(line[5:].lstrip(b" ") for line in block.splitlines() if line.startswith(b"data:"))


def encode(dialect: Dialect, event: Json) -> bytes:
    """One event as the dialect's provider frames it: bare data for chat, named by its type for the others."""
    data = json_bytes(event)
    if dialect is Dialect.CHAT:
        return b"data: " + data + b"\n\n"
    return b"event: " + str(event.get("type") or "message").encode() + b"\ndata: " + data + b"\n\n"


def json_bytes(value: Any) -> bytes:
    """JSON without blanks, in UTF-8 as far as it can be."""
    try:
        return _WRITER.encode(value).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which a model may well split
        return json.dumps(value, separators=(",", ":")).encode()
