"""One Redis for everything we keep there: bounded waits, a breaker, and plain replies.

Nothing is opened before the first command, and each event loop gets its own connections. Replies come as bytes in
RESP2's shape, so that vectors stay vectors; a Redis Cluster is not supported.

Failure behaviour: refused, unreachable, hung, loading, out of memory or without the query engine: a
StoreUnavailableError with its cause, as soon as Redis was silent for the call's deadline (see `patience`), and at once
while it is away (see `availability`). The caller logs.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from thriftgate.errors import Cause, ConfigurationError, StoreUnavailableError
from thriftgate.stores.availability import Availability
from thriftgate.stores.breaker import CircuitBreaker

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Deadlines:
    """After how many seconds of silence a call is given up."""

    lookup: float = 0.04
    """What a request waits for. 40 ms, so that with what comes before and after it a request that finds Redis down
    goes on within 50."""
    write: float = 1.0
    """What nobody waits for."""
    prepare: float = 5.0
    """Making indexes at the start."""
    report: float = 60.0
    """Purging, listing and counting everything."""


_PROBE_DEADLINE = 1.0
_MAX_CONNECTIONS = 32
"""For each event loop. Redis works on one command at a time; more connections only cost more handshakes."""
_DEADLINES = Deadlines()


class RedisServer:
    """Runs commands against one Redis, within a deadline.

    Args:
        url: `redis://`, `rediss://` or `unix://`, with password and database number.
        deadlines: How long to wait, by what is waited for.
        clock: Seconds that never go back.
        breaker: Decides who may try while the server is down.

    Raises ConfigurationError when the URL is none.
    """

    def __init__(
        self,
        url: str,
        *,
        deadlines: Deadlines = _DEADLINES,
        clock: Callable[[], float] = time.monotonic,
        breaker: CircuitBreaker | None = None,
    ) -> None:
        self.deadlines = deadlines
        self._url = url
        self._availability = Availability("Redis", self._ping, cause_of, clock=clock, breaker=breaker)
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Redis] = WeakKeyDictionary()
        self._new_pool()

    async def run(self, work: Callable[[Redis], Awaitable[ResultT]], *, deadline: float) -> ResultT:
        """The result of `work`, which is given the client of the running event loop.

        Raises StoreUnavailableError when Redis does not answer within `deadline` seconds, or refuses.
        """
        started_at = self._availability.require()
        try:
            result = await self._availability.answered(_run(work, self.client()), deadline)
        except (RedisConnectionError, RedisTimeoutError, TimeoutError, OSError) as error:
            cause = self._availability.failed(error, started_at=started_at)
            raise StoreUnavailableError(f"Redis does not answer ({type(error).__name__})", cause=cause) from error
        except RedisError as error:
            # Not `from error`: it quotes the command, and with it what a user said.
            cause = cause_of(error)
            raise StoreUnavailableError(f"Redis refused a command ({reason_of(error)})", cause=cause) from None
        self._availability.succeeded()
        return result

    async def _ping(self) -> None:
        await self._availability.answered(_run(_ping, self.client()), _PROBE_DEADLINE)

    @property
    def slow(self) -> int:
        """Calls that were answered late because this process was busy, in the running event loop."""
        return self._availability.patience.slow

    def client(self) -> Redis:
        """The client of the running event loop, for what lasts longer than a call (a subscription)."""
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = self._clients[loop] = Redis(connection_pool=self._new_pool())
        return client

    async def close(self) -> None:
        """Close the connections of the running event loop."""
        await self._availability.close()
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            with suppress(RedisError, OSError):
                await client.aclose(close_connection_pool=True)

    def _new_pool(self) -> BlockingConnectionPool:
        try:
            return BlockingConnectionPool.from_url(
                self._url,
                protocol=2,
                max_connections=_MAX_CONNECTIONS,
                timeout=None,  # the call's own deadline ends the waiting
                socket_timeout=None,
                socket_connect_timeout=None,
                retry=Retry(NoBackoff(), 0),
                client_name="thriftgate",
            )
        except ValueError:
            raise ConfigurationError(["redis_url: expected something like redis://:password@host:6379/0"]) from None


async def _run(work: Callable[[Redis], Awaitable[ResultT]], client: Redis) -> ResultT:
    return await work(client)


async def _ping(client: Redis) -> None:
    await cast("Any", client.ping())


_UNKNOWN = re.compile(r"unknown (redis |valkey |server )?command\b", re.IGNORECASE)
"""The word in the middle is there when the command was called by a script."""
_NO_RIGHT = ("noauth", "acl failure in script", "the user executing the script can't run")
"""Without a password; and in a script, by Redis 7 and by Redis 6."""


def is_unknown_command(error: Exception) -> bool:
    """Whether Redis refused a command that it does not know, alone or in a script: the query engine is not there."""
    return _UNKNOWN.search(str(error)) is not None


def cause_of(error: Exception) -> Cause:
    """Why Redis cannot be used, in one of the words that all stores have."""
    message = str(error).lower()
    if isinstance(error, AuthenticationError | NoPermissionError) or any(words in message for words in _NO_RIGHT):
        return "password"
    if isinstance(error, BusyLoadingError):
        return "loading"
    if isinstance(error, OutOfMemoryError):
        return "full"
    if isinstance(error, TimeoutError | RedisTimeoutError):
        return "time_out"
    if isinstance(error, RedisConnectionError | OSError):
        return "unreachable"
    return "no_query_engine" if is_unknown_command(error) else "refused"


def reason_of(error: RedisError) -> str:
    """Why Redis refused, without what it was sent: the code that its message begins with."""
    message = str(error)
    if is_unknown_command(error):
        return "it has no query engine: this build lacks the module"
    code = message.split(" ", 1)[0]
    is_code = isinstance(error, ResponseError) and code.isupper() and code.isascii() and code.isalpha()
    return code if is_code else type(error).__name__


def decoded_text(value: Any) -> str:
    """A reply that is text, from bytes or text."""
    return value.decode() if isinstance(value, bytes) else str(value)
