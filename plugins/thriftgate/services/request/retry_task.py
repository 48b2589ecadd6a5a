"""Empties a queue behind the requests: batch after batch, with a pause while the other side is away.

Failure behaviour: `put()` never blocks and never raises. What `send` raises ends the task; its batch goes first when
the next item comes. `drain()` sends what it can within its patience, and keeps the rest.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from contextvars import Context
from typing import Generic

from thriftgate.services.request.retrying import RetryQueue, T


class RetryTask(Generic[T]):
    """Sends what waits in a queue, from one task of its own that starts with the first item and ends with the last.

    Args:
        queue: What waits.
        send: Sends a batch and tells the queue what became of it; False where some of it must wait.
        pause: Seconds until the other side is tried again.
    """

    def __init__(
        self,
        name: str,
        queue: RetryQueue[T],
        send: Callable[[Sequence[T]], Awaitable[bool]],
        *,
        pause: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._name = name
        self._queue = queue
        self._send = send
        self._pause = pause
        self._sleep = sleep
        self._task: asyncio.Task[None] | None = None

    def put(self, item: T) -> int:
        """Send an item soon, in the running event loop; returns how many older ones were lost for want of room."""
        lost = self._queue.put(item)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=self._name, context=Context())
        return lost

    async def drain(self, patience: float) -> None:
        """Send what waits, for at most so many seconds; also from another event loop than the requests'."""
        task, self._task = self._task, None
        if task is not None and not task.done() and task.get_loop() is asyncio.get_running_loop():
            await asyncio.wait({task}, timeout=patience)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._run()

    async def _run(self) -> None:
        while batch := self._queue.take():
            if not await self._send(batch):
                await self._sleep(self._pause)
