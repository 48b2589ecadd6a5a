"""Takes answers that a guard has refused out of the cache, in a line of their own: no load makes them stay.

Until one is gone this worker serves it to nobody; others may.

Failure behaviour: `withdraw()` never blocks and never raises. While the store is away it is tried again, until it is
done or the worker ends. More than `MOST` cannot wait: the oldest are given up, which is logged and counted, as are
those that the store refuses to forget.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from thriftgate.caching.entries import PurgeFilter
from thriftgate.errors import Cause, StoreUnavailableError
from thriftgate.ports import AnswerCache
from thriftgate.services.request.retry_task import RetryTask
from thriftgate.services.request.retrying import RetryQueue

logger = logging.getLogger(__name__)

MOST = 10_000
"""That wait at once: a few megabytes."""
_PAUSE = 1.0
"""Seconds until the store is tried again, or what is still being written of an answer is looked at again."""


@dataclass(frozen=True, slots=True, eq=False)
class _Refused:
    scope: str
    entry_id: str
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while it is being written: it is forgotten after that."""


class Withdrawals:
    """Of all routes.

    Args:
        cache: Where the answers are.
        missed: Told why the store did not answer.
        answered: Told that it did.
    """

    def __init__(
        self,
        cache: AnswerCache,
        *,
        missed: Callable[[Cause], None],
        answered: Callable[[], None],
        most: int = MOST,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._cache = cache
        self._missed = missed
        self._answered = answered
        self._queue: RetryQueue[_Refused] = RetryQueue(max_items=most, batch_items=most)
        self._task = RetryTask("thriftgate:cache_withdraw", self._queue, self._send, pause=_PAUSE, sleep=sleep)
        self._refused: dict[tuple[str, str], None] = {}
        """Those that are not gone yet, and those that were given up: as many as may wait, the oldest first."""
        self._most = most

    @property
    def waiting(self) -> int:
        """Answers that are still to be forgotten."""
        return self._queue.waiting

    @property
    def dropped(self) -> int:
        """Answers that were given up, since the start of this worker."""
        return self._queue.dropped + self._queue.rejected

    def are_refused(self, scope: str, entry_id: str) -> bool:
        """Whether this answer is on its way out, so that nobody may get it."""
        return (scope, entry_id) in self._refused

    def withdraw(self, scope: str, entry_id: str, writing: asyncio.Lock | None = None) -> None:
        """Forget one entry of one scope; after what is being written of it under `writing`."""
        if (scope, entry_id) in self._refused:
            return
        self._refused[scope, entry_id] = None
        if len(self._refused) > self._most:
            del self._refused[next(iter(self._refused))]
        lost = self._task.put(_Refused(scope, entry_id, writing or asyncio.Lock()))
        if lost:
            logger.warning("%d answers that a guard refused stay in the cache: too many wait to be forgotten", lost)

    async def drain(self, patience: float) -> None:
        """Forget what waits, for at most so many seconds."""
        await self._task.drain(patience)
        if self._queue.waiting:
            logger.warning("%d answers that a guard refused stay in the cache", self._queue.give_up())

    async def _send(self, batch: Sequence[_Refused]) -> bool:
        await asyncio.sleep(0)  # what writes it has begun a moment ago, and holds its lock from now on
        again: list[_Refused] = []
        failed = 0
        for at, one in enumerate(batch):
            if one.writing.locked():
                again.append(one)
                continue
            try:
                await self._cache.purge(PurgeFilter(scope=one.scope, entry_id=one.entry_id))
            except StoreUnavailableError as error:
                self._missed(error.cause)
                again += batch[at:]
                break
            except Exception as error:
                logger.warning("an answer that a guard refused cannot be forgotten: %s", type(error).__name__)
                failed += 1
                continue
            self._answered()
            self._refused.pop((one.scope, one.entry_id), None)
        self._queue.taken(rejected=failed, again=again)
        return not again
