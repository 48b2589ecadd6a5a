"""How large and how deep a client's JSON may be, told from its bytes before anybody parses it.

Parsers, copies and translations behind this recurse or walk a body many times over; a body within these bounds can
hurt none of them. Strings are cut out first, so what stands in a text never counts.

Failure behaviour: pure, total and linear, without recursion. Bytes that are no JSON are measured all the same: it is
for the parser to refuse them.
"""

import re
from collections.abc import Iterator
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
_INSIDE = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_STRING = re.compile(rb'"' + _INSIDE + rb'"?', re.DOTALL)
_WHOLE_STRINGS = re.compile(rb'(?:[^"]++|"' + _INSIDE + rb'")*+', re.DOTALL)
_REST_OF_STRING = re.compile(_INSIDE, re.DOTALL)
_OBJECT = re.compile(rb"\s*+\{")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_PIECE = 32 * 1024
"""Bytes that are looked at in one go: about 1 ms, after which another thread may run."""


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
    if is_small(raw, bounds):
        return  # whatever stands in strings
    values, level = 0, 0
    for bare in _without_strings(raw):
        # Every value but the first is behind a comma or the first one in something that opens.
        values += sum(map(bare.count, (b"[", b"{", b",")))
        if values >= bounds.values:
            raise InvalidRequestError(
                f"the request has more than {bounds.values} values; send a smaller one", code="request_too_large"
            )
        levels = level + np.cumsum(np.frombuffer(bare.translate(_STEPS, _NOT_BRACKETS), dtype=np.int8), dtype=np.int64)
        if levels.max(initial=0) > bounds.depth:
            raise InvalidRequestError(
                f"the request is nested deeper than {bounds.depth} levels; send a flatter one", code="request_too_deep"
            )
        level = int(levels[-1]) if len(levels) else level


def is_small(raw: bytes, bounds: Bounds) -> bool:
    """Whether a body is within the bounds whatever its strings hold: told in microseconds, for most bodies."""
    opening = raw.count(b"[") + raw.count(b"{")
    return len(raw) <= bounds.size and opening <= bounds.depth and opening + raw.count(b",") < bounds.values


def _without_strings(raw: bytes) -> Iterator[bytes]:
    """JSON without its strings, piece by piece; a string may go on over many pieces."""
    is_inside, is_escaped = False, False
    for start in range(0, len(raw), _PIECE):
        piece = raw[start : start + _PIECE]
        begin = 0
        if is_inside:
            found = _REST_OF_STRING.match(piece, 1 if is_escaped else 0)
            begin = found.end() if found else 0
            is_inside = piece[begin : begin + 1] != b'"'
            is_escaped = is_inside and begin < len(piece)
            if is_inside:
                continue
            begin += 1
        whole = _WHOLE_STRINGS.match(piece, begin)
        end = whole.end() if whole else begin
        is_inside = end < len(piece)
        if is_inside:
            rest = piece[end + 1 :]
            is_escaped = (len(rest) - len(rest.rstrip(b"\\"))) % 2 == 1
        yield _STRING.sub(b"", piece[begin:end])


def too_large(bounds: Bounds) -> InvalidRequestError:
    """Why a body of too many bytes is refused."""
    return InvalidRequestError(
        f"the request is larger than {bounds.size // (1024 * 1024)} MB; send a smaller one", code="request_too_large"
    )


def is_object(raw: bytes) -> bool:
    """Whether the JSON, if it is some, is an object."""
    return _OBJECT.match(raw) is not None
