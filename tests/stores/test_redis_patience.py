"""A Redis counts as silent only while we listen: a busy or starved event loop never takes a good one for a dead one."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis
from tests.stores.redis_process import BINARY, RedisProcess

from thriftgate.errors import StoreUnavailableError
from thriftgate.stores.patience import Silence
from thriftgate.stores.redis.connection import RedisServer


def test_silence_while_the_loop_listens_ends_at_the_deadline() -> None:
    silence, now, looks = Silence(0.04, 0.0), 0.0, 0
    while True:
        now, looks = now + silence.step + 0.0005, looks + 1
        if silence.look(now):
            break
    assert (looks, now) == (4, pytest.approx(0.042))


@given(st.lists(st.floats(0.05, 2.0), min_size=1, max_size=30))
def test_time_in_which_the_loop_did_not_listen_never_counts(blocks: list[float]) -> None:
    silence, now = Silence(0.04, 0.0), 0.0
    for block in blocks:
        now += silence.step + block
        assert not silence.look(now)


def test_a_loop_that_is_always_late_does_not_wait_for_ever() -> None:
    silence, now, turns = Silence(0.04, 0.0), 0.0, 0
    while not silence.look(now := now + 0.1):
        turns += 1
    assert turns < 50


def test_an_answer_to_anybody_starts_the_silence_anew() -> None:
    silence = Silence(0.04, 0.0)
    for look in range(1, 50):
        assert not silence.look(look * 0.01)
        if look % 3 == 0:
            silence.heard()


@pytest.fixture
def process(tmp_path: Path) -> Iterator[RedisProcess]:
    if BINARY is None:
        pytest.skip("there is no redis-server on this machine (apt-get install redis-server)")
    process = RedisProcess(tmp_path)
    process.start()
    yield process
    process.stop()


@pytest.fixture
async def server(process: RedisProcess) -> AsyncIterator[RedisServer]:
    server = RedisServer(process.url)
    yield server
    await server.close()


async def look(server: RedisServer) -> bool:
    """One look-up with the deadline of those that a request waits for."""

    async def work(client: Redis) -> object:
        return await cast("Any", client.echo("x"))

    try:
        await server.run(work, deadline=server.deadlines.lookup)
    except StoreUnavailableError:
        return False
    return True


def compute(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def be_descheduled(seconds: float) -> None:
    threading.Event().wait(seconds)  # the thread does not run, and computes nothing


@pytest.mark.parametrize("block", [0.0, 0.06, 0.1, 0.25])
@pytest.mark.parametrize("busy", [compute, be_descheduled])
async def test_a_good_redis_is_never_given_up_however_busy_the_loop_is(
    server: RedisServer, block: float, busy: Callable[[float], None]
) -> None:
    is_over = asyncio.Event()

    async def hog() -> None:
        while not is_over.is_set():
            await asyncio.sleep(0.005)
            busy(block)

    hogging = asyncio.create_task(hog())
    looks: list[asyncio.Task[bool]] = []
    for _ in range(20):
        looks += [asyncio.create_task(look(server)) for _ in range(5)]
        await asyncio.sleep(0.005)
    answered = await asyncio.gather(*looks)
    is_over.set()
    await hogging
    assert answered.count(False) == 0


async def test_a_frozen_redis_is_passed_by_and_its_connections_survive(
    server: RedisServer, process: RedisProcess
) -> None:
    assert await look(server)
    connected = (await server.client().info("stats"))["total_connections_received"]
    process.freeze()
    assert not await look(server)
    assert not await look(server)
    process.thaw()
    for _ in range(1000):
        if await look(server):
            break
        await asyncio.sleep(0.01)
    else:
        raise AssertionError("it was never found again")
    assert (await server.client().info("stats"))["total_connections_received"] <= connected + 1
