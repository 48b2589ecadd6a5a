"""The answer cache in PostgreSQL with pgvector: exact keys and nearest neighbours in one round trip.

A look-up compares the question with the first 1,000 vectors of its scope one by one, and finds the nearest of the
rest through an approximate index (HNSW, arXiv 1603.09320; half precision, then ranked again in full precision).
What a user said is kept as question and answer, as it must be to be served again; it ends with its entry.

Failure behaviour: every method raises StoreUnavailableError when the database does not answer, a look-up as soon as it
is silent; the caller goes on uncached. Writes do not wait for the disk (`synchronous_commit` off for them alone): a
power cut may lose the last half second of new answers, and damages none.
"""

import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial

import numpy as np

from thriftgate.caching.entries import CacheEntry, CacheStats, Lookup, Neighbour, Observation, PurgeFilter, usage_fields
from thriftgate.stores.postgres.cache import sql
from thriftgate.stores.postgres.cache.rows import answer_columns, entry_of, observation_of
from thriftgate.stores.postgres.connection.database import Database, Row
from thriftgate.stores.postgres.connection.text import to_json, to_text
from thriftgate.types import Vector

_MAX_INDEXED_DIMENSIONS = 4000
"""Of pgvector's half precision; longer vectors are all compared one by one."""
_PAGE = 200


