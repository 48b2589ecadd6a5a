"""The answer cache in Redis 8: exact keys and nearest neighbours in one round trip, through RedisVL's indexes.

What is kept and how it is called is said in `redis_cache_schema`. An entry ends with its TTL, and with it everything
that belongs to it. TTLs are told to Redis as seconds left, so our clock and its clock need not agree.

Failure behaviour: every method raises StoreUnavailableError when Redis does not answer, or refuses; the caller goes
on uncached. A look-up fails after 40 ms of silence, everything else after longer (see `redis_connection`). Indexes
that are missing (first start, FLUSHALL, another gateway's clean-up) are made again by the call that misses them;
until Redis has read the existing entries into a new index, fewer neighbours are found. An `evict` or `purge` that
breaks off has done part of its work, and doing it again completes it. A Redis that runs no script of ours still gives
answers, by two commands in one round trip; uses and outcomes it does not count. A Redis Cluster is not supported.
"""

import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, cast

from redis.asyncio import Redis

from thriftgate.caching.entries import CacheEntry, CacheStats, Lookup, Neighbour, Observation, PurgeFilter
from thriftgate.stores.redis import cache_codec as codec
from thriftgate.stores.redis import cache_schema as schema
from thriftgate.stores.redis.cache_commands import CacheCommands
from thriftgate.stores.redis.connection import RedisServer
from thriftgate.stores.redis.keys import NAMESPACE, key_digest
from thriftgate.types import Vector

_OBSERVATIONS = 10_000
"""Verified outcomes that a route keeps, about."""
_PAGE = 200
_BATCH = 500
_IDLE_ROUNDS = 3
"""Rounds in which everything that the index named had already ended; deleting it tells the index so."""

_TOUCH = """
if redis.call('HGET', KEYS[1], 'entry') ~= ARGV[1] then return 0 end
local hits = redis.call('HGET', KEYS[1], 'hits')
redis.call('HSET', KEYS[1], 'hits', hits + ARGV[3], 'used_at', ARGV[2])
return 1
"""
"""One HSET, and only on an entry that is still there: a hash made by a late hit would never end."""

_OBSERVE = """
if redis.call('HGET', KEYS[2], 'entry') ~= ARGV[1] or redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local lines = {}
for line in string.gmatch((redis.call('HGET', KEYS[1], 'outcomes') or '') .. ARGV[2] .. '\\n', '[^\\n]+') do
    lines[#lines + 1] = line
end
local first = math.max(1, #lines - ARGV[3] + 1)
redis.call('HSET', KEYS[1], 'outcomes', table.concat(lines, '\\n', first) .. '\\n')
return 1
"""


