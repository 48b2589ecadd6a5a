"""Refuses a caller that does not wait as it was told to, without looking at its request.

Failure behaviour: pure bookkeeping in memory, gone with the worker; whoever is not remembered is looked at.
"""

from collections import Counter
from collections.abc import Callable

from thriftgate.errors import OverloadedError, RateLimitExceededError
from thriftgate.limits.negative_cache import NegativeCache
from thriftgate.ports import Clock
from thriftgate.services.limits.figures import LimitFigures
from thriftgate.services.limits.passes import LimitRefusal, is_own
from thriftgate.services.limits.rules import Arrival


class RefusedAgain:
    """Remembers refusals by caller and by the model asked for.

    A caller is what all requests of the same credentials have in common, and nobody else's.
    """

    def __init__(
        self,
        clock: Clock,
        figures: LimitFigures,
        *,
        would_refuse: Callable[[Arrival], bool],
        arrived: Counter[str],
        crowded_out: Counter[str],
    ) -> None:
        """`would_refuse`: whether such a request is sure to be refused if it is looked at now.

        `arrived` and `crowded_out` count requests by route or model, for the ladder's load.
        """
        self._clock = clock
        self._figures = figures
        self._arrived = arrived
        self._crowded_out = crowded_out
        self._would_refuse = would_refuse
        self._refusals = NegativeCache[tuple[LimitRefusal, Arrival]]()

    def remember(self, caller: bytes, model: str, arrival: Arrival, refusal: LimitRefusal) -> None:
        """A request, which calls what it wants `model`, was refused after it was looked at."""
        error = refusal.error
        if isinstance(error, RateLimitExceededError | OverloadedError):
            now, again = self._clock.monotonic(), (refusal, arrival)
            self._refusals.note(caller, model, again, now=now, retry_after=error.retry_after)

    def holds(self, caller: bytes) -> bool:
        """Whether anything may be refused to this caller without being looked at."""
        return self._refusals.holds(caller, now=self._clock.monotonic())

    def refuse(self, caller: bytes, model: str) -> LimitRefusal | None:
        """What the caller was told a moment ago, counted as a refusal like any other; None: look at its request."""
        now = self._clock.monotonic()
        again = self._refusals.refusal(caller, model, now=now, is_still=lambda one: self._would_refuse(one[1]))
        if again is None:
            return None
        refusal, name = again[0], again[1].model
        self._arrived[name] += 1
        if not is_own(refusal.limit):
            self._crowded_out[name] += 1
        self._figures.refused(refusal.limit, now=now)
        return refusal
