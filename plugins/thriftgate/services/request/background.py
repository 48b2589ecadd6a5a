"""Work that nobody waits for (stores, audits, verifications), and work that the others do not wait for.

Failure behaviour: a task that fails is counted and logged by its name and the error's class, never by its
content. Above `limit` running tasks new ones are dropped and counted, and the log tells of the first, the second, the
fourth and so on: background work may never pile up in front of requests. What must be done all the same has a line of
its own. `drain()` waits for what is under way and cancels the rest.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Set
from contextlib import suppress
from typing import Any, TypeVar

from thriftgate.errors import CAUSES, StoreUnavailableError
from thriftgate.services.request.outages import Outages

logger = logging.getLogger(__name__)


class BackgroundTasks:
    """Starts coroutines and keeps them alive until they end."""

    def __init__(self, *, limit: int = 200, outages: Outages | None = None) -> None:
        self._limit = limit
        self._outages = outages
        self._tasks: set[asyncio.Task[None]] = set()
        self.failures: Counter[str] = Counter()
        """Failed tasks by name."""
        self.dropped: Counter[str] = Counter()
        """Tasks that were not started because too many were running, by name."""

    @property
    def running(self) -> int:
        """Tasks that have not ended."""
        return len(self._tasks)

    def start(self, name: str, work: Coroutine[Any, Any, object]) -> bool:
        """Run `work` beside the request, unless too much is running; `name` is a fixed word for logs and counters."""
        if len(self._tasks) >= self._limit:
            self.dropped[name] += 1
            lost = self.dropped[name]
            if lost & (lost - 1) == 0:
                logger.warning("too much runs behind the requests: %s was left out %d times so far", name, lost)
            work.close()
            return False
        task = asyncio.create_task(self._run(name, work), name=f"thriftgate:{name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _run(self, name: str, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except StoreUnavailableError as error:
            self.failures[name] += 1
            if self._outages is not None:
                self._outages.missed_behind(name, error.cause)
            else:
                logger.warning("background task %s failed: %s", name, CAUSES[error.cause])
        except Exception as error:
            self.failures[name] += 1
            logger.warning("background task %s failed: %s", name, type(error).__name__)

    async def drain(self, patience: float = 2.0) -> None:
        """Wait `patience` seconds for what is under way and what that starts, then cancel it."""
        await drained(self._tasks, patience)


async def drained(tasks: Set[asyncio.Task[Any]], patience: float) -> None:
    """Wait `patience` seconds for these tasks and those that join them, then cancel what is left, and wait for its end.

    Each leaves the set when it ends.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(patience):
            while tasks:
                await asyncio.wait(tasks)
    late = tuple(tasks)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)


T = TypeVar("T")


async def beside_loop(work: Callable[[], T], *, is_heavy: bool) -> T:
    """What the work gives; it runs in a thread when the request that it looks through is a heavy one.

    Most requests are looked at in microseconds, less than a thread costs. One of thousands of parts takes tenths of a
    second, in which an event loop would answer nobody. What the work raises is raised.
    """
    return await asyncio.to_thread(work) if is_heavy else work()
