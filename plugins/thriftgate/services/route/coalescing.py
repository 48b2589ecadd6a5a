"""Identical questions that are asked at the same time go upstream once, across all workers.

The first to ask leads; the others follow, and wait for what it publishes. A leader that ends without an answer (its
client went away, its worker died) frees the key, and one of the waiters asks instead; so nobody hangs on a dead leader.
When the leader's call failed, or its answer is for nobody else, each of its waiters asks for itself at once: one after
the other they would wait for as many calls as there are waiters.

Failure behaviour: when the store is away, everybody asks for themselves.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress
from typing import Any

from thriftgate.errors import StoreUnavailableError
from thriftgate.ports import Clock, SingleFlight


class Participant:
    """One request's part in a coalesced call. What a leader does not `publish()` is for itself alone."""

    def __init__(self, outcome: Mapping[str, Any] | None = None) -> None:
        self.joined = outcome
        """The leader's outcome, for those who waited; None for those who must ask."""
        self.published: Mapping[str, Any] | None = None

    def publish(self, outcome: Mapping[str, Any]) -> None:
        """Give this outcome (a JSON object) to everybody who waits."""
        self.published = outcome


class Coalescer:
    """Has one of several identical requests ask, and the others follow it.

    `lease` is how long a leader may be silent before it counts as dead; it is renewed while the leader works.
    `keep` is how long an outcome stays, so that everybody who waits can fetch it.
    """

    def __init__(
        self,
        single_flight: SingleFlight,
        *,
        clock: Clock,
        lease: float = 10.0,
        keep: float = 2.0,
        patience: float = 60.0,
    ) -> None:
        self._single_flight = single_flight
        self._clock = clock
        self._lease = lease
        self._keep = keep
        self._patience = patience
        self._publishing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def join(
        self,
        key: str,
        *,
        noted: AbstractContextManager[dict[str, Any]] | None = None,
        follow: Callable[[], None] = lambda: None,
    ) -> AsyncGenerator[Participant]:
        """Lead the requests of this key, or follow their leader.

        `noted` is a stage that takes note of the wait; `follow` is called when it begins.
        """
        owner = uuid.uuid4().hex
        with noted or nullcontext(dict[str, Any]()) as notes:
            joined = await self._join(key, owner, follow)
            notes["outcome"] = "first" if joined is _LEADING else "alone" if joined is None else "joined"
        if joined is not _LEADING:
            yield Participant(joined)
            return
        participant = Participant()
        told = _ASK_YOURSELVES
        renewal = asyncio.create_task(self._renew(key, owner))
        try:
            yield participant
        except (asyncio.CancelledError, GeneratorExit):
            told = _ABANDONED
            raise
        finally:
            renewal.cancel()
            if participant.published is not None:
                told = {"outcome": participant.published, "published_at": self._clock.time()}
            # Only an answer is kept for late ones: whoever comes after anything else shall lead anew.
            keep = self._keep if participant.published is not None else 0.0
            # Beside the request: an answer that is ready does not wait for a store, and a client that is gone must
            # not keep those who wait from being told.
            publishing = asyncio.create_task(self._publish(key, owner, told, keep), name="thriftgate:publishing")
            self._publishing.add(publishing)
            publishing.add_done_callback(self._publishing.discard)

    async def _publish(self, key: str, owner: str, told: Mapping[str, Any], keep: float) -> None:
        with suppress(StoreUnavailableError):
            await self._single_flight.publish(key, owner=owner, outcome=told, keep=keep)

    async def published(self) -> None:
        """When everybody who waits has been told so far."""
        while self._publishing:
            await asyncio.wait(self._publishing)

    async def _join(self, key: str, owner: str, follow: Callable[[], None]) -> Mapping[str, Any] | None:
        """The outcome of somebody else's call; `_LEADING` when this one leads; None to ask alone."""
        arrived_at = self._clock.time()
        deadline = self._clock.monotonic() + self._patience
        while (left := deadline - self._clock.monotonic()) > 0:
            try:
                if await self._single_flight.lead(key, owner=owner, lease=self._lease):
                    return _LEADING
                follow()
                outcome = await self._single_flight.wait(key, patience=left)
            except StoreUnavailableError:
                return None
            if outcome == _ASK_YOURSELVES:
                return None
            if outcome is not None and outcome != _ABANDONED:
                # Who comes after the answer asks alone: what may be given again is the cache's to say.
                return None if arrived_at > outcome["published_at"] else outcome["outcome"]
        return None

    async def _renew(self, key: str, owner: str) -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            # A store that is away for a moment may be back before the lease ends.
            with suppress(StoreUnavailableError):
                if not await self._single_flight.renew(key, owner=owner, lease=self._lease):
                    return


_LEADING: Mapping[str, Any] = {"leading": True}
_ABANDONED: Mapping[str, Any] = {"abandoned": True}
"""Its client went away: one of those who wait asks, for itself and the others."""
_ASK_YOURSELVES: Mapping[str, Any] = {"failed": True}
"""It failed, or has an answer that is nobody else's. The words are those that workers of earlier releases know."""
