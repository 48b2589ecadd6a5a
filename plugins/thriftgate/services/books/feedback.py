"""What users say about answers, put where it is learnt from.

Failure behaviour: raises StoreUnavailableError; the user may say it again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from thriftgate.ports import Clock, Ledger
from thriftgate.services.books.recording import LedgerWriter
from thriftgate.services.checking.verification import CacheVerifier
from thriftgate.types import Audit, AuditKind, DecisionKind, RequestRecord

_LOOK_EVERY = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackService:
    """Takes feedback on requests in the ledger."""

    ledger: Ledger
    writer: LedgerWriter
    verifiers: Mapping[str, CacheVerifier]
    """By route; where a route's cache learns."""
    clock: Clock
    patience: float = 3.0
    """Seconds that a row may take to come: others write theirs every `ledger.flush_interval`."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def take(self, request_id: str, *, is_correct: bool, key_hash: str | None) -> bool:
        """Keep a verdict; False when there is no such request of this key. `key_hash` None may judge any."""
        await self.writer.flush()
        record = await self._found(request_id)
        if record is None or (key_hash is not None and record.caller.key_hash != key_hash):
            return False
        audit = Audit(
            request_id=request_id,
            kind=AuditKind.FEEDBACK,
            route=record.route,
            tier=record.tier,
            judged_at=self.clock.time(),
            is_acceptable=is_correct,
            score=record.confidence,
            details=dict(record.signals),
            asked_at=record.started_at,
            caller=record.caller,
            traceparent=record.traceparent,
        )
        await self.ledger.add_audit(audit)
        verifier = self.verifiers.get(record.route)
        if verifier is not None and record.decision is DecisionKind.SEMANTIC_HIT and record.cache_entry_id:
            await verifier.learn_from_feedback(
                record.cache_entry_id,
                str(record.metadata.get("cache_scope") or ""),
                record.similarity or 0.0,
                record.signals,
                is_correct=is_correct,
            )
        return True

    async def _found(self, request_id: str) -> RequestRecord | None:
        """The row of a request; where another worker or gateway served it, that one may still have to write it."""
        left = self.patience
        while (record := await self.ledger.get(request_id)) is None and left > 0:
            await self.sleep(min(_LOOK_EVERY, left))
            left -= _LOOK_EVERY
        return record
