"""One byte string for each JSON value, so that a hash can stand for it.

Every value is written as a type tag, its length and its content, and the keys of an object are sorted. Two
values share a byte string only when they are equal as JSON: no choice of strings can imitate a nesting.

Failure behaviour: raises TypeError for what JSON does not know; the caller then goes on uncached.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import cast


def encode(value: object) -> bytes:
    """The canonical bytes of a JSON value: independent of key order, and of `1` against `1.0`.

    Tuples count as lists. Raises TypeError for any other type, and for keys that are not strings.
    """
    match value:
        case None:
            return b"n"
        case bool():
            return b"t" if value else b"f"
        case int() | float():
            return _framed(b"d", _number(value))
        case str():
            return _framed(b"s", value.encode("utf-8", "surrogatepass"))
        case bytes():
            return _framed(b"b", value)
        case Mapping():
            return _mapping(cast("Mapping[object, object]", value))
        case Sequence():
            items = cast("Sequence[object]", value)
            return _framed(b"a", b"".join(encode(item) for item in items))
        case _:
            raise TypeError(f"{type(value).__name__} has no place in JSON")


def digest(value: object) -> str:
    """SHA-256 of the canonical bytes, as 64 hex digits."""
    return hashlib.sha256(encode(value)).hexdigest()


def _framed(tag: bytes, content: bytes) -> bytes:
    return tag + str(len(content)).encode() + b":" + content


def _number(value: float) -> bytes:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return repr(value).encode()


def _mapping(value: Mapping[object, object]) -> bytes:
    pairs: list[tuple[str, object]] = []
    for key, item in value.items():
        if not isinstance(key, str):
            raise TypeError("a JSON object has string keys")
        pairs.append((key, item))
    pairs.sort(key=lambda pair: pair[0])
    return _framed(b"o", b"".join(encode(key) + encode(item) for key, item in pairs))
