"""Identical misses of two real processes: one asks upstream, and a process that is killed hangs nobody."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from thriftgate.ports import SingleFlight
from thriftgate.services.route.coalescing import Coalescer
from thriftgate.stores.files.clock import SystemClock
from thriftgate.stores.postgres.single_flight import PostgresSingleFlight
from thriftgate.stores.redis.connection import RedisServer
from thriftgate.stores.redis.single_flight import RedisSingleFlight

KEY = "one question"
ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["postgres", "redis"])
def url(request: pytest.FixtureRequest) -> str:
    """A store with no flights in it."""
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        assert server
        return request.getfixturevalue("redis_process").url
    request.getfixturevalue("database")
    return request.getfixturevalue("postgres_dsn")


@pytest.fixture
async def single_flight(url: str, request: pytest.FixtureRequest) -> SingleFlight:
    """This process's own connections."""
    if url.startswith("redis"):
        return RedisSingleFlight(request.getfixturevalue("redis_server"))
    return PostgresSingleFlight(request.getfixturevalue("database"))


async def leader(url: str, *, lease: float) -> Process:
    """Another process, which leads by now."""
    argv = [sys.executable, "-m", "tests.stores.coalescing_worker", url, KEY, str(lease)]
    process = await create_subprocess_exec(*argv, stdin=PIPE, stdout=PIPE, cwd=ROOT)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"leading\n"
    return process


async def joined(single_flight: SingleFlight, *, lease: float) -> Mapping[str, Any] | None:
    """What one request here gets from another's flight; None when it had to ask itself."""
    async with Coalescer(single_flight, clock=SystemClock(), lease=lease).join(KEY) as participant:
        if participant.joined is None:
            participant.publish({"answer": "from this process"})
        return participant.joined


async def test_those_who_wait_get_the_answer_of_another_process(url: str, single_flight: SingleFlight) -> None:
    process = await leader(url, lease=30.0)
    waiting = [asyncio.create_task(joined(single_flight, lease=30.0)) for _ in range(5)]
    await asyncio.wait(waiting, timeout=0.1)  # they are under way; sooner or later makes no difference to them
    await process.communicate(b"land\n")
    answers = await asyncio.gather(*waiting)
    assert answers == [{"answer": "from another process"}] * 5


async def test_when_a_leading_process_is_killed_one_of_those_who_wait_asks_and_the_rest_share_its_answer(
    url: str, single_flight: SingleFlight
) -> None:
    process = await leader(url, lease=2.0)
    waiting = [asyncio.create_task(joined(single_flight, lease=2.0)) for _ in range(5)]
    await asyncio.wait(waiting, timeout=0.1)
    assert not any(task.done() for task in waiting)
    process.kill()
    await process.wait()
    async with asyncio.timeout(30):
        answers = await asyncio.gather(*waiting)
    assert answers.count(None) == 1
    assert answers.count({"answer": "from this process"}) == 4
