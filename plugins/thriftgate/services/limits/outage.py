"""Takes from the store of limits, and says what holds while it is away.

Failure behaviour: the store is away → by default nobody is let in (StoreUnavailableError, 503). With
`on_outage: fraction` each worker grants a fraction of every limit by itself meanwhile: so many workers so many
fractions, and what was used before the outage is not known. The first failure and the return are logged.
"""

import logging
from collections.abc import Callable

from thriftgate.errors import StoreUnavailableError
from thriftgate.limits.demand import Demand, Refused, Settlement, Taken
from thriftgate.limits.table import LimitTable
from thriftgate.ports import Limiter
from thriftgate.services.limits.rules import scaled

logger = logging.getLogger(__name__)


class OutageLimiter:
    """The store, and the worker's own table in its place (`fraction` is None: nothing takes its place)."""

    def __init__(self, limiter: Limiter, *, fraction: float | None, lease: float, time: Callable[[], float]) -> None:
        self._limiter = limiter
        self._fraction = fraction
        self._lease = lease
        self._time = time
        self._table = LimitTable()
        self.is_away = False

    async def take(self, demand: Demand) -> tuple[Taken | Refused, Demand | None]:
        """The verdict, and the demand as it was granted by this worker alone, or None when the store has granted it.

        Raises StoreUnavailableError.
        """
        if not demand.names:
            return Taken((), ()), None
        try:
            verdict = await self._limiter.take(demand, lease=self._lease)
        except StoreUnavailableError as error:
            self._note(is_away=True, why=str(error))
            if self._fraction is None:
                raise StoreUnavailableError("the limits cannot be checked at the moment") from error
            own = scaled(demand, self._fraction)
            return self._table.take(own, lease=self._lease, now=self._time()), own
        self._note(is_away=False)
        return verdict, None

    def settle_own(self, settlement: Settlement) -> None:
        """End what this worker had granted by itself."""
        self._table.settle(settlement, now=self._time())
        self._table.sweep(now=self._time())

    def _note(self, *, is_away: bool, why: str = "") -> None:
        if is_away != self.is_away:
            self.is_away = is_away
            if is_away:
                logger.warning("the store of limits is away: %s", why)
            else:
                logger.warning("the store of limits is back")