class RedisAnswerCache:
    """Answers given before, found by exact key or by meaning (implements `ports.AnswerCache`).

    The hits of a neighbour are those it was stored with; `entries()` and `stats()` have the present ones.

    Args:
        server: The Redis, with the query engine.
        dimensions: Length of the embedder's vectors.
        fingerprint: The embedder's; vectors of two embedders are kept apart.
        clock: Seconds since the Unix epoch.
        namespace: What every key begins with.
    """

    def __init__(
        self,
        server: RedisServer,
        *,
        dimensions: int,
        fingerprint: str,
        clock: Callable[[], float] = time.time,
        namespace: str = NAMESPACE,
    ) -> None:
        self._dimensions = dimensions
        self._clock = clock
        self._names = schema.Names.of(fingerprint=fingerprint, dimensions=dimensions, namespace=namespace)
        self._redis = CacheCommands(server, self._names, dimensions=dimensions)

    async def prepare(self) -> None:
        """Make the indexes where they are missing. Every call does so by itself; this one has more time."""
        await self._redis.prepare(deadline=self._redis.deadlines.prepare)

    async def lookup(self, scope: str, key: str, embedding: Vector | None, *, limit: int = 8) -> Lookup:
        """The entry with this exact key; where there is none and `embedding` is given, the nearest `limit`."""
        vector = codec.unit(embedding, dimensions=self._dimensions)
        identity = codec.entry_identity(scope, key)

        search: tuple[schema.Argument, ...] = ()
        if vector is not None:
            search = schema.nearest_command(self._names, key_digest(scope), codec.vector_bytes(vector), limit=limit)

        async def work(client: Redis) -> tuple[CacheEntry | None, Sequence[Any]]:
            fields, hits, found = await self._redis.look_up(client, identity, search)
            exact = self._live(codec.decode_entry(fields, hits=None if hits is None else int(hits)))
            if search and found is None and exact is None:
                # It has ended by our clock and not yet by Redis's, which therefore searched for nothing.
                found = await cast("Any", client.execute_command(*search))
            return exact, found[2::2] if found and exact is None else ()

        exact, rows = await self._redis.run(work, deadline=self._redis.deadlines.lookup)
        return Lookup(exact, tuple(self._neighbours(rows))[:limit])

    async def store(self, entry: CacheEntry) -> None:
        """Keep an answer; replaces the entry of the same scope and key."""
        vector = codec.unit(entry.embedding, dimensions=self._dimensions)
        identity = codec.entry_identity(entry.scope, entry.key)
        answer, use = self._names.answer(identity), self._names.use(identity)
        pointer = self._names.pointer(key_digest(entry.scope, entry.entry_id))
        now = self._clock()
        left = math.ceil((entry.expires_at - now) * 1000)

        async def work(client: Redis) -> None:
            pipeline = client.pipeline(transaction=True)
            pipeline.delete(answer, use)
            if left > 0:
                pipeline.hset(answer, mapping=codec.answer_fields(entry, vector))
                pipeline.hset(use, mapping=codec.use_fields(entry, used_at=now))
                pipeline.set(pointer, identity, px=left)
                pipeline.pexpire(answer, left)
                pipeline.pexpire(use, left)
                pipeline.hset(self._names.routes, key_digest(entry.route), _utf8(entry.route))
            await pipeline.execute()

        await self._redis.run(work, deadline=self._redis.deadlines.write)

    async def touch(self, scope: str, entry_id: str, *, hits: int = 1) -> None:
        """Count hits of an entry, for eviction by use."""
        entry = key_digest(scope, entry_id)

        async def work(client: Redis) -> None:
            identity: bytes | None = await cast("Any", client.get(self._names.pointer(entry)))
            if identity is not None:
                use = self._names.use(identity.decode())
                await cast("Any", client.eval(_TOUCH, 1, use, entry, repr(self._clock()), hits))

        await self._redis.run(work, deadline=self._redis.deadlines.write)

    async def observe(self, observation: Observation) -> None:
        """Keep one verified outcome, with its route and, while that lives, with its entry."""
        entry, route = key_digest(observation.scope, observation.entry_id), key_digest(observation.route)

        async def work(client: Redis) -> None:
            pipeline = client.pipeline(transaction=False)
            fields: Any = codec.observation_fields(observation)
            pipeline.xadd(self._names.seen(route), fields, maxlen=_OBSERVATIONS, approximate=True)
            pipeline.hset(self._names.routes, route, _utf8(observation.route))
            pipeline.get(self._names.pointer(entry))
            identity = (await pipeline.execute())[-1]
            if identity is not None:
                keys = self._names.answer(identity.decode()), self._names.use(identity.decode())
                arguments = entry, codec.outcome_line(observation), str(codec.OUTCOMES)
                await cast("Any", client.eval(_OBSERVE, 2, *keys, *arguments))

        await self._redis.run(work, deadline=self._redis.deadlines.write)

    async def observations(self, route: str, *, limit: int = 5000) -> Sequence[Observation]:
        """The latest verified outcomes of a route, newest first."""
        if limit < 1:
            return ()

        async def work(client: Redis) -> Any:
            return await client.xrevrange(self._names.seen(key_digest(route)), count=limit)

        rows = await self._redis.run(work, deadline=self._redis.deadlines.report)
        seen = [codec.decode_observation(fields) for _, fields in rows]
        return sorted(seen, key=lambda observation: observation.observed_at, reverse=True)

    async def purge(self, what: PurgeFilter) -> int:
        """Forget every entry that matches all given conditions; returns how many.

        Verified outcomes stay with their route: they hold no text, and what they taught remains true.
        """
        search = schema.matching(self._names, schema.purged(what), limit=_BATCH)
        gone = idle_rounds = 0
        while idle_rounds < _IDLE_ROUNDS and (keys := (await self._redis.command(*search))[1:]):
            forgotten = await self._redis.forget([self._names.identity_of(key) for key in keys])
            idle_rounds = 0 if forgotten else idle_rounds + 1
            gone += forgotten
        return gone

    async def evict(self, route: str, *, keep: int) -> int:
        """Drop the least used entries of a route (fewest hits, oldest last use) until `keep` remain.

        Returns how many went.
        """
        name = key_digest(route)
        total = (await self._redis.command(*schema.count_command(self._names, schema.of_route(name))))[0]
        surplus, gone, idle_rounds = total - keep, 0, 0
        while gone < surplus and idle_rounds < _IDLE_ROUNDS:
            batch = min(_BATCH, surplus - gone)
            rows = (await self._redis.command(*schema.least_used(self._names, name, limit=batch)))[1:]
            forgotten = await self._redis.forget(self._redis.identities(rows))
            idle_rounds = 0 if forgotten else idle_rounds + 1
            gone += forgotten
        return gone

    async def delete_expired(self) -> int:
        """Nothing: every key has its time to live."""
        return 0

    async def stats(self) -> Sequence[CacheStats]:
        """Per route: entries, their hits and scopes, and the verified outcomes that are kept."""
        rows = (await self._redis.command(*schema.per_route(self._names)))[1:]
        counted = {fields[b"route"]: fields for fields in map(codec.fields_of, rows) if b"route" in fields}
        found: list[CacheStats] = []
        for route, name in (await self._redis.routes()).items():
            fields = counted.get(route, {})
            entries, hits, scopes = (int(float(fields.get(field, 0))) for field in (b"entries", b"hits", b"scopes"))
            observations, wrong = await self._redis.outcome_counts(route.decode())
            if entries or observations:
                found.append(
                    CacheStats(
                        route=name,
                        entries=entries,
                        hits=hits,
                        scopes=scopes,
                        observations=observations,
                        wrong_observations=wrong,
                    )
                )
        return sorted(found, key=lambda stats: stats.route)

    async def entries(self, route: str | None = None) -> AsyncIterator[CacheEntry]:
        """Every live entry. The keys are listed first, so the reader may take its time with the entries."""
        what = schema.everything() if route is None else schema.of_route(key_digest(route))
        identities = await self._redis.all_identities(what)
        for start in range(0, len(identities), _PAGE):
            for entry in await self._redis.load(identities[start : start + _PAGE]):
                if self._live(entry) is not None:
                    yield entry

    async def close(self) -> None:
        """Nothing of its own to close: the server belongs to whoever made it."""

    def _live(self, entry: CacheEntry | None) -> CacheEntry | None:
        return entry if entry is not None and entry.expires_at > self._clock() else None

    def _neighbours(self, rows: Sequence[Sequence[bytes] | None]) -> Sequence[Neighbour]:
        found: list[Neighbour] = []
        for row in rows:
            fields = codec.fields_of(row)
            entry = self._live(codec.decode_entry(fields))
            if entry is not None:
                found.append(Neighbour(entry, codec.similarity_of(fields[b"vector_distance"])))
        return found


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
