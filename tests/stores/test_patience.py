"""A store counts as silent only while we listen: a busy or starved event loop never takes a good one for a dead one."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis
from tests.stores.postgres_process import PostgresProcess
from tests.stores.redis_process import RedisProcess

from thriftgate.errors import StoreUnavailableError
from thriftgate.identity.budgets import Account, window_at
from thriftgate.identity.records import Period
from thriftgate.limits.bucket import TokenBucket
from thriftgate.limits.demand import Charge, Demand, Taken
from thriftgate.patience import Silence
from thriftgate.stores.postgres.budgets import PostgresBudgetStore
from thriftgate.stores.postgres.connection.database import Database, Timeouts
from thriftgate.stores.postgres.identity import PostgresIdentityStore
from thriftgate.stores.postgres.ledger.book import PostgresLedger
from thriftgate.stores.postgres.limits import PostgresLimiter
from thriftgate.stores.redis.connection import RedisServer
from thriftgate.types import Audit, AuditKind, DecisionKind, RequestRecord, TierCall


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


@pytest.fixture(scope="module")
def postgres_process() -> Iterator[PostgresProcess]:
    """One for all tests of this file: what is frozen is thawed again."""
    process = PostgresProcess()
    process.start()
    yield process
    process.stop()


@dataclass(frozen=True)
class Store:
    """One of the two, which can be frozen; `look` is what a request asks of it."""

    look: Callable[[], Awaitable[object]]
    process: RedisProcess | PostgresProcess
    connections: Callable[[], Awaitable[int]]
    """How many it has had of us, or has."""

    async def answers(self) -> bool:
        try:
            await self.look()
        except StoreUnavailableError:
            return False
        return True


@pytest.fixture(params=["redis", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "postgres":
        process: PostgresProcess = request.getfixturevalue("postgres_process")
        database = Database(process.dsn)
        count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'thriftgate'"
        yield Store(
            partial(database.promptly, partial(database.fetchval, "SELECT 1")), process,
            partial(database.fetchval, count),
        )  # fmt: skip
        await database.close()
        return
    redis = RedisProcess(tmp_path)
    redis.start()
    server = RedisServer(redis.url)

    async def echo(client: Redis) -> object:
        return await cast("Any", client.echo("x"))

    async def connections() -> int:
        return (await server.client().info("stats"))["total_connections_received"]

    yield Store(partial(server.run, echo, deadline=server.deadlines.lookup), redis, connections)
    await server.close()
    redis.stop()


def compute(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def be_descheduled(seconds: float) -> None:
    threading.Event().wait(seconds)  # the thread does not run, and computes nothing


@asynccontextmanager
async def busy_loop(busy: Callable[[float], None], block: float) -> AsyncGenerator[None]:
    """The event loop is kept busy in blocks, of so many seconds each."""
    is_over = asyncio.Event()

    async def hog() -> None:
        while not is_over.is_set():
            await asyncio.sleep(0.005)
            busy(block)

    hogging = asyncio.create_task(hog())
    try:
        yield
    finally:
        is_over.set()
        await hogging


@pytest.mark.parametrize("block", [0.0, 0.06, 0.1, 0.25])
@pytest.mark.parametrize("busy", [compute, be_descheduled])
async def test_a_good_store_is_never_given_up_however_busy_the_loop_is(
    store: Store, block: float, busy: Callable[[float], None]
) -> None:
    async with busy_loop(busy, block):
        looks: list[asyncio.Task[bool]] = []
        for _ in range(20):
            looks += [asyncio.create_task(store.answers()) for _ in range(5)]
            await asyncio.sleep(0.005)
        answered = await asyncio.gather(*looks)
    assert answered.count(False) == 0


async def write_rows(database: Database, number: int) -> None:
    await PostgresLedger(database).record([
        RequestRecord(
            request_id=f"busy-{number}", route="support", started_at=float(number), duration=1.0,
            decision=DecisionKind.ACCEPTED, calls=(TierCall(model="small", started_at=float(number), duration=1.0),),
        )
    ])  # fmt: skip


async def keep_audit(database: Database, number: int) -> None:
    await PostgresLedger(database).add_audit(
        Audit(request_id=f"busy-{number}", kind=AuditKind.CASCADE, route="support", tier="small", judged_at=0.0,
              is_acceptable=True)
    )  # fmt: skip


async def take_limits(database: Database, number: int) -> None:
    demand = Demand(f"busy-{number}-{uuid4()}", (Charge("busy", TokenBucket(1000, 1), 1.0),))
    assert isinstance(await PostgresLimiter(database).take(demand, lease=10.0), Taken)


async def hold_money(database: Database, number: int) -> None:
    windows = [window_at(Account("key", "busy"), Period.DAY, 1_795_824_000.0)]
    until = 1_795_824_600.0
    await PostgresBudgetStore(database).reserve(
        f"busy-{uuid4()}", windows, [1e9], 0.01, at=1_795_824_000.0, until=until
    )


async def look_for_a_key(database: Database, number: int) -> None:
    assert await PostgresIdentityStore(database).find(f"nobody-{number}") is None


@pytest.mark.parametrize("block", [0.0, 0.06, 0.1, 0.25])
@pytest.mark.parametrize("busy", [compute, be_descheduled])
async def test_ledger_limits_budgets_and_keys_outlast_a_busy_loop(
    postgres_process: PostgresProcess, busy: Callable[[float], None], block: float
) -> None:
    database = Database(postgres_process.dsn)
    uses = [write_rows, keep_audit, take_limits, hold_money, look_for_a_key]
    async with busy_loop(busy, block):
        used = await asyncio.gather(
            *(use(database, number) for number in range(4) for use in uses), return_exceptions=True
        )
    assert used == [None] * len(used)
    await database.close()


async def test_what_cannot_do_without_a_frozen_database_waits_for_it_once_and_finds_it_again(
    postgres_process: PostgresProcess,
) -> None:
    database = Database(postgres_process.dsn, timeouts=Timeouts(acquire=0.1, statement=0.1))
    await take_limits(database, 1)
    said: list[str] = []
    postgres_process.freeze()
    try:
        while "a moment ago" not in "".join(said):
            with pytest.raises(StoreUnavailableError) as raised:
                await take_limits(database, 2)
            said.append(str(raised.value))
            assert raised.value.cause == "time_out"
    finally:
        postgres_process.thaw()
    assert "PostgreSQL did not answer in time" in said[0]
    for _ in range(1000):
        with suppress(StoreUnavailableError):
            await take_limits(database, 3)
            break
        await asyncio.sleep(0.01)
    else:
        raise AssertionError("it was never found again")
    await database.close()


async def test_a_statement_that_is_given_up_for_being_slow_closes_nothing_to_others(
    postgres_process: PostgresProcess,
) -> None:
    database = Database(postgres_process.dsn, timeouts=Timeouts(statement=0.05))
    for _ in range(3):
        with pytest.raises(StoreUnavailableError, match="did not answer in time"):
            await database.fetchval("SELECT true FROM pg_sleep(30)")
        for _ in range(20):
            assert await database.fetch("SELECT 1", timeout=30.0)
            await asyncio.sleep(0)
    await database.close()


async def test_a_frozen_store_is_passed_by_and_its_connections_survive(store: Store) -> None:
    for _ in range(3):
        assert await store.answers()
    connected = await store.connections()
    store.process.freeze()
    assert not await store.answers()
    assert not await store.answers()
    store.process.thaw()
    for _ in range(1000):
        if await store.answers():
            break
        await asyncio.sleep(0.01)
    else:
        raise AssertionError("it was never found again")
    assert await store.connections() <= connected + 1


async def test_a_slow_statement_of_a_database_that_lives_has_its_time(postgres_process: PostgresProcess) -> None:
    database = Database(postgres_process.dsn)
    slow = partial(database.fetchval, "SELECT true FROM pg_sleep(0.3)")
    assert await asyncio.gather(*(database.promptly(slow) for _ in range(3))) == [True] * 3
    await database.close()


async def test_a_statement_that_takes_too_long_is_given_up_though_the_database_lives(
    postgres_process: PostgresProcess,
) -> None:
    database = Database(postgres_process.dsn, timeouts=Timeouts(dispensable=0.1))
    with pytest.raises(StoreUnavailableError) as raised:
        await database.promptly(partial(database.fetchval, "SELECT true FROM pg_sleep(30)"))
    assert raised.value.cause == "time_out"
    await database.close()


async def test_what_a_statement_raises_is_raised_and_the_database_is_not_away(
    postgres_process: PostgresProcess,
) -> None:
    database = Database(postgres_process.dsn)
    with pytest.raises(StoreUnavailableError, match="refused"):
        await database.promptly(partial(database.fetchval, "SELECT 1 / 0"))
    assert await database.promptly(partial(database.fetchval, "SELECT 1")) == 1
    await database.close()


async def test_a_database_where_nobody_answers_is_found_when_somebody_does(postgres_process: PostgresProcess) -> None:
    address = postgres_process.dsn.replace("port=5432", "port=5433")
    database = Database(address)
    look = partial(database.promptly, partial(database.fetchval, "SELECT 1"))
    causes: list[str] = []
    for _ in range(3):
        with pytest.raises(StoreUnavailableError) as raised:
            await look()
        causes.append(raised.value.cause)
    assert set(causes) == {"unreachable"}
    await database.close()
