"""How long a caller waits for its route, in LiteLLM's own words for it: one deadline over all tiers and retries.

LiteLLM puts the header `x-litellm-timeout` or the body's `timeout` to each call by itself, and so a route of two tiers
with retries would take several times as long. `stream_timeout` (`x-litellm-stream-timeout`) is the time to a stream's
first event.

Failure behaviour: DeadlineExceededError (408) when the time is over; what is no positive number counts as absent.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from thriftgate.errors import DeadlineExceededError
from thriftgate.wire.shapes import number


@asynccontextmanager
async def within(route: str, kwargs: Mapping[str, Any]) -> AsyncGenerator[None]:
    """The time in which a route has to answer, or to begin a stream; `kwargs` are those of the router's method."""
    patience = patience_of(kwargs)
    limit = asyncio.timeout(patience)
    try:
        async with limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise DeadlineExceededError(f"route '{route}' did not answer within {patience:g} s, as asked for") from None


def patience_of(kwargs: Mapping[str, Any]) -> float | None:
    """Seconds; None where the caller waits as long as it takes."""
    names = ("stream_timeout", "timeout", "request_timeout") if kwargs.get("stream") else ("timeout", "request_timeout")
    for name in names:
        seconds = number(kwargs.get(name))
        if seconds is not None and seconds > 0:
            return seconds
    return None
