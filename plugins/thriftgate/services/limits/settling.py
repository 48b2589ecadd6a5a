"""Ends reservations, and keeps those alive whose requests are still under way.

Failure behaviour: nothing here raises to a request. A settlement that the store does not take is tried again until it
does; of more than `most` that wait the oldest are dropped and counted: their reservations come back with their leases.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from thriftgate.errors import StoreUnavailableError
from thriftgate.limits.demand import Demand, Settlement
from thriftgate.ports import Limiter
from thriftgate.services.request.retry_task import RetryTask
from thriftgate.services.request.retrying import RetryQueue

logger = logging.getLogger(__name__)

_Waiting = tuple[Settlement, Callable[[], None]]

_AT_ONCE = 8
_PAUSE = 0.5
"""Seconds until the store is tried again."""


class Settler:
    """Settles in the background, in about the order in which requests ended."""

    def __init__(self, limiter: Limiter, *, lease: float, most: int = 10_000) -> None:
        self._limiter = limiter
        self._lease = lease
        self._open: dict[str, Demand] = {}
        self._queue = RetryQueue[_Waiting](max_items=most, batch_items=_AT_ONCE)
        self._work = RetryTask("thriftgate:limits_settle", self._queue, self._settle, pause=_PAUSE)

    @property
    def waiting(self) -> int:
        """Settlements that the store has not taken yet."""
        return self._queue.waiting

    @property
    def dropped(self) -> int:
        """Settlements that the store never took."""
        return self._queue.dropped + self._queue.rejected

    def hold(self, demand: Demand) -> None:
        """Keep a reservation alive until it is settled."""
        self._open[demand.id] = demand

    def submit(self, settlement: Settlement, *, then: Callable[[], None]) -> None:
        """End a reservation soon, and call `then`; in the running event loop."""
        self._open.pop(settlement.demand.id, None)
        self._work.put((settlement, then))

    async def renew(self) -> None:
        """Prolong every reservation that is still under way. Raises StoreUnavailableError; called from time to time."""
        if self._open:
            await self._limiter.renew(tuple(self._open.values()), lease=self._lease)

    async def drain(self, patience: float = 2.0) -> None:
        """Settle what waits, for at most so many seconds; also from another event loop than the requests'."""
        await self._work.drain(patience)

    async def _settle(self, batch: Sequence[_Waiting]) -> bool:
        done = await asyncio.gather(*(self._limiter.settle(one) for one, _ in batch), return_exceptions=True)
        failed: list[_Waiting] = []
        rejected = 0
        for one, result in zip(batch, done, strict=True):
            if isinstance(result, StoreUnavailableError):
                failed.append(one)
                continue
            if result is not None:
                rejected += 1
                logger.warning("a reservation cannot be settled: %s", type(result).__name__)
            one[1]()
        self._queue.taken(rejected=rejected, again=failed)
        return not failed
