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
    return Drift(
        audits=test.n,
        bad=bad,
        better=better,
        quality_loss=_share(bad, test.n, accepted_share),
        net_loss=net_interval(bad, better, test.n, accepted_share),
        evidence=test.evidence,
        is_drifting=test.has_exceeded,
    )


def _share(count: int, n: int, accepted_share: float) -> Interval:
    among = wilson_interval(count, n)
    return Interval(among.low * accepted_share, among.high * accepted_share, among.estimate * accepted_share)


def net_interval(worse: int, better: int, n: int, accepted_share: float) -> Interval:
    """What is lost net over all requests, with its 95 % interval, from that of each (MOVER; Zou and Donner 2008).

    Both are cells of one multinomial: the more there is of one, the less there is of the other. Taken for independent,
    the interval would be too short.
    """
    if n == 0:
        return Interval(-accepted_share, accepted_share, math.nan)
    lost, gained = wilson_interval(worse, n), wilson_interval(better, n)
    odds = [one.estimate / (1 - one.estimate) if one.estimate < 1 else 0.0 for one in (lost, gained)]
    correlation = -math.sqrt(odds[0] * odds[1])

    def reach(one: float, other: float) -> float:
        return math.sqrt(one * one + other * other - 2 * correlation * one * other)

    estimate = lost.estimate - gained.estimate
    below = reach(lost.estimate - lost.low, gained.high - gained.estimate)
    above = reach(lost.high - lost.estimate, gained.estimate - gained.low)
    return Interval((estimate - below) * accepted_share, (estimate + above) * accepted_share, estimate * accepted_share)
