"""What a route gives up under load, and that it takes it back."""

import pytest
from tests.fakes import ask, settle
from tests.route_desk import STRONG, UNSURE, Client, RouteDesk

from thriftgate.errors import OverloadedError
from thriftgate.limits.ladder import Step
from thriftgate.types import DecisionKind, Status


@pytest.mark.parametrize("stream", [False, True])
async def test_under_load_the_cheapest_answer_is_taken_and_kept_for_nobody(stream: bool) -> None:
    desk = RouteDesk(steps=frozenset({Step.CHEAP_ONLY}))
    desk.completer.enqueue("small", UNSURE)
    text = await Client(desk.route).read(ask()) if stream else (await desk.answer(ask())).text
    assert text == UNSURE.text
    record = desk.record
    assert (record.decision, record.reason, record.tier) == (DecisionKind.ONLY_TIER, "under_load", "small")
    assert [call.model for call in record.calls] == ["small"]
    assert await desk.entries() == []


async def test_with_the_load_gone_the_strong_tier_is_asked_again() -> None:
    desk = RouteDesk(steps=frozenset({Step.CHEAP_ONLY}))
    desk.completer.enqueue("small", UNSURE, UNSURE)
    assert (await desk.answer(ask())).text == UNSURE.text
    desk.steps = frozenset()
    assert (await desk.answer(ask())).text == STRONG.text
    await settle()
    assert [record.decision for record in desk.records] == [DecisionKind.ONLY_TIER, DecisionKind.ESCALATED]


@pytest.mark.parametrize("stream", [False, True])
async def test_with_hits_only_what_is_known_is_answered_and_the_rest_is_told_to_come_back(stream: bool) -> None:
    desk = RouteDesk()
    known = (await desk.answer(ask())).text
    await settle()
    desk.steps = frozenset({Step.HITS_ONLY})
    client = Client(desk.route)
    assert (await client.read(ask()) if stream else (await desk.answer(ask())).text) == known
    with pytest.raises(OverloadedError, match="cache alone") as refused:
        await (Client(desk.route).read(ask("Something else?")) if stream else desk.answer(ask("Something else?")))
    assert refused.value.retry_after > 0
    hit, miss = desk.records[1:]
    assert (hit.decision, hit.status) == (DecisionKind.EXACT_HIT, Status.OK)
    assert (miss.status, miss.calls) == (Status.FAILED, ())
