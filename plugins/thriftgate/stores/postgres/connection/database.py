"""One database for everything that is kept: a connection pool that fails fast and comes back by itself.

Nothing is opened before the first query, and each event loop gets its own pool, so that a `Database` may be made
at import time and used from the proxy's worker loop.

Failure behaviour: whatever goes wrong between us and the database (refused, timed out, shut down, pool exhausted,
a statement too slow) is a StoreUnavailableError. Only time in which our loop listened counts (see `patience`): a busy
or starved gateway does not take a good database for a dead one. What a request can do without is given up as soon as
the database is silent, and at once while it is away (see `promptness`); what it cannot do without has its deadline, and
is refused at once only where that has passed and the database gives no sign of life either. After a refused connection
the next attempt is made half a second later; until then calls fail at once instead of each waiting for the connect
timeout. When the server is back, the next attempt simply succeeds: there is no state to repair.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from weakref import WeakKeyDictionary

import asyncpg
from pgvector.asyncpg import register_vector  # pyright: ignore[reportUnknownVariableType]

from thriftgate.errors import Cause, ConfigurationError, StoreUnavailableError
from thriftgate.stores.availability import Availability
from thriftgate.stores.postgres.connection.promptness import Promptness
from thriftgate.stores.postgres.connection.waiting import PatientConnection, ServerPatience

ResultT = TypeVar("ResultT")
Row = Mapping[str, Any]
"""One row of a result, by column name."""

SCHEMA = "thriftgate"
"""Our tables live in a schema of their own: LiteLLM's migrations own `public` and may drop what they do not know."""

_PAUSE_AFTER_REFUSAL = 0.5
_PRISMA_PARAMETERS = frozenset(
    ("connection_limit", "pool_timeout", "schema", "pgbouncer", "socket_timeout", "sslaccept", "connect_timeout")
)
"""What LiteLLM's database client reads from the same DATABASE_URL; PostgreSQL itself would refuse them."""


class Connection(Protocol):
    """The part of asyncpg's connection that the stores use."""

    async def fetch(self, query: str, *args: object, timeout: float | None = None) -> Sequence[Row]:  # noqa: ASYNC109
        """All rows."""
        ...

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        """The first row."""
        ...

    async def fetchval(self, query: str, *args: object) -> Any:
        """The first column of the first row."""
        ...

    async def execute(self, query: str, *args: object) -> str:
        """Run a statement; its command tag."""
        ...

    async def fetchmany(self, query: str, args: Sequence[Sequence[object]]) -> Sequence[Row]:
        """Run one statement for many arguments in one go; all rows returned."""
        ...

    async def executemany(self, command: str, args: Sequence[Sequence[object]]) -> None:
        """Run one statement for many arguments in one go."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[object]:
        """All or nothing."""
        ...

    async def add_listener(self, channel: str, callback: Callable[[Any, int, str, object], None]) -> None:
        """LISTEN; `callback(connection, pid, channel, payload)` runs for each NOTIFY."""
        ...

    def is_closed(self) -> bool:
        """True when the connection is gone."""
        ...

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Say goodbye."""
        ...


