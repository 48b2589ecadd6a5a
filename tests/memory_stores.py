"""Stores that live in memory, for tests of the services; they pass the real stores' contract suites."""

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from thriftgate.caching.entries import CacheEntry, CacheStats, Lookup, Neighbour, Observation, PurgeFilter
from thriftgate.errors import StoreUnavailableError
from thriftgate.types import Vector

_OUTCOMES = 64


class WaitingClock(Protocol):
    """A clock that can be waited for."""

    def time(self) -> float: ...

    async def pause(self, event: asyncio.Event, seconds: float) -> None: ...


class MemoryStore:
    """Something that can be away."""

    def __init__(self) -> None:
        self.is_away = False
        self.calls: Counter[str] = Counter()

    async def reach(self, what: str) -> None:
        """Note the call, and fail while the store is away."""
        self.calls[what] += 1
        await asyncio.sleep(0)
        if self.is_away:
            raise StoreUnavailableError("the store is away")


class InMemoryAnswerCache(MemoryStore):
    """Implements `ports.AnswerCache` by brute force."""

    def __init__(self, clock: WaitingClock) -> None:
        super().__init__()
        self._clock = clock
        self._entries: dict[tuple[str, str], CacheEntry] = {}
        self._hits: Counter[tuple[str, str]] = Counter()
        self._used: dict[tuple[str, str], int] = {}
        self._observed: list[Observation] = []

    async def prepare(self) -> None:
        await self.reach("prepare")

    async def lookup(self, scope: str, key: str, embedding: Vector | None, *, limit: int = 8) -> Lookup:
        await self.reach("lookup")
        exact = next((entry for entry in self._live() if (entry.scope, entry.key) == (scope, key)), None)
        near = [
            Neighbour(self._shown(entry), _cosine(embedding, entry.embedding))
            for entry in self._live()
            if exact is None and entry.scope == scope and _has_direction(embedding) and _has_direction(entry.embedding)
        ]
        near.sort(key=lambda neighbour: -neighbour.similarity)
        return Lookup(self._shown(exact) if exact else None, tuple(near[:limit]))

    async def store(self, entry: CacheEntry) -> None:
        await self.reach("store")
        self._entries[entry.scope, entry.key] = entry

    async def touch(self, scope: str, entry_id: str, *, hits: int = 1) -> None:
        await self.reach("touch")
        self._hits[scope, entry_id] += hits
        self._used[scope, entry_id] = self._hits.total()

    async def observe(self, observation: Observation) -> None:
        await self.reach("observe")
        finite = {name: value for name, value in observation.features.items() if math.isfinite(value)}
        self._observed.append(replace(observation, features=finite))

    async def observations(self, route: str, *, limit: int = 5000) -> Sequence[Observation]:
        await self.reach("observations")
        found = [seen for seen in self._observed if seen.route == route]
        return sorted(found, key=lambda seen: -seen.observed_at)[:limit]

    async def purge(self, what: PurgeFilter) -> int:
        await self.reach("purge")
        return self._drop(entry for entry in self._entries.values() if what.matches(entry))

    async def evict(self, route: str, *, keep: int) -> int:
        await self.reach("evict")
        found = [self._shown(entry) for entry in self._entries.values() if entry.route == route]
        found.sort(key=lambda entry: (entry.hits, self._used.get((entry.scope, entry.entry_id), 0)), reverse=True)
        return self._drop(found[keep:])

    async def delete_expired(self) -> int:
        await self.reach("delete_expired")
        live = self._live()
        return self._drop([entry for entry in self._entries.values() if entry not in live])

    async def stats(self) -> Sequence[CacheStats]:
        await self.reach("stats")
        return [self._stats(route) for route in sorted({entry.route for entry in self._entries.values()})]

    async def entries(self, route: str | None = None) -> AsyncIterator[CacheEntry]:
        await self.reach("entries")
        for entry in [entry for entry in self._live() if route in (None, entry.route)]:
            yield self._shown(entry)

    def _live(self) -> list[CacheEntry]:
        return [entry for entry in self._entries.values() if entry.expires_at > self._clock.time()]

    def _shown(self, entry: CacheEntry) -> CacheEntry:
        seen = [one for one in self._observed if (one.scope, one.entry_id) == (entry.scope, entry.entry_id)]
        seen.sort(key=lambda one: one.observed_at)
        hits = entry.hits + self._hits[entry.scope, entry.entry_id]
        return replace(entry, hits=hits, outcomes=tuple(seen[-_OUTCOMES:]))

    def _drop(self, entries: Iterable[CacheEntry]) -> int:
        gone = [(entry.scope, entry.key) for entry in entries]
        for place in gone:
            del self._entries[place]
        return len(gone)

    def _stats(self, route: str) -> CacheStats:
        live = [self._shown(entry) for entry in self._live() if entry.route == route]
        seen = [one for one in self._observed if one.route == route]
        return CacheStats(
            route=route,
            entries=len(live),
            hits=sum(entry.hits for entry in live),
            scopes=len({entry.scope for entry in live}),
            observations=len(seen),
            wrong_observations=sum(not one.is_correct for one in seen),
        )


def _has_direction(vector: Vector | None) -> bool:
    return vector is not None and bool(np.any(vector))


def _cosine(first: Vector | None, second: Vector | None) -> float:
    assert first is not None
    assert second is not None
    return float(np.clip(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)), 0, 1))


class _Led:
    def __init__(self, owner: str, ends_at: float) -> None:
        self.owner = owner
        self.ends_at = ends_at
        self.outcome: Mapping[str, Any] | None = None
        self.published = asyncio.Event()


class InMemorySingleFlight(MemoryStore):
    """Implements `ports.SingleFlight`."""

    def __init__(self, clock: WaitingClock) -> None:
        super().__init__()
        self._clock = clock
        self._single_flight: dict[str, _Led] = {}
        self.waiting: Counter[str] = Counter()
        """How many wait for each key just now."""

    async def lead(self, key: str, *, owner: str, lease: float) -> bool:
        await self.reach("lead")
        led = self._current(key)
        if led is not None and (led.owner != owner or led.outcome is not None):
            return False
        self._single_flight[key] = _Led(owner, self._clock.time() + lease)
        return True

    async def renew(self, key: str, *, owner: str, lease: float) -> bool:
        await self.reach("renew")
        led = self._current(key)
        if led is None or led.owner != owner or led.outcome is not None:
            return False
        led.ends_at = self._clock.time() + lease
        return True

    async def publish(self, key: str, *, owner: str, outcome: Mapping[str, Any], keep: float) -> None:
        await self.reach("land")
        led = self._current(key)
        if led is not None and led.owner != owner:
            return
        led = self._single_flight.setdefault(key, _Led(owner, 0.0))
        led.outcome, led.ends_at = outcome, self._clock.time() + keep
        led.published.set()

    async def wait(self, key: str, *, patience: float) -> Mapping[str, Any] | None:
        await self.reach("wait")
        deadline = self._clock.time() + patience
        led = self._current(key)
        self.waiting[key] += 1
        try:
            while led is not None and led.outcome is None:
                left = min(led.ends_at, deadline) - self._clock.time()
                if left <= 0:
                    return None
                await self._clock.pause(led.published, left)
        finally:
            self.waiting[key] -= 1
        return led.outcome if led else None

    def _current(self, key: str) -> _Led | None:
        led = self._single_flight.get(key)
        return led if led is not None and led.ends_at > self._clock.time() else None
