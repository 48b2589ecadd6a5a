"""Tier after tier: who is asked, whose answer is given, what is booked."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cascade_setup import STRONG, SURE, THREE, UNSURE, Client, Setup
from tests.fakes import Held, answer_of, failure

from thriftgate.decisions import Reason
from thriftgate.errors import AllTiersFailedError
from thriftgate.types import CallPurpose, DecisionKind, Status


async def test_an_answer_that_is_good_enough_ends_the_cascade() -> None:
    setup = Setup()
    setup.completer.enqueue("small", SURE)
    outcome = await setup.run.answer()
    assert (outcome.answer.text, outcome.decision, outcome.reason) == (SURE.text, DecisionKind.ACCEPTED, "confident")
    assert (outcome.confidence, setup.journal.calls[0].confidence) == (0.9, 0.9)
    assert setup.completer.models == ["small"]


async def test_an_answer_that_is_not_is_escalated_and_both_are_booked() -> None:
    setup = Setup()
    setup.completer.enqueue("small", UNSURE)
    outcome = await setup.run.answer()
    assert (outcome.answer.text, outcome.decision) == (STRONG.text, DecisionKind.ESCALATED)
    assert (outcome.confidence, outcome.reason) == (0.3, "below_threshold")
    assert setup.booked == [("small", Status.OK), ("large", Status.OK)]
    assert setup.journal.cost_usd == pytest.approx(0.001 * 17 + 0.01 * 13)


async def test_only_judged_tiers_are_asked_for_logprobs_and_only_where_they_have_them() -> None:
    for without in (set[str](), {"small"}):
        setup = Setup()
        setup.completer.without_logprobs = without
        setup.completer.enqueue("small", UNSURE)
        await setup.run.answer()
        small, large = (asked.request.params for asked in setup.completer.history)
        assert ("logprobs" in small) is (not without)
        assert "logprobs" not in large


async def test_a_tier_that_fails_is_passed_over() -> None:
    setup = Setup()
    setup.completer.enqueue("small", failure(status_code=503))
    outcome = await setup.run.answer()
    assert (outcome.answer.text, outcome.decision) == (STRONG.text, DecisionKind.ESCALATED)
    assert setup.booked == [("small", Status.FAILED), ("large", Status.OK)]


@pytest.mark.parametrize("stream", [False, True])
async def test_when_every_tier_fails_each_cause_is_named(stream: bool) -> None:
    setup = Setup()
    client = Client(setup.run)
    setup.completer.enqueue("small", failure("small", "timed out"))
    setup.completer.enqueue("large", failure("large", "is rate limited"))
    with pytest.raises(AllTiersFailedError, match="small: timed out; large: is rate limited"):
        await (client.read() if stream else setup.run.answer())
    assert client.choices == []
    assert setup.booked == [("small", Status.FAILED), ("large", Status.FAILED)]


@pytest.mark.parametrize("stream", [False, True])
async def test_what_a_cheap_tier_refuses_is_asked_of_the_next_one(stream: bool) -> None:
    setup = Setup()
    setup.completer.enqueue("small", failure("small", "no images here", status_code=400, rejected=True))
    await (Client(setup.run).read() if stream else setup.run.answer())
    assert setup.completer.models == ["small", "large"]
    assert (setup.outcome.answer.text, setup.outcome.reason) == (STRONG.text, "cheaper_tier_failed")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_scorer_that_throws_costs_money_but_never_an_answer(stream: bool) -> None:
    setup = Setup()
    setup.scorer.confidence[SURE.text] = ZeroDivisionError()
    setup.completer.enqueue("small", SURE)
    await (Client(setup.run).read() if stream else setup.run.answer())
    assert (setup.outcome.answer.text, setup.outcome.reason) == (STRONG.text, "no_confidence")
    assert setup.outcome.signals == {"scorer_errors": 1.0}


async def test_an_answer_that_is_not_streamed_may_take_its_time() -> None:
    setup = Setup(hold_limit=1e-6)
    held = Held(SURE)
    setup.completer.enqueue("small", held)
    answering = asyncio.create_task(setup.run.answer())
    await held.reached.wait()
    held.release.set()
    assert (await answering).answer.text == SURE.text


async def test_a_timeout_of_the_call_itself_is_a_failed_tier() -> None:
    setup = Setup()
    setup.completer.enqueue("small", TimeoutError())
    assert (await setup.run.answer()).failures[0].status_code == 504


async def test_a_second_sample_is_bought_only_where_the_first_does_not_decide() -> None:
    for confidence, samples in ((0.9, 0), (0.6, 1), (0.1, 0)):
        setup = Setup(second_sample={"only_between": [0.5, 0.8]})
        setup.scorer.confidence[SURE.text] = confidence
        setup.completer.standing["small"] = SURE
        outcome = await setup.run.answer()
        bought = [asked for asked in setup.completer.history if asked.purpose is CallPurpose.SECOND_SAMPLE]
        assert len(bought) == samples
        assert outcome.decision is (DecisionKind.ESCALATED if confidence == 0.1 else DecisionKind.ACCEPTED)


async def test_the_confidence_is_written_onto_the_answer_not_onto_its_second_sample() -> None:
    setup = Setup(second_sample={})
    setup.scorer.confidence[SURE.text] = 0.6
    setup.completer.standing["small"] = SURE
    await setup.run.answer()
    assert [(call.purpose, call.confidence) for call in setup.journal.calls] == [
        (CallPurpose.ANSWER, pytest.approx(0.8)),
        (CallPurpose.SECOND_SAMPLE, None),
    ]


@pytest.mark.parametrize("reply", [failure("other"), Held(SURE)], ids=["failed", "hangs"])
async def test_a_second_sample_that_does_not_come_is_done_without(reply: BaseException | Held) -> None:
    setup = Setup(second_sample={"model": "other"}, hold_limit=1e-6)
    setup.completer.enqueue("small", SURE)
    setup.completer.enqueue("other", reply)
    outcome = await setup.run.answer()
    assert (outcome.answer.text, outcome.confidence) == (SURE.text, 0.9)


async def test_a_stronger_tier_s_answer_is_compared_with_the_weaker_one_s_for_free() -> None:
    setup = Setup(THREE, second_sample={})
    setup.completer.enqueue("small", UNSURE, SURE)
    setup.completer.enqueue("middle", UNSURE)
    setup.completer.enqueue("large", STRONG)
    await setup.run.answer()
    assert setup.scorer.second == [None, SURE.text, UNSURE.text]
    assert setup.completer.models == ["small", "small", "middle", "large"]


async def test_evidence_that_a_confidence_needs_is_bought_where_there_is_none_yet() -> None:
    """A calibrated route whose artefact needs a second sample has no confidence without it."""
    setup = Setup(second_sample={"only_between": [0.4, 0.6]}, judge={"model": "judge", "only_between": [0.4, 0.6]})
    setup.scorer.without = None
    setup.completer.standing |= {"small": SURE, "judge": answer_of("90", model="judge")}
    outcome = await setup.run.answer()
    assert (outcome.decision, outcome.confidence) == (DecisionKind.ACCEPTED, 0.9)
    assert [call.purpose for call in setup.journal.calls] == [
        CallPurpose.ANSWER, CallPurpose.SECOND_SAMPLE, CallPurpose.RATING,
    ]  # fmt: skip


async def test_an_answer_that_must_not_be_given_is_not_rated() -> None:
    setup = Setup(second_sample={}, judge={"model": "judge"})
    setup.scorer.veto = Reason.EMPTY_ANSWER
    setup.completer.standing["small"] = SURE
    assert (await setup.run.answer()).reason == "empty_answer"
    assert setup.completer.models == ["small", "large"]


@pytest.mark.parametrize(("rating", "decision"), [("95", DecisionKind.ACCEPTED), ("20", DecisionKind.ESCALATED)])
async def test_a_judge_decides_where_it_is_asked(rating: str, decision: DecisionKind) -> None:
    setup = Setup(judge={"model": "judge", "only_between": [0.5, 1.0]})
    setup.completer.standing |= {"small": SURE, "judge": answer_of(rating, model="judge", cost_usd=0.5)}
    outcome = await setup.run.answer()
    assert outcome.decision is decision
    assert setup.journal.cost_usd == pytest.approx(sum(call.cost_usd for call in setup.journal.calls))
    assert 0.5 in [call.cost_usd for call in setup.journal.calls if call.purpose is CallPurpose.RATING]


async def test_a_judge_is_not_asked_where_it_changes_nothing() -> None:
    setup = Setup(judge={"model": "judge", "only_between": [0.5, 0.8]})
    setup.completer.standing["small"] = SURE
    await setup.run.answer()
    assert setup.completer.models == ["small"]


@pytest.mark.parametrize("reply", [failure("judge"), Held(SURE), "no idea"], ids=["failed", "hangs", "no number"])
async def test_a_judge_that_says_nothing_is_done_without(reply: BaseException | Held | str) -> None:
    setup = Setup(judge={"model": "judge"}, hold_limit=1e-6)
    setup.completer.enqueue("small", SURE)
    setup.completer.enqueue("judge", reply)
    outcome = await setup.run.answer()
    assert (outcome.answer.text, outcome.confidence) == (SURE.text, 0.9)


async def test_nothing_is_bought_for_an_answer_that_the_client_has_already() -> None:
    early = {"until": 2, "window": 1}
    setup = Setup(streaming="optimistic", optimistic=early, second_sample={}, judge={"model": "judge"})
    setup.completer.standing["small"] = SURE
    client = Client(setup.run)
    await client.read()
    assert client.text == SURE.text
    assert setup.outcome.reason in ("confident", "streamed_optimistically")
    assert setup.completer.models == ["small"]


@given(
    confidences=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    fails=st.tuples(st.booleans(), st.booleans()),
    streaming=st.sampled_from([None, "hold", "optimistic"]),
)
async def test_whole_or_held_the_same_answer_is_given_for_the_same_money(
    confidences: tuple[float, float], fails: tuple[bool, bool], streaming: str | None
) -> None:
    setup = Setup(THREE, streaming=streaming or "hold", optimistic={"until": 1000, "window": 1000})
    for model, confidence, is_failing in zip(("small", "middle"), confidences, fails, strict=True):
        text = f"answer of {model}"
        setup.scorer.confidence[text] = confidence
        setup.completer.enqueue(model, failure(model) if is_failing else answer_of(text, model=model))
    client = Client(setup.run)
    await (client.read() if streaming else setup.run.answer())
    good = [
        model
        for model, confidence, is_failing in zip(("small", "middle"), confidences, fails, strict=True)
        if confidence >= 0.7 and not is_failing
    ]
    given_by = good[0] if good else "large"
    assert setup.outcome.tier.model == given_by
    if streaming:
        assert client.text == setup.outcome.answer.text
        assert client.expected == (setup.outcome.decision, given_by)
        assert client.why == (setup.outcome.reason, setup.outcome.confidence)
    assert setup.journal.cost_usd == sum(call.cost_usd for call in setup.journal.calls)
    asked = ["small", "middle", "large"][: ["small", "middle", "large"].index(given_by) + 1]
    assert [model for model, _ in setup.booked] == asked
