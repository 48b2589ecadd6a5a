"""One embedded PostgreSQL for the whole test run, one database for each worker, empty tables for each test."""

import asyncio
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from redis.asyncio import Redis
from tests.fakes import InMemoryAnswerCache, LoopClock
from tests.stores.cases import DIMENSIONS
from tests.stores.redis_process import WITH_ENGINE, RedisProcess
from tests.stores.redis_query_engine import QueryEngine

from thriftgate.ports import AnswerCache
from thriftgate.stores.embedded.database import EmbeddedPostgres, prepare_embedded
from thriftgate.stores.postgres.cache.answers import PostgresAnswerCache
from thriftgate.stores.postgres.connection.database import Database, Timeouts, open_connection
from thriftgate.stores.redis.cache import RedisAnswerCache
from thriftgate.stores.redis.connection import Deadlines, RedisServer

PATIENT = Deadlines(lookup=30.0, write=30.0)
"""A busy machine fails no test of what is right."""
TABLES = (
    "cache_entries", "cache_observations", "flights", "requests", "audits",
    "keys", "users", "teams", "limit_buckets", "limit_slots", "limit_reservations",
    "budget_windows", "budget_reservations",
    "pseudonyms",
)  # fmt: skip


@pytest.fixture(scope="session")
def postgres_server(testrun_uid: str) -> Iterator[str]:
    """The server's DSN. All workers of a run share it as the workers of a gateway do; the last one stops it."""
    # Not under pytest's own folder: that is closed to the system user that root's server runs as.
    folder = Path(tempfile.gettempdir()) / f"thriftgate-tests-{testrun_uid}"
    server = EmbeddedPostgres(folder)
    dsn = server.start()
    asyncio.run(_run(dsn, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"))  # nothing here outlives the run
    yield dsn
    if server.release():
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_dsn(postgres_server: str) -> str:
    """A migrated database for this worker alone."""
    name = f"tests_{uuid.uuid4().hex}"
    asyncio.run(_run(postgres_server, f"CREATE DATABASE {name}"))
    return prepare_embedded(postgres_server.replace("/thriftgate?", f"/{name}?"), Path())


async def _run(dsn: str, *statements: str) -> None:
    connection = await open_connection(dsn, database="postgres")
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


@pytest.fixture
async def database(postgres_dsn: str) -> AsyncIterator[Database]:
    """The worker's database, with nothing in it."""
    database = Database(postgres_dsn, timeouts=Timeouts(silence=30.0))
    async with database.connection() as connection:
        await connection.execute("; ".join(f"DELETE FROM {table}" for table in TABLES))
    yield database
    await database.close()


@pytest.fixture(params=["postgres", "postgres-indexed", "redis-stand-in", "redis", "memory"])
def store(request: pytest.FixtureRequest) -> AnswerCache:
    """Every implementation of the answer cache, empty.

    `postgres-indexed` puts all but three vectors of a scope into the approximate index. `redis-stand-in` is a plain
    Redis behind a stand-in for the query engine; `redis` needs the real one (`real_engine`). `memory` is the fake that
    the services are tested with: it must not lie.
    """
    if request.param == "memory":
        return InMemoryAnswerCache(LoopClock())
    if request.param.startswith("redis"):
        return request.getfixturevalue({"redis": "redis_cache", "redis-stand-in": "stand_in_cache"}[request.param])
    database: Database = request.getfixturevalue("database")
    limit = {"postgres": 1000, "postgres-indexed": 3}[request.param]
    return PostgresAnswerCache(database, dimensions=DIMENSIONS, exact_limit=limit)


@pytest.fixture(scope="session")
def redis_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    """A Redis of this worker's own, for what needs no query engine."""
    with RedisProcess(tmp_path_factory.mktemp("redis")) as process:
        yield process


@asynccontextmanager
async def emptied(process: RedisProcess) -> AsyncGenerator[RedisServer]:
    """A process of the worker's own, with nothing in it."""
    server = RedisServer(process.url, deadlines=PATIENT)
    await server.client().flushall()
    yield server
    await server.close()


@pytest.fixture
async def redis_server(redis_process: RedisProcess) -> AsyncIterator[RedisServer]:
    """The worker's Redis, with nothing in it."""
    async with emptied(redis_process) as server:
        yield server


@pytest.fixture(scope="session")
def redis_cluster_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    """A Redis Cluster of one node."""
    with RedisProcess(tmp_path_factory.mktemp("redis-cluster"), is_cluster=True) as process:
        yield process


@pytest.fixture
async def redis_cluster_server(redis_cluster_process: RedisProcess) -> AsyncIterator[RedisServer]:
    """The worker's cluster, with nothing in it."""
    async with emptied(redis_cluster_process) as server:
        yield server


@pytest.fixture
async def query_engine(redis_process: RedisProcess, redis_server: RedisServer) -> AsyncIterator[QueryEngine]:
    """The worker's Redis, empty, with a stand-in for the query engine before it."""
    engine = QueryEngine(redis_process.port)
    await engine.start()
    yield engine
    await engine.stop()


@pytest.fixture
async def stand_in_cache(query_engine: QueryEngine) -> AsyncIterator[AnswerCache]:
    """The Redis cache on the stand-in."""
    server = RedisServer(query_engine.url, deadlines=PATIENT)
    yield RedisAnswerCache(server, dimensions=DIMENSIONS, fingerprint="test")
    await server.close()


@pytest.fixture(scope="session")
def real_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis with its query engine: the one in THRIFTGATE_TEST_REDIS_URL, else one of this worker's own."""
    url = os.environ.get("THRIFTGATE_TEST_REDIS_URL")
    if url:
        yield url
        return
    if WITH_ENGINE is None:
        pytest.skip(
            "there is no Redis with the query engine: neither THRIFTGATE_TEST_REDIS_URL nor scripts/query_engine.sh"
        )
    with RedisProcess(tmp_path_factory.mktemp("query-engine"), binary=WITH_ENGINE) as process:
        yield process.url


@pytest.fixture
async def redis_cache(real_engine: str) -> AsyncIterator[AnswerCache]:
    """The Redis cache on a real query engine, under a name of its own that nothing is left of."""
    server, namespace = RedisServer(real_engine, deadlines=PATIENT), f"thriftgate-test-{uuid.uuid4().hex}"
    cache = RedisAnswerCache(server, dimensions=DIMENSIONS, fingerprint="test", namespace=namespace)
    await cache.prepare()
    yield cache
    await clear_namespace(server.client(), namespace)
    await server.close()


async def clear_namespace(client: Redis, namespace: str) -> None:
    """Drop the indexes and keys of a test."""
    for name in await cast("Any", client.execute_command("FT._LIST")):
        if name.startswith(namespace.encode()):
            await cast("Any", client.execute_command("FT.DROPINDEX", name))
    keys = cast("AsyncIterator[bytes]", client.scan_iter(f"{namespace}:*", count=1000))
    async for key in keys:
        await client.unlink(key)
