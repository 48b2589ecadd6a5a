"""Has a route come to lose more than it promised? Asked of audits as they come in, at any time."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from thriftgate.stats import BettingTest, Interval, wilson_interval

WORSE, AS_GOOD, BETTER = 1, 0, -1
"""What an accepted answer loses against the strongest tier's."""

IS_BETTER = "is_better"
"""Name in `Audit.details`: whether the judge found the answer better than the strongest tier's; absent where it does
not say which of two different answers is better."""


@dataclass(frozen=True, slots=True)
class Drift:
    """What the audits of accepted answers say."""

    audits: int
    bad: int
    better: int
    quality_loss: Interval
    """Lost by answers that got worse, over all requests of the route: their share among accepted ones, times those
    accepted."""
    net_loss: Interval
    """The same, less what got better."""
    evidence: float
    """An e-value; its reciprocal is an always-valid p-value."""
    is_drifting: bool
    """The loss is above the promise, and that is no accident."""


def drift_of(
    losses: Iterable[int],
    *,
    accepted_share: float,
    max_quality_loss: float,
    alpha: float = 0.05,
    is_net: bool = False,
) -> Drift:
    """Judge audits of randomly drawn accepted answers, oldest first, each by what it loses: 1, 0 or -1.

    Net: what got better pays for what got worse; else it counts as good as the strongest tier's. Valid however often
    it is asked: a sequential test, so the warning may ring at the first look that sees it and still is wrong with a
    chance of at most `alpha`, ever.
    """
    if not 0 <= accepted_share <= 1:
        raise ValueError(f"a share lies between 0 and 1, not {accepted_share}")
    # The test takes values in [0, 1]; which map is used must not depend on what was seen.
    test = BettingTest((1 + max_quality_loss) / 2 if is_net else max_quality_loss, alpha=alpha)
    bad = better = 0
    for loss in losses:
        bad += loss > 0
        better += loss < 0
        test.update((1 + loss * accepted_share) / 2 if is_net else max(loss, 0) * accepted_share)
    worse, gained = _share(bad, test.n, accepted_share), _share(better, test.n, accepted_share)
    return Drift(
        audits=test.n,
        bad=bad,
        better=better,
        quality_loss=worse,
        net_loss=_difference(worse, gained),
        evidence=test.evidence,
        is_drifting=test.has_exceeded,
    )


def _share(count: int, n: int, accepted_share: float) -> Interval:
    among = wilson_interval(count, n)
    return Interval(among.low * accepted_share, among.high * accepted_share, among.estimate * accepted_share)


def _difference(one: Interval, other: Interval) -> Interval:
    """One less the other, from their intervals (MOVER; Zou and Donner 2008), as if they were independent."""
    estimate = one.estimate - other.estimate
    below = math.hypot(one.estimate - one.low, other.high - other.estimate)
    above = math.hypot(one.high - one.estimate, other.estimate - other.low)
    return Interval(estimate - below, estimate + above, estimate)
