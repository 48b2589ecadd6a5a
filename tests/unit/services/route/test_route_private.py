"""What only private models may see goes to no other model and into no store, whatever the route would do otherwise."""

from typing import Any

import pytest
from tests.fakes import ask, settle
from tests.route_setup import SURE, UNSURE, Client, RouteSetup

from thriftgate.errors import AllTiersFailedError, ContentBlockedError, OverloadedError, TierFailedError
from thriftgate.limits.ladder import LadderStep
from thriftgate.types import ChatRequest, DecisionKind

either = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def at_home(*models: str, **more: Any) -> RouteSetup:
    return RouteSetup(private_models=frozenset(models), **more)


async def asked(setup: RouteSetup, request: ChatRequest, *, stream: bool) -> str:
    if stream:
        return await Client(setup.route).read(request)
    return (await setup.answer(request)).text


@either
async def test_only_the_private_tier_is_asked_and_the_reason_is_booked(stream: bool) -> None:
    setup = at_home("small")
    setup.completer.enqueue("small", UNSURE)
    assert await asked(setup, ask(is_private=True, notes={"private": ["IBAN_CODE"]}), stream=stream) == UNSURE.text
    assert setup.completer.models == ["small"]
    assert (setup.record.decision, setup.record.reason) == (DecisionKind.ONLY_TIER, "private")
    assert setup.record.metadata["private"] == ["IBAN_CODE"]


@either
@pytest.mark.parametrize("streaming", ["hold", "optimistic", "strong_first_token"])
async def test_a_private_tier_below_the_strongest_is_asked_whatever_the_plan_prefers(
    stream: bool, streaming: str
) -> None:
    setup = at_home("small", streaming=streaming, holdout=0.5, max_quality_loss=0.02)
    for number in range(8):
        await asked(setup, ask(is_private=True, request_id=f"r{number}"), stream=stream)
    assert set(setup.completer.models) == {"small"}


@either
async def test_several_private_tiers_are_a_cascade_of_their_own(stream: bool) -> None:
    setup = at_home("small", "home", tiers=[{"model": "small"}, {"model": "home"}, {"model": "large"}])
    setup.completer.enqueue("small", UNSURE)
    setup.completer.enqueue("home", SURE)
    await asked(setup, ask(is_private=True), stream=stream)
    assert setup.completer.models == ["small", "home"]
    assert (setup.record.decision, setup.record.reason) == (DecisionKind.ESCALATED, "private")


@either
async def test_when_the_private_tier_is_away_nobody_else_is_asked(stream: bool) -> None:
    setup = at_home("small")
    setup.completer.enqueue("small", TierFailedError("small", "is away"))
    with pytest.raises(AllTiersFailedError):
        await asked(setup, ask(is_private=True), stream=stream)
    assert setup.completer.models == ["small"]
    assert setup.record.status == "failed"


@either
async def test_a_route_without_a_private_tier_refuses_and_asks_nobody(stream: bool) -> None:
    setup = at_home("elsewhere")
    with pytest.raises(ContentBlockedError, match="only private models may see"):
        await asked(setup, ask(is_private=True), stream=stream)
    assert setup.completer.models == []


@either
async def test_its_answer_is_kept_for_nobody_and_it_is_given_no_kept_answer(stream: bool) -> None:
    setup = at_home("small", route={"capture_content": True})
    await asked(setup, ask(is_private=True), stream=stream)
    assert await setup.entries() == []
    assert (setup.record.input, setup.record.output) == (None, None)
    assert all(call.input is None and call.output is None for call in setup.record.calls)
    assert setup.embedder.history == []
    await asked(setup, ask(), stream=stream)
    assert len(await setup.entries()) == 1
    setup.completer.history.clear()
    await asked(setup, ask(is_private=True), stream=stream)
    assert setup.completer.models == ["small"], "an answer from before is none for a private request"


async def test_neither_second_samples_nor_judges_nor_audits_of_other_models_see_it() -> None:
    tiers = [{"model": "small"}, {"model": "home"}, {"model": "large"}]
    others: dict[str, Any] = {"second_sample": {"model": "other"}, "judge": {"model": "judge"}, "audit": {"share": 1}}

    async def models(request: ChatRequest, *private: str, **cascade: Any) -> set[str]:
        setup = at_home(*private, tiers=tiers, cache={"min_similarity": 1.0}, **cascade)
        setup.completer.standing |= {"home": SURE, "other": SURE, "judge": "0.9"}
        await setup.answer(request)
        await settle()
        return set(setup.completer.models)

    assert await models(ask(), "small", "home", **others) == {"small", "other", "judge", "large"}
    assert await models(ask(is_private=True), "small", "home", **others) == {"small"}
    assert await models(ask(is_private=True), "small", "home", "other", **others) == {"small", "other"}
    own: dict[str, Any] = {"second_sample": {}, "judge": {"model": "judge"}}
    assert await models(ask(is_private=True), "small", "home", "judge", **own) == {"small", "judge"}


async def test_where_nothing_is_private_everything_is_as_it_was() -> None:
    setup = at_home("small")
    setup.completer.enqueue("small", UNSURE)
    await setup.answer(ask())
    assert setup.completer.models == ["small", "large"]
    assert len(await setup.entries()) == 1


async def test_under_load_a_private_request_waits_for_better_times_as_a_miss_does() -> None:
    setup = at_home("small", steps=frozenset({LadderStep.HITS_ONLY}))
    with pytest.raises(OverloadedError):
        await setup.answer(ask(is_private=True))
    cheap = at_home("large", steps=frozenset({LadderStep.CHEAP_ONLY}))
    await cheap.answer(ask(is_private=True))
    assert cheap.completer.models == ["large"]
