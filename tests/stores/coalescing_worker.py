"""A worker process of its own that leads a call: it says so, and publishes an answer once it is sent a line."""

import asyncio
import sys

from thriftgate.ports import SingleFlight
from thriftgate.services.route.coalescing import Coalescer
from thriftgate.stores.files.clock import SystemClock
from thriftgate.stores.postgres.connection.database import Database
from thriftgate.stores.postgres.single_flight import PostgresSingleFlight
from thriftgate.stores.redis.connection import Deadlines, RedisServer
from thriftgate.stores.redis.single_flight import RedisSingleFlight


def single_flight_at(url: str) -> SingleFlight:
    """The single flights of a PostgreSQL or a Redis."""
    if url.startswith("redis"):
        return RedisSingleFlight(RedisServer(url, deadlines=Deadlines(lookup=30.0, write=30.0)))
    return PostgresSingleFlight(Database(url))


async def main(url: str, key: str, lease: float) -> None:
    """Lead the call of `key`."""
    coalescer = Coalescer(single_flight_at(url), clock=SystemClock(), lease=lease)
    async with coalescer.join(key) as participant:
        sys.stdout.write("leading\n" if participant.joined is None else "joined\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        participant.publish({"answer": "from another process"})
    await coalescer.published()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
