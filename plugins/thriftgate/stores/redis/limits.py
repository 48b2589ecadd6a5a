"""Limits that all workers and gateways share, in Redis: one script, one round trip, Redis's own clock.

A bucket is a hash of its level and its time, and disappears when it is full; a slot is a sorted set of those who run
by the end of their leases; open reservations are a hash, and a sorted set by the end of their leases. The names of
limits stand as digests. All keys share one hash tag, so that a Redis Cluster keeps them on one node. The rule is
`limits.bucket.TokenBucket`'s, number for number, and the contract suite holds both to the same cases. Any Redis from
6.2 on will do.

Failure behaviour: every method raises StoreUnavailableError when Redis does not answer; the caller decides what that
means (by default: nobody is let in). A take of which the answer was lost is a reservation that nobody settles: it
comes back with its lease. When Redis loses its memory, every bucket is full.
"""

import json
from collections.abc import Callable, Sequence
from itertools import chain
from math import inf
from typing import Any, cast

from thriftgate.limits.bucket import CLOCK_TOLERANCE, MARGIN
from thriftgate.limits.demand import Charge, Demand, Refused, Settlement, Taken
from thriftgate.limits.table import FORGET_AFTER
from thriftgate.stores.redis.connection import RedisServer, decoded_text
from thriftgate.stores.redis.keys import NAMESPACE, key_digest

_SWEPT_AT_ONCE = 200
"""Redis does nothing else meanwhile."""

_COMMON = f"""
local function number(text) return string.format('%.17g', text) end
local function now_of(given)
    if given ~= '' then return tonumber(given) end
    local time = redis.call('TIME')
    return tonumber(time[1]) + tonumber(time[2]) / 1000000
end
local function bucket_at(key, now, capacity, refill)
    local level, at = unpack(redis.call('HMGET', key, 'level', 'at'))
    if not level then return capacity, now end
    level, at = tonumber(level), tonumber(at)
    local elapsed = now - at
    if elapsed < 0 then
        if elapsed >= -{CLOCK_TOLERANCE} then now = at end
        elapsed = 0
    end
    return math.min(capacity, level + elapsed * refill), now
end
local function put(key, level, at, capacity, refill)
    redis.call('HSET', key, 'level', number(level), 'at', number(at))
    redis.call('EXPIRE', key, math.ceil(math.max(0, capacity - level) / refill) + {int(FORGET_AFTER)})
end
"""

# KEYS: leases, reservations, buckets, slots. ARGV: time, lease, id, record, number of buckets, then capacity, refill
# and n of each bucket, then the size of each slot.
_TAKE = f"""
{_COMMON}
local now, lease, id, n_buckets = now_of(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[5])
local levels, times, answer = {{}}, {{}}, {{}}
local limiting, longest = 0, '-1'
local wait = -1
for i = 1, n_buckets do
    local capacity, refill, n = tonumber(ARGV[3 * i + 3]), tonumber(ARGV[3 * i + 4]), tonumber(ARGV[3 * i + 5])
    levels[i], times[i] = bucket_at(KEYS[2 + i], now, capacity, refill)
    if levels[i] < n then
        local this = n > capacity and math.huge or (n - levels[i]) / refill + {MARGIN}
        if this > wait then wait, limiting = this, i end
    end
end
local running = {{}}
for i = n_buckets + 1, #KEYS - 2 do
    redis.call('ZREMRANGEBYSCORE', KEYS[2 + i], '-inf', number(now))
    running[i] = redis.call('ZCARD', KEYS[2 + i])
    if limiting == 0 and running[i] >= tonumber(ARGV[3 * n_buckets + 5 + i - n_buckets]) then limiting = i end
end
if limiting > 0 then
    answer[1], answer[2] = limiting, wait == math.huge and 'inf' or number(wait)
    for i = 1, n_buckets do answer[2 + i] = number(levels[i]) end
    return answer
end
answer[1], answer[2] = 0, '0'
for i = 1, n_buckets do
    local capacity, refill, n = tonumber(ARGV[3 * i + 3]), tonumber(ARGV[3 * i + 4]), tonumber(ARGV[3 * i + 5])
    put(KEYS[2 + i], levels[i] - n, times[i], capacity, refill)
    answer[2 + i] = number(levels[i] - n)
end
local ends_at = number(now + lease)
for i = n_buckets + 1, #KEYS - 2 do
    redis.call('ZADD', KEYS[2 + i], ends_at, id)
    redis.call('EXPIRE', KEYS[2 + i], math.ceil(lease) + 60)
    answer[2 + i] = tostring(running[i] + 1)
end
redis.call('ZADD', KEYS[1], ends_at, id)
redis.call('HSET', KEYS[2], id, ARGV[4])
return answer
"""

# KEYS: as above. ARGV: time, id, number of buckets, then capacity, refill, n reserved and n used of each bucket.
_SETTLE = f"""
{_COMMON}
local now, id, n_buckets = now_of(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local is_open = redis.call('ZREM', KEYS[1], id) == 1
redis.call('HDEL', KEYS[2], id)
for i = 1, n_buckets do
    local capacity, refill = tonumber(ARGV[4 * i]), tonumber(ARGV[4 * i + 1])
    local difference = tonumber(ARGV[4 * i + 3])
    if is_open then difference = difference - tonumber(ARGV[4 * i + 2]) end
    if difference ~= 0 then
        local level, at = bucket_at(KEYS[2 + i], now, capacity, refill)
        put(KEYS[2 + i], math.min(capacity, level - difference), at, capacity, refill)
    end
end
for i = n_buckets + 1, #KEYS - 2 do redis.call('ZREM', KEYS[2 + i], id) end
return 1
"""

