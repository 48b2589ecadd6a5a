"""Several real processes on one store: together they never get more than a bucket holds and refills."""

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from pathlib import Path

import pytest
from tests.stores.limiter_worker import CAPACITY, HELD, REFILL

from thriftgate.limits.demand import Demand, Taken
from thriftgate.ports import Limiter
from thriftgate.stores.postgres.limits import PostgresLimiter
from thriftgate.stores.redis.connection import RedisServer
from thriftgate.stores.redis.limits import RedisLimiter

ROOT = Path(__file__).parents[2]
N_WORKERS = 4
SECONDS = 1.5


@pytest.fixture(params=["postgres", "redis"])
def url(request: pytest.FixtureRequest) -> str:
    """A store with no limits in it."""
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        assert server
        return request.getfixturevalue("redis_process").url
    request.getfixturevalue("database")
    return request.getfixturevalue("postgres_dsn")


async def worker(url: str, name: str, seconds: float = SECONDS) -> Process:
    """A process that is ready to begin."""
    argv = [sys.executable, "-m", "tests.stores.limiter_worker", url, name, str(seconds)]
    process = await create_subprocess_exec(
        *argv, stdin=PIPE, stdout=PIPE, cwd=ROOT, env={**os.environ, "PYTHONPATH": "plugins"}
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def test_processes_that_take_all_they_get_never_use_more_than_capacity_and_refill(url: str) -> None:
    workers = await asyncio.gather(*(worker(url, f"worker-{n}") for n in range(N_WORKERS)))
    began_at = time.monotonic()
    said = await asyncio.gather(*(process.communicate(b"go\n") for process in workers))
    elapsed = time.monotonic() - began_at
    used = sum(float(out.split()[0]) for out, _ in said)
    asked = sum(int(out.split()[1]) for out, _ in said)
    assert used <= CAPACITY + REFILL * elapsed
    assert used >= CAPACITY, "and all that there was"
    assert asked > used, "they asked for more than there was"


async def test_what_a_killed_process_had_reserved_comes_back_with_its_lease(
    url: str, request: pytest.FixtureRequest
) -> None:
    limiter: Limiter = (
        RedisLimiter(request.getfixturevalue("redis_server"))
        if url.startswith("redis")
        else PostgresLimiter(request.getfixturevalue("database"))
    )
    process = await worker(url, "hold")
    process.kill()
    await process.communicate()
    async with asyncio.timeout(30):
        while not isinstance(await limiter.take(Demand("next", HELD.charges, HELD.slots), lease=60.0), Taken):
            await limiter.sweep()
