"""How large and how deep a client's JSON may be, told from its bytes before anybody parses it.

Parsers, copies and translations behind this recurse or walk a body many times over; a body within these bounds can
hurt none of them. Strings are cut out first, so what stands in a text never counts.

Failure behaviour: pure, total and linear, without recursion. Bytes that are no JSON are measured all the same: it is
for the parser to refuse them.
"""

import re
from dataclasses import dataclass

import numpy as np

from thriftgate.errors import InvalidRequestError

MAX_BYTES = 32 * 1024 * 1024
"""As much as Anthropic takes; images and documents in base64 included."""
MAX_DEPTH = 64
"""Objects and lists in one another; a tool's schema rarely has twenty."""
MAX_VALUES = 100_000
"""Of all kinds; a conversation of a million tokens in ordinary messages has some thousands."""

# Possessive: a string that never ends is passed over once, not once for each quotation mark in it.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_OBJECT = re.compile(rb"\s*+\{")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The most that a body may have of each."""

    size: int = MAX_BYTES
    depth: int = MAX_DEPTH
    values: int = MAX_VALUES


def bounded(raw: bytes, bounds: Bounds) -> None:
    """Refuse a body that is too large, has too many values or is nested too deeply.

    Raises InvalidRequestError (400) with the code `request_too_large` or `request_too_deep`.
    """
    if len(raw) > bounds.size:
        raise too_large(bounds)
    opening = raw.count(b"[") + raw.count(b"{")
    has_few = opening + raw.count(b",") < bounds.values
    if has_few and opening <= bounds.depth:
        return  # whatever stands in strings
    bare = _STRING.sub(b"", raw)
    # Every value but the first is behind a comma or the first one in something that opens.
    if sum(map(bare.count, (b"[", b"{", b","))) >= bounds.values:
        raise InvalidRequestError(
            f"the request has more than {bounds.values} values; send a smaller one", code="request_too_large"
        )
    if depth_of(bare) > bounds.depth:
        raise InvalidRequestError(
            f"the request is nested deeper than {bounds.depth} levels; send a flatter one", code="request_too_deep"
        )


def depth_of(bare: bytes) -> int:
    """The deepest nesting in JSON without its strings."""
    steps = np.frombuffer(bare.translate(_STEPS, _NOT_BRACKETS), dtype=np.int8)
    return int(np.cumsum(steps, dtype=np.int64).max(initial=0))


def too_large(bounds: Bounds) -> InvalidRequestError:
    """Why a body of too many bytes is refused."""
    return InvalidRequestError(
        f"the request is larger than {bounds.size // (1024 * 1024)} MB; send a smaller one", code="request_too_large"
    )


def is_object(raw: bytes) -> bool:
    """Whether the JSON, if it is some, is an object."""
    return _OBJECT.match(raw) is not None
