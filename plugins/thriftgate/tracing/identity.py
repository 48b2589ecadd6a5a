"""Which trace and which span a request is: always the same ids for the same request.

A record that is sent twice (a retry, a backfill from the ledger) thus replaces itself instead of appearing twice.
Ids are made as Langfuse's own SDK makes them from a seed, so `Langfuse.create_trace_id(seed=request_id)` names the
trace of a request, and anybody who kept `x-thriftgate-request-id` can add scores to it.

`traceparent` is W3C Trace Context, level 1: https://www.w3.org/TR/trace-context/.
"""

import hashlib
import re
from dataclasses import dataclass

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_TRACE = "0" * 32
_NO_SPAN = "0" * 16
_SAMPLED = 0x01


@dataclass(frozen=True, slots=True)
class TraceParent:
    """Where a request comes from: the caller's trace and the caller's span in it, as lower-case hex."""

    trace_id: str
    span_id: str
    is_sampled: bool = True


def parse_traceparent(header: str | None) -> TraceParent | None:
    """The caller's place in its own trace; None when the header is absent or not valid, which W3C says to ignore."""
    match = _TRACEPARENT.fullmatch(header.strip()) if header else None
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == "ff" or (version == "00" and more) or trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return TraceParent(trace_id, span_id, is_sampled=bool(int(flags, 16) & _SAMPLED))


def trace_id_of(request_id: str, traceparent: str | None = None) -> str:
    """32 hex digits: the caller's trace where it sent one, else the request's own."""
    parent = parse_traceparent(traceparent)
    return parent.trace_id if parent else seeded_trace_id(request_id)


def seeded_trace_id(seed: str) -> str:
    """32 hex digits, as Langfuse's own `create_trace_id(seed=…)` makes them."""
    return _digest(seed)[:32]


def span_id_of(request_id: str, *path: str | int) -> str:
    """16 hex digits: the root of the request, or the part of it that `path` names (`"call", 0`)."""
    return _digest("/".join((request_id, *map(str, path))))[:16]


def outgoing_traceparent(request_id: str, traceparent: str | None = None) -> str:
    """The header for whoever we call: they continue the trace below the request's root span.

    A caller's decision not to sample is handed on.
    """
    parent = parse_traceparent(traceparent)
    flags = "00" if parent and not parent.is_sampled else "01"
    return f"00-{trace_id_of(request_id, traceparent)}-{span_id_of(request_id)}-{flags}"


def _digest(seed: str) -> str:
    return hashlib.sha256(seed.encode("utf-8", "surrogatepass")).hexdigest()
