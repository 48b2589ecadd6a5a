"""How fast a route's answers change, and what that says of its `ttl`.

Every checked hit looks at one kept answer after some time; where that answer has changed by now, it is one change. With
changes at a constant rate, their number is Poisson with the summed ages as its exposure.

Failure behaviour: pure and total. Without a checked hit nothing is known, and nothing is advised.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from thriftgate.stats.intervals import Interval, poisson_interval

AGE = "age"
"""Name in an audit's details: how old the kept answer was, in seconds."""
CHANGED = "changed"
"""Name in an audit's details: 1 when the kept question had another answer by then."""
_SHORTEST = 1.0
"""Seconds of exposure below which nothing is known."""
_SHARE_OF_PROMISE = 0.5
"""Half of what may be wrong is left to questions that ask something else."""


@dataclass(frozen=True, slots=True)
class Ageing:
    """What checked hits say of change."""

    checked: int
    changed: int
    seconds: float
    """The ages of all checked answers together."""

    @property
    def per_day(self) -> Interval | None:
        """Changes of one answer in a day, with an exact 95 % interval; None while nothing is known."""
        if self.checked == 0 or self.seconds < _SHORTEST:
            return None
        days = self.seconds / 86_400
        found = poisson_interval(self.changed)
        return Interval(found.low / days, found.high / days, self.changed / days)

    def longest_ttl(self, max_error_of_hits: float) -> float | None:
        """Seconds after which so many hits would be out of date as half the promise allows; None: no change was seen.

        Hits are spread evenly over an answer's life, so that on average half of it has passed: at a rate r the share
        of hits that are out of date is about r * ttl / 2. The estimate is used, not its upper end: advice, no promise.
        """
        rate = self.per_day
        if rate is None or self.changed == 0:
            return None
        return 2 * _SHARE_OF_PROMISE * max_error_of_hits / (rate.estimate / 86_400)


def ageing_of(checks: Iterable[tuple[float, bool]]) -> Ageing:
    """Sum up checks of kept answers: how old each was, in seconds, and whether it had changed."""
    checked = changed = 0
    seconds = 0.0
    for age, has_changed in checks:
        checked += 1
        changed += has_changed
        seconds += max(0.0, age)
    return Ageing(checked, changed, seconds)
