"""Ends the call behind a stream of LiteLLM's that nobody reads any further.

LiteLLM's streams of chat completions and messages close their calls; those of responses do not, and stand in
wrappers that hide what they read from: the provider would write on to the end, and be paid for it.

Failure behaviour: a call that cannot be closed is left as it is, and ends with what its provider has to say.
"""

from collections.abc import Iterator
from contextlib import nullcontext, suppress
from typing import Any

_SOURCES = ("_billing_source", "litellm_custom_stream_wrapper", "response")
"""Where such a stream keeps what it reads: the stream inside a wrapper, that of a translated call, the HTTP answer."""


async def close_stream(stream: object) -> None:
    """Close the stream, and all that it reads from: a wrapper of LiteLLM's that can be closed closes itself alone."""
    for one in list(_inner(stream)):
        close: Any = getattr(one, "aclose", None)
        if close is not None:
            with nullcontext() if one is stream else suppress(Exception):  # LiteLLM's inner parts promise nothing
                await close()


def _inner(stream: object) -> Iterator[object]:
    seen: set[int] = set()
    left = [stream]
    while left:
        one = left.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        left += [getattr(one, name, None) for name in _SOURCES]
