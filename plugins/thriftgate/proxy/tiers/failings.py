"""Whose requests have failed at a deployment: what one caller fails at is no news of the deployment to others.

Failure behaviour: pure and total. Of more callers than `MOST_CALLERS` at one deployment the earliest are forgotten.
"""

from collections.abc import Callable
from dataclasses import dataclass

MOST_CALLERS = 1000
"""Callers that are remembered of one deployment."""


@dataclass(slots=True)
class _Failing:
    until: float
    is_own: bool
    """It has been shown to be the caller's own doing: somebody was served meanwhile."""


class Failings:
    """Callers who have failed at a deployment lately."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failed: dict[str, dict[str, _Failing]] = {}

    def __bool__(self) -> bool:
        return bool(self._failed)

    def failed(self, deployment: str, caller: str, *, within: float) -> None:
        """A caller's request failed at a deployment, which is remembered for `within` seconds."""
        now = self._monotonic()
        for one in [one for one in self._failed if not self._current(one)]:
            del self._failed[one]
        callers = self._failed.setdefault(deployment, {})
        before = callers.pop(caller, None)
        while len(callers) >= MOST_CALLERS:
            del callers[next(iter(callers))]
        is_own = before is not None and before.until > now and before.is_own
        callers[caller] = _Failing(now + within, is_own)

    def succeeded(self, deployment: str, caller: str) -> None:
        """A caller was served, so that what others have failed at meanwhile is their own."""
        callers = self._failed.get(deployment)
        if callers is None:
            return
        callers.pop(caller, None)
        for failing in callers.values():
            failing.is_own = True
        if not callers:
            del self._failed[deployment]

    def has_failed(self, deployment: str, caller: str) -> bool:
        """Whether this caller has failed there lately."""
        return caller in self._current(deployment)

    def spares(self, deployment: str, caller: str) -> bool:
        """Whether a deployment that failures have closed is open to a caller all the same.

        So it is when the failures are known, and neither the caller's nor those of two whom nobody has proved wrong.
        """
        callers = self._current(deployment)
        return bool(callers) and caller not in callers and sum(not one.is_own for one in callers.values()) < 2

    def _current(self, deployment: str) -> dict[str, _Failing]:
        """Who has failed there; nobody whose failure is too long ago."""
        callers = self._failed.get(deployment, {})
        now = self._monotonic()
        # The earliest stand first, so that only what is forgotten is looked at.
        while callers and callers[first := next(iter(callers))].until <= now:
            del callers[first]
        return callers
