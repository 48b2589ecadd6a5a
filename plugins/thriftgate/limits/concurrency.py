"""How many requests may run at once, found out from how they go: additive increase, multiplicative decrease.

As long as requests are answered as fast as ever, the limit grows by one for each limit's worth of them. A refusal
for overload (429, 503, a timeout) shrinks it by a factor, once for all that were under way; and so does slowness,
in proportion (the gradient of Netflix's concurrency-limits): beyond a tolerance, requests do not run but queue.
Slowness is seconds per unit of work, so that long answers are not mistaken for slow ones.
"""

from dataclasses import dataclass, replace

_FAST, _SLOW = 1 / 8, 1 / 256
"""Weights of a new observation in what is usual lately and what was usual always."""


@dataclass(frozen=True, slots=True)
class ConcurrencyPolicy:
    """Bounds of a limit, and how it moves."""

    least: int = 1
    most: int = 1000
    backoff: float = 0.7
    tolerance: float = 2.0
    """So many times slower than usual is still not overload."""

    def __post_init__(self) -> None:
        if not (1 <= self.least <= self.most and 0 < self.backoff < 1 and self.tolerance >= 1):
            raise ValueError("1 <= least <= most, 0 < backoff < 1 and tolerance >= 1")


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """How one request went."""

    started_at: float
    ended_at: float
    work: float
    running: int
    """Requests that ran when it ended, itself counted."""
    is_overload: bool = False
    """It was refused because too many ran, or ran out of time."""


@dataclass(frozen=True, slots=True)
class ConcurrencyState:
    """A limit, and what it was learned from; `limit` is not rounded: use `allowed`."""

    limit: float
    usual: float | None = None
    """Slowness over the long run, which only creeps up."""
    lately: float | None = None
    shrunk_at: float = float("-inf")

    @property
    def allowed(self) -> int:
        """Requests that may run at once."""
        return max(1, int(self.limit))


def adapt(policy: ConcurrencyPolicy, state: ConcurrencyState, outcome: CallOutcome) -> ConcurrencyState:
    """The limit after one more request has ended."""
    # What began before the limit shrank says nothing about the new one.
    is_news = outcome.started_at >= state.shrunk_at
    if outcome.is_overload:
        return _shrunk(policy, state, policy.backoff, outcome.ended_at) if is_news else state
    slowness = max(0.0, outcome.ended_at - outcome.started_at) / max(outcome.work, 1e-9)
    usual = slowness if state.usual is None else state.usual + _usual_weight(slowness, state.usual) * (
        slowness - state.usual
    )  # fmt: skip
    lately = slowness if state.lately is None else state.lately + _FAST * (slowness - state.lately)
    state = replace(state, usual=usual, lately=lately)
    if lately > policy.tolerance * usual:
        gradient = max(policy.backoff, policy.tolerance * usual / lately)
        return _shrunk(policy, state, gradient, outcome.ended_at) if is_news else state
    if outcome.running >= state.allowed:  # a limit that nobody reaches proves nothing
        return replace(state, limit=min(float(policy.most), state.limit + 1 / max(1.0, state.limit)))
    return state


def _usual_weight(slowness: float, usual: float) -> float:
    return _FAST if slowness < usual else _SLOW


def _shrunk(policy: ConcurrencyPolicy, state: ConcurrencyState, factor: float, now: float) -> ConcurrencyState:
    return replace(state, limit=max(float(policy.least), state.limit * factor), shrunk_at=now)
