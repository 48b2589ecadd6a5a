"""Vectors of recently embedded texts.

Texts are remembered by a hash: memory stays bounded however long they are, and nothing a user said is kept.
"""

import threading
from collections import OrderedDict
from hashlib import blake2b

from thriftgate.types import Vector


class RecentVectors:
    """The `size` most recently used vectors, by text. Safe to use from several threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._vectors: OrderedDict[bytes, Vector] = OrderedDict()

    def __len__(self) -> int:
        return len(self._vectors)

    def get(self, text: str) -> Vector | None:
        """The vector of `text`, which counts as used now; None when it is not remembered."""
        if not self._size:
            return None
        name = _name(text)
        with self._lock:
            vector = self._vectors.get(name)
            if vector is not None:
                self._vectors.move_to_end(name)
            return vector

    def put(self, text: str, vector: Vector) -> None:
        """Remember a vector; the least recently used one makes room."""
        if not self._size:
            return
        kept = vector.copy()  # of its own: a row of a batch would keep the whole batch alive
        kept.setflags(write=False)
        with self._lock:
            self._vectors[_name(text)] = kept
            self._vectors.move_to_end(_name(text))
            while len(self._vectors) > self._size:
                self._vectors.popitem(last=False)


def _name(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
