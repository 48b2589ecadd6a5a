"""Identical misses of all workers call upstream once, by Redis: the first leads, the others wait for its answer.

A call is a hash that lives as long as its leader's lease. The outcome is written into it by its owner alone and
stays for the late ones; a message on one channel wakes the waiters of all workers, and a slow poll behind it finds
what a lost message would hide. Scripts decide who leads, so every step is atomic. Needs no query engine:
any Redis from 6.2 on will do.

Failure behaviour: every method raises StoreUnavailableError when Redis does not answer; the caller then makes its
own call. A leader that dies is noticed when its lease ends, and its waiters are told so (None).
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from typing import Any, cast
from weakref import WeakKeyDictionary

from redis.asyncio import Redis
from redis.exceptions import RedisError

from thriftgate.stores.redis.connection import RedisServer, decoded_text
from thriftgate.stores.redis.keys import NAMESPACE, key_digest

_POLL_LISTENING = 1.0
_POLL_DEAF = 0.05
"""Seconds between looks, with messages and without."""

_GRACE = 5.0
"""Seconds that an outcome stays readable for those who already wait, beyond the time it is kept for others."""

_NOW = "local time = redis.call('TIME'); local now = time[1] * 1000 + math.floor(time[2] / 1000)"

_LEAD = f"""
{_NOW}
local owner, ends_at = unpack(redis.call('HMGET', KEYS[1], 'owner', 'ends_at'))
local is_over = not owner or tonumber(ends_at) <= now
if not is_over and (owner ~= ARGV[1] or redis.call('HEXISTS', KEYS[1], 'outcome') == 1) then return 0 end
if is_over then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'ends_at', now + ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""

_RENEW = f"""
{_NOW}
local owner, ends_at, outcome = unpack(redis.call('HMGET', KEYS[1], 'owner', 'ends_at', 'outcome'))
if owner ~= ARGV[1] or outcome or tonumber(ends_at) <= now then return 0 end
redis.call('HSET', KEYS[1], 'ends_at', now + ARGV[2])
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""

# One who lost the lease to another must not answer in its place.
_PUBLISH = f"""
{_NOW}
local owner, ends_at, is_awaited = unpack(redis.call('HMGET', KEYS[1], 'owner', 'ends_at', 'is_awaited'))
if owner and owner ~= ARGV[1] and tonumber(ends_at) > now then return 0 end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'ends_at', now + ARGV[2], 'outcome', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2] + ARGV[6])
if is_awaited then redis.call('PUBLISH', ARGV[4], ARGV[5]) end
return 1
"""

_LOOK = f"""
{_NOW}
local ends_at, outcome = unpack(redis.call('HMGET', KEYS[1], 'ends_at', 'outcome'))
if not ends_at then return {{false, 0}} end
if not outcome then redis.call('HSET', KEYS[1], 'is_awaited', 1) end
return {{outcome, math.max(0, ends_at - now)}}
"""


class RedisSingleFlight:
    """One call upstream for identical concurrent misses of all workers (implements `ports.SingleFlight`)."""

    def __init__(self, server: RedisServer, *, namespace: str = NAMESPACE) -> None:
        self._server = server
        # These two names are what running gateways of other versions use.
        self._prefix = f"{namespace}:flight:"
        self._channel = f"{namespace}:landings"
        self._arrivals: WeakKeyDictionary[asyncio.AbstractEventLoop, _Arrivals] = WeakKeyDictionary()

    async def lead(self, key: str, *, owner: str, lease: float) -> bool:
        """True when `owner` now leads; False when somebody else does, or has just published."""
        return bool(await self._script(_LEAD, key, owner, _milliseconds(lease), deadline=self._server.deadlines.lookup))

    async def renew(self, key: str, *, owner: str, lease: float) -> bool:
        """Prolong the lease of a leader that is still at work; False when it was lost."""
        return bool(await self._script(_RENEW, key, owner, _milliseconds(lease), deadline=self._server.deadlines.write))

    async def publish(self, key: str, *, owner: str, outcome: Mapping[str, Any], keep: float) -> None:
        """Publish the outcome to every waiter, and keep it for `keep` seconds for late ones.

        Does nothing when the lease was lost to another owner.
        """
        dumped = json.dumps(outcome, separators=(",", ":"))
        arguments = (_milliseconds(keep), dumped, self._channel, key_digest(key), _milliseconds(_GRACE))
        await self._script(_PUBLISH, key, owner, *arguments, deadline=self._server.deadlines.write)

    async def wait(self, key: str, *, patience: float) -> Mapping[str, Any] | None:
        """The leader's outcome; None when it died (its lease ran out) or `patience` seconds passed.

        Where another leader has taken a dead one's place, its outcome is waited for.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience
        arrivals = self._arrivals.setdefault(loop, _Arrivals(self._channel))
        async with arrivals.expected(key_digest(key), self._server) as arrival:
            outcome, remaining = await self._look(key)
            if remaining <= 0:
                return None  # nobody leads, or it was published for others and its time is over
            while outcome is None and remaining > 0:
                poll = _POLL_LISTENING if arrivals.is_listening else _POLL_DEAF
                pause = min(remaining, poll, deadline - loop.time())
                if pause <= 0:
                    return None
                with suppress(TimeoutError):
                    await asyncio.wait_for(arrival.wait(), pause)
                arrival.clear()
                outcome, remaining = await self._look(key)
            return outcome

    async def _look(self, key: str) -> tuple[Mapping[str, Any] | None, float]:
        """The outcome, if it is there, and how many seconds the lease still has (0: nobody leads)."""
        outcome, milliseconds = await self._script(_LOOK, key, deadline=self._server.deadlines.lookup)
        found = None if outcome is None else cast("Mapping[str, Any]", json.loads(outcome))
        return found, milliseconds / 1000

    async def _script(self, script: str, key: str, *arguments: str | int, deadline: float) -> Any:
        async def work(client: Redis) -> Any:
            # EVAL and not EVALSHA: a restarted server knows no script, and these are short.
            return await cast("Any", client.eval(script, 1, self._prefix + key_digest(key), *map(str, arguments)))

        return await self._server.run(work, deadline=deadline)


