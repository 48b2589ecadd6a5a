"""Every store of limits against the pure table, case by case, and many at once against the one promise it makes."""

import asyncio
from collections.abc import Callable
from itertools import count
from math import inf
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.clocks import FakeClock, LoopClock
from tests.memory_limiter import InMemoryLimiter

from thriftgate.errors import StoreUnavailableError
from thriftgate.limits.bucket import TokenBucket
from thriftgate.limits.demand import Charge, Demand, Refused, Settlement, Slot, Taken
from thriftgate.ports import Limiter
from thriftgate.stores.postgres.connection.database import Database
from thriftgate.stores.postgres.limits import PostgresLimiter
from thriftgate.stores.redis.connection import RedisServer
from thriftgate.stores.redis.limits import RedisLimiter

BUCKETS = {"key": TokenBucket(5, 1), "team": TokenBucket(8, 0.3), "gateway": TokenBucket(20.5, 4)}
STEPS = st.lists(
    st.tuples(
        st.floats(-2, 12),
        st.sets(st.sampled_from([*BUCKETS, "few", "many"]), min_size=1),
        st.floats(0, 9),
        st.sampled_from(["settle", "settle", "keep", "renew", "sweep"]),
        st.floats(0, 15),
    ),
    max_size=25,
)
"""Seconds that the clock moves on (or back), the limits of a request, what it takes of each, what happens after it,
and what it has used then."""
SLOTS = {"few": Slot("few", 1), "many": Slot("many", 3)}
LEASE = 10.0
NUMBERS = count()
"""Of examples, each with limits and a time of its own."""

Open = Callable[[FakeClock | None], Limiter]


@pytest.fixture(params=["postgres", "redis", "redis-cluster", "memory"])
def opened(request: pytest.FixtureRequest) -> Open:
    """Opens the limiter, on its own clock or on one that the test moves."""
    if request.param == "memory":
        return lambda clock: InMemoryLimiter(clock or LoopClock())
    if request.param.startswith("redis"):
        name = {"redis": "redis_server", "redis-cluster": "redis_cluster_server"}[request.param]
        server: RedisServer = request.getfixturevalue(name)
        return lambda clock: RedisLimiter(server, clock=clock.time if clock else None)
    database: Database = request.getfixturevalue("database")
    return lambda clock: PostgresLimiter(database, clock=clock.time if clock else None)


def demand(prefix: str, name: str, names: set[str], n: float) -> Demand:
    return Demand(
        f"{prefix}-{name}",
        tuple(Charge(f"{prefix}-{limit}", BUCKETS[limit], n) for limit in sorted(names & BUCKETS.keys())),
        tuple(Slot(f"{prefix}-{limit}", SLOTS[limit].most) for limit in sorted(names & SLOTS.keys())),
    )


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
# A slot whose lease was over is free, also when the clock goes back afterwards.
@example(
    steps=[
        (0, {"few"}, 0, "keep", 0), (1, {"key"}, 0, "settle", 0), (9, {"key", "few"}, 0, "settle", 0),
        (-1, {"few"}, 0, "keep", 0), (0, {"few"}, 0, "keep", 0), (-1, {"few", "key"}, 6, "renew", 0),
    ]
)  # fmt: skip
async def test_a_store_answers_every_case_as_the_pure_table_does(
    opened: Open, steps: list[tuple[float, set[str], float, str, float]]
) -> None:
    number = next(NUMBERS)
    clock, prefix = FakeClock(1e9 + 1e5 * number), f"example-{number}"
    store, model = opened(clock), InMemoryLimiter(clock)
    while await store.sweep():
        pass  # what earlier examples left
    for number, (pause, names, n, then, used) in enumerate(steps):
        clock.now += pause
        asked = demand(prefix, str(number), names, n)
        verdicts = [await limiter.take(asked, lease=LEASE) for limiter in (store, model)]
        assert verdicts[0] == verdicts[1]
        settlement = Settlement(asked, tuple(used for _ in asked.charges))
        for limiter in (store, model):
            if then == "settle" and isinstance(verdicts[0], Taken):
                await limiter.settle(settlement)
            elif then == "renew":
                await limiter.renew(model.taken[-3:], lease=LEASE)
        if then == "sweep":
            assert await store.sweep() == await model.sweep()