class PostgresAnswerCache:
    """Answers given before, found by exact key or by meaning (implements `ports.AnswerCache`).

    `dimensions` is the length of the embedder's vectors, `embedder` its name; what others found is kept apart.
    """

    def __init__(
        self,
        database: Database,
        *,
        dimensions: int,
        embedder: str = "local",
        clock: Callable[[], float] = time.time,
        exact_limit: int = sql.EXACT_LIMIT,
    ) -> None:
        self._database = database
        self._dimensions = dimensions
        self._embedder = embedder
        self._clock = clock
        self._exact_limit = exact_limit if dimensions <= _MAX_INDEXED_DIMENSIONS else 2**31 - 1
        self._has_indexes = False

    async def prepare(self) -> None:
        """Nothing: the tables are made when the database is prepared."""

    async def lookup(self, scope: str, key: str, embedding: Vector | None, *, limit: int = 8) -> Lookup:
        """The entry with this exact key; where there is none and `embedding` is given, the nearest `limit`."""
        vector = self._unit(embedding)
        scope = to_text(scope)
        if vector is None:
            found = await self._fetch(sql.EXACT, scope, to_text(key), self._clock())
            return Lookup(entry_of(found[0])) if found else Lookup()
        query = sql.nearest_query(self._dimensions, sql.bucket_of(scope))
        rows = await self._fetch(query, scope, to_text(key), self._clock(), vector, limit)
        if rows and rows[0]["distance"] is None:
            return Lookup(entry_of(rows[0]))
        return Lookup(None, tuple(Neighbour(entry_of(row), min(1.0, max(0.0, -row["distance"]))) for row in rows))

    async def _fetch(self, query: str, *args: object) -> Sequence[Row]:
        return await self._database.promptly(partial(self._database.fetch, query, *args))

    async def store(self, entry: CacheEntry) -> None:
        """Keep an answer; replaces the entry of the same scope and key."""
        vector = self._unit(entry.embedding)
        if vector is not None:
            await self._ensure_indexes()
        scope = to_text(entry.scope)
        await self._database.execute(
            sql.STORE,
            scope,
            to_text(entry.key),
            to_text(entry.entry_id),
            to_text(entry.route),
            to_text(entry.question),
            to_json(answer_columns(entry)),
            to_text(entry.model),
            to_json(usage_fields(entry.usage)),
            entry.cost_usd,
            entry.baseline_cost_usd,
            entry.created_at,
            entry.expires_at,
            entry.stale_at,
            [to_text(tag) for tag in entry.tags],
            to_text(entry.prompt_version),
            to_text(entry.collection),
            entry.hits,
            self._clock(),
            vector,
            sql.bucket_of(scope),
            self._exact_limit,
        )

    async def touch(self, scope: str, entry_id: str, *, hits: int = 1) -> None:
        """Count hits of an entry, for eviction by use."""
        await self._database.execute(sql.TOUCH, to_text(scope), to_text(entry_id), self._clock(), hits)

    async def observe(self, observation: Observation) -> None:
        """Keep one verified outcome: was this neighbour's answer right for that question?"""
        await self._database.execute(
            sql.OBSERVE,
            to_text(observation.entry_id),
            to_text(observation.scope),
            to_text(observation.route),
            observation.similarity,
            to_json({name: value for name, value in observation.features.items() if math.isfinite(value)}),
            observation.is_correct,
            observation.observed_at,
            to_text(observation.source),
            self._dimensions,
            self._embedder,
        )

    async def observations(self, route: str, *, limit: int = 5000) -> Sequence[Observation]:
        """The latest verified outcomes of a route by this embedder, newest first."""
        timeout = self._database.timeouts.report
        asked = (to_text(route), limit, self._dimensions, self._embedder)
        rows = await self._database.fetch(sql.OBSERVATIONS, *asked, timeout=timeout)
        return [observation_of(row) for row in rows]

    async def purge(self, what: PurgeFilter) -> int:
        """Forget every entry that matches all given conditions; returns how many could still be served.

        Verified outcomes stay: they hold no text, and what they taught about similarity remains true.
        """
        conditions = (what.route, what.scope, what.tag, what.entry_id, what.collection, what.prompt_version)
        texts = (None if text is None else to_text(text) for text in conditions)
        versions = [to_text(version) for version in what.prompt_versions_not]
        return await self._count(sql.PURGE, *texts, versions, self._clock())

    async def evict(self, route: str, *, keep: int) -> int:
        """Drop the least used entries of a route (expired ones, fewest hits, oldest last use) until `keep` remain.

        Returns how many went.
        """
        return await self._count(sql.EVICT, to_text(route), keep, self._clock())

    async def delete_expired(self) -> int:
        """Delete what can no longer be served; returns how many entries went. It is never served, deleted or not."""
        return await self._count(sql.DELETE_EXPIRED, self._clock())

    async def stats(self) -> Sequence[CacheStats]:
        """Per route: entries that can be served, their hits and scopes, and the verified outcomes."""
        rows = await self._database.fetch(sql.STATS, self._clock(), timeout=self._database.timeouts.report)
        return [CacheStats(**row) for row in rows]

    async def entries(self, route: str | None = None) -> AsyncIterator[CacheEntry]:
        """Every live entry, oldest first; read page by page, so that no transaction stays open meanwhile."""
        last = 0
        stored = None if route is None else to_text(route)
        timeout = self._database.timeouts.report
        while True:
            rows = await self._database.fetch(sql.ENTRIES, stored, last, self._clock(), _PAGE, timeout=timeout)
            for row in rows:
                yield entry_of(row)
            if len(rows) < _PAGE:
                return
            last = rows[-1]["id"]

    async def _count(self, query: str, *args: object) -> int:
        rows = await self._database.fetch(query, *args, timeout=self._database.timeouts.report)
        return rows[0]["count"]

    async def _ensure_indexes(self) -> None:
        """Make the indexes of this length of vectors, once: instant in a new cache.

        Where another embedder has left vectors, each is read once, and what is to be stored waits: 0.4 s for 30,000.
        """
        if self._has_indexes or self._dimensions > _MAX_INDEXED_DIMENSIONS:
            return
        self._has_indexes = True  # others need not wait for us: what they store meanwhile is indexed too
        try:
            async with self._database.connection() as connection, connection.transaction():
                for statement in sql.create_indexes(self._dimensions):
                    await connection.fetch(statement, timeout=self._database.timeouts.report)
        except BaseException:
            self._has_indexes = False
            raise

    def _unit(self, embedding: Vector | None) -> Vector | None:
        """The vector at length 1, so that the inner product is the cosine; None for one without a direction."""
        if embedding is None:
            return None
        if embedding.shape != (self._dimensions,):
            raise ValueError(f"the embedding has shape {embedding.shape}, not ({self._dimensions},)")
        length = float(np.linalg.norm(embedding))
        return (embedding / length).astype(np.float32) if np.isfinite(length) and length > 0 else None