class _Arrivals:
    """The waiters of one event loop, woken by the messages of one subscription that lasts while anybody waits."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._listener: asyncio.Task[None] | None = None
        self._subscribed = asyncio.Event()

    @property
    def is_listening(self) -> bool:
        """Whether messages come in; without them waiters have to look more often."""
        return self._subscribed.is_set()

    @asynccontextmanager
    async def expected(self, name: str, server: RedisServer) -> AsyncGenerator[asyncio.Event]:
        """An event that is set when the outcome of this name is published."""
        arrival = asyncio.Event()
        self._waiting[name].add(arrival)
        try:
            if self._listener is None or self._listener.done():
                self._listener = asyncio.create_task(self._listen(server), context=Context())
            yield arrival
        finally:
            self._waiting[name].discard(arrival)
            if not self._waiting[name]:
                del self._waiting[name]
            if not self._waiting and self._listener is not None:
                self._listener.cancel()
                self._listener = None

    async def _listen(self, server: RedisServer) -> None:
        """Until cancelled, or until Redis goes away: the waiters then poll, and the next one listens again."""
        with suppress(RedisError, OSError):
            async with server.client().pubsub(ignore_subscribe_messages=False) as messages:
                try:
                    await messages.subscribe(self._channel)
                    async for message in cast("AsyncIterator[Mapping[str, Any]]", messages.listen()):
                        self._hear(message)
                finally:
                    self._subscribed.clear()

    def _hear(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "subscribe":
            self._subscribed.set()
            # Whoever looked before this moment looks again: the message for them may have come too early.
            arrivals = [arrival for waiting in self._waiting.values() for arrival in waiting]
        else:
            arrivals = list(self._waiting.get(decoded_text(message["data"]), ()))
        for arrival in arrivals:
            arrival.set()


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000))
