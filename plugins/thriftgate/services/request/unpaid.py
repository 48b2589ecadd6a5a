"""How a call ended, and what it has used that gave no answer: one that is none, or that nobody waited for.

Failure behaviour: total.
"""

from thriftgate.errors import TierFailedError
from thriftgate.types import Status, Usage

_GIVEN_UP = "given_up"


def note_given_up(error: BaseException, usage: Usage, cost_usd: float) -> None:
    """Note on an error, or on a cancellation, what the call that it ended has used as far as can be told."""
    error.__dict__[_GIVEN_UP] = (usage, cost_usd)


def paid_for_nothing(error: BaseException | None) -> tuple[Usage, float]:
    """What was charged for an answer that is none, or that nobody waited for, in tokens and US dollars."""
    if error is not None and (left := error.__dict__.get(_GIVEN_UP)) is not None:
        return left
    return (Usage(*error.tokens), error.cost_usd) if isinstance(error, TierFailedError) else (Usage(), 0.0)


def ending_of(error: BaseException | None) -> Status:
    """ok, failed or cancelled: everything that is no Exception is somebody going away."""
    if error is None:
        return Status.OK
    return Status.FAILED if isinstance(error, Exception) else Status.CANCELLED
