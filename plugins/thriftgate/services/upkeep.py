"""What a gateway does by itself from time to time: look for edited prompts, forget what has expired.

Failure behaviour: a job that fails is logged by its name and the error's class, and is tried again at its next turn.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do every `interval` seconds."""

    name: str
    interval: float
    work: Callable[[], Awaitable[object]]


class Upkeep:
    """Runs jobs, each in its own task, from `start()` to `stop()`."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = tuple(jobs)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin, in the running event loop; once."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._run(job), name=f"thriftgate:{job.name}") for job in self._jobs]

    async def stop(self) -> None:
        """End every job."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, job: Job) -> None:
        while True:
            try:
                await job.work()
            except Exception as error:
                logger.warning("%s failed: %s", job.name, type(error).__name__)
            await asyncio.sleep(job.interval)