async def test_all_or_nothing_under_any_text(opened: Open) -> None:
    limiter = opened(FakeClock())
    names = ["user:Ä 'quoted' \\ \x00 \ud800", "user:{curly}", "user:" + "x" * 5000]
    charges = tuple(Charge(name, TokenBucket(2, 1), 1) for name in names)
    assert isinstance(await limiter.take(Demand("a\x00", charges), lease=9), Taken)
    greedy = (*charges[:2], Charge(names[2], TokenBucket(2, 1), 2))
    refused = await limiter.take(Demand("b", greedy), lease=9)
    assert isinstance(refused, Refused)
    assert refused.limit == names[2]
    assert isinstance(await limiter.take(Demand("c", charges), lease=9), Taken)


async def test_more_than_a_bucket_holds_is_refused_forever(opened: Open) -> None:
    limiter = opened(FakeClock())
    refused = await limiter.take(Demand("a", (Charge("b", TokenBucket(2, 1), 3),)), lease=9)
    assert refused == Refused("b", inf, (2.0,))


async def test_a_demand_of_nothing_is_granted(opened: Open) -> None:
    limiter = opened(FakeClock())
    assert await limiter.take(Demand("a"), lease=9) == Taken((), ())
    await limiter.renew([], lease=9)
    await limiter.settle(Settlement(Demand("a"), ()))


async def test_many_at_once_are_granted_exactly_what_a_bucket_holds(opened: Open) -> None:
    limiter, numbers = opened(FakeClock()), count()

    async def ask() -> bool:
        asked = Demand(str(next(numbers)), (Charge("b", TokenBucket(20, 0.001), 1),), (Slot("s", 15),))
        return isinstance(await limiter.take(asked, lease=60), Taken)

    assert sum(await asyncio.gather(*(ask() for _ in range(60)))) == 15


async def test_nested_limits_taken_in_any_order_never_wait_for_each_other(opened: Open) -> None:
    limiter = opened(FakeClock())
    names = [f"limit-{n}" for n in range(6)]

    async def ask(number: int) -> Any:
        turned = names[number % 6 :] + names[: number % 6]
        charges = tuple(Charge(name, TokenBucket(1000, 0.001), 1) for name in turned)
        verdict = await limiter.take(Demand(str(number), charges), lease=60)
        await limiter.settle(Settlement(Demand(str(number), charges), (2.0,) * 6))
        return verdict

    verdicts = await asyncio.gather(*(ask(number) for number in range(60)))
    assert all(isinstance(one, Taken) for one in verdicts)
    last = await limiter.take(
        Demand("last", tuple(Charge(name, TokenBucket(1000, 0.001), 0) for name in names)), lease=1
    )
    assert last == Taken((880.0,) * 6, ())


async def test_the_stores_own_clock_refills(opened: Open) -> None:
    limiter = opened(None)
    charges = (Charge("b", TokenBucket(1, 50), 1),)
    assert isinstance(await limiter.take(Demand("a", charges), lease=9), Taken)
    for number in count():
        verdict = await limiter.take(Demand(f"b{number}", charges), lease=9)
        if isinstance(verdict, Taken):
            break
        assert verdict.retry_after is not None
        assert 0 < verdict.retry_after <= 0.021


async def test_a_store_that_is_away_says_so() -> None:
    for limiter in (
        RedisLimiter(RedisServer("redis://127.0.0.1:1/0")),
        PostgresLimiter(Database("postgresql://127.0.0.1:1/x")),
    ):
        with pytest.raises(StoreUnavailableError):
            await limiter.take(Demand("a"), lease=9)
        with pytest.raises(StoreUnavailableError):
            await limiter.sweep()
