"""What a route gives up under load, one step after another, before it refuses anybody; and takes back by itself.

The load is 1 where requests begin to come too late. Above `climb_at` for `climb_after` seconds it goes one step up,
below `descend_at` for `descend_after` seconds one step down; between the two it stays where it is. The gap and the
longer way down keep it from swinging (hysteresis).
"""

from dataclasses import dataclass
from enum import Enum


class LadderStep(Enum):
    """What is given up, mildest first. A step keeps those before it in force."""

    NORMAL = "normal"
    RELAXED_CACHE = "relaxed_cache"
    """The cache serves all that its `max_error` allows, and spends nothing on finding out more."""
    CHEAP_ONLY = "cheap_only"
    """The cheapest tier's answer is taken as it is."""
    SHORTER = "shorter"
    """Answers are cut shorter."""
    HITS_ONLY = "hits_only"
    """Only what the cache knows is answered."""
    SHED = "shed"
    """Requests of the lowest tier are refused."""


@dataclass(frozen=True, slots=True)
class LadderPolicy:
    """Which steps there are, in order, and when to move; times are seconds."""

    steps: tuple[LadderStep, ...]
    climb_at: float = 0.8
    descend_at: float = 0.4
    climb_after: float = 2.0
    descend_after: float = 10.0

    def __post_init__(self) -> None:
        if LadderStep.NORMAL in self.steps or len(set(self.steps)) != len(self.steps):
            raise ValueError("steps are named once; normal is where no step is taken")
        if not (0 <= self.descend_at < self.climb_at and self.climb_after >= 0 and self.descend_after >= 0):
            raise ValueError("descend_at lies below climb_at, and no time is negative")


@dataclass(frozen=True, slots=True)
class LadderState:
    """How far up, and since when the load has called for a move."""

    height: int = 0
    high_since: float | None = None
    low_since: float | None = None

    def in_force(self, policy: LadderPolicy) -> frozenset[LadderStep]:
        """Every step that is taken now."""
        return frozenset(policy.steps[: self.height])

    def step(self, policy: LadderPolicy) -> LadderStep:
        """The last step taken."""
        return policy.steps[self.height - 1] if self.height else LadderStep.NORMAL


def move(policy: LadderPolicy, state: LadderState, *, load: float, now: float) -> LadderState:
    """One look at the load: at most one step, up or down. Look at least every second or so."""
    height = min(state.height, len(policy.steps))
    if load >= policy.climb_at and height < len(policy.steps):
        since = now if state.high_since is None else min(state.high_since, now)
        if now - since >= policy.climb_after:
            return LadderState(height + 1, high_since=now)
        return LadderState(height, high_since=since)
    if load <= policy.descend_at and height > 0:
        since = now if state.low_since is None else min(state.low_since, now)
        if now - since >= policy.descend_after:
            return LadderState(height - 1, low_since=now)
        return LadderState(height, low_since=since)
    return LadderState(height)
