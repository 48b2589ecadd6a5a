"""Identical concurrent questions go upstream once, and nobody hangs on a leader that failed, left or died."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from tests.fakes import FakeClock, Held, InMemorySingleFlight, settle

from thriftgate.services.route.coalescing import Coalescer

ANSWER = {"answer": "five days"}


class Setup:
    """A coalescer over a single flight in memory, and everybody who called upstream."""

    def __init__(self, **settings: float) -> None:
        self.clock = FakeClock()
        self.single_flight = InMemorySingleFlight(self.clock)
        self.settings = settings
        self.coalescer = self.worker()
        self.asked: list[str] = []

    def worker(self) -> Coalescer:
        return Coalescer(self.single_flight, clock=self.clock, **self.settings)

    async def ask(
        self, name: str, upstream: Held | None = None, *, key: str = "k", worker: Coalescer | None = None
    ) -> Mapping[str, Any]:
        """What a request ends up with; `upstream` holds it up while it asks for itself."""
        async with (worker or self.coalescer).join(key) as participant:
            if participant.joined is not None:
                return participant.joined
            self.asked.append(name)
            if upstream is not None:
                upstream.reached.set()
                await upstream.release.wait()
                if isinstance(upstream.reply, BaseException):
                    raise upstream.reply
            answer = {**ANSWER, "by": name}
            participant.publish(answer)
            return answer

    async def waiters(self, count: int, upstream: Held | None = None, *, key: str = "k") -> list[asyncio.Task[Any]]:
        """Requests that wait for the answer by now, half of them in another worker."""
        workers = [self.coalescer, self.worker()]
        asking = [
            asyncio.create_task(self.ask(f"waiter {i}", upstream, key=key, worker=workers[i % 2])) for i in range(count)
        ]
        while self.single_flight.waiting[key] < count:
            await settle(1)
        return asking


@pytest.fixture
def setup() -> Setup:
    return Setup()


class HangingPublisher(InMemorySingleFlight):
    """Takes no outcome until it is let."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.may_publish = asyncio.Event()

    async def publish(self, key: str, *, owner: str, outcome: Mapping[str, Any], keep: float) -> None:
        await self.may_publish.wait()
        await super().publish(key, owner=owner, outcome=outcome, keep=keep)


async def test_an_answer_that_is_ready_does_not_wait_for_a_store_that_hangs() -> None:
    setup = Setup()
    setup.single_flight = hanging = HangingPublisher(setup.clock)
    leader = asyncio.create_task(setup.ask("leader", worker=setup.worker()))
    await settle()
    assert leader.done()
    assert leader.result()["by"] == "leader"
    hanging.may_publish.set()
    await settle()


async def lead(setup: Setup, upstream: Held, *, key: str = "k") -> asyncio.Task[Any]:
    leading = asyncio.create_task(setup.ask("leader", upstream, key=key))
    await upstream.reached.wait()
    return leading


async def test_identical_concurrent_requests_ask_once_and_all_get_the_answer(setup: Setup) -> None:
    upstream = Held("")
    leading = await lead(setup, upstream)
    waiting = await setup.waiters(20)
    upstream.release.set()
    found = await asyncio.gather(leading, *waiting)
    assert setup.asked == ["leader"]
    assert found == [{**ANSWER, "by": "leader"}] * 21


async def test_different_keys_do_not_wait_for_each_other(setup: Setup) -> None:
    upstream = Held("")
    leading = await lead(setup, upstream, key="one")
    assert await setup.ask("other", key="two") == {**ANSWER, "by": "other"}
    upstream.release.set()
    await leading
    assert setup.asked == ["leader", "other"]


async def test_when_the_leader_s_client_leaves_one_waiter_takes_over_and_the_others_get_its_answer(
    setup: Setup,
) -> None:
    leading = await lead(setup, Held(""))
    second = Held("")
    waiting = await setup.waiters(6, second)
    leading.cancel()
    await second.reached.wait()
    while setup.single_flight.waiting["k"] < 5:
        await settle(1)
    second.release.set()
    found = await asyncio.gather(*waiting)
    assert len(setup.asked) == 2
    assert found == [{**ANSWER, "by": setup.asked[1]}] * 6
    assert leading.cancelled()


async def test_a_freed_key_is_not_asked_about_over_and_over(setup: Setup) -> None:
    leading = await lead(setup, Held(""))
    (waiting,) = await setup.waiters(1)
    leading.cancel()
    await waiting
    assert setup.single_flight.calls["lead"] == 3  # the leader's, the waiter's, and the one that took over
    assert setup.single_flight.calls["wait"] == 1


