"""The token bucket: a burst of `capacity`, refilled steadily.

A bucket is a value: its state goes in and comes out, so the same rule runs here, in Redis and in PostgreSQL.
"""

import math
from dataclasses import dataclass

CLOCK_TOLERANCE = 1.0
"""Seconds that a clock may run behind the last one seen: a bucket then waits for it. Further back it is a clock that
was set, and the bucket goes on from there: it neither stands still for as long as the clock was wrong nor fills up."""
MARGIN = 0.001
"""Seconds added to every waiting time, so that whoever waits so long is not refused for a rounding error."""


@dataclass(frozen=True, slots=True)
class BucketState:
    """What was in a bucket at a time; below zero when more was used than had been reserved."""

    tickets: float
    at: float
    """Seconds since any fixed moment."""


@dataclass(frozen=True, slots=True)
class Grant:
    """The tickets are taken."""

    remaining: float


@dataclass(frozen=True, slots=True)
class Deny:
    """Nothing was taken; there will be enough in `retry_after` seconds, or never (infinity)."""

    retry_after: float


@dataclass(frozen=True, slots=True)
class TokenBucket:
    """Grants at most `capacity` tickets at once and `refill_per_second` in the long run.

    A state of None is a full bucket.
    """

    capacity: float
    refill_per_second: float

    def __post_init__(self) -> None:
        if not (self.capacity > 0 and self.refill_per_second > 0):
            raise ValueError("a bucket needs a capacity and a refill above 0")

    def at(self, now: float, state: BucketState | None) -> BucketState:
        """The bucket as it is `now`."""
        if state is None:
            return BucketState(self.capacity, now)
        elapsed = now - state.at
        if elapsed < 0:
            at = now if elapsed < -CLOCK_TOLERANCE else state.at
            return BucketState(min(self.capacity, state.tickets), at)
        return BucketState(min(self.capacity, state.tickets + elapsed * self.refill_per_second), now)

    def take(self, n: float, *, now: float, state: BucketState | None) -> tuple[Grant | Deny, BucketState]:
        """Take `n` tickets, or none."""
        current = self.at(now, state)
        if current.tickets >= n:
            left = current.tickets - n
            return Grant(left), BucketState(left, current.at)
        if n > self.capacity:
            return Deny(math.inf), current
        return Deny((n - current.tickets) / self.refill_per_second + MARGIN), current

    def settle(self, difference: float, *, now: float, state: BucketState | None) -> BucketState:
        """Take what was used beyond a reservation, or give back (a negative difference) what was not used.

        The bucket may go below zero: what was used is used.
        """
        current = self.at(now, state)
        return BucketState(min(self.capacity, current.tickets - difference), current.at)

    def full_after(self, remaining: float) -> float:
        """Seconds until a bucket with so many tickets is full."""
        return max(0.0, self.capacity - remaining) / self.refill_per_second
