"""How long a caller waits for its route, in LiteLLM's own words for it: one deadline over all tiers and retries.

LiteLLM puts the header `x-litellm-timeout` or the body's `timeout` to each call by itself, and so a route of two tiers
with retries would take several times as long. `stream_timeout` (`x-litellm-stream-timeout`) is the time to a stream's
first event.

Between two tries of a tier LiteLLM sleeps for as long as the provider's `retry-after` says, up to a minute, twice over
where the group has one deployment; the next tier could have answered meanwhile, and a client that is told `retry-after`
waits by itself. A tier is tried again after the operator's own `router_settings.retry_after`, and no later.

Failure behaviour: DeadlineExceededError (408) when the time is over; what is no positive number counts as absent.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any, cast

from litellm.router import Router

from thriftgate.errors import DeadlineExceededError
from thriftgate.proxy.tiers.translations import asked
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


def wait_for_no_provider() -> None:
    """From now on, for the calls of routes; again changes nothing."""
    theirs = cast("Any", Router)._time_to_sleep_before_retry
    if hasattr(theirs, "_is_bounded"):
        return

    @wraps(theirs)
    def bounded(self: Router, *args: Any, **kwargs: Any) -> float:
        seconds = theirs(self, *args, **kwargs)
        return seconds if asked.get() is None else min(seconds, self.retry_after)

    setattr(bounded, "_is_bounded", True)  # noqa: B010  functions have no such field
    setattr(Router, "_time_to_sleep_before_retry", bounded)  # noqa: B010
