"""The place of a request that was let in: taken for its models' work alone."""

import asyncio
from typing import Any

import pytest
from tests.limits_world import PER_KEY, PLACES, QUEUE, SPENT, Make, World, settled

from thriftgate.errors import OverloadedError, StoreUnavailableError
from thriftgate.limits.demand import Demand, Refused, Taken
from thriftgate.limits.estimate import TokenEstimate
from thriftgate.proxy.limits.request import HeldPlace
from thriftgate.services.limits.passes import Pass, RefusedError
from thriftgate.services.limits.pool import Progress
from thriftgate.services.telemetry import catalogue

ADAPTIVE = {"*": {"most": 10, "adaptive": True}}


async def let_in(world: World, n: int) -> list[Pass]:
    return [await world.passed(is_prepared=True) for _ in range(n)]


def begin(world: World, passed: Pass) -> "asyncio.Task[float]":
    return asyncio.create_task(world.admission.working.begin(passed))


async def test_one_more_than_the_places_is_made_ready_and_waits_for_its_place_when_it_is(make: Make) -> None:
    world = make(queue=QUEUE, concurrency=PLACES)
    *first, ahead = await let_in(world, 3)
    queued = world.ask(is_prepared=True)
    for one in first:
        assert await begin(world, one) == 0
    ready = begin(world, ahead)
    await world.advance(1)
    assert not ready.done()
    assert not queued.done()
    assert first[0].pool.n_at_work == 2

    world.admission.working.end(first[0])
    await settled()
    assert await ready == pytest.approx(1, abs=0.1)
    assert ahead.waited == pytest.approx(1, abs=0.1)
    assert world.samples.histograms[catalogue.LIMIT_WAIT.name, ("place",)].total == pytest.approx(1, abs=0.1)
    assert (await queued).claim.progress is Progress.PREPARING
    assert first[0].pool.n_at_work == 2


async def test_who_does_not_say_when_its_models_work_holds_its_place_from_the_begin(make: Make) -> None:
    world = make(queue=QUEUE, concurrency=PLACES)
    first = [await world.passed() for _ in range(2)]
    third = world.ask()
    await settled()
    assert not third.done()
    assert [one.claim.progress for one in first] == [Progress.AT_WORK] * 2
    third.cancel()


async def test_without_a_queue_nobody_is_let_in_who_would_have_to_wait(make: Make) -> None:
    world = make(concurrency=PLACES)
    assert [one.claim.progress for one in await let_in(world, 2)] == [Progress.AT_WORK] * 2
    assert isinstance((await world.refused(is_prepared=True)).refusal.error, OverloadedError)


async def test_whoever_is_answered_from_the_cache_takes_no_place_and_teaches_nothing(make: Make) -> None:
    world = make(queue=QUEUE, concurrency=ADAPTIVE)
    for _ in range(40):
        (kept,) = await let_in(world, 1)
        await world.advance(0.1)
        world.admission.working.end(kept)
        world.end(kept, spent=TokenEstimate(0, 0))
        (asked,) = await let_in(world, 1)
        await begin(world, asked)
        await world.advance(0.1)
        world.admission.working.end(asked)
        world.end(asked)
    pool = world.admission.pools.of("support")
    assert pool.places == 10
    assert pool.concurrency.usual == pytest.approx(0.1 / SPENT.work, rel=0.6)


async def test_seconds_before_and_after_the_models_work_are_not_the_place_s(make: Make) -> None:
    world = make(queue=QUEUE, concurrency=PLACES)
    (passed,) = await let_in(world, 1)
    await world.advance(3)
    await begin(world, passed)
    await world.advance(2)
    world.admission.working.end(passed)
    await world.advance(4)
    world.end(passed)
    pool = world.admission.pools.of("support")
    assert pool.rate.duration == pytest.approx(2, abs=0.1)
    assert pool.preparation.mean == pytest.approx(3, abs=0.1)


async def test_whoever_waits_for_another_s_answer_leaves_the_room_to_others_and_takes_a_place_if_it_must_ask(
    make: Make,
) -> None:
    world = make(queue=QUEUE, concurrency=PLACES)
    leading, *following = await let_in(world, 3)
    await begin(world, leading)
    for one in following:
        world.admission.working.follow(one)
    others = await let_in(world, 2)
    assert await begin(world, others[0]) == 0
    asks_after_all = begin(world, following[0])
    await settled()
    assert not asks_after_all.done()
    world.end(leading)
    assert await asks_after_all == 0
    assert leading.pool.n_at_work == 2