# KEYS: leases, slots. ARGV: time, lease, number of ids, ids, then the id of each slot.
_RENEW = f"""
{_COMMON}
local now, n_ids, alive = now_of(ARGV[1]), tonumber(ARGV[3]), {{}}
local ends_at = number(now + tonumber(ARGV[2]))
for i = 4, 3 + n_ids do
    local held = redis.call('ZSCORE', KEYS[1], ARGV[i])
    if held and tonumber(held) > now then
        redis.call('ZADD', KEYS[1], ends_at, ARGV[i])
        alive[ARGV[i]] = true
    end
end
for i = 2, #KEYS do
    local id = ARGV[2 + n_ids + i]
    if alive[id] then
        redis.call('ZADD', KEYS[i], 'XX', ends_at, id)
        redis.call('EXPIRE', KEYS[i], math.ceil(tonumber(ARGV[2])) + 60)
    end
end
return 1
"""

# KEYS: leases, reservations; the keys of what is given back stand in the reservations, under the same hash tag.
# ARGV: time, how many at most.
_SWEEP = f"""
{_COMMON}
local now = now_of(ARGV[1])
local over = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', number(now), 'LIMIT', 0, tonumber(ARGV[2]))
for _, id in ipairs(over) do
    local record = redis.call('HGET', KEYS[2], id)
    if record then
        local held = cjson.decode(record)
        for _, bucket in ipairs(held.buckets) do
            local key, capacity, refill, n = unpack(bucket)
            local level, at = bucket_at(key, now, capacity, refill)
            put(key, math.min(capacity, level + n), at, capacity, refill)
        end
        for _, key in ipairs(held.slots) do redis.call('ZREM', key, id) end
    end
    redis.call('ZREM', KEYS[1], id)
    redis.call('HDEL', KEYS[2], id)
end
return #over
"""


class RedisLimiter:
    """Limits in Redis (implements `ports.Limiter`).

    `clock` takes the place of Redis's own, for tests.
    """

    def __init__(
        self, server: RedisServer, *, namespace: str = NAMESPACE, clock: Callable[[], float] | None = None
    ) -> None:
        self._server = server
        self._prefix = f"{{{namespace}:limits}}:"
        self._shared = (f"{self._prefix}leases", f"{self._prefix}reservations")
        self._clock = clock

    async def take(self, demand: Demand, *, lease: float) -> Taken | Refused:
        """Take everything that is demanded, or nothing."""
        buckets, slots = self._keys(demand)
        record = json.dumps(
            {
                "buckets": [
                    [key, charge.bucket.capacity, charge.bucket.refill_per_second, charge.n]
                    for key, charge in zip(buckets, demand.charges, strict=True)
                ],
                "slots": slots,
            }
        )
        answer = await self._run(
            _TAKE,
            [*self._shared, *buckets, *slots],
            [self._now(), lease, demand.id, record, len(buckets)]
            + [*chain.from_iterable(_numbers(charge) for charge in demand.charges)]
            + [slot.most for slot in demand.slots],
            deadline=self._server.deadlines.lookup,
        )
        found = cast("list[Any]", answer)
        limiting, wait, rest = int(found[0]), found[1], found[2:]
        numbers = [float(decoded_text(number)) for number in rest]
        remaining = tuple(numbers[: len(buckets)])
        if limiting == 0:
            return Taken(remaining, tuple(int(number) for number in numbers[len(buckets) :]))
        retry_after = float(decoded_text(wait)) if limiting <= len(buckets) else None
        return Refused(demand.names[limiting - 1], inf if retry_after == inf else retry_after, remaining)

    async def settle(self, settlement: Settlement) -> None:
        """Give back what was not used, or take the difference."""
        demand = settlement.demand
        buckets, slots = self._keys(demand)
        arguments: list[object] = [self._now(), demand.id, len(buckets)]
        for charge, used in zip(demand.charges, settlement.used, strict=True):
            arguments += [*_numbers(charge), used]
        await self._run(_SETTLE, [*self._shared, *buckets, *slots], arguments, deadline=self._server.deadlines.write)

    async def renew(self, demands: Sequence[Demand], *, lease: float) -> None:
        """Prolong reservations whose owner is still at work."""
        slots = [(demand.id, key) for demand in demands for key in self._keys(demand)[1]]
        ids = [demand.id for demand in demands]
        arguments = [self._now(), lease, len(ids), *ids, *(request_id for request_id, _ in slots)]
        keys = [self._shared[0], *(key for _, key in slots)]
        await self._run(_RENEW, keys, arguments, deadline=self._server.deadlines.write)

    async def sweep(self) -> int:
        """Give back the reservations of owners that have died; returns how many."""
        answer = await self._run(
            _SWEEP, list(self._shared), [self._now(), _SWEPT_AT_ONCE], deadline=self._server.deadlines.write
        )
        return int(cast("int", answer))

    async def _run(self, script: str, keys: list[str], arguments: Sequence[object], *, deadline: float) -> object:
        values = [argument if isinstance(argument, str) else repr(argument) for argument in arguments]
        return await self._server.run(
            lambda client: client.register_script(script)(keys=keys, args=values),
            deadline=deadline,
        )

    def _keys(self, demand: Demand) -> tuple[list[str], list[str]]:
        return (
            [f"{self._prefix}bucket:{key_digest(charge.name)}" for charge in demand.charges],
            [f"{self._prefix}slot:{key_digest(slot.name)}" for slot in demand.slots],
        )

    def _now(self) -> str:
        return "" if self._clock is None else repr(self._clock())


def _numbers(charge: Charge) -> tuple[float, float, float]:
    return charge.bucket.capacity, charge.bucket.refill_per_second, charge.n
