"""Opens the answer cache that a configuration names: Redis where there is a `redis_url`, else PostgreSQL.

Failure behaviour: raises ConfigurationError or StoreUnavailableError when the database cannot be prepared; a Redis that
is away is noticed at the first call.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from thriftgate.config import ThriftgateConfig
from thriftgate.ports import AnswerCache
from thriftgate.stores.embedded.database import prepare_embedded
from thriftgate.stores.minilm.embedder import LocalEmbedder
from thriftgate.stores.postgres.cache import PostgresAnswerCache
from thriftgate.stores.postgres.database import connect


@asynccontextmanager
async def open_cache(config: ThriftgateConfig, base_dir: Path, embedder: LocalEmbedder) -> AsyncGenerator[AnswerCache]:
    """The cache with its connections, for a command; the embedder is closed with it."""
    try:
        if config.redis_url is not None:
            # RedisVL takes a second to import, which a gateway without Redis need not wait for.
            from thriftgate.stores.redis.cache import RedisAnswerCache
            from thriftgate.stores.redis.connection import RedisServer

            server = RedisServer(config.redis_url)
            cache = RedisAnswerCache(server, dimensions=embedder.dimensions, fingerprint=embedder.fingerprint)
            try:
                await cache.prepare()
                yield cache
            finally:
                await server.close()
            return
        # It blocks, and runs an event loop of its own.
        dsn = await asyncio.to_thread(prepare_embedded, config.database_url, base_dir / config.data_dir)
        database = connect(dsn, max_connections=2)
        try:
            yield PostgresAnswerCache(database, dimensions=embedder.dimensions)
        finally:
            await database.close()
    finally:
        await embedder.close()
