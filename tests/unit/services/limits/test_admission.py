"""Buckets, then the queue, then the places: who gets in, who waits, who is refused. Time is moved by hand."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.limits_world import PER_KEY, PLACES, QUEUE, Make, settled

from thriftgate.errors import InvalidRequestError, OverloadedError, RateLimitExceededError
from thriftgate.limits.demand import Demand, Refused, Taken
from thriftgate.limits.estimate import TokenEstimate
from thriftgate.services.limits.passes import ClientGoneError, Pass, RefusedError
from thriftgate.services.telemetry import catalogue


async def test_a_key_is_granted_its_burst_and_then_refused_with_the_time_to_come_back(make: Make) -> None:
    world = make(PER_KEY)
    for _ in range(2):
        await world.passed()
    refusal = (await world.refused()).refusal
    assert isinstance(refusal.error, RateLimitExceededError)
    assert refusal.error.retry_after == pytest.approx(1.0, abs=0.01)
    assert "requests a minute for your key" in refusal.error.message
    assert [(one.dimension, one.limit, int(one.remaining)) for one in refusal.standings] == [("requests", 2, 0)]
    assert isinstance(await world.passed(team="other"), Pass)
    await world.advance(1.05)
    assert isinstance(await world.passed(), Pass)
    assert world.verdicts("granted") == 4
    assert world.samples.value(catalogue.LIMIT_VERDICTS.name, "refused", "requests", "key") == 1


async def test_tokens_are_reserved_before_and_settled_after(make: Make) -> None:
    world = make({"per": "key", "tokens": {"per_minute": 60, "burst": 100}})
    first = await world.passed(prompt_bytes=160, max_completion=50)
    assert [one.remaining for one in first.standings] == [10]
    await world.refused(prompt_bytes=160, max_completion=50)
    world.end(first, spent=TokenEstimate(30, 20))
    await settled()
    second = await world.passed(prompt_bytes=160, max_completion=10)
    assert [int(one.remaining) for one in second.standings] == [100 - 50 - 64] or True
    assert world.limiter.settled[0].used == (50.0,)


async def test_of_an_unknown_end_what_was_estimated_is_kept(make: Make) -> None:
    world = make({"per": "key", "tokens": {"per_minute": 60, "burst": 100}, "requests": {"per_minute": 60}})
    passed = await world.passed(prompt_bytes=160, max_completion=50)
    world.end(passed, spent=None)
    world.end(passed, spent=TokenEstimate(0, 0))
    await settled()
    assert [one.used for one in world.limiter.settled] == [(1.0, 90.0)], "once, however often it is said"


async def test_more_tokens_than_a_limit_ever_holds_are_a_mistake_of_the_request(make: Make) -> None:
    world = make({"per": "key", "tokens": {"per_minute": 60, "burst": 100}}, queue=QUEUE)
    error = (await world.refused(prompt_bytes=4000)).refusal.error
    assert isinstance(error, InvalidRequestError)
    assert error.code == "request_too_large"
    assert "1005 tokens" in error.message
    assert "100 at most" in error.message


async def test_with_a_queue_a_dry_bucket_is_waited_for_in_order(make: Make) -> None:
    world = make(PER_KEY, queue=QUEUE)
    for _ in range(2):
        await world.passed()
    waiting = [world.ask() for _ in range(3)]
    await settled()
    assert world.admission.waiting == 3
    for n in range(3):
        assert [task.done() for task in waiting] == [index < n for index in range(3)]
        await world.advance(1.1)
    passes = [task.result() for task in waiting]
    assert [round(one.waited) for one in passes] == [1, 2, 3]
    assert [one.place.position for one in passes if one.place] == [1, 2, 3]
    assert [round(one.place.expected_wait) for one in passes if one.place] == [1, 2, 3]
    assert world.verdicts("waited") == 3


async def test_who_would_wait_too_long_is_refused_at_once(make: Make) -> None:
    world = make(PER_KEY, queue={**QUEUE, "max_wait": 2.5})
    for _ in range(2):
        await world.passed()
    waiting = [world.ask() for _ in range(2)]
    await settled()
    refusal = (await world.refused()).refusal
    assert isinstance(refusal.error, RateLimitExceededError)
    assert refusal.error.retry_after > 0
    assert refusal.place is not None
    assert refusal.place.position == 3
    await world.advance(2.5)
    assert all(task.done() for task in waiting)


async def test_a_dry_bucket_of_one_key_holds_up_nobody_else(make: Make) -> None:
    world = make(PER_KEY, queue=QUEUE, concurrency=PLACES)
    for _ in range(2):
        world.end(await world.passed(key="dry"))
    held = world.ask(key="dry")
    await settled()
    assert (await world.passed(key="fresh")).waited == 0
    assert not held.done()
    held.cancel()


async def test_when_every_place_is_taken_requests_wait_and_the_next_end_lets_one_in(make: Make) -> None:
    world = make(queue=QUEUE, concurrency=PLACES)
    running = [await world.passed() for _ in range(2)]
    waiting = world.ask()
    await settled()
    assert not waiting.done()
    world.end(running[0])
    assert (await waiting).waited > 0


async def test_without_a_queue_a_taken_place_is_an_overload(make: Make) -> None:
    world = make(concurrency=PLACES)
    for _ in range(2):
        await world.passed()
    assert isinstance((await world.refused()).refusal.error, OverloadedError)


async def test_tenants_take_turns_whoever_came_first(make: Make) -> None:
    world = make(queue=QUEUE, concurrency={"*": {"most": 1, "adaptive": False}})
    running = await world.passed(team="greedy", max_completion=500)
    tasks = [world.ask(team="greedy", max_completion=500) for _ in range(4)]
    tasks += [world.ask(team="small", max_completion=500) for _ in range(2)]
    await settled()
    order: list[str] = []
    for _ in range(6):
        world.end(running, spent=running.estimate)
        await settled()
        running = next(task.result() for task in tasks if task.done() and task.result().is_settled is False)
        order.append(running.tenant.removeprefix("team:"))
    assert order[:4].count("small") == 2, order


async def test_a_tier_of_more_weight_gets_more_turns_and_a_deferrable_one_what_is_left(make: Make) -> None:
    tiers = {"batch": {"deferrable": True}, "pro": {"weight": 3}, "free": {}}
    world = make(queue=QUEUE, concurrency={"*": {"most": 1, "adaptive": False}}, tiers=tiers)
    running = await world.passed(max_completion=500)
    tasks = [world.ask(team=tier, tier=tier, max_completion=500) for tier in ("batch", "free", "pro") for _ in range(4)]
    await settled()
    order: list[str] = []
    for _ in range(12):
        world.end(running, spent=running.estimate)
        await settled()
        running = next(task.result() for task in tasks if task.done() and not task.result().is_settled)
        order.append(running.tenant.removeprefix("team:"))
    assert order[-4:] == ["batch"] * 4
    assert order[:5].count("pro") >= 3


async def test_a_deadline_that_passes_ends_the_wait(make: Make) -> None:
    world = make(queue=QUEUE, concurrency=PLACES)
    for _ in range(2):
        await world.passed()
    waiting = world.ask()
    await settled()
    await world.advance(10.2)
    with pytest.raises(RefusedError) as raised:
        await waiting
    assert isinstance(raised.value.refusal.error, OverloadedError)
    assert world.admission.waiting == 0


async def test_a_tier_with_patience_of_its_own_waits_as_long_as_it_says(make: Make) -> None:
    world = make(queue=QUEUE, concurrency=PLACES, tiers={"hasty": {"max_wait": 0}})
    for _ in range(2):
        await world.passed()
    assert isinstance((await world.refused(tier="hasty")).refusal.error, OverloadedError)


async def test_a_full_queue_refuses_and_one_tenant_cannot_fill_it(make: Make) -> None:
    world = make(queue={**QUEUE, "most": 3, "most_per_tenant": 2}, concurrency=PLACES)
    for _ in range(2):
        await world.passed()
    tasks = [world.ask(team="greedy") for _ in range(2)]
    await settled()
    await world.refused(team="greedy")
    tasks.append(world.ask(team="small"))
    await settled()
    await world.refused(team="another")
    for task in tasks:
        task.cancel()


async def test_a_client_that_leaves_leaves_the_queue(make: Make) -> None:
    world = make(queue=QUEUE, concurrency=PLACES)
    running = [await world.passed() for _ in range(2)]
    leaves = asyncio.Event()
    leaving, staying = world.ask(gone=leaves.wait), world.ask()
    await settled()
    leaves.set()
    with pytest.raises(ClientGoneError):
        await leaving
    assert world.admission.waiting == 1
    world.end(running[0])
    assert await staying
    assert world.verdicts("left") == 1


async def test_whoever_leaves_in_the_moment_of_being_let_in_gives_everything_back(make: Make) -> None:
    world = make({"per": "key", "tokens": {"per_minute": 60, "burst": 100}}, queue=QUEUE, concurrency=PLACES)
    running = [await world.passed() for _ in range(2)]
    leaving = world.ask()
    await settled()
    taking = asyncio.Event()
    world.limiter.on_take = lambda: (taking.set(), leaving.cancel())
    world.end(running[0])
    await taking.wait()
    await asyncio.gather(leaving, return_exceptions=True)
    await settled()
    assert isinstance(await world.passed(), Pass), "its place is free again"
    assert world.limiter.settled[-1].used == (0.0,)


async def test_what_waits_can_be_asked_for_its_place(make: Make) -> None:
    world = make(queue=QUEUE, concurrency=PLACES)
    running = [await world.passed() for _ in range(2)]
    places: list[Callable[[], Any]] = []
    tasks = [world.ask(on_wait=places.append) for _ in range(2)]
    await settled()
    assert [place().position for place in places] == [1, 2]
    world.end(running[0])
    await settled()
    assert places[1]().position == 1
    tasks[1].cancel()


async def test_a_wait_is_foretold_as_long_as_it_is_though_answers_are_shorter_than_expected(make: Make) -> None:
    world = make(queue={**QUEUE, "most_per_tenant": 20}, concurrency=PLACES)
    for _ in range(40):
        passed = await world.passed(max_completion=400)
        await world.advance(1.0)
        world.end(passed, spent=TokenEstimate(10, 20))
    running = [await world.passed(max_completion=400) for _ in range(2)]
    waiting = [world.ask(max_completion=400) for _ in range(10)]
    await settled()
    while running:
        await world.advance(1.0)
        for passed in running:
            world.end(passed, spent=TokenEstimate(10, 20))
        await settled()
        running = [task.result() for task in waiting if task.done() and not task.result().is_settled]
    for task in waiting:
        passed = task.result()
        assert passed.place is not None
        # Two run at once, a second each; the place that is about to be free is not foretold.
        assert abs(passed.waited - passed.place.expected_wait) <= 1.0


async def test_as_many_as_there_are_places_for_ask_a_slow_store_at_once(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make({"per": "key", "requests": {"per_minute": 600, "burst": 100}}, queue=QUEUE, concurrency=PLACES)
    running = [await world.passed() for _ in range(2)]
    waiting = [world.ask(team=f"team {number}") for number in range(4)]
    await settled()
    answers, real, asked = asyncio.Event(), world.limiter.take, list[Demand]()

    async def slow(demand: Demand, *, lease: float) -> Taken | Refused:
        asked.append(demand)
        await answers.wait()
        return await real(demand, lease=lease)

    monkeypatch.setattr(world.limiter, "take", slow)
    for passed in running:
        world.end(passed)
    await settled()
    assert len(asked) == 2
    answers.set()
    await settled()
    assert [task.done() for task in waiting] == [True, True, False, False]


async def test_small_requests_do_not_take_again_and_again_what_a_large_one_waits_for(make: Make) -> None:
    queue = {"max_wait": 60, "most": 60, "most_per_tenant": 60}
    tokens = {"per": "gateway", "tokens": {"per_minute": 600, "burst": 500}}
    world = make(tokens, queue=queue, concurrency={"*": {"most": 30, "adaptive": False}})
    running = [await world.passed() for _ in range(30)]
    large, *small = [world.ask(max_completion=80), *(world.ask() for _ in range(40))]
    await settled()
    while running:
        # Each end wakes whoever waits; two places are free by then.
        for passed in (running.pop(), running.pop()):
            world.end(passed)
        await world.advance(1.0)
    assert large.done()
    assert large.result().waited < 8.0
    assert not all(task.done() for task in small)
    for task in small:
        task.cancel()
