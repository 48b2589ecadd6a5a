"""Where the cache, single flight and limits are kept: in Redis where there is a `redis_url`, else in PostgreSQL.

Nowhere else is it decided. The ledger, keys and budgets are always in PostgreSQL.

Failure behaviour: raises ConfigurationError or StoreUnavailableError when the database cannot be prepared; a Redis that
is away is noticed at the first call.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from thriftgate.config import EmbedderName, ThriftgateConfig
from thriftgate.ports import AnswerCache, Embedder, Limiter, LoadedEmbedder, SingleFlight
from thriftgate.stores.embedded.database import prepare_embedded
from thriftgate.stores.postgres.cache.answers import PostgresAnswerCache
from thriftgate.stores.postgres.connection.database import Database, connect
from thriftgate.stores.postgres.limits import PostgresLimiter
from thriftgate.stores.postgres.single_flight import PostgresSingleFlight

if TYPE_CHECKING:
    from thriftgate.stores.redis.connection import RedisServer


@asynccontextmanager
async def open_cache(config: ThriftgateConfig, base_dir: Path, embedder: LoadedEmbedder) -> AsyncGenerator[AnswerCache]:
    """The cache with its connections, for a command; the embedder is closed with it."""
    try:
        redis, database = redis_server(config), None
        if redis is None:
            # It blocks, and runs an event loop of its own.
            dsn = await asyncio.to_thread(prepare_embedded, config.database_url, base_dir / config.data_dir)
            database = connect(dsn, max_connections=2)
        try:
            cache = answer_cache(embedder, config.embedder.model, redis=redis, database=database)
            await cache.prepare()
            yield cache
        finally:
            for server in (redis, database):
                if server is not None:
                    await server.close()
    finally:
        await embedder.close()


# RedisVL takes a second to import, which a gateway without Redis need not wait for.
def redis_server(config: ThriftgateConfig) -> "RedisServer | None":
    """The Redis of the configuration, where it names one; nothing is connected yet."""
    if config.redis_url is None:
        return None
    from thriftgate.stores.redis.connection import RedisServer

    return RedisServer(config.redis_url)


def answer_cache(
    embedder: Embedder, name: EmbedderName, *, redis: "RedisServer | None", database: Database | None
) -> AnswerCache:
    """The cache for the vectors of the embedder of this name, in Redis where there is one."""
    if redis is None:
        assert database is not None, "there is a store"
        return PostgresAnswerCache(database, dimensions=embedder.dimensions, embedder=name)
    from thriftgate.stores.redis.cache import RedisAnswerCache

    return RedisAnswerCache(redis, dimensions=embedder.dimensions, fingerprint=embedder.fingerprint)


def single_flight(redis: "RedisServer | None", database: Database) -> SingleFlight:
    """Who asks for an answer that several wait for, over all workers and gateways on one store."""
    if redis is None:
        return PostgresSingleFlight(database)
    from thriftgate.stores.redis.single_flight import RedisSingleFlight

    return RedisSingleFlight(redis)


def token_buckets(redis: "RedisServer | None", database: Database) -> Limiter:
    """The buckets that all workers and gateways on one store share."""
    if redis is None:
        return PostgresLimiter(database)
    from thriftgate.stores.redis.limits import RedisLimiter

    return RedisLimiter(redis)
