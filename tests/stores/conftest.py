"""One embedded PostgreSQL for the whole test run, one database for each worker, empty tables for each test."""

import asyncio
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.stores.cases import DIMENSIONS
from tests.stores.redis_process import BINARY, RedisProcess

from thriftgate.ports import AnswerCache
from thriftgate.stores.embedded import EmbeddedPostgres, prepare_database
from thriftgate.stores.postgres import Database, open_connection
from thriftgate.stores.postgres_cache import PostgresAnswerCache
from thriftgate.stores.redis_connection import RedisServer

TABLES = ("cache_entries", "cache_observations", "flights", "requests", "audits")


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
    return prepare_database(postgres_server.replace("/thriftgate?", f"/{name}?"), Path())


async def _run(dsn: str, *statements: str) -> None:
    connection = await open_connection(dsn, database="postgres")
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


@pytest.fixture
async def database(postgres_dsn: str) -> AsyncIterator[Database]:
    """The worker's database, with nothing in it."""
    database = Database(postgres_dsn)
    async with database.connection() as connection:
        await connection.execute("; ".join(f"DELETE FROM {table}" for table in TABLES))
    yield database
    await database.close()


@pytest.fixture(params=["postgres", "postgres-indexed"])
def store(request: pytest.FixtureRequest) -> AnswerCache:
    """Every implementation of the answer cache, empty.

    `postgres-indexed` puts all but three vectors of a scope into the approximate index.
    """
    database: Database = request.getfixturevalue("database")
    limit = {"postgres": 2000, "postgres-indexed": 3}[request.param]
    return PostgresAnswerCache(database, dimensions=DIMENSIONS, exact_limit=limit)


@pytest.fixture(scope="session")
def redis_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    """A Redis of this worker's own, for what needs no query engine."""
    if BINARY is None:
        pytest.skip("there is no redis-server on this machine (apt-get install redis-server)")
    process = RedisProcess(tmp_path_factory.mktemp("redis"))
    process.start()
    yield process
    process.stop()


@pytest.fixture
async def redis_server(redis_process: RedisProcess) -> AsyncIterator[RedisServer]:
    """The worker's Redis, with nothing in it."""
    server = RedisServer(redis_process.url)
    await server.client().flushall()
    yield server
    await server.close()
