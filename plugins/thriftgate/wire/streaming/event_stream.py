"""Amazon's binary event stream: messages of headers and a payload, each with its length and two checksums.

Only the payload is of interest here; a message with another payload keeps its headers.

Failure behaviour: pure. Bytes that are no such message raise ValueError; what is incomplete waits.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

_PRELUDE = struct.Struct(">III")
"""Length of all, length of the headers, checksum of these two."""
_CHECKSUM = struct.Struct(">I")
_LEAST = _PRELUDE.size + _CHECKSUM.size
_MOST = 24 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Frame:
    """One message."""

    raw: bytes
    headers: bytes
    payload: bytes

    def with_payload(self, payload: bytes) -> bytes:
        """The bytes of a message with these headers and another payload."""
        sizes = struct.pack(">II", _LEAST + len(self.headers) + len(payload), len(self.headers))
        begun = sizes + _CHECKSUM.pack(zlib.crc32(sizes)) + self.headers + payload
        return begun + _CHECKSUM.pack(zlib.crc32(begun))


class Frames:
    """Reads messages from pieces of any size."""

    def __init__(self) -> None:
        self._rest = bytearray()
        """What is no whole message yet; it grows in place, since a message may come in very many pieces."""

    def feed(self, piece: bytes) -> Iterator[Frame]:
        """The messages that there are by now. Raises ValueError where there is none."""
        self._rest += piece
        start = 0
        while len(self._rest) - start >= _PRELUDE.size:
            size, headers, checksum = _PRELUDE.unpack_from(self._rest, start)
            if not _LEAST + headers <= size <= _MOST or checksum != zlib.crc32(self._rest[start : start + 8]):
                del self._rest[:start]
                raise ValueError("no message of an event stream")
            if len(self._rest) - start < size:
                break
            raw, start = bytes(self._rest[start : start + size]), start + size
            begin = _PRELUDE.size + headers
            yield Frame(raw, raw[_PRELUDE.size : begin], raw[begin : -_CHECKSUM.size])
        del self._rest[:start]

    def flush(self) -> bytes:
        """What is left."""
        rest, self._rest = bytes(self._rest), bytearray()
        return rest
