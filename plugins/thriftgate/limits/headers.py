"""What a client is told of its limits, in the words of the API it speaks.

OpenAI: `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`, a reset being a duration such as `6m0.5s`. Anthropic:
`anthropic-ratelimit-{requests,tokens}-{limit,remaining,reset}`, a reset being a moment of RFC 3339. Of several limits
of one kind the tightest is told.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, isfinite
from typing import Literal

from thriftgate.wording import machine_moment

Dimension = Literal["requests", "tokens"]


@dataclass(frozen=True, slots=True)
class LimitStanding:
    """How a limit stands after a request."""

    dimension: Dimension
    limit: float
    remaining: float
    full_after: float
    """Seconds until nothing of it is used."""


def tightest(standings: Iterable[LimitStanding]) -> list[LimitStanding]:
    """Of each dimension the one of which the smallest share is left."""
    found: dict[Dimension, LimitStanding] = {}
    for one in standings:
        held = found.get(one.dimension)
        if held is None or one.remaining / one.limit < held.remaining / held.limit:
            found[one.dimension] = one
    return list(found.values())


def openai_headers(standings: Iterable[LimitStanding]) -> dict[str, str]:
    """In OpenAI's spelling."""
    headers: dict[str, str] = {}
    for one in tightest(standings):
        headers[f"x-ratelimit-limit-{one.dimension}"] = str(int(one.limit))
        headers[f"x-ratelimit-remaining-{one.dimension}"] = str(max(0, int(one.remaining)))
        headers[f"x-ratelimit-reset-{one.dimension}"] = go_duration(one.full_after)
    return headers


def anthropic_headers(standings: Iterable[LimitStanding], *, now: float) -> dict[str, str]:
    """In Anthropic's spelling; `now` is seconds since the Unix epoch."""
    headers: dict[str, str] = {}
    for one in tightest(standings):
        headers[f"anthropic-ratelimit-{one.dimension}-limit"] = str(int(one.limit))
        headers[f"anthropic-ratelimit-{one.dimension}-remaining"] = str(max(0, int(one.remaining)))
        headers[f"anthropic-ratelimit-{one.dimension}-reset"] = machine_moment(ceil(now + one.full_after))
    return headers


def retry_headers(retry_after: float) -> dict[str, str]:
    """When to come back: `retry-after` in whole seconds, never too early, and `retry-after-ms`, which SDKs prefer."""
    if not isfinite(retry_after):
        return {}
    return {
        "retry-after": str(max(1, ceil(retry_after))),
        "retry-after-ms": str(max(1, ceil(1000 * retry_after))),
    }


def go_duration(seconds: float) -> str:
    """As OpenAI writes durations: `12ms`, `1.5s`, `6m0s`, `1h0m3s`."""
    milliseconds = max(0, ceil(1000 * seconds))
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    rest = f"{milliseconds / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{rest}"
    return f"{minutes}m{rest}" if minutes else rest
