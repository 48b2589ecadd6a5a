"""Identical misses call upstream once, in all workers, whatever holds their leases."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from tests.fakes import InMemoryFlights, LoopClock, settle

from thriftgate.ports import Flights
from thriftgate.stores.postgres.database import Database
from thriftgate.stores.postgres.flights import PostgresFlights
from thriftgate.stores.redis.connection import Deadlines, RedisServer
from thriftgate.stores.redis.flights import RedisFlights
from thriftgate.stores.redis.keys import digest

ANSWER = {"answer": "yes \x00 😀", "cost": 0.5, "choices": [{"message": {"content": None}}]}


@pytest.fixture(params=["postgres", "redis", "memory"])
def flights(request: pytest.FixtureRequest) -> Flights:
    """Every implementation, empty: one worker. `memory` is the fake that the services are tested with."""
    if request.param == "memory":
        return InMemoryFlights(LoopClock())
    if request.param == "redis":
        return RedisFlights(request.getfixturevalue("redis_server"))
    return PostgresFlights(request.getfixturevalue("database"))


@pytest.fixture
async def other_worker(request: pytest.FixtureRequest, flights: Flights) -> AsyncIterator[Flights]:
    """The same flights seen from another worker, with connections of its own."""
    if isinstance(flights, RedisFlights):
        server = RedisServer(request.getfixturevalue("redis_process").url, deadlines=Deadlines(lookup=30.0))
        yield RedisFlights(server)
        await server.close()
    elif isinstance(flights, InMemoryFlights):
        yield flights
    else:
        database = Database(request.getfixturevalue("postgres_dsn"))
        yield PostgresFlights(database)
        await database.close()


async def test_the_first_leads_and_the_second_waits(flights: Flights) -> None:
    assert await flights.take_off("k", owner="a", lease=30)
    assert not await flights.take_off("k", owner="b", lease=30)
    assert await flights.take_off("other", owner="b", lease=30)


async def test_of_many_at_once_exactly_one_leads(flights: Flights, other_worker: Flights) -> None:
    workers = [flights, other_worker] * 10
    leads = await asyncio.gather(*(w.take_off("k", owner=f"o{i}", lease=30) for i, w in enumerate(workers)))
    assert sum(leads) == 1


async def test_taking_off_twice_is_the_same_flight(flights: Flights) -> None:
    assert await flights.take_off("k", owner="a", lease=30)
    assert await flights.take_off("k", owner="a", lease=30)


async def test_waiters_of_all_workers_get_the_outcome(flights: Flights, other_worker: Flights) -> None:
    await flights.take_off("k", owner="a", lease=30)
    waiting = [asyncio.create_task(w.wait("k", patience=20)) for w in (flights, other_worker) for _ in range(5)]
    await flights.land("k", owner="a", outcome=ANSWER, keep=0)
    # The first waiters may only get to look when it is all over: keep=0 promises them nothing.
    found = [outcome for outcome in await asyncio.gather(*waiting) if outcome is not None]
    assert all(outcome == ANSWER for outcome in found)


async def test_a_waiter_that_is_there_is_woken_before_it_would_look_again(
    flights: Flights, other_worker: Flights
) -> None:
    await flights.take_off("k", owner="a", lease=30)
    waiting = asyncio.create_task(other_worker.wait("k", patience=20))
    await joined(flights, "k")
    await flights.land("k", owner="a", outcome=ANSWER, keep=0)
    assert await waiting == ANSWER


async def test_who_comes_late_gets_the_kept_outcome_at_once(flights: Flights, other_worker: Flights) -> None:
    await flights.take_off("k", owner="a", lease=30)
    await flights.land("k", owner="a", outcome=ANSWER, keep=30)
    assert not await other_worker.take_off("k", owner="b", lease=30)
    assert await other_worker.wait("k", patience=0) == ANSWER


async def test_who_comes_too_late_leads_a_new_flight(flights: Flights) -> None:
    await flights.take_off("k", owner="a", lease=30)
    await flights.land("k", owner="a", outcome=ANSWER, keep=0)
    assert await flights.wait("k", patience=5) is None
    assert await flights.take_off("k", owner="b", lease=30)


async def test_waiters_learn_that_the_leader_died(flights: Flights, other_worker: Flights) -> None:
    await flights.take_off("k", owner="a", lease=0.1)
    found = await asyncio.gather(flights.wait("k", patience=60), other_worker.wait("k", patience=60))
    assert found == [None, None]
    assert await other_worker.take_off("k", owner="b", lease=30)


async def test_a_renewed_lease_outlives_its_first_end(flights: Flights, other_worker: Flights) -> None:
    await flights.take_off("k", owner="a", lease=0.2)
    assert await flights.renew("k", owner="a", lease=30)
    waiting = asyncio.create_task(other_worker.wait("k", patience=60))
    assert await other_worker.wait("k", patience=0.4) is None  # longer than the first lease
    assert not await other_worker.take_off("k", owner="b", lease=30)
    await flights.land("k", owner="a", outcome=ANSWER, keep=0)
    assert await waiting == ANSWER


async def test_patience_ends_before_the_lease(flights: Flights) -> None:
    await flights.take_off("k", owner="a", lease=60)
    assert await flights.wait("k", patience=0.05) is None


async def test_there_is_nothing_to_wait_for_without_a_flight(flights: Flights) -> None:
    assert await flights.wait("never", patience=60) is None


async def test_only_the_leader_can_renew_and_land(flights: Flights) -> None:
    await flights.take_off("k", owner="a", lease=30)
    assert not await flights.renew("k", owner="b", lease=30)
    await flights.land("k", owner="b", outcome={"answer": "wrong"}, keep=30)
    assert await flights.wait("k", patience=0) is None
    await flights.land("k", owner="a", outcome=ANSWER, keep=30)
    assert await flights.wait("k", patience=0) == ANSWER


async def test_a_lost_lease_cannot_be_renewed_and_its_outcome_is_not_published(flights: Flights) -> None:
    await flights.take_off("k", owner="a", lease=0.01)
    assert await flights.wait("k", patience=60) is None
    assert not await flights.renew("k", owner="a", lease=30)
    assert await flights.take_off("k", owner="b", lease=30)
    await flights.land("k", owner="a", outcome={"answer": "late"}, keep=30)
    await flights.land("k", owner="b", outcome=ANSWER, keep=30)
    assert await flights.wait("k", patience=0) == ANSWER


async def test_a_waiter_gets_the_outcome_of_the_leader_who_took_over(flights: Flights, other_worker: Flights) -> None:
    await flights.take_off("k", owner="a", lease=30)
    waiting = asyncio.create_task(other_worker.wait("k", patience=60))
    await joined(flights, "k")
    await flights.land("k", owner="a", outcome=ANSWER, keep=0)
    assert await waiting == ANSWER
    assert await flights.take_off("k", owner="b", lease=30)
    waiting = asyncio.create_task(other_worker.wait("k", patience=60))
    await flights.land("k", owner="b", outcome={"answer": "second"}, keep=30)
    assert await waiting == {"answer": "second"}


async def test_an_outcome_of_a_megabyte_arrives_whole(flights: Flights, other_worker: Flights) -> None:
    await flights.take_off("k", owner="a", lease=30)
    outcome = {"answer": "x" * 1_000_000}
    await flights.land("k", owner="a", outcome=outcome, keep=30)
    assert await other_worker.wait("k", patience=0) == outcome


@pytest.mark.parametrize("key", ["", "\x00", "\ud800", "'; --", "x" * 2000, "naïve 😀"], ids=range(6))
async def test_any_key_may_fly(flights: Flights, key: str) -> None:
    assert await flights.take_off(key, owner="a", lease=30)
    await flights.land(key, owner="a", outcome=ANSWER, keep=30)
    assert await flights.wait(key, patience=0) == ANSWER


async def test_a_hundred_waiters_call_upstream_once(flights: Flights, other_worker: Flights) -> None:
    calls: list[str] = []

    async def answer(worker: Flights, owner: str) -> Mapping[str, Any] | None:
        if await worker.take_off("k", owner=owner, lease=30):
            calls.append(owner)
            await worker.land("k", owner=owner, outcome=ANSWER, keep=30)
            return ANSWER
        return await worker.wait("k", patience=60)

    workers = [flights, other_worker] * 50
    found = await asyncio.gather(*(answer(worker, f"o{i}") for i, worker in enumerate(workers)))
    assert len(calls) == 1
    assert found == [ANSWER] * 100


async def joined(flights: Flights, key: str) -> None:
    """Wait until somebody waits for the flight."""
    if isinstance(flights, RedisFlights):
        server: RedisServer = flights._server  # pyright: ignore[reportPrivateUsage]
        while not await server.client().hget(f"thriftgate:flight:{digest(key)}", "is_awaited"):
            pass
        return
    if isinstance(flights, InMemoryFlights):
        while not flights.waiting[key]:
            await settle(1)
        return
    assert isinstance(flights, PostgresFlights)
    database: Database = flights._database  # pyright: ignore[reportPrivateUsage]
    while not await database.fetchval("SELECT is_awaited FROM flights WHERE key = $1", key):
        pass
