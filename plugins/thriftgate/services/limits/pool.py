"""What is known of one route or model: what its requests are like, how fast they are served, and how many may run.

Failure behaviour: nothing here fails. Whoever waits for a place and is cancelled leaves the line.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from thriftgate.config.sections.limits import ConcurrencyConfig, LimitsConfig
from thriftgate.limits.admission import ServiceRate
from thriftgate.limits.concurrency import CallOutcome, ConcurrencyPolicy, ConcurrencyState, adapt
from thriftgate.limits.estimate import Experience, TokenEstimate
from thriftgate.limits.fading import FadingMean
from thriftgate.limits.ladder import LadderPolicy, LadderState, LadderStep
from thriftgate.limits.preparing import ahead as made_ready_ahead

ANY = "*"
_MOST_POOLS = 500
"""Clients choose model names; those that no configuration names share one pool once there are so many."""


class Progress(Enum):
    """How far a request is that was let in."""

    PREPARING = auto()
    """It is made ready, and will want a place."""
    AT_WORK = auto()
    """It holds a place: models work for it."""
    ASIDE = auto()
    """It needs none: another's answer is waited for, or its own is there."""
    ENDED = auto()


@dataclass(slots=True, eq=False)
class Claim:
    """What a request that was let in has of its pool."""

    tenant: str
    progress: Progress = Progress.PREPARING


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
    preparation: FadingMean = field(default_factory=FadingMean)
    """Seconds from when a request is let in until it is ready."""
    approach: FadingMean = field(default_factory=FadingMean)
    """Seconds from there until its models work: the wait for its place counted."""
    running: Counter[str] = field(default_factory=Counter[str])
    """Requests that were let in and have not ended, by tenant."""
    by_progress: Counter[Progress] = field(default_factory=Counter[Progress])
    line: deque[tuple[Claim, "asyncio.Future[None]"]] = field(
        default_factory=deque[tuple[Claim, "asyncio.Future[None]"]]
    )
    """Requests that are ready and have no place yet, the first that was ready first; tenants take turns."""

    @property
    def n_at_work(self) -> int:
        """Requests that hold a place."""
        return self.by_progress[Progress.AT_WORK]

    @property
    def places(self) -> int | None:
        """How many may hold one; None: as many as come."""
        return None if self.policy is None else self.concurrency.allowed

    @property
    def work_per_second(self) -> float | None:
        """How fast requests are served when every place is taken; None where that is not known or not bounded."""
        return None if self.places is None else self.rate.per_second(self.places)

    def has_room(self, *, ahead: bool) -> bool:
        """Whether one more may be let in; `ahead`: it is made ready first, and can wait for its place then."""
        if self.places is None:
            return True
        # Where names share a pool, plain models would starve beside routes that come ahead of their places.
        beyond = 0
        if ahead and self.name != ANY:
            beyond = made_ready_ahead(self.places, service=self.rate.duration, preparation=self.preparation.mean)
        return self.by_progress[Progress.PREPARING] + self.n_at_work < self.places + beyond

    def begin(self, tenant: str, *, ahead: bool) -> Claim:
        """One more is let in; unless `ahead`, the place is its own before its tickets are asked for."""
        progress = Progress.PREPARING if ahead else Progress.AT_WORK
        self.running[tenant] += 1
        self.by_progress[progress] += 1
        return Claim(tenant, progress)

    def move(self, claim: Claim, progress: Progress) -> None:
        """It is so far. What comes free goes to those who are ready."""
        self._set(claim, progress)
        self._hand_on()

    def end(self, claim: Claim) -> None:
        """It has ended; again changes nothing."""
        if claim.progress is Progress.ENDED:
            return
        self.running[claim.tenant] -= 1
        if self.running[claim.tenant] <= 0:
            del self.running[claim.tenant]
        self.move(claim, Progress.ENDED)
        del self.by_progress[Progress.ENDED]

    async def take_place(self, claim: Claim) -> bool:
        """Hold a place for one that is ready, at once or when it is its turn; whether it had to wait.

        One that ends meanwhile waits no longer. To be cancelled at a deadline.
        """
        if claim.progress in (Progress.AT_WORK, Progress.ENDED):
            return False
        if self._has_place and not self.line:
            self.move(claim, Progress.AT_WORK)
            return False
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.line.append((claim, turn))
        try:
            await turn
        finally:
            if (claim, turn) in self.line:
                self.line.remove((claim, turn))
        return True

    @property
    def _has_place(self) -> bool:
        return self.places is None or self.n_at_work < self.places

    def _set(self, claim: Claim, progress: Progress) -> None:
        self.by_progress[claim.progress] -= 1
        claim.progress = progress
        self.by_progress[progress] += 1

    def _hand_on(self) -> None:
        self._let_go()
        while self.line and self._has_place:
            claim, turn = self.line.popleft()
            self._set(claim, Progress.AT_WORK)
            turn.set_result(None)
            # Many of one tenant may come at once, who all waited for an answer that has failed: one at a time.
            self.line = deque(sorted(self.line, key=lambda one: one[0].tenant == claim.tenant))
            self._let_go()

    def _let_go(self) -> None:
        """Who has ended waits no longer, nor does another call of one that holds its place by now."""
        for claim, turn in self.line:
            if claim.progress in (Progress.AT_WORK, Progress.ENDED) and not turn.done():
                turn.set_result(None)
        self.line = deque(one for one in self.line if not one[1].done())

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
