"""Sends the traces and scores of a time again, from the ledger: after an outage, or into a new Langfuse.

Every id is made from the request's own, and every score carries the time of its request, so what is there already is
replaced by itself, and neither doubled nor moved.

Failure behaviour: raises StoreUnavailableError when the ledger does not answer, or when the backend took nothing
after several tries with growing pauses; what was sent by then stays sent. What the backend refuses is counted, one by
one, and passed over.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from thriftgate.errors import StoreUnavailableError
from thriftgate.ports import Ledger
from thriftgate.services.telemetry.traces import Intake, TraceSettings
from thriftgate.tracing.delivery import Away, Delivered, Delivery, pause_after
from thriftgate.tracing.model import Score
from thriftgate.types import Audit, AuditKind, RequestRecord

T = TypeVar("T")
_BATCH = 100
_MOST_TRIES = 7


@dataclass(slots=True)
class Backfilled:
    """What was sent."""

    requests: int = 0
    audits: int = 0
    scores: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """Sends requests and verdicts of the ledger to a backend; with `intake` None it only counts them."""

    ledger: Ledger
    settings: TraceSettings
    intake: Intake | None
    sleep: Callable[[float], Awaitable[None]]
    draw: Callable[[], float]
    tell: Callable[[Backfilled], None] = lambda _: None
    """Is told after each batch how far it is."""

    async def run(self, *, since: float, until: float | None = None, route: str | None = None) -> Backfilled:
        """Everything that started, or was judged, in [since, until)."""
        done = Backfilled()
        records = self.ledger.records(since=since, until=until, route=route)
        async for batch in _batches(records):
            done.refused += await self._send(batch, self._spans)
            done.requests += len(batch)
            await self._scores([score for record in batch for score in self.settings.scores(record)], done)
        guards = await self.ledger.audits(since=since, route=route, kind=AuditKind.GUARD)
        found = (*await self.ledger.audits(since=since, route=route), *guards)
        audits = [audit for audit in found if until is None or audit.judged_at < until]
        for start in range(0, len(audits), _BATCH):
            batch = audits[start : start + _BATCH]
            if costly := [audit for audit in batch if self.settings.spans(audit)]:
                done.refused += await self._send(costly, self._spans)
                done.audits += len(costly)
            await self._scores([score for audit in batch for score in self.settings.verdicts(audit)], done)
        return done

    async def _scores(self, scores: Sequence[Score], done: Backfilled) -> None:
        if scores:
            done.refused += await self._send(scores, self._judgements)
            done.scores += len(scores)
        self.tell(done)

    def _spans(self, traced: Sequence[RequestRecord | Audit]) -> Delivery:
        return self.intake.spans(self.settings.encode(traced)) if self.intake else Delivered()

    def _judgements(self, scores: Sequence[Score]) -> Delivery:
        return self.intake.scores(scores) if self.intake else Delivered()

    async def _send(self, items: Sequence[T], send: Callable[[Sequence[T]], Delivery]) -> int:
        """Send all items, in parts where they are refused together; returns how many were refused."""
        delivery = await self._patiently(items, send)
        if isinstance(delivery, Delivered):
            return delivery.refused
        if len(items) == 1:
            return 1
        half = len(items) // 2
        return await self._send(items[:half], send) + await self._send(items[half:], send)

    async def _patiently(self, items: Sequence[T], send: Callable[[Sequence[T]], Delivery]) -> Delivery:
        failures = 0
        while isinstance(delivery := await asyncio.to_thread(send, items), Away):
            failures += 1
            if failures == _MOST_TRIES:
                raise StoreUnavailableError(f"Langfuse {delivery.reason}")
            await self.sleep(pause_after(failures, draw=self.draw(), retry_after=delivery.retry_after))
        return delivery


async def _batches(records: AsyncIterator[RequestRecord]) -> AsyncIterator[list[RequestRecord]]:
    batch: list[RequestRecord] = []
    async for record in records:
        batch.append(record)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
