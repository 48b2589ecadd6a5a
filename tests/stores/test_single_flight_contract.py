"""Identical misses call upstream once, in all workers, whatever holds their leases."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from tests.fakes import InMemorySingleFlight, LoopClock, settle

from thriftgate.ports import SingleFlight
from thriftgate.stores.postgres.connection.database import Database
from thriftgate.stores.postgres.single_flight import PostgresSingleFlight
from thriftgate.stores.redis.connection import Deadlines, RedisServer
from thriftgate.stores.redis.keys import key_digest
from thriftgate.stores.redis.single_flight import RedisSingleFlight

ANSWER = {"answer": "yes \x00 😀", "cost": 0.5, "choices": [{"message": {"content": None}}]}


@pytest.fixture(params=["postgres", "redis", "memory"])
def single_flight(request: pytest.FixtureRequest) -> SingleFlight:
    """Every implementation, empty: one worker. `memory` is the fake that the services are tested with."""
    if request.param == "memory":
        return InMemorySingleFlight(LoopClock())
    if request.param == "redis":
        return RedisSingleFlight(request.getfixturevalue("redis_server"))
    return PostgresSingleFlight(request.getfixturevalue("database"))


@pytest.fixture
async def other_worker(request: pytest.FixtureRequest, single_flight: SingleFlight) -> AsyncIterator[SingleFlight]:
    """The same flights seen from another worker, with connections of its own."""
    if isinstance(single_flight, RedisSingleFlight):
        server = RedisServer(request.getfixturevalue("redis_process").url, deadlines=Deadlines(lookup=30.0))
        yield RedisSingleFlight(server)
        await server.close()
    elif isinstance(single_flight, InMemorySingleFlight):
        yield single_flight
    else:
        database = Database(request.getfixturevalue("postgres_dsn"))
        yield PostgresSingleFlight(database)
        await database.close()


async def test_the_first_leads_and_the_second_waits(single_flight: SingleFlight) -> None:
    assert await single_flight.lead("k", owner="a", lease=30)
    assert not await single_flight.lead("k", owner="b", lease=30)
    assert await single_flight.lead("other", owner="b", lease=30)


async def test_of_many_at_once_exactly_one_leads(single_flight: SingleFlight, other_worker: SingleFlight) -> None:
    workers = [single_flight, other_worker] * 10
    leads = await asyncio.gather(*(w.lead("k", owner=f"o{i}", lease=30) for i, w in enumerate(workers)))
    assert sum(leads) == 1


async def test_taking_off_twice_is_the_same_flight(single_flight: SingleFlight) -> None:
    assert await single_flight.lead("k", owner="a", lease=30)
    assert await single_flight.lead("k", owner="a", lease=30)


async def test_waiters_of_all_workers_get_the_outcome(single_flight: SingleFlight, other_worker: SingleFlight) -> None:
    await single_flight.lead("k", owner="a", lease=30)
    waiting = [asyncio.create_task(w.wait("k", patience=20)) for w in (single_flight, other_worker) for _ in range(5)]
    await single_flight.publish("k", owner="a", outcome=ANSWER, keep=0)
    # The first waiters may only get to look when it is all over: keep=0 promises them nothing.
    found = [outcome for outcome in await asyncio.gather(*waiting) if outcome is not None]
    assert all(outcome == ANSWER for outcome in found)


async def test_a_waiter_that_is_there_is_woken_before_it_would_look_again(
    single_flight: SingleFlight, other_worker: SingleFlight
) -> None:
    await single_flight.lead("k", owner="a", lease=30)
    waiting = asyncio.create_task(other_worker.wait("k", patience=20))
    await joined(single_flight, "k")
    await single_flight.publish("k", owner="a", outcome=ANSWER, keep=0)
    assert await waiting == ANSWER


async def test_who_comes_late_gets_the_kept_outcome_at_once(
    single_flight: SingleFlight, other_worker: SingleFlight
) -> None:
    await single_flight.lead("k", owner="a", lease=30)
    await single_flight.publish("k", owner="a", outcome=ANSWER, keep=30)
    assert not await other_worker.lead("k", owner="b", lease=30)
    assert await other_worker.wait("k", patience=0) == ANSWER


async def test_who_comes_too_late_leads_a_new_flight(single_flight: SingleFlight) -> None:
    await single_flight.lead("k", owner="a", lease=30)
    await single_flight.publish("k", owner="a", outcome=ANSWER, keep=0)
    assert await single_flight.wait("k", patience=5) is None
    assert await single_flight.lead("k", owner="b", lease=30)


async def test_waiters_learn_that_the_leader_died(single_flight: SingleFlight, other_worker: SingleFlight) -> None:
    await single_flight.lead("k", owner="a", lease=0.1)
    found = await asyncio.gather(single_flight.wait("k", patience=60), other_worker.wait("k", patience=60))
    assert found == [None, None]
    assert await other_worker.lead("k", owner="b", lease=30)


async def test_a_renewed_lease_outlives_its_first_end(single_flight: SingleFlight, other_worker: SingleFlight) -> None:
    await single_flight.lead("k", owner="a", lease=0.2)
    assert await single_flight.renew("k", owner="a", lease=30)
    waiting = asyncio.create_task(other_worker.wait("k", patience=60))
    assert await other_worker.wait("k", patience=0.4) is None  # longer than the first lease
    assert not await other_worker.lead("k", owner="b", lease=30)
    await single_flight.publish("k", owner="a", outcome=ANSWER, keep=0)
    assert await waiting == ANSWER


async def test_patience_ends_before_the_lease(single_flight: SingleFlight) -> None:
    await single_flight.lead("k", owner="a", lease=60)
    assert await single_flight.wait("k", patience=0.05) is None


async def test_there_is_nothing_to_wait_for_without_a_flight(single_flight: SingleFlight) -> None:
    assert await single_flight.wait("never", patience=60) is None


async def test_only_the_leader_can_renew_and_land(single_flight: SingleFlight) -> None:
    await single_flight.lead("k", owner="a", lease=30)
    assert not await single_flight.renew("k", owner="b", lease=30)
    await single_flight.publish("k", owner="b", outcome={"answer": "wrong"}, keep=30)
    assert await single_flight.wait("k", patience=0) is None
    await single_flight.publish("k", owner="a", outcome=ANSWER, keep=30)
    assert await single_flight.wait("k", patience=0) == ANSWER


async def test_a_lost_lease_cannot_be_renewed_and_its_outcome_is_not_published(single_flight: SingleFlight) -> None:
    await single_flight.lead("k", owner="a", lease=0.01)
    assert await single_flight.wait("k", patience=60) is None
    assert not await single_flight.renew("k", owner="a", lease=30)
    assert await single_flight.lead("k", owner="b", lease=30)
    await single_flight.publish("k", owner="a", outcome={"answer": "late"}, keep=30)
    await single_flight.publish("k", owner="b", outcome=ANSWER, keep=30)
    assert await single_flight.wait("k", patience=0) == ANSWER


async def test_a_waiter_gets_the_outcome_of_the_leader_who_took_over(
    single_flight: SingleFlight, other_worker: SingleFlight
) -> None:
    await single_flight.lead("k", owner="a", lease=30)
    waiting = asyncio.create_task(other_worker.wait("k", patience=60))
    await joined(single_flight, "k")
    await single_flight.publish("k", owner="a", outcome=ANSWER, keep=0)
    assert await waiting == ANSWER
    assert await single_flight.lead("k", owner="b", lease=30)
    waiting = asyncio.create_task(other_worker.wait("k", patience=60))
    await single_flight.publish("k", owner="b", outcome={"answer": "second"}, keep=30)
    assert await waiting == {"answer": "second"}


async def test_an_outcome_of_a_megabyte_arrives_whole(single_flight: SingleFlight, other_worker: SingleFlight) -> None:
    await single_flight.lead("k", owner="a", lease=30)
    outcome = {"answer": "x" * 1_000_000}
    await single_flight.publish("k", owner="a", outcome=outcome, keep=30)
    assert await other_worker.wait("k", patience=0) == outcome


@pytest.mark.parametrize("key", ["", "\x00", "\ud800", "'; --", "x" * 2000, "naïve 😀"], ids=range(6))
async def test_any_key_may_fly(single_flight: SingleFlight, key: str) -> None:
    assert await single_flight.lead(key, owner="a", lease=30)
    await single_flight.publish(key, owner="a", outcome=ANSWER, keep=30)
    assert await single_flight.wait(key, patience=0) == ANSWER


async def test_a_hundred_waiters_call_upstream_once(single_flight: SingleFlight, other_worker: SingleFlight) -> None:
    calls: list[str] = []

    async def answer(worker: SingleFlight, owner: str) -> Mapping[str, Any] | None:
        if await worker.lead("k", owner=owner, lease=30):
            calls.append(owner)
            await worker.publish("k", owner=owner, outcome=ANSWER, keep=30)
            return ANSWER
        return await worker.wait("k", patience=60)

    workers = [single_flight, other_worker] * 50
    found = await asyncio.gather(*(answer(worker, f"o{i}") for i, worker in enumerate(workers)))
    assert len(calls) == 1
    assert found == [ANSWER] * 100


async def joined(single_flight: SingleFlight, key: str) -> None:
    """Wait until somebody waits for the flight."""
    if isinstance(single_flight, RedisSingleFlight):
        server: RedisServer = single_flight._server  # pyright: ignore[reportPrivateUsage]
        while not await server.client().hget(f"thriftgate:flight:{key_digest(key)}", "is_awaited"):
            pass
        return
    if isinstance(single_flight, InMemorySingleFlight):
        while not single_flight.waiting[key]:
            await settle(1)
        return
    assert isinstance(single_flight, PostgresSingleFlight)
    database: Database = single_flight._database  # pyright: ignore[reportPrivateUsage]
    while not await database.fetchval("SELECT is_awaited FROM flights WHERE key = $1", key):
        pass
