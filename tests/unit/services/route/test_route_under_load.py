"""What a route gives up under load, and that it takes it back."""

import pytest
from tests.fakes import ask, failure, settle
from tests.route_setup import STRONG, SURE, UNSURE, Client, RouteSetup

from thriftgate.errors import OverloadedError
from thriftgate.limits.ladder import LadderStep
from thriftgate.types import DecisionKind, Status


@pytest.mark.parametrize("stream", [False, True])
async def test_under_load_the_cheapest_answer_is_taken_and_kept_for_nobody(stream: bool) -> None:
    setup = RouteSetup(steps=frozenset({LadderStep.CHEAP_ONLY}))
    setup.completer.enqueue("small", UNSURE)
    text = await Client(setup.route).read(ask()) if stream else (await setup.answer(ask())).text
    assert text == UNSURE.text
    record = setup.record
    assert (record.decision, record.reason, record.tier) == (DecisionKind.ONLY_TIER, "under_load", "small")
    assert [call.model for call in record.calls] == ["small"]
    assert await setup.entries() == []


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_below_the_bar_that_nothing_better_replaces_is_kept_for_nobody(stream: bool) -> None:
    setup = RouteSetup(on_strong_failure="serve_rejected")
    setup.completer.enqueue("small", UNSURE)
    setup.completer.enqueue("large", failure("large", status_code=503))
    text = await Client(setup.route).read(ask()) if stream else (await setup.answer(ask())).text
    assert (text, setup.record.reason) == (UNSURE.text, "stronger_tiers_failed")
    assert await setup.entries() == []


async def test_an_unsure_answer_that_was_shown_while_it_was_written_is_kept_for_nobody() -> None:
    setup = RouteSetup(streaming="optimistic", optimistic={"until": 3, "window": 2}, accept_at=1)
    assert await Client(setup.route).read(ask()) == SURE.text
    assert setup.record.reason == "streamed_optimistically"
    assert await setup.entries() == []


async def test_what_is_given_up_is_noted_for_the_trace_and_the_cache_is_told_to_relax() -> None:
    setup = RouteSetup(steps=frozenset({LadderStep.CHEAP_ONLY, LadderStep.RELAXED_CACHE}))
    assert (await setup.answer(ask())).text == SURE.text
    assert setup.record.metadata["load_steps"] == ["relaxed_cache", "cheap_only"]
    assert setup.relaxed == [True]
    setup.steps = frozenset()
    await setup.answer(ask("Something else?"))
    assert "load_steps" not in setup.records[-1].metadata
    assert setup.relaxed == [True, False]


async def test_with_the_load_gone_the_strong_tier_is_asked_again() -> None:
    setup = RouteSetup(steps=frozenset({LadderStep.CHEAP_ONLY}))
    setup.completer.enqueue("small", UNSURE, UNSURE)
    assert (await setup.answer(ask())).text == UNSURE.text
    setup.steps = frozenset()
    assert (await setup.answer(ask())).text == STRONG.text
    await settle()
    assert [record.decision for record in setup.records] == [DecisionKind.ONLY_TIER, DecisionKind.ESCALATED]


@pytest.mark.parametrize("stream", [False, True])
async def test_with_hits_only_what_is_known_is_answered_and_the_rest_is_told_to_come_back(stream: bool) -> None:
    setup = RouteSetup()
    known = (await setup.answer(ask())).text
    await settle()
    setup.steps = frozenset({LadderStep.HITS_ONLY})
    client = Client(setup.route)
    assert (await client.read(ask()) if stream else (await setup.answer(ask())).text) == known
    with pytest.raises(OverloadedError, match="cache alone") as refused:
        await (Client(setup.route).read(ask("Something else?")) if stream else setup.answer(ask("Something else?")))
    assert refused.value.retry_after > 0
    hit, miss = setup.records[1:]
    assert (hit.decision, hit.status) == (DecisionKind.EXACT_HIT, Status.OK)
    assert (miss.status, miss.calls) == (Status.FAILED, ())