async def test_no_place_before_the_deadline_is_a_503_and_the_line_goes_on(make: Make) -> None:
    world = make(queue=QUEUE | {"max_wait": 1}, concurrency=PLACES)
    *first, late, next_one = [*await let_in(world, 3), *[await world.passed(is_prepared=True, model="other")]]
    for one in first:
        await begin(world, one)
    late.patience = 0.0
    with pytest.raises(OverloadedError):
        await begin(world, late)
    assert world.verdicts("refused") == 1
    world.end(late, spent=None, is_failed=True)
    assert await begin(world, next_one) == 0
    assert [len(one.pool.line) for one in (late, next_one)] == [0, 0]


async def test_whoever_would_be_ready_too_late_is_told_so_in_time(make: Make) -> None:
    world = make(queue=QUEUE, concurrency=PLACES)  # 10 s of patience
    for _ in range(3):
        (ready,) = await let_in(world, 1)
        await world.advance(1)  # until its models work
        await begin(world, ready)
        world.end(ready)
    for one in await let_in(world, 2):
        await begin(world, one)
    await let_in(world, 1)
    queued = world.ask(is_prepared=True)
    await world.advance(8.7)  # three were ready after a second and two at once: twice .6 s are left
    assert not queued.done()
    await world.advance(0.2)
    assert isinstance(queued.exception(), RefusedError)


@pytest.mark.parametrize("how", ["cancelled", "settled"])
async def test_whoever_goes_while_it_waits_for_its_place_leaves_it_to_the_next(make: Make, how: str) -> None:
    world = make(queue=QUEUE, concurrency={"*": {"most": 1, "adaptive": False}})
    holding, going = await let_in(world, 2)
    await begin(world, holding)
    waits = begin(world, going)
    await settled()
    if how == "cancelled":
        waits.cancel()
        await settled()
    world.end(going, is_failed=True)
    await settled()
    assert waits.done()
    (following,) = await let_in(world, 1)
    queued = begin(world, following)
    await settled()
    world.end(holding)
    await queued
    pool = holding.pool
    assert (pool.n_at_work, len(pool.line)) == (1, 0)
    world.end(following)
    assert (pool.running.total(), sum(pool.by_progress.values())) == (0, 0)


async def test_in_shadow_nobody_waits_for_a_place(make: Make) -> None:
    world = make(queue=QUEUE, concurrency=PLACES, shadow=True)
    for one in await let_in(world, 5):
        assert await begin(world, one) == 0


async def test_whoever_asks_models_again_takes_a_place_again(make: Make) -> None:
    world = make(queue=QUEUE, concurrency={"*": {"most": 1, "adaptive": False}})
    first, second = await let_in(world, 2)
    await begin(world, first)
    await world.advance(1)
    world.admission.working.end(first)
    await begin(world, second)
    again = begin(world, first)
    await world.advance(3)
    assert not again.done()
    assert first.pool.n_at_work == 1
    world.end(second, spent=None, is_failed=True)
    assert await again == pytest.approx(3, abs=0.1)
    await world.advance(1)
    world.admission.working.end(first)
    world.end(first)
    assert first.pool.rate.duration == pytest.approx(2, abs=0.1)
    assert (first.pool.running.total(), sum(first.pool.by_progress.values())) == (0, 0)


@pytest.mark.parametrize("config", [{"concurrency": PLACES}, {"concurrency": PLACES, "queue": QUEUE, "shadow": True}])
async def test_whoever_never_waits_does_not_wait_for_a_place_again_but_holds_it(
    make: Make, config: dict[str, Any]
) -> None:
    world = make(**config)
    again, *_ = await let_in(world, 2)
    await begin(world, again)
    world.admission.working.end(again)
    await let_in(world, 1)
    assert again.pool.n_at_work == 2
    assert await begin(world, again) == 0
    assert again.pool.n_at_work == 3


async def test_whoever_never_waits_has_its_place_before_its_tickets_are_there(make: Make) -> None:
    tiers = {"now": {"max_wait": 0}}
    world = make(PER_KEY, queue=QUEUE, concurrency={"*": {"most": 1, "adaptive": False}}, tiers=tiers)
    store = SlowStore(world)
    hasty = world.ask(is_prepared=True, tier="now")
    await store.reached.wait()
    patient = await world.passed(is_prepared=True, key="other")
    ready = begin(world, patient)
    await settled()
    store.release.set()
    await hasty
    assert patient.pool.n_at_work == 1
    world.end(hasty.result())
    assert await ready == 0


