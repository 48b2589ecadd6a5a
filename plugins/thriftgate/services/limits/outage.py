"""Takes from the store of limits, and says what holds while it is away.

Failure behaviour: the store is away → by default nobody is let in (StoreUnavailableError, 503). With
`on_outage: fraction` each worker grants a fraction of every limit by itself meanwhile: so many workers so many
fractions, and what was used before the outage is not known. The first failure and the return are logged.
"""

import logging
from collections.abc import Callable

from thriftgate.errors import CAUSES, StoreUnavailableError
from thriftgate.limits.demand import Demand, Refused, Settlement, Taken
from thriftgate.limits.table import LimitTable
from thriftgate.ports import Limiter
from thriftgate.services.limits.rules import scaled
from thriftgate.services.request.outages import Outages

logger = logging.getLogger(__name__)

OUTAGE = "the store of limits"


class OutageLimiter:
    """The store, and the worker's own table in its place (`fraction` is None: nothing takes its place)."""

    def __init__(
        self,
        limiter: Limiter,
        *,
        fraction: float | None,
        lease: float,
        time: Callable[[], float],
        outages: Outages,
    ) -> None:
        self._limiter = limiter
        self._outages = outages
        self._fraction = fraction
        self._lease = lease
        self._time = time
        self._table = LimitTable()

    @property
    def is_away(self) -> bool:
        """Whether the last request could not ask the store."""
        return self._outages.of(OUTAGE).since is not None

    async def take(self, demand: Demand) -> tuple[Taken | Refused, Demand | None]:
        """The verdict, and the demand as it was granted by this worker alone, or None when the store has granted it.

        Raises StoreUnavailableError.
        """
        if not demand.names:
            return Taken((), ()), None
        try:
            verdict = await self._limiter.take(demand, lease=self._lease)
        except StoreUnavailableError as error:
            if not self.is_away:
                logger.warning("%s is away: %s", OUTAGE, CAUSES[error.cause])
            self._outages.note(OUTAGE, error.cause).requests += 1
            if self._fraction is None:
                raise StoreUnavailableError("the limits cannot be checked at the moment") from error
            own = scaled(demand, self._fraction)
            return self._table.take(own, lease=self._lease, now=self._time()), own
        if self.is_away:
            logger.warning("%s is back", OUTAGE)
            self._outages.answered(OUTAGE)
        return verdict, None

    def settle_own(self, settlement: Settlement) -> None:
        """End what this worker had granted by itself."""
        self._table.settle(settlement, now=self._time())
        self._table.sweep(now=self._time())
