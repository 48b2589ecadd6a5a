"""What sums over requests say: shares of hits and escalations, the share saved, each with its interval.

A share saved is a ratio of two sums over requests, `1 - cost / baseline`; its interval is the delta method's for a
ratio estimator (Cochran, Sampling Techniques, 1977, chapter 6), taken over the requests as a sample of such traffic.
It needs sums of squares only, so a database can make them and no request has to be read.

Failure behaviour: pure and total; what cannot be said is None or NaN.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

from thriftgate.stats.intervals import Interval, wilson_interval
from thriftgate.types import DecisionKind


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneySums:
    """Sums over requests of cost and baseline, both in US dollars, of their squares and of their product."""

    n: int = 0
    cost: float = 0.0
    baseline: float = 0.0
    cost_squared: float = 0.0
    baseline_squared: float = 0.0
    product: float = 0.0

    def saved_share(self, confidence: float = 0.95) -> Interval | None:
        """The share of the baseline that was saved; None for fewer than two requests or a baseline of nothing."""
        if self.n < 2 or self.baseline <= 0:
            return None
        ratio = self.cost / self.baseline
        squares = self.cost_squared - 2 * ratio * self.product + ratio * ratio * self.baseline_squared
        deviation = math.sqrt(max(0.0, squares) * self.n / (self.n - 1)) / self.baseline
        half = NormalDist().inv_cdf(0.5 + confidence / 2) * deviation
        return Interval(1 - ratio - half, 1 - ratio + half, 1 - ratio)

    def saved_usd(self, confidence: float = 0.95) -> Interval | None:
        """The sum saved, by the normal approximation over requests; None for fewer than two of them."""
        if self.n < 2:
            return None
        saved = self.baseline - self.cost
        squares = self.baseline_squared - 2 * self.product + self.cost_squared - saved * saved / self.n
        half = NormalDist().inv_cdf(0.5 + confidence / 2) * math.sqrt(max(0.0, squares) * self.n / (self.n - 1))
        return Interval(saved - half, saved + half, saved)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTally:
    """The requests of one group (all, a route, a team, a user, or a stretch of time), counted and summed."""

    group: str | None
    """The group's id; None where requests had none, and for all of them."""
    label: str | None = None
    """A readable name, where there is one."""
    failures: int = 0
    decisions: Mapping[DecisionKind, int] = field(default_factory=dict[DecisionKind, int])
    money: MoneySums = MoneySums()
    started_at: float | None = None
    """Start of a stretch of time, in seconds since the epoch; None for other groups."""

    @property
    def requests(self) -> int:
        """All of them, also those that failed."""
        return self.money.n

    @property
    def saved_usd(self) -> float:
        """What the group cost less than the baseline; negative when it cost more."""
        return self.money.baseline - self.money.cost

    @property
    def hit_share(self) -> Interval:
        """Answers from the cache among all answers."""
        hits = self._count(DecisionKind.EXACT_HIT, DecisionKind.SEMANTIC_HIT)
        return wilson_interval(hits, hits + self._from_models)

    @property
    def escalated_share(self) -> Interval:
        """Answers of a stronger tier among those where a cheaper one was asked first."""
        escalated = self._count(DecisionKind.ESCALATED)
        return wilson_interval(escalated, escalated + self._count(DecisionKind.ACCEPTED))

    @property
    def _from_models(self) -> int:
        return self._count(DecisionKind.ACCEPTED, DecisionKind.ESCALATED, DecisionKind.ONLY_TIER)

    def _count(self, *kinds: DecisionKind) -> int:
        return sum(self.decisions.get(kind, 0) for kind in kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentTally:
    """The calls that one deployment answered or failed to answer."""

    group: str
    """The model group."""
    deployment: str
    """The provider's model without its provider; empty where a call failed before it had one."""
    calls: int
    failures: int
    duration_p50: float
    """In seconds; NaN without calls."""
    duration_p95: float
    last_failure_at: float | None
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tallies:
    """The requests of one period, summed in several ways; each way the dearest groups first."""

    total: RequestTally | None = None
    """None when nothing was asked."""
    routes: Sequence[RequestTally] = ()
    teams: Sequence[RequestTally] = ()
    users: Sequence[RequestTally] = ()
    stretches: Sequence[RequestTally] = ()
    """Equal stretches of time, oldest first; those without requests are left out."""
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    """How many routes, teams and users there are, also those that were left out."""
