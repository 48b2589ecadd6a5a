"""Whether a request can be served before its deadline, by the rate at which requests have been served so far.

A request that cannot is better refused at once: its client learns when to come back, and the work goes to requests
that are still in time.
"""

from dataclasses import dataclass, field
from math import inf

from thriftgate.limits.fading import FadingMean


@dataclass(frozen=True, slots=True)
class ServiceRate:
    """How fast requests are served, as far as is known: their work and their durations."""

    work: FadingMean = field(default_factory=FadingMean)
    seconds: FadingMean = field(default_factory=FadingMean)

    def observe(self, work: float, duration: float) -> "ServiceRate":
        """With one more request that has been served."""
        if work <= 0 or duration <= 0:
            return self
        return ServiceRate(self.work.observe(work), self.seconds.observe(duration))

    def per_second(self, places: float) -> float | None:
        """Work done in a second when `places` requests run at once; None before anything is known."""
        return places * self.work.total / self.seconds.total if self.seconds.total > 0 else None

    @property
    def duration(self) -> float | None:
        """Mean seconds of a request; None before anything is known."""
        return self.seconds.mean


@dataclass(frozen=True, slots=True)
class Admit:
    """It may wait, and will probably be served after `wait` seconds."""

    wait: float


@dataclass(frozen=True, slots=True)
class TurnAway:
    """It would come too late: in `retry_after` seconds there may be room."""

    retry_after: float


def admit(
    *, work_before: float, own_work: float, rate: float | None, until_tickets: float, patience: float
) -> Admit | TurnAway:
    """Whether to let a request wait.

    Args:
        work_before: Work that is served before it, its own included.
        own_work: Of it, its own.
        rate: Work done in a second; None when nothing is known yet (then only the tickets decide).
        until_tickets: Seconds until the buckets hold enough for it: infinity if never.
        patience: Seconds until its deadline.
    """
    in_line = max(0.0, work_before - own_work) / rate if rate else 0.0
    wait = max(in_line, until_tickets)
    if wait <= patience:
        return Admit(wait)
    return TurnAway(wait if until_tickets == inf else max(until_tickets, wait - patience))
