"""One Redis for everything we keep there: bounded waits, a breaker, and plain replies.

Nothing is opened before the first command, and each event loop gets its own connections. Replies come as bytes in
RESP2's shape, so that vectors stay vectors; a Redis Cluster is not supported.

Failure behaviour: refused, unreachable, hung, loading, out of memory or without the query engine: a
StoreUnavailableError with its cause, as soon as Redis was silent for the call's deadline (see `patience`). A call that
is given up goes on for a while beside its request: its connection is good, and its late reply is how a thawed Redis is
noticed first. After a failed call the breaker answers for Redis at once, and a task of its own asks whether it is back
(see `breaker`), with more patience than a request has: under load too, recovery needs no luck. The caller logs.
"""

import asyncio
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
from thriftgate.stores.patience import Patience
from thriftgate.stores.redis.breaker import CircuitBreaker

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


_LINGER = 10.0
"""Seconds that a call may go on after nobody waits for it any more; then its connection is closed."""
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
        self._clock = clock
        self._breaker = breaker or CircuitBreaker()
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Redis] = WeakKeyDictionary()
        self._patience: WeakKeyDictionary[asyncio.AbstractEventLoop, Patience] = WeakKeyDictionary()
        self._probes: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[None]] = WeakKeyDictionary()
        self._left: WeakKeyDictionary[asyncio.AbstractEventLoop, set[asyncio.Task[Any]]] = WeakKeyDictionary()
        self._cause: Cause = "time_out"
        self._new_pool()

    async def run(self, work: Callable[[Redis], Awaitable[ResultT]], *, deadline: float) -> ResultT:
        """The result of `work`, which is given the client of the running event loop.

        Raises StoreUnavailableError when Redis does not answer within `deadline` seconds, or refuses.
        """
        if self._breaker.is_open:
            self._probe()
            raise StoreUnavailableError("Redis did not answer a moment ago", cause=self._cause)
        started_at = self._clock()
        try:
            result = await self._answered(work, deadline)
        except (RedisConnectionError, RedisTimeoutError, TimeoutError, OSError) as error:
            self._cause = cause_of(error)
            self._breaker.failed(started_at=started_at, now=self._clock())
            self._probe()
            raise StoreUnavailableError(f"Redis does not answer ({type(error).__name__})", cause=self._cause) from error
        except RedisError as error:
            # Not `from error`: it quotes the command, and with it what a user said.
            cause = cause_of(error)
            raise StoreUnavailableError(f"Redis refused a command ({reason_of(error)})", cause=cause) from None
        self._breaker.succeeded()
        return result

    async def _answered(self, work: Callable[[Redis], Awaitable[ResultT]], deadline: float) -> ResultT:
        """The result of `work`; raises TimeoutError when Redis was silent, and leaves the call alone."""
        call = asyncio.ensure_future(_run(work, self.client()))
        is_over = False
        try:
            silent = await self._patience_of_loop().silent(
                cast("asyncio.Future[object]", call), deadline, clock=asyncio.get_running_loop().time
            )
            is_over = not silent
        finally:
            if not is_over:
                self._leave(call)
        if silent:
            raise TimeoutError
        return call.result()

    def _leave(self, call: "asyncio.Task[Any]") -> None:
        """Let a call end that nobody waits for: cut off, it would take its good connection with it."""
        loop = asyncio.get_running_loop()
        left = self._left.setdefault(loop, set())
        left.add(call)
        cut = loop.call_later(_LINGER, call.cancel)

        def ended(_: object) -> None:
            left.discard(call)
            cut.cancel()
            if not call.cancelled() and call.exception() is None:
                self._breaker.succeeded()  # a late reply: it is back

        call.add_done_callback(ended)

    def _probe(self) -> None:
        """Ask whether Redis is back until it is, beside the requests."""
        loop = asyncio.get_running_loop()
        probe = self._probes.get(loop)
        if probe is None or probe.done():
            self._probes[loop] = loop.create_task(self._until_back(), name="thriftgate:redis_probe")

    async def _until_back(self) -> None:
        while self._breaker.is_open:
            await asyncio.sleep(self._breaker.pause)
            if not self._breaker.is_open:
                return
            started_at = self._clock()
            try:
                await self._answered(_ping, _PROBE_DEADLINE)
            except (RedisError, TimeoutError, OSError) as error:
                self._cause = cause_of(error)
                self._breaker.failed(started_at=started_at, now=self._clock())
            else:
                self._breaker.succeeded()

    @property
    def slow(self) -> int:
        """Calls that were answered late because this process was busy, in the running event loop."""
        return self._patience_of_loop().slow

    def client(self) -> Redis:
        """The client of the running event loop, for what lasts longer than a call (a subscription)."""
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = self._clients[loop] = Redis(connection_pool=self._new_pool())
        return client

    async def close(self) -> None:
        """Close the connections of the running event loop."""
        loop = asyncio.get_running_loop()
        probe = self._probes.pop(loop, None)
        tasks = [*self._left.pop(loop, ()), *([probe] if probe is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        client = self._clients.pop(loop, None)
        if client is not None:
            with suppress(RedisError, OSError):
                await client.aclose(close_connection_pool=True)

    def _patience_of_loop(self) -> Patience:
        return self._patience.setdefault(asyncio.get_running_loop(), Patience())

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


def cause_of(error: Exception) -> Cause:
    """Why Redis cannot be used, in one of the words that all stores have."""
    message = str(error).lower()
    if isinstance(error, AuthenticationError | NoPermissionError) or "noauth" in message:
        return "password"
    if isinstance(error, BusyLoadingError):
        return "loading"
    if isinstance(error, OutOfMemoryError):
        return "full"
    if isinstance(error, TimeoutError | RedisTimeoutError):
        return "time_out"
    if isinstance(error, RedisConnectionError | OSError):
        return "unreachable"
    return "no_query_engine" if "unknown command" in message else "refused"


def reason_of(error: RedisError) -> str:
    """Why Redis refused, without what it was sent: the code that its message begins with."""
    message = str(error)
    if "unknown command" in message.lower():
        return "it has no query engine: this build lacks the module"
    code = message.split(" ", 1)[0]
    is_code = isinstance(error, ResponseError) and code.isupper() and code.isascii() and code.isalpha()
    return code if is_code else type(error).__name__


def decoded_text(value: Any) -> str:
    """A reply that is text, from bytes or text."""
    return value.decode() if isinstance(value, bytes) else str(value)
