"""Outages, shadow, leases, what is learned, and the ladder. Time is moved by hand."""

from typing import NoReturn

import pytest
from tests.limits_world import PER_KEY, PLACES, QUEUE, Make, settled

from thriftgate.errors import OverloadedError, StoreUnavailableError
from thriftgate.limits.ladder import LadderStep
from thriftgate.services.limits.passes import RefusedError
from thriftgate.services.telemetry import catalogue


async def test_a_store_that_is_away_lets_nobody_in_by_default(make: Make) -> None:
    world = make(PER_KEY)
    world.limiter.is_away = True
    assert isinstance((await world.refused()).refusal.error, StoreUnavailableError)
    world.limiter.is_away = False
    assert await world.passed()


async def test_a_store_that_fails_as_nobody_expects_keeps_no_place_and_holds_up_nobody_who_waits(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make({"per": "key", "requests": {"per_minute": 600, "burst": 100}}, queue=QUEUE, concurrency=PLACES)
    running = [await world.passed() for _ in range(2)]
    waiting = [world.ask() for _ in range(3)]
    await settled()

    async def fails(demand: object, *, lease: float) -> NoReturn:
        raise LookupError(lease)

    with monkeypatch.context() as patch:
        patch.setattr(world.limiter, "take", fails)
        world.end(running.pop())
        await settled()
        for one in waiting:
            with pytest.raises(RefusedError) as refused:
                await one
            assert isinstance(refused.value.refusal.error, StoreUnavailableError)
    assert (await world.passed()).waited == 0


async def test_without_rules_no_store_is_asked(make: Make) -> None:
    world = make(concurrency=PLACES)
    world.limiter.is_away = True
    passed = await world.passed()
    world.end(passed)
    await settled()
    assert await world.passed()


async def test_during_an_outage_a_worker_may_grant_a_fraction_by_itself(make: Make) -> None:
    world = make(
        {"per": "key", "requests": {"per_minute": 60, "burst": 8}}, on_outage="fraction", fraction=0.5, queue=None
    )
    world.limiter.is_away = True
    passes = [await world.passed() for _ in range(4)]
    await world.refused()
    world.end(passes[0])
    world.limiter.is_away = False
    assert len([await world.passed() for _ in range(8)]) == 8, "the store knows nothing of the outage"
    await world.refused()


async def test_what_ended_while_the_store_was_away_is_settled_when_it_is_back(make: Make) -> None:
    world = make({"per": "key", "tokens": {"per_minute": 60, "burst": 100}})
    passed = await world.passed()
    world.limiter.is_away = True
    world.end(passed)
    await settled()
    assert world.admission.settler.waiting == 1
    world.limiter.is_away = False
    await world.admission.settler.drain(patience=5)
    assert len(world.limiter.settled) == 1


async def test_what_runs_is_renewed_and_what_has_ended_is_not(make: Make) -> None:
    world = make(PER_KEY)
    first, second = await world.passed(), await world.passed()
    world.end(first)
    await world.admission.renew()
    assert [demand.id for demand in world.limiter.renewed] == [second.demand.id]


async def test_in_shadow_everybody_gets_in_at_once_and_refusals_are_only_counted(make: Make) -> None:
    world = make(PER_KEY, shadow=True, queue=QUEUE, concurrency=PLACES)
    passes = [await world.passed() for _ in range(5)]
    assert [one.holds_tickets for one in passes] == [True, True, False, False, False]
    assert world.verdicts("would_refuse") == 3
    for one in passes:
        world.end(one)
    await settled()
    assert len(world.limiter.settled) == 2
    world.limiter.is_away = True
    assert await world.passed()


async def test_overload_of_the_model_shrinks_its_places(make: Make) -> None:
    world = make(concurrency={"*": {"most": 10}})
    for _ in range(3):
        world.clock.advance(1)
        passed = await world.passed()
        world.clock.advance(1)
        world.end(passed, spent=None, is_overload=True)
    pool = world.admission.pools.of("support")
    assert pool.places == 3
    assert pool.running.total() == 0


async def test_a_failed_request_teaches_nothing_about_durations(make: Make) -> None:
    world = make(concurrency=PLACES)
    world.end(await world.passed(), spent=None, is_failed=True)
    assert world.admission.pools.of("support").rate.duration is None


LADDER = {"steps": ["shorter", "shed"], "climb_after": 1, "descend_after": 2}


async def test_the_ladder_climbs_under_load_sheds_the_lowest_tier_and_comes_back(make: Make) -> None:
    tiers = {"free": {"sheddable": True}, "pro": {}}
    world = make(queue={**QUEUE, "max_wait": 5}, concurrency=PLACES, tiers=tiers, ladder=LADDER)
    for _ in range(2):
        passed = await world.passed()
        await world.advance(4)
        world.end(passed)
    running = [await world.passed(team="a"), await world.passed(team="b")]
    waiting = [world.ask(team=team, tier="pro") for team in ("a", "b")]
    waiting += [world.ask(team=team, tier="pro") for team in ("a", "b")]
    await settled()
    for _ in range(4):
        world.clock.advance(1)
        await world.admission.look()
    assert world.admission.steps_of("support") == {LadderStep.SHORTER, LadderStep.SHED}
    error = (await world.refused(tier="free")).refusal.error
    assert isinstance(error, OverloadedError)
    assert error.retry_after == 2
    for task in waiting:
        task.cancel()
    for one in running:
        world.end(one)
    await settled()
    for _ in range(8):
        world.clock.advance(1)
        await world.admission.look()
    assert not world.admission.steps_of("support")
    assert await world.passed(tier="free")


async def test_every_step_is_taken_in_order_told_and_taken_back(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    steps = ["relaxed_cache", "cheap_only", "shorter", "hits_only", "shed"]
    world = make(queue={**QUEUE, "max_wait": 5}, concurrency=PLACES, ladder={**LADDER, "steps": steps})
    for _ in range(2):
        passed = await world.passed()
        await world.advance(4)
        world.end(passed)
    running = [await world.passed(team="a"), await world.passed(team="b")]
    waiting = [world.ask(team=team) for team in ("a", "b", "a", "b")]
    await settled()
    for height in range(1, 6):
        while len(world.admission.steps_of("support")) < height:
            world.clock.advance(0.5)
            await world.admission.look()
        assert [step.value for step in world.admission.load_steps()["support"]] == steps[:height]
        assert world.samples.value(catalogue.LIMIT_LADDER.name, "support") == height
    for task in waiting:
        task.cancel()
    for one in running:
        world.end(one)
    await settled()
    for _ in range(20):
        world.clock.advance(1)
        await world.admission.look()
    assert world.admission.load_steps() == {}
    moves = [line.getMessage() for line in caplog.records if "gives up" in line.getMessage()]
    assert len(moves) == 10
    assert moves[1] == "limits: under its load, 'support' gives up: relaxed_cache, cheap_only"
    assert moves[-1] == "limits: under its load, 'support' gives up: nothing"


async def test_how_it_stands_is_told_to_the_metrics(make: Make) -> None:
    world = make(queue=QUEUE, concurrency=PLACES, ladder=LADDER)
    for _ in range(2):
        await world.passed()
    waiting = world.ask()
    await settled()
    await world.admission.look()
    value = world.samples.value
    assert value(catalogue.LIMIT_WAITING.name, "support") == 1
    assert value(catalogue.LIMIT_RUNNING.name, "support") == 2
    assert value(catalogue.LIMIT_PLACES.name, "support") == 2
    assert value(catalogue.LIMIT_STORE_AWAY.name) == 0
    waiting.cancel()


async def test_closing_sends_everybody_who_waits_away(make: Make) -> None:
    world = make(queue=QUEUE, concurrency=PLACES)
    for _ in range(2):
        await world.passed()
    waiting = world.ask()
    await settled()
    await world.admission.aclose()
    with pytest.raises(RefusedError):
        await waiting
