"""The end of a gateway: one time for all of it, in stages, whatever does not end.

Failure behaviour: what fails is logged by its name and the error's class. What has not ended when its stage is over is
cancelled, logged by its name, and not waited for, even where it does not heed the cancellation. Neither keeps the rest
from its turn.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

logger = logging.getLogger(__name__)

_GRACE = 0.05
"""The share of the time in which what keeps to its own part of it says itself what it lost."""


class Shutdown:
    """Ends things within `patience` seconds in all, from now; in the running event loop."""

    def __init__(self, patience: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._patience = patience
        self._began = self._loop.time()

    async def stage(self, works: Mapping[str, Callable[[float], Awaitable[object] | None]], *, by: float = 1.0) -> None:
        """Let these end, beside each other, until the share `by` of the time is over; each is told its seconds."""
        end = self._began + by * self._patience
        told = max(0.0, end - _GRACE * self._patience - self._loop.time())
        tasks = {asyncio.create_task(_ended(name, work, told)): name for name, work in works.items()}
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=max(0.0, end - self._loop.time()))
        for task in late:
            task.cancel()
            logger.warning("%s did not end in time and was left", tasks[task])


async def _ended(name: str, work: Callable[[float], Awaitable[object] | None], seconds: float) -> None:
    try:
        if (ending := work(seconds)) is not None:
            await ending
    except Exception as error:
        logger.warning("%s could not be ended: %s", name, type(error).__name__)
