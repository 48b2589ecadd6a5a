"""What a gateway does by itself from time to time: look for edited prompts, forget what has expired or been replaced.

Failure behaviour: a job that fails is logged by its name and the error's class, and is tried again at its next turn.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from thriftgate.caching.entries import PurgeFilter
from thriftgate.errors import CAUSES, StoreUnavailableError
from thriftgate.ports import AnswerCache
from thriftgate.services.request.outages import Outages

logger = logging.getLogger(__name__)

_LOOK_AGAIN_EVERY = 5.0


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do every `interval` seconds."""

    name: str
    interval: float
    work: Callable[[], Awaitable[object]]


class Upkeep:
    """Runs jobs, each in its own task, from `start()` to `stop()`."""

    def __init__(self, jobs: Sequence[Job], *, outages: Outages | None = None) -> None:
        self._jobs = tuple(jobs)
        self._outages = outages
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin, in the running event loop; once."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._run(job), name=f"thriftgate:{job.name}") for job in self._jobs]

    async def stop(self, patience: float = 2.0) -> None:
        """End every job; one that does not heed that for `patience` seconds is left, and named."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        late = (await asyncio.wait(tasks, timeout=patience))[1] if tasks else ()
        for task in late:
            logger.warning("%s did not end in time and was left", task.get_name())

    async def _run(self, job: Job) -> None:
        while True:
            try:
                await job.work()
            except StoreUnavailableError as error:
                if self._outages is not None:
                    self._outages.missed_behind(job.name, error.cause)
                else:
                    logger.warning("%s failed: %s", job.name, CAUSES[error.cause])
            except Exception as error:
                logger.warning("%s failed: %s", job.name, type(error).__name__)
            await asyncio.sleep(job.interval)


def look_again(job: str, name: str, outages: Outages, ask: Callable[[], Awaitable[object]]) -> Job:
    """A job that asks what is away whether it is back: an outage ends also where no request comes."""

    async def look() -> None:
        found = outages.all.get(name)
        if found is not None and found.since is not None:
            await ask()
            outages.answered(name)

    return Job(job, _LOOK_AGAIN_EVERY, look)


class PromptVersions(Protocol):
    """Knows which versions of a prompt exist."""

    def versions_of(self, name: str) -> frozenset[str]:
        """Content hashes; empty when there is no such prompt."""
        ...


class PromptVersionPurge:
    """Forgets the answers of prompt versions that are gone.

    Nobody would be served them, since the version is a part of every entry's scope; but they take up space.
    """

    def __init__(self, cache: AnswerCache, prompts: PromptVersions, routes: Mapping[str, str]) -> None:
        """`routes`: the prompt of each route that has both a prompt and a cache."""
        self._cache = cache
        self._prompts = prompts
        self._routes = routes
        self._seen: dict[str, frozenset[str]] = {}

    async def look(self) -> int:
        """Purge where the versions have changed since the last look; returns how many entries went.

        Raises StoreUnavailableError; the next look tries again.
        """
        gone = 0
        for route, prompt in self._routes.items():
            versions = self._prompts.versions_of(prompt)
            if versions and versions != self._seen.get(route):
                gone += await self._cache.purge(PurgeFilter(route=route, prompt_versions_not=tuple(sorted(versions))))
                self._seen[route] = versions
        return gone