class _Pool(Protocol):
    def acquire(self) -> Awaitable[Any]: ...
    async def release(self, connection: object, *, timeout: float | None = None) -> None: ...  # noqa: ASYNC109
    async def close(self) -> None: ...
    def terminate(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long is waited, in seconds."""

    connect: float = 2.0
    acquire: float = 1.0
    """For a free connection of the pool."""
    statement: float = 2.0
    silence: float = 0.028
    """Without a sign of life, for what a request can do without: some 40 ms with the moment before it is asked for."""
    dispensable: float = 1.0
    """For such a statement of a database that lives; an answer that comes later is better asked for afresh."""
    report: float = 60.0
    """For the ledger's summaries and the cache's exports, which nobody's answer waits for."""


DEFAULT_TIMEOUTS = Timeouts()


class Database:
    """A PostgreSQL database with our schema; opens connections when they are needed.

    Use one per process and close it on each event loop that used it. Connect directly or through a pooler that
    pools sessions: prepared statements and LISTEN need a session of their own.
    """

    def __init__(
        self,
        dsn: str,
        *,
        schema: str = SCHEMA,
        max_connections: int = 8,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.dsn = plain_dsn(dsn)
        self.schema = schema
        self.timeouts = timeouts
        self._max_connections = max_connections
        self._monotonic = monotonic
        self._retry_at = float("-inf")
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, _Pool] = WeakKeyDictionary()
        self._availability = Availability("PostgreSQL", self._ask, _cause_of, is_bounded=True)
        self._waiting = ServerPatience(self._availability)
        # What a request cannot do without is waited for longer, and given up later: a silence of a moment is no outage.
        self._lasting = Availability("PostgreSQL", self._ask, _cause_of, is_bounded=True)
        self._promptness = Promptness(
            self._availability, self.own_connection, silence=timeouts.silence, slowest=timeouts.dispensable
        )
        self._own: WeakKeyDictionary[asyncio.AbstractEventLoop, list[Connection]] = WeakKeyDictionary()

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        """A connection of the pool. Raises StoreUnavailableError, also for what fails inside the block.

        Where PostgreSQL was silent for as long as its own deadlines, the next ones do not wait for it again.
        """
        self._lasting.require()
        with _as_unavailable(), self._doubting():
            pool = await self._pool()
            waiting = self._waiting

            def give_back(acquired: object) -> None:
                # One that is lost is missing for good: eight of them, and nobody gets one any more.
                self._availability.leave(asyncio.ensure_future(pool.release(acquired, timeout=self.timeouts.acquire)))

            connection = await waiting.until_silent(pool.acquire(), self.timeouts.acquire, let_go=give_back)
            try:
                yield cast("Connection", PatientConnection(connection, waiting, self.timeouts.statement))
            finally:
                # What a frozen server still owes us must not hold the request.
                await pool.release(connection, timeout=self.timeouts.acquire)

    async def fetch(self, query: str, *args: object, timeout: float | None = None) -> Sequence[Row]:  # noqa: ASYNC109
        """All rows of one statement."""
        async with self.connection() as connection:
            return await connection.fetch(query, *args, timeout=timeout)

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        """The first row of one statement."""
        async with self.connection() as connection:
            return await connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: object) -> Any:
        """The first column of the first row of one statement."""
        async with self.connection() as connection:
            return await connection.fetchval(query, *args)

    async def execute(self, query: str, *args: object) -> None:
        """Run one statement."""
        async with self.connection() as connection:
            await connection.execute(query, *args)

    async def promptly(self, work: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """The result of `work` on this database that a request can do without. Raises StoreUnavailableError soon."""
        return await self._promptness.run(work)

    async def own_connection(self) -> Connection:
        """A connection outside the pool, for what waits by itself; ends with `close()`."""
        with _as_unavailable():
            connection = await self._waiting.until_silent(
                self._connect(self.dsn, **self._connect_options()), self.timeouts.connect
            )
            loop = asyncio.get_running_loop()
            self._own.setdefault(loop, []).append(connection)
            return connection

    async def close(self) -> None:
        """Close every connection of the running event loop; the next query would open new ones."""
        loop = asyncio.get_running_loop()
        await self._promptness.close()
        await self._lasting.close()
        await self._availability.close()
        with _as_unavailable():
            for connection in self._own.pop(loop, []):
                await connection.close(timeout=self.timeouts.connect)
        pool = self._pools.pop(loop, None)
        if pool is None:
            return
        try:
            async with asyncio.timeout(self.timeouts.connect):
                await pool.close()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            pool.terminate()

    @contextmanager
    def _doubting(self) -> Generator[None]:
        try:
            yield
        except TimeoutError:
            self._lasting.doubt()
            raise

    async def _ask(self) -> None:
        with _as_unavailable():
            await self._promptness.ask()

    async def _pool(self) -> _Pool:
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            made: Any = asyncpg.create_pool(
                self.dsn,
                min_size=0,
                max_size=self._max_connections,
                connect=self._connect,
                init=_register_codecs,
                reset=_keep_session,
                **self._connect_options(),
            )
            await made  # opens nothing as min_size is 0, so no other task can come in between
            pool = self._pools[loop] = cast("_Pool", made)
        return pool

    async def _connect(self, dsn: str, **options: Any) -> Any:
        """Connect, but do not knock at a closed door for every request: one attempt per pause."""
        if self._monotonic() < self._retry_at:
            raise ConnectionRefusedError("the database was away a moment ago")
        try:
            return await open_connection(dsn, **options)
        except (OSError, TimeoutError, asyncpg.PostgresError):
            self._retry_at = self._monotonic() + _PAUSE_AFTER_REFUSAL
            raise

    def _connect_options(self) -> dict[str, Any]:
        return {
            # Of a connection of the pool patience is the limit; this one is for a loop that never listens.
            "timeout": self.timeouts.report,
            # A plan made while a table was small must not stay when it has grown.
            "max_cached_statement_lifetime": 60,
            "server_settings": {
                "application_name": "thriftgate",
                "search_path": f'"{self.schema}", public, extensions',
                # The client's timeout cancels a slow statement; this one is for clients that are gone.
                "statement_timeout": str(int(1000 * self.timeouts.report)),
                # Our statements say themselves which index they want, so planning them once is enough.
                "plan_cache_mode": "force_generic_plan",
                "jit": "off",
                # Enough candidates for a recall above 0.99 (evals/benchmarks/cache_recall.py), and on until enough
                # of them are of the right scope.
                "hnsw.ef_search": "100",
                "hnsw.iterative_scan": "relaxed_order",
            },
        }


def connect(dsn: str, *, schema: str = SCHEMA, max_connections: int = 8) -> Database:
    """The database behind a DSN. Nothing is opened yet: the first query does that, on its own event loop."""
    return Database(dsn, schema=schema, max_connections=max_connections)


async def open_connection(dsn: str, **options: Any) -> Any:
    """One connection outside any pool, with asyncpg's own options and errors."""
    return await cast("Any", asyncpg.connect)(dsn, **options)


def plain_dsn(dsn: str) -> str:
    """The DSN in the form that asyncpg reads: without a driver in its scheme and without Prisma's parameters.

    LiteLLM reads the same `DATABASE_URL` through Prisma, and PostgreSQL refuses parameters it does not know.
    """
    parts = urlsplit(dsn)
    if parts.scheme.partition("+")[0] not in ("postgres", "postgresql"):
        raise ConfigurationError(["database_url: must start with postgresql://"])
    query = [(name, value) for name, value in parse_qsl(parts.query) if name not in _PRISMA_PARAMETERS]
    return urlunsplit(("postgresql", parts.netloc, parts.path, urlencode(query), ""))


async def _register_codecs(connection: Any) -> None:
    where = "SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'vector'"
    await register_vector(connection, schema=await connection.fetchval(where) or "public")


async def _keep_session(_connection: object) -> None:
    """No RESET between uses: no statement of ours changes its session, and it would cost a round trip each."""


def _cause_of(error: Exception) -> Cause:
    return error.cause if isinstance(error, StoreUnavailableError) else "time_out"


@contextmanager
def _as_unavailable() -> Generator[None]:
    """Turn what the driver, the server and the network raise into our one error.

    PostgreSQL quotes values in its messages (a duplicate key, a malformed document), so only the class and the
    SQLSTATE are kept: they say what happened without saying what a user said.
    """
    try:
        yield
    except asyncpg.PostgresError as error:
        code = getattr(error, "sqlstate", None)
        raise StoreUnavailableError(
            f"PostgreSQL refused: {type(error).__name__} (SQLSTATE {code})", cause="refused"
        ) from None
    except (asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise StoreUnavailableError(f"PostgreSQL cannot be used: {type(error).__name__}") from None
    except TimeoutError:
        raise StoreUnavailableError("PostgreSQL did not answer in time", cause="time_out") from None
    except OSError as error:
        raise StoreUnavailableError(
            f"PostgreSQL cannot be reached: {type(error).__name__}", cause="unreachable"
        ) from error