async def test_when_the_leader_s_call_fails_its_waiters_all_ask_for_themselves_at_once(setup: Setup) -> None:
    upstream, second = Held(RuntimeError()), Held("")
    leading = await lead(setup, upstream)
    waiting = await setup.waiters(5, second)
    upstream.release.set()
    with pytest.raises(RuntimeError):
        await leading
    await settle()
    assert sorted(setup.asked) == ["leader", *(f"waiter {i}" for i in range(5))]  # and none has its answer yet
    second.release.set()
    assert [found["by"] for found in await asyncio.gather(*waiting)] == [f"waiter {i}" for i in range(5)]


async def test_when_the_leader_s_answer_is_for_nobody_else_its_waiters_all_ask_for_themselves_at_once(
    setup: Setup,
) -> None:
    second = Held("")
    async with setup.coalescer.join("k"):
        waiting = await setup.waiters(5, second)
    await settle()
    assert sorted(setup.asked) == [f"waiter {i}" for i in range(5)]  # and none has its answer yet
    second.release.set()
    assert [found["by"] for found in await asyncio.gather(*waiting)] == [f"waiter {i}" for i in range(5)]


async def test_who_comes_after_a_failure_leads_anew(setup: Setup) -> None:
    upstream = Held(RuntimeError())
    leading = await lead(setup, upstream)
    upstream.release.set()
    await asyncio.gather(leading, return_exceptions=True)
    upstream = Held("")
    leading = await lead(setup, upstream)
    (waiting,) = await setup.waiters(1)
    upstream.release.set()
    assert await waiting == await leading


async def test_when_a_leader_dies_silently_a_waiter_takes_over_as_its_lease_ends(setup: Setup) -> None:
    await setup.single_flight.lead("k", owner="a worker that was killed", lease=10)
    (waiting,) = await setup.waiters(1)
    setup.clock.advance(9.9)
    await settle()
    assert setup.asked == []
    setup.clock.advance(0.2)
    assert await waiting == {**ANSWER, "by": "waiter 0"}


async def test_a_leader_at_work_keeps_its_lease_also_when_the_store_was_away_for_a_moment() -> None:
    setup = Setup(lease=1e-6)
    upstream = Held("")
    leading = await lead(setup, upstream)

    async def renewals(count: int) -> None:
        while setup.single_flight.calls["renew"] < count:
            await settle(1)

    await renewals(3)
    setup.single_flight.is_away = True
    await renewals(6)
    setup.single_flight.is_away = False
    await renewals(9)
    upstream.release.set()
    await leading
    published = setup.single_flight.calls["renew"]
    await settle()
    assert setup.single_flight.calls["renew"] - published <= 1


async def test_a_waiter_s_patience_ends_and_it_asks_for_itself() -> None:
    setup = Setup(patience=5.0, lease=100.0)
    upstream = Held("")
    leading = await lead(setup, upstream)
    (waiting,) = await setup.waiters(1)
    setup.clock.advance(5.0)
    assert await waiting == {**ANSWER, "by": "waiter 0"}
    upstream.release.set()
    assert (await leading)["by"] == "leader"


async def test_who_comes_after_the_answer_asks_anew_and_who_came_before_it_does_not(setup: Setup) -> None:
    await setup.ask("leader")
    assert (await setup.ask("in the same instant"))["by"] == "leader"
    setup.clock.advance(0.5)
    assert (await setup.ask("late"))["by"] == "late"


async def test_while_the_store_is_away_everybody_asks_and_nobody_fails(setup: Setup) -> None:
    setup.single_flight.is_away = True
    found = await asyncio.gather(*(setup.ask(f"r{i}") for i in range(5)))
    assert [one["by"] for one in found] == [f"r{i}" for i in range(5)]


async def test_an_answer_that_does_not_arrive_costs_the_leader_nothing(setup: Setup) -> None:
    upstream = Held("")
    leading = await lead(setup, upstream)
    (waiting,) = await setup.waiters(1)
    setup.single_flight.is_away = True
    upstream.release.set()
    assert (await leading)["by"] == "leader"
    setup.clock.advance(60)  # the lease ends, and the store still is away
    assert (await waiting)["by"] == "waiter 0"


async def test_a_waiter_that_leaves_disturbs_nobody(setup: Setup) -> None:
    upstream = Held("")
    leading = await lead(setup, upstream)
    leaving, staying = await setup.waiters(2)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    upstream.release.set()
    assert await staying == await leading
    assert setup.asked == ["leader"]
