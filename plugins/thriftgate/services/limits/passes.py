"""What becomes of a request: a pass, or a refusal with what its client is told."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, inf

from thriftgate.errors import GatewayError, InvalidRequestError, OverloadedError, RateLimitExceededError
from thriftgate.limits.demand import Charge, Demand
from thriftgate.limits.estimate import TokenEstimate
from thriftgate.limits.headers import LimitStanding
from thriftgate.limits.ladder import LadderStep
from thriftgate.services.limits.pool import Claim, Pool, Progress
from thriftgate.services.limits.rules import Arrival, limit_kind, spoken

RETRY_UNKNOWN = 1.0
"""Seconds after which to come back when nothing is known."""


class ClientGoneError(Exception):
    """The client went away while its request waited: nobody is there to be answered."""


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """Where a request stands in the queue."""

    position: int
    expected_wait: float


@dataclass(slots=True)
class Pass:
    """A request that may run, until it is settled."""

    arrival: Arrival
    demand: Demand
    pool: Pool
    tenant: str
    band: int
    estimate: TokenEstimate
    """What limits of tokens reserve."""
    likely: TokenEstimate
    """What the fair queue counts."""
    started_at: float
    patience: float = 0.0
    """Seconds for which it may wait altogether."""
    queue_patience: float = 0.0
    """Of them, those in which it must be let in to be at work in time."""
    is_ahead: bool = False
    """It is let in before there is a place for it, and takes one when it is ready."""
    waited: float = 0.0
    claim: Claim = field(default_factory=lambda: Claim("", Progress.ENDED))
    """What it has of its pool, once it was let in."""
    work_began_at: float | None = None
    work_ended_at: float | None = None
    """When models began to work for it, and when they had answered (monotonic)."""
    n_working: int = 0
    """Its own uses of its place that have not ended: a request may ask two routes at once."""
    n_at_work: int = 0
    """Requests that held a place when they had, itself counted."""
    place: QueuePlace | None = None
    """Where it stood when it came in, if it had to wait."""
    standings: Sequence[LimitStanding] = ()
    steps: frozenset[LadderStep] = frozenset()
    """Those in force when it came in, then when it began to run: it is told of these, and served by them."""
    own: Demand | None = None
    """Its demand, where this worker granted it without the store."""
    holds_tickets: bool = True
    is_settled: bool = field(default=False, init=False)


@dataclass(frozen=True, slots=True)
class LimitRefusal:
    """What a refused client is told beside its error."""

    error: GatewayError
    standings: Sequence[LimitStanding] = ()
    place: QueuePlace | None = None
    limit: str = ""
    """The name of what refused it."""


class RefusedError(Exception):
    """A request may not run; carries what its client is told."""

    def __init__(self, refusal: LimitRefusal) -> None:
        self.refusal = refusal
        super().__init__(str(refusal.error))


def too_large_error(charge: Charge) -> InvalidRequestError:
    """A request that may use more tokens than its limit ever holds: waiting would not help."""
    words = (
        f"this request may use {ceil(charge.n)} tokens, and the limit of {spoken(charge.name)} holds "
        f"{int(charge.bucket.capacity)} at most: shorten the conversation or lower the answer's maximum"
    )
    return InvalidRequestError(words, code="request_too_large")


def too_many_error(limit: str, retry_after: float) -> RateLimitExceededError | OverloadedError:
    """A limit of the caller's is used up, or there is no place for anybody."""
    retry_after = RETRY_UNKNOWN if retry_after in (0.0, inf) else retry_after
    when = f"try again in {max(1, ceil(retry_after))} s"
    if is_own(limit):
        return RateLimitExceededError(f"the limit of {spoken(limit)} is reached; {when}", retry_after=retry_after)
    return OverloadedError(f"too many requests wait for this model; {when}", retry_after=retry_after)


def shed_error(retry_after: float) -> OverloadedError:
    """The last step of the ladder."""
    return OverloadedError("this tier is not served under the present load", retry_after=retry_after)


def is_own(limit: str) -> bool:
    """Whether it is a limit that a rule sets, and not a lack of places."""
    return limit_kind(limit)[0] in ("requests", "tokens", "parallel")
