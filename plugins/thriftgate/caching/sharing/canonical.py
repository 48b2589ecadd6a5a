"""One byte string for each JSON value, so that a hash can stand for it.

Every value says where it ends: texts and numbers by their length, lists and objects by the number of their
elements, and the keys of an object are sorted. Two values share a byte string only when they are equal as JSON: no
choice of strings can imitate a nesting. Written without recursion and in one pass, since clients send these values.

Failure behaviour: raises TypeError for what JSON does not know and for what is nested deeper than `MAX_DEPTH`; the
caller then goes on uncached.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import cast

MAX_DEPTH = 128
"""Nested lists and objects; the wire refuses bodies with more than half of it."""

_TOGETHER = 256


def digest(value: object) -> str:
    """SHA-256 of the canonical bytes, as 64 hex digits. Independent of key order, and of `1` against `1.0`.

    Tuples count as lists. Raises TypeError for any other type, for keys that are not strings, and beyond `MAX_DEPTH`.
    """
    state = hashlib.sha256()
    pieces = _pieces(value)
    # A hash takes one long piece much faster than a hundred short ones.
    while together := b"".join(islice(pieces, _TOGETHER)):
        state.update(together)
    return state.hexdigest()


def _pieces(value: object) -> Iterator[bytes]:
    open_values: list[Iterator[object]] = [iter((value,))]
    while open_values:
        for item in open_values[-1]:
            elements = _elements(item)
            if elements is None:
                yield _leaf(item)
                continue
            if len(open_values) > MAX_DEPTH:
                raise TypeError(f"nested deeper than {MAX_DEPTH} levels")
            opening, inside = elements
            yield opening
            open_values.append(inside)
            break
        else:
            open_values.pop()


def _elements(value: object) -> tuple[bytes, Iterator[object]] | None:
    """How a list or object begins, and what is in it; None for a value without elements."""
    if value is None or isinstance(value, str | bytes | int | float):
        return None
    if isinstance(value, Mapping):
        pairs = _pairs(cast("Mapping[object, object]", value))
        return b"o%d:" % len(pairs), (part for pair in pairs for part in pair)
    if isinstance(value, Sequence):
        items = cast("Sequence[object]", value)
        return b"a%d:" % len(items), iter(items)
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def _pairs(value: Mapping[object, object]) -> list[tuple[str, object]]:
    pairs: list[tuple[str, object]] = []
    for key, item in value.items():
        if not isinstance(key, str):
            raise TypeError("a JSON object has string keys")
        pairs.append((key, item))
    pairs.sort(key=lambda pair: pair[0])
    return pairs


def _leaf(value: object) -> bytes:
    # The texts first: they are most of what there is.
    if isinstance(value, str):
        return _framed(b"s", value.encode("utf-8", "surrogatepass"))
    if value is None:
        return b"n"
    if isinstance(value, bool):
        return b"t" if value else b"f"
    if isinstance(value, int | float):
        return _framed(b"d", _number(value))
    return _framed(b"b", cast("bytes", value))


def _framed(tag: bytes, content: bytes) -> bytes:
    return b"%b%d:%b" % (tag, len(content), content)


def _number(value: float) -> bytes:
    if isinstance(value, float):
        if not value.is_integer():
            return repr(value).encode()
        value = int(value)
    # In base 16, since writing thousands of decimal digits takes the square of their number.
    return b"%x" % value