@pytest.mark.parametrize("how", ["refused", "cancelled", "away"])
async def test_room_that_was_kept_for_one_without_tickets_goes_to_the_next_at_once(make: Make, how: str) -> None:
    world = make(PER_KEY, queue=QUEUE | {"max_wait": 0.5}, concurrency={"*": {"most": 1, "adaptive": False}})
    for _ in range(2):
        world.end(await world.passed(key="dry"))
    await settled()
    store = SlowStore(world)
    dry = world.ask(key="dry")
    await store.reached.wait()
    following = world.ask(key="fresh")
    await settled()
    if how == "cancelled":
        dry.cancel()
    store.is_away = how == "away"
    store.release.set()
    await settled()
    (outcome,) = await asyncio.gather(dry, return_exceptions=True)
    assert isinstance(outcome, BaseException)
    assert following.done()
    assert (await following).waited < 0.1


class SlowStore:
    """Holds the first that asks for tickets until it is released."""

    def __init__(self, world: World) -> None:
        self.reached, self.release = asyncio.Event(), asyncio.Event()
        self.is_away = False
        self._take = world.limiter.take
        world.limiter.take = self.take

    async def take(self, demand: Demand, *, lease: float) -> Taken | Refused:
        if not self.reached.is_set():
            self.reached.set()
            await self.release.wait()
            if self.is_away:
                raise StoreUnavailableError("away")
        return await self._take(demand, lease=lease)


async def test_one_tenant_s_followers_whose_leader_failed_do_not_stand_before_everybody_else(make: Make) -> None:
    world = make(queue=QUEUE, concurrency={"*": {"most": 1, "adaptive": False}})
    followers: list[Pass] = []
    for _ in range(6):
        followers.append(await world.passed(is_prepared=True, team="loop"))
        world.admission.working.follow(followers[-1])
    (holding,) = await let_in(world, 1)
    await begin(world, holding)
    lined_up = [begin(world, one) for one in followers]
    await settled()
    other = await world.passed(is_prepared=True, team="other")
    its_turn = begin(world, other)
    await settled()
    world.end(holding)
    await settled()
    for served, ready in zip(followers[:2], lined_up, strict=False):
        if ready.done():
            world.end(served)
            await settled()
    assert its_turn.done()
    for one in lined_up:
        one.cancel()
    await asyncio.gather(*lined_up, return_exceptions=True)


async def test_where_names_share_a_pool_nobody_is_let_in_ahead_of_its_place(make: Make) -> None:
    world = make(queue=QUEUE, concurrency=PLACES)
    for number in range(501):
        world.end(await world.passed(model=f"no-such-model-{number}"))
    shared = [await world.passed(model=name, is_prepared=True) for name in ("one route", "another route")]
    assert shared[0].pool is shared[1].pool
    third = world.ask(model="a third", is_prepared=True)
    await settled()
    assert not third.done()
    third.cancel()


async def test_whoever_ends_behind_others_in_the_line_waits_no_longer_and_they_do(make: Make) -> None:
    world = make(queue=QUEUE, concurrency={"*": {"most": 1, "adaptive": False}})
    leading, *following = await let_in(world, 2)
    for one in following:
        world.admission.working.follow(one)
    following += await let_in(world, 1)
    await begin(world, leading)
    first, second = [begin(world, one) for one in following]
    await settled()
    world.end(following[1], is_failed=True)
    await settled()
    assert (first.done(), second.done()) == (False, True)
    world.end(leading)
    assert await first == 0


async def test_a_place_that_is_used_twice_at_once_is_given_back_by_the_last_use(make: Make) -> None:
    world = make(queue=QUEUE, concurrency={"*": {"most": 1}})
    passed, other = await let_in(world, 2)
    first, second = (HeldPlace(world.admission.working, passed) for _ in range(2))
    async with first.held():
        async with second.held():
            assert passed.pool.n_at_work == 1
            waiting = begin(world, other)
            first.leave()
            first.leave()
            await settled()
            assert not waiting.done(), "models still work for it"
            first.lend()
            assert passed.claim.progress is Progress.AT_WORK
        await settled()
        assert waiting.done()
        assert passed.pool.n_at_work == 1


async def test_two_uses_that_wait_for_one_place_have_it_together(make: Make) -> None:
    world = make(queue=QUEUE, concurrency={"*": {"most": 1}})
    busy, passed = await let_in(world, 2)
    assert await begin(world, busy) == 0
    uses = [begin(world, passed), begin(world, passed)]
    await settled()
    world.admission.working.end(busy)
    await settled()
    assert all(one.done() for one in uses)
    assert passed.pool.n_at_work == 1
    world.admission.working.end(passed)
    assert passed.pool.n_at_work == 0
