"""Tier after tier: who is asked, whose answer is given, what is booked."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cascade_desk import STRONG, SURE, THREE, UNSURE, Client, Desk
from tests.fakes import Held, answer_of, failure

from thriftgate.errors import AllTiersFailedError
from thriftgate.types import CallPurpose, DecisionKind, Status


async def test_an_answer_that_is_good_enough_ends_the_cascade() -> None:
    desk = Desk()
    desk.completer.enqueue("small", SURE)
    outcome = await desk.run.answer()
    assert (outcome.answer.text, outcome.decision, outcome.reason) == (SURE.text, DecisionKind.ACCEPTED, "confident")
    assert (outcome.confidence, desk.journal.calls[0].confidence) == (0.9, 0.9)
    assert desk.completer.models == ["small"]


async def test_an_answer_that_is_not_is_escalated_and_both_are_booked() -> None:
    desk = Desk()
    desk.completer.enqueue("small", UNSURE)
    outcome = await desk.run.answer()
    assert (outcome.answer.text, outcome.decision) == (STRONG.text, DecisionKind.ESCALATED)
    assert (outcome.confidence, outcome.reason) == (0.3, "below_threshold")
    assert desk.booked == [("small", Status.OK), ("large", Status.OK)]
    assert desk.journal.cost_usd == pytest.approx(0.001 * 17 + 0.01 * 13)


async def test_only_judged_tiers_are_asked_for_logprobs_and_only_where_they_have_them() -> None:
    for without in (set[str](), {"small"}):
        desk = Desk()
        desk.completer.without_logprobs = without
        desk.completer.enqueue("small", UNSURE)
        await desk.run.answer()
        small, large = (asked.request.params for asked in desk.completer.history)
        assert ("logprobs" in small) is (not without)
        assert "logprobs" not in large


async def test_a_tier_that_fails_is_passed_over() -> None:
    desk = Desk()
    desk.completer.enqueue("small", failure(status_code=503))
    outcome = await desk.run.answer()
    assert (outcome.answer.text, outcome.decision) == (STRONG.text, DecisionKind.ESCALATED)
    assert desk.booked == [("small", Status.FAILED), ("large", Status.OK)]


@pytest.mark.parametrize("stream", [False, True])
async def test_when_every_tier_fails_each_cause_is_named(stream: bool) -> None:
    desk = Desk()
    client = Client(desk.run)
    desk.completer.enqueue("small", failure("small", "timed out"))
    desk.completer.enqueue("large", failure("large", "is rate limited"))
    with pytest.raises(AllTiersFailedError, match="small: timed out; large: is rate limited"):
        await (client.read() if stream else desk.run.answer())
    assert client.choices == []
    assert desk.booked == [("small", Status.FAILED), ("large", Status.FAILED)]


@pytest.mark.parametrize("stream", [False, True])
async def test_what_a_cheap_tier_refuses_is_asked_of_the_next_one(stream: bool) -> None:
    desk = Desk()
    desk.completer.enqueue("small", failure("small", "no images here", status_code=400, rejected=True))
    await (Client(desk.run).read() if stream else desk.run.answer())
    assert desk.completer.models == ["small", "large"]
    assert (desk.outcome.answer.text, desk.outcome.reason) == (STRONG.text, "cheaper_tier_failed")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_scorer_that_throws_costs_money_but_never_an_answer(stream: bool) -> None:
    desk = Desk()
    desk.scorer.confidence[SURE.text] = ZeroDivisionError()
    desk.completer.enqueue("small", SURE)
    await (Client(desk.run).read() if stream else desk.run.answer())
    assert (desk.outcome.answer.text, desk.outcome.reason) == (STRONG.text, "no_confidence")
    assert desk.outcome.signals == {"scorer_errors": 1.0}


async def test_an_answer_that_is_not_streamed_may_take_its_time() -> None:
    desk = Desk(hold_limit=1e-6)
    held = Held(SURE)
    desk.completer.enqueue("small", held)
    answering = asyncio.create_task(desk.run.answer())
    await held.reached.wait()
    held.release.set()
    assert (await answering).answer.text == SURE.text


async def test_a_timeout_of_the_call_itself_is_a_failed_tier() -> None:
    desk = Desk()
    desk.completer.enqueue("small", TimeoutError())
    assert (await desk.run.answer()).failures[0].status_code == 504


async def test_a_second_sample_is_bought_only_where_the_first_does_not_decide() -> None:
    for confidence, samples in ((0.9, 0), (0.6, 1), (0.1, 0)):
        desk = Desk(second_sample={"only_between": [0.5, 0.8]})
        desk.scorer.confidence[SURE.text] = confidence
        desk.completer.standing["small"] = SURE
        outcome = await desk.run.answer()
        bought = [asked for asked in desk.completer.history if asked.purpose is CallPurpose.SECOND_SAMPLE]
        assert len(bought) == samples
        assert outcome.decision is (DecisionKind.ESCALATED if confidence == 0.1 else DecisionKind.ACCEPTED)


async def test_the_confidence_is_written_onto_the_answer_not_onto_its_second_sample() -> None:
    desk = Desk(second_sample={})
    desk.scorer.confidence[SURE.text] = 0.6
    desk.completer.standing["small"] = SURE
    await desk.run.answer()
    assert [(call.purpose, call.confidence) for call in desk.journal.calls] == [
        (CallPurpose.ANSWER, pytest.approx(0.8)),
        (CallPurpose.SECOND_SAMPLE, None),
    ]


@pytest.mark.parametrize("reply", [failure("other"), Held(SURE)], ids=["failed", "hangs"])
async def test_a_second_sample_that_does_not_come_is_done_without(reply: BaseException | Held) -> None:
    desk = Desk(second_sample={"model": "other"}, hold_limit=1e-6)
    desk.completer.enqueue("small", SURE)
    desk.completer.enqueue("other", reply)
    outcome = await desk.run.answer()
    assert (outcome.answer.text, outcome.confidence) == (SURE.text, 0.9)


async def test_a_stronger_tier_s_answer_is_compared_with_the_weaker_one_s_for_free() -> None:
    desk = Desk(THREE, second_sample={})
    desk.completer.enqueue("small", UNSURE, SURE)
    desk.completer.enqueue("middle", UNSURE)
    desk.completer.enqueue("large", STRONG)
    await desk.run.answer()
    assert desk.scorer.second == [None, SURE.text, UNSURE.text]
    assert desk.completer.models == ["small", "small", "middle", "large"]


async def test_evidence_that_a_confidence_needs_is_bought_where_there_is_none_yet() -> None:
    """A calibrated route whose artefact needs a second sample has no confidence without it."""
    desk = Desk(second_sample={"only_between": [0.4, 0.6]}, judge={"model": "judge", "only_between": [0.4, 0.6]})
    desk.scorer.without = None
    desk.completer.standing |= {"small": SURE, "judge": answer_of("90", model="judge")}
    outcome = await desk.run.answer()
    assert (outcome.decision, outcome.confidence) == (DecisionKind.ACCEPTED, 0.9)
    assert [call.purpose for call in desk.journal.calls] == [
        CallPurpose.ANSWER, CallPurpose.SECOND_SAMPLE, CallPurpose.RATING,
    ]  # fmt: skip


async def test_an_answer_that_must_not_be_given_is_not_rated() -> None:
    desk = Desk(second_sample={}, judge={"model": "judge"})
    desk.scorer.veto = "empty_answer"
    desk.completer.standing["small"] = SURE
    assert (await desk.run.answer()).reason == "empty_answer"
    assert desk.completer.models == ["small", "large"]


@pytest.mark.parametrize(("rating", "decision"), [("95", DecisionKind.ACCEPTED), ("20", DecisionKind.ESCALATED)])
async def test_a_judge_decides_where_it_is_asked(rating: str, decision: DecisionKind) -> None:
    desk = Desk(judge={"model": "judge", "only_between": [0.5, 1.0]})
    desk.completer.standing |= {"small": SURE, "judge": answer_of(rating, model="judge", cost_usd=0.5)}
    outcome = await desk.run.answer()
    assert outcome.decision is decision
    assert desk.journal.cost_usd == pytest.approx(sum(call.cost_usd for call in desk.journal.calls))
    assert 0.5 in [call.cost_usd for call in desk.journal.calls if call.purpose is CallPurpose.RATING]


async def test_a_judge_is_not_asked_where_it_changes_nothing() -> None:
    desk = Desk(judge={"model": "judge", "only_between": [0.5, 0.8]})
    desk.completer.standing["small"] = SURE
    await desk.run.answer()
    assert desk.completer.models == ["small"]


@pytest.mark.parametrize("reply", [failure("judge"), Held(SURE), "no idea"], ids=["failed", "hangs", "no number"])
async def test_a_judge_that_says_nothing_is_done_without(reply: BaseException | Held | str) -> None:
    desk = Desk(judge={"model": "judge"}, hold_limit=1e-6)
    desk.completer.enqueue("small", SURE)
    desk.completer.enqueue("judge", reply)
    outcome = await desk.run.answer()
    assert (outcome.answer.text, outcome.confidence) == (SURE.text, 0.9)


async def test_nothing_is_bought_for_an_answer_that_the_client_has_already() -> None:
    early = {"until": 2, "window": 1}
    desk = Desk(streaming="optimistic", optimistic=early, second_sample={}, judge={"model": "judge"})
    desk.completer.standing["small"] = SURE
    client = Client(desk.run)
    await client.read()
    assert client.text == SURE.text
    assert desk.outcome.reason in ("confident", "streamed_optimistically")
    assert desk.completer.models == ["small"]


@given(
    confidences=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    fails=st.tuples(st.booleans(), st.booleans()),
    streaming=st.sampled_from([None, "hold", "optimistic"]),
)
async def test_whole_or_held_the_same_answer_is_given_for_the_same_money(
    confidences: tuple[float, float], fails: tuple[bool, bool], streaming: str | None
) -> None:
    desk = Desk(THREE, streaming=streaming or "hold", optimistic={"until": 1000, "window": 1000})
    for model, confidence, is_failing in zip(("small", "middle"), confidences, fails, strict=True):
        text = f"answer of {model}"
        desk.scorer.confidence[text] = confidence
        desk.completer.enqueue(model, failure(model) if is_failing else answer_of(text, model=model))
    client = Client(desk.run)
    await (client.read() if streaming else desk.run.answer())
    good = [
        model
        for model, confidence, is_failing in zip(("small", "middle"), confidences, fails, strict=True)
        if confidence >= 0.7 and not is_failing
    ]
    given_by = good[0] if good else "large"
    assert desk.outcome.tier.model == given_by
    if streaming:
        assert client.text == desk.outcome.answer.text
        assert client.expected == (desk.outcome.decision, given_by)
    assert desk.journal.cost_usd == sum(call.cost_usd for call in desk.journal.calls)
    asked = ["small", "middle", "large"][: ["small", "middle", "large"].index(given_by) + 1]
    assert [model for model, _ in desk.booked] == asked
