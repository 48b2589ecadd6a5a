"""Where the record of a request goes: the ledger, the metrics, the traces.

Failure behaviour: `submit()` never blocks and never raises. While the ledger is away up to `max_queue` rows wait
for it, and as many audits, which were paid for as the requests were; beyond that the oldest are dropped and counted. A
row that the ledger refuses for any other reason is dropped and counted alone. `aclose()` writes what is left, within
its patience.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context

from thriftgate.errors import CAUSES, StoreUnavailableError
from thriftgate.ports import Ledger
from thriftgate.services.request.outages import Outages
from thriftgate.services.request.retrying import RetryQueue, T
from thriftgate.types import Audit, RequestRecord

logger = logging.getLogger(__name__)

_BATCH = 500
OUTAGE = "the ledger"


class LedgerWriter:
    """Writes records and audits to the ledger, from one task of its own that starts with the first of them.

    Implements `ports.AuditBook`.
    """

    def __init__(
        self, ledger: Ledger, *, flush_interval: float, max_queue: int, outages: Outages | None = None
    ) -> None:
        self._ledger = ledger
        self._outages = outages
        self._flush_interval = flush_interval
        self._queue = RetryQueue[RequestRecord](max_items=max_queue, batch_items=_BATCH)
        self._audits = RetryQueue[Audit](max_items=max_queue, batch_items=1)
        self._task: asyncio.Task[None] | None = None
        self._has_work = asyncio.Event()
        self._writing = asyncio.Lock()

    @property
    def waiting(self) -> int:
        """Records and audits that are not written yet."""
        return self._queue.waiting + self._audits.waiting

    @property
    def dropped(self) -> int:
        """Records and audits that were lost because the ledger was away for too long, or because it refused them."""
        return sum(queue.dropped + queue.rejected for queue in (self._queue, self._audits))

    def submit(self, record: RequestRecord) -> None:
        """Take a record."""
        self._queue.put(record)
        self._begin()

    async def add_audit(self, audit: Audit) -> None:
        """Keep one verdict, behind the requests that came before it."""
        self._audits.put(audit)
        self._begin()

    def _begin(self) -> None:
        self._has_work.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="thriftgate:ledger", context=Context())

    async def _run(self) -> None:
        is_away = False
        while True:
            await self._has_work.wait()
            await asyncio.sleep(self._flush_interval)
            try:
                await self.flush()
            except StoreUnavailableError as error:
                if self._outages is not None:
                    self._outages.note(OUTAGE, error.cause)
                if not is_away:
                    logger.warning("the ledger is away: %s; %d records wait for it", CAUSES[error.cause], self.waiting)
                is_away = True
            else:
                is_away = False
                if self._outages is not None:
                    self._outages.answered(OUTAGE)

    async def flush(self) -> None:
        """Write everything that was submitted by now. Raises StoreUnavailableError, and keeps what was not written."""
        # One writer at a time: rows stay in order, and who flushes finds also those written that another had taken.
        async with self._writing:
            self._has_work.clear()
            await self._write(self._queue, self._ledger.record)
            await self._write(self._audits, lambda audits: self._ledger.add_audit(audits[0]))

    async def _write(self, queue: RetryQueue[T], write: Callable[[Sequence[T]], Awaitable[None]]) -> None:
        while batch := queue.take():
            try:
                await write(batch)
            except (StoreUnavailableError, asyncio.CancelledError):
                queue.away()
                self._has_work.set()
                raise
            except Exception as error:
                # A record that cannot be written must not keep the others from it.
                if not queue.refused():
                    logger.warning("the ledger refused a record: %s", type(error).__name__)
            else:
                queue.taken()

    async def aclose(self, patience: float = 2.0) -> None:
        """Write what is left, and stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        try:
            async with asyncio.timeout(patience):
                await self.flush()
        except (StoreUnavailableError, TimeoutError) as error:
            why = "the ledger is away" if isinstance(error, StoreUnavailableError) else "the time was up"
            logger.warning("lost: %d ledger records could not be written before the end: %s", self.waiting, why)


class Recorders:
    """Hands each record to every sink; one that fails does not keep it from the others."""

    def __init__(self, sinks: Sequence[Callable[[RequestRecord], None]]) -> None:
        self._sinks = list(sinks)
        self.failures = 0

    def add(self, sink: Callable[[RequestRecord], None]) -> None:
        """One more sink, from now on."""
        self._sinks.append(sink)

    def submit(self, record: RequestRecord) -> None:
        """Take a record; never raises."""
        for sink in self._sinks:
            try:
                sink(record)
            except Exception as error:
                self.failures += 1
                logger.warning("a record could not be handed on: %s", type(error).__name__)
