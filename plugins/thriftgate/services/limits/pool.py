"""What is known of one route or model: what its requests are like, how fast they are served, and how many may run."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from thriftgate.config.limits import ConcurrencyConfig, LimitsConfig
from thriftgate.limits.admission import ServiceRate
from thriftgate.limits.concurrency import CallOutcome, ConcurrencyPolicy, ConcurrencyState, adapt
from thriftgate.limits.estimate import Experience, TokenEstimate
from thriftgate.limits.ladder import LadderPolicy, LadderState, LadderStep

ANY = "*"
_MOST_POOLS = 500
"""Clients choose model names; those that no configuration names share one pool once there are so many."""


@dataclass(slots=True)
class Pool:
    """One route or model, in this worker."""

    name: str
    policy: ConcurrencyPolicy | None = None
    """None: as many as come."""
    is_adaptive: bool = False
    concurrency: ConcurrencyState = field(default_factory=lambda: ConcurrencyState(0.0))
    experience: Experience = field(default_factory=Experience)
    rate: ServiceRate = field(default_factory=ServiceRate)
    ladder: LadderState = field(default_factory=LadderState)
    running: Counter[str] = field(default_factory=Counter[str])
    """Requests that run, by tenant."""

    @property
    def n_running(self) -> int:
        """Requests that run."""
        return self.running.total()

    @property
    def places(self) -> int | None:
        """How many may run; None: as many as come."""
        return None if self.policy is None else self.concurrency.allowed

    @property
    def has_place(self) -> bool:
        """Whether one more may run."""
        return self.places is None or self.n_running < self.places

    @property
    def work_per_second(self) -> float | None:
        """How fast requests are served when every place is taken; None where that is not known or not bounded."""
        return None if self.places is None else self.rate.per_second(self.places)

    def begin(self, tenant: str) -> None:
        """One more runs."""
        self.running[tenant] += 1

    def end(self, tenant: str) -> None:
        """It runs no longer."""
        self.running[tenant] -= 1
        if self.running[tenant] <= 0:
            del self.running[tenant]

    def learn(self, outcome: CallOutcome, *, prompt_bytes: int, spent: TokenEstimate | None) -> None:
        """From a request that has ended; call before `end`. `spent` is None where nothing is known."""
        if self.policy is not None and self.is_adaptive:
            self.concurrency = adapt(self.policy, self.concurrency, outcome)
        if outcome.is_overload or spent is None:
            return
        self.rate = self.rate.observe(spent.work, outcome.ended_at - outcome.started_at)
        self.experience = self.experience.learn(prompt_bytes, int(spent.prompt), int(spent.completion))

    def steps(self, policy: LadderPolicy | None) -> frozenset[LadderStep]:
        """What this route has given up for now."""
        return frozenset() if policy is None else self.ladder.in_force(policy)


class Pools:
    """Every pool, made when its route or model is first asked."""

    def __init__(self, config: LimitsConfig) -> None:
        self._config = config
        self._pools: dict[str, Pool] = {}

    def __iter__(self) -> Iterator[Pool]:
        return iter(tuple(self._pools.values()))

    def of(self, model: str) -> Pool:
        """The pool of a route or model."""
        pool = self._pools.get(model)
        if pool is not None:
            return pool
        if len(self._pools) >= _MOST_POOLS and model not in self._config.concurrency:
            model = ANY
        return self._pools.setdefault(model, self._made(model))

    def _made(self, model: str) -> Pool:
        config = self._config.concurrency.get(model) or self._config.concurrency.get(ANY)
        if config is None:
            return Pool(model)
        return Pool(model, _policy(config), config.adaptive, ConcurrencyState(float(config.most)))


def _policy(config: ConcurrencyConfig) -> ConcurrencyPolicy:
    return ConcurrencyPolicy(least=config.least, most=config.most)


def ladder_policy(config: LimitsConfig) -> LadderPolicy | None:
    """The ladder of every pool; None: there is none."""
    ladder = config.ladder
    if ladder is None:
        return None
    return LadderPolicy(
        tuple(LadderStep(name) for name in ladder.steps),
        climb_at=ladder.climb_at,
        descend_at=ladder.descend_at,
        climb_after=ladder.climb_after,
        descend_after=ladder.descend_after,
    )
