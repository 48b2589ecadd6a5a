"""Empties a queue behind the requests: batch after batch, with a pause while the other side is away.

There is one sender at a time, whoever started it, `put()` or `drain()`: two would take the same batch.

Failure behaviour: `put()` never blocks and never raises. What `send` raises ends the task; its batch goes first when
the next item comes. `drain()` sends what it can within its patience, raises what `send` raises, and keeps the rest.
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
        self._sender()
        return lost

    async def drain(self, patience: float) -> None:
        """Send what waits, for at most so many seconds; also from another event loop than the requests'.

        What comes meanwhile is sent too; what is left when the patience ends waits on. Raises what `send` raises.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while self._queue.waiting or (self._task is not None and not self._task.done()):
                    await _over(self._sender())

    def _sender(self) -> asyncio.Task[None]:
        """The task that sends; a new one where there is none, or where it stands in a loop that does not run."""
        task = self._task
        if task is None or task.done() or not task.get_loop().is_running():
            if task is not None and not task.done() and not task.get_loop().is_closed():
                task.cancel()  # should its loop go on, it must not send what goes now
            task = asyncio.create_task(self._run(), name=self._name, context=Context())
            self._task = task
        return task

    async def _run(self) -> None:
        while batch := self._queue.take():
            if not await self._send(batch):
                await self._sleep(self._pause)


async def _over(task: asyncio.Task[None]) -> None:
    """Return when a task has ended, also one of another thread's loop; it ends with whoever waits for it."""
    loop = task.get_loop()
    if loop is not asyncio.get_running_loop():
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_over(task), loop))
        return
    try:
        await asyncio.wait({task})
    finally:
        task.cancel()
        await asyncio.wait({task})
    if not task.cancelled():
        task.result()
