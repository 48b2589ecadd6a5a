"""A worker process of its own that takes as much as it gets: it says so, begins with a line, and tells how much."""

import asyncio
import sys
import time
from itertools import count

from thriftgate.limits.bucket import TokenBucket
from thriftgate.limits.demand import Charge, Demand, Settlement, Slot, Taken
from thriftgate.ports import Limiter
from thriftgate.stores.postgres.connection.database import Database
from thriftgate.stores.postgres.limits import PostgresLimiter
from thriftgate.stores.redis.connection import Deadlines, RedisServer
from thriftgate.stores.redis.limits import RedisLimiter

CAPACITY, REFILL = 50.0, 20.0
GREEDY = 8
"""Requests of each worker at a time."""
HELD = Demand("held", (Charge("held", TokenBucket(CAPACITY, 1e-9), CAPACITY),), (Slot("held-slot", 1),))


def limiter_at(url: str) -> Limiter:
    """The limiter of a PostgreSQL or a Redis."""
    if url.startswith("redis"):
        return RedisLimiter(RedisServer(url, deadlines=Deadlines(lookup=30.0, write=30.0)))
    return PostgresLimiter(Database(url))


def demand(worker: str, number: int) -> Demand:
    """Two tickets of the shared bucket, one of a roomy one of the worker's own."""
    return Demand(
        f"{worker}-{number}",
        (
            Charge("shared", TokenBucket(CAPACITY, REFILL), 2.0),
            Charge(f"own-{worker}", TokenBucket(1e6, 1.0), 1.0),
        ),
    )


async def hold(url: str) -> None:
    """Take all of a bucket that hardly refills and a slot, on a short lease, and never come to an end."""
    assert isinstance(await limiter_at(url).take(HELD, lease=0.5), Taken)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


async def main(url: str, worker: str, seconds: float) -> None:
    """Take until the time is over; every other reservation is settled with one ticket less than was reserved."""
    limiter, numbers, used = limiter_at(url), count(), [0.0]
    await limiter.sweep()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    ends_at = time.monotonic() + seconds

    async def take() -> None:
        while time.monotonic() < ends_at:
            asked = demand(worker, next(numbers))
            if isinstance(await limiter.take(asked, lease=60.0), Taken):
                is_settled = next(numbers) % 2
                used[0] += 1.0 if is_settled else 2.0
                if is_settled:
                    await limiter.settle(Settlement(asked, (1.0, 1.0)))

    await asyncio.gather(*(take() for _ in range(GREEDY)))
    sys.stdout.write(f"{used[0]} {next(numbers)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[2] == "hold":
        asyncio.run(hold(sys.argv[1]))
    else:
        asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
