import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.cascade.flow import (
    Ask,
    CascadeFlow,
    Effect,
    MoreEvidence,
    Outcome,
    Rate,
    Reply,
    Sample,
    Scored,
    Showing,
    Tier,
    cascade,
    why_not,
)  # fmt: skip
from thriftgate.decisions import Reason
from thriftgate.errors import AllTiersFailedError, TierFailedError
from thriftgate.types import Answer, Choice, DecisionKind


def answer(model: str) -> Answer:
    return Answer(choices=(Choice({"role": "assistant", "content": model}),), model=model)


def failure(model: str, *, rejected: bool = False) -> TierFailedError:
    return TierFailedError(model, "503 from the provider", rejected=rejected)


def asked_of(effect: Effect) -> str:
    """Whom the flow wants to be asked."""
    assert isinstance(effect, Ask)
    return effect.tier.model


class World:
    """Answers for tiers: each model's confidence, or None when it fails. Remembers who was asked."""

    def __init__(self, confidences: dict[str, float | None], *, vetoes: dict[str, Reason] | None = None) -> None:
        self.confidences = confidences
        self.vetoes = vetoes or {}
        self.asked: list[str] = []

    def score(self, answer: Answer, second: Answer | None, rating: float | None) -> Scored:
        return Scored(confidence=self.confidences[answer.model], veto=self.vetoes.get(answer.model))

    def run(self, *tiers: Tier, serve_rejected_answer: bool = False) -> Outcome:
        flow = cascade(tiers, score=self.score, route="support", serve_rejected_answer=serve_rejected_answer)
        effect = next(flow)
        while True:
            model = asked_of(effect)
            self.asked.append(model)
            reply = failure(model) if self.confidences[model] is None else Reply(answer(model))
            try:
                effect = flow.send(reply)
            except StopIteration as end:
                return end.value


def test_a_confident_cheap_answer_is_given_and_nobody_else_is_asked():
    world = World({"small": 0.9, "large": 1.0})
    outcome = world.run(Tier("small", 0.7), Tier("large"))
    assert world.asked == ["small"]
    assert (outcome.decision, outcome.reason, outcome.confidence) == (DecisionKind.ACCEPTED, "confident", 0.9)
    assert outcome.answer.model == "small"


def test_a_doubtful_cheap_answer_escalates():
    world = World({"small": 0.5, "large": 1.0})
    outcome = world.run(Tier("small", 0.7), Tier("large"))
    assert world.asked == ["small", "large"]
    assert (outcome.decision, outcome.reason) == (DecisionKind.ESCALATED, "below_threshold")
    assert outcome.answer.model == "large"
    assert [one.answer.model for one in outcome.rejected] == ["small"]
    assert outcome.confidence == 0.5


def test_a_veto_escalates_whatever_the_confidence():
    outcome = World({"small": 1.0, "large": 1.0}, vetoes={"small": Reason.SCHEMA_INVALID}).run(
        Tier("small", 0.0), Tier("large")
    )
    assert (outcome.decision, outcome.reason) == (DecisionKind.ESCALATED, "schema_invalid")


def test_no_confidence_and_nan_escalate():
    def score(answer: Answer, second: Answer | None, rating: float | None) -> Scored:
        return Scored(confidence=None)

    def score_nan(answer: Answer, second: Answer | None, rating: float | None) -> Scored:
        return Scored(confidence=math.nan)

    for scorer, reason in ((score, "no_confidence"), (score_nan, "below_threshold")):
        flow = cascade([Tier("small", 0.0), Tier("large")], score=scorer)
        next(flow)
        assert asked_of(flow.send(Reply(answer("small")))) == "large"
        with pytest.raises(StopIteration) as end:
            flow.send(Reply(answer("large")))
        assert end.value.value.reason == reason


def test_a_scorer_that_throws_escalates_and_is_counted():
    def score(answer: Answer, second: Answer | None, rating: float | None) -> Scored:
        raise ZeroDivisionError

    flow = cascade([Tier("small", 0.0), Tier("large")], score=score)
    next(flow)
    assert asked_of(flow.send(Reply(answer("small")))) == "large"
    with pytest.raises(StopIteration) as end:
        flow.send(Reply(answer("large")))
    assert end.value.value.signals == {"scorer_errors": 1.0}
    assert end.value.value.reason == "no_confidence"


def test_one_tier_is_given_unseen():
    outcome = World({"large": 0.0}).run(Tier("large"))
    assert (outcome.decision, outcome.reason) == (DecisionKind.ONLY_TIER, "only_tier")


def test_the_last_tier_is_not_scored_even_with_a_threshold():
    outcome = World({"small": 0.1, "large": 0.0}).run(Tier("small", 0.5), Tier("large", 0.9))
    assert outcome.answer.model == "large"


def test_a_failed_cheap_tier_is_skipped():
    outcome = World({"small": None, "large": 1.0}).run(Tier("small", 0.7), Tier("large"))
    assert (outcome.decision, outcome.reason) == (DecisionKind.ESCALATED, "cheaper_tier_failed")
    assert [one.tier for one in outcome.failures] == ["small"]


def test_a_failure_may_be_thrown_as_well_as_sent():
    flow = cascade([Tier("small", 0.7), Tier("large")], score=World({"small": 1.0}).score)
    next(flow)
    assert asked_of(flow.throw(failure("small"))) == "large"


def test_a_request_that_a_cheap_tier_rejects_goes_to_the_next_one():
    flow = cascade([Tier("small", 0.7), Tier("large")], score=World({}).score)
    next(flow)
    assert asked_of(flow.send(failure("small", rejected=True))) == "large"
    with pytest.raises(StopIteration) as end:
        flow.send(Reply(answer("large")))
    assert end.value.value.reason == "cheaper_tier_failed"


def test_what_the_last_tier_says_of_a_request_reaches_the_client():
    flow = cascade([Tier("small", 0.7), Tier("large")], score=World({}).score)
    next(flow)
    flow.send(failure("small"))
    with pytest.raises(AllTiersFailedError) as caught:
        flow.send(TierFailedError("large", "too long", status_code=400, rejected=True, code="context_length_exceeded"))
    assert (caught.value.status_code, caught.value.code) == (400, "context_length_exceeded")
    assert str(caught.value) == "too long"


def open_flow(
    confidence: float | None, **more: MoreEvidence
) -> tuple[CascadeFlow, list[tuple[str | None, float | None]]]:
    """A flow at its first answer, and with what evidence it scored."""
    seen: list[tuple[str | None, float | None]] = []

    def score(answer: Answer, second: Answer | None, rating: float | None) -> Scored:
        seen.append((second.model if second else None, rating))
        return Scored(confidence=confidence if rating is None else rating)

    tiers = [Tier("small", 0.7), Tier("large")]
    flow = cascade(tiers, score=score, sampling=more.get("sampling"), judging=more.get("judging"))
    next(flow)
    return flow, seen


def test_a_second_sample_and_a_judge_are_asked_only_while_they_may_settle_it():
    between = MoreEvidence("judge", (0.4, 0.8))
    flow, seen = open_flow(0.5, sampling=MoreEvidence(None, (0.4, 0.8)), judging=between)
    assert flow.send(Reply(answer("small"))) == Sample("small")
    assert flow.send(answer("second")) == Rate("judge", answer("small"))
    with pytest.raises(StopIteration) as end:
        flow.send(0.95)
    assert seen == [(None, None), ("second", None), ("second", 0.95)]
    assert end.value.value.reason == "confident"
    flow, seen = open_flow(0.9, sampling=between, judging=between)
    with pytest.raises(StopIteration):
        flow.send(Reply(answer("small")))


@pytest.mark.parametrize("confidence", [0.4, 0.8])
def test_the_bounds_of_more_evidence_belong_to_it(confidence: float):
    flow, _ = open_flow(confidence, judging=MoreEvidence("judge", (0.4, 0.8)))
    assert isinstance(flow.send(Reply(answer("small"))), Rate)


def test_evidence_that_does_not_come_changes_nothing():
    flow, seen = open_flow(0.5, sampling=MoreEvidence("other"), judging=MoreEvidence("judge"))
    flow.send(Reply(answer("small")))
    flow.send(None)
    assert asked_of(flow.send(None)) == "large"
    assert seen == [(None, None)]


def test_what_the_client_has_seen_ends_the_cascade_and_buys_no_evidence():
    flow, _ = open_flow(0.1, sampling=MoreEvidence(None), judging=MoreEvidence("judge"))
    with pytest.raises(StopIteration) as end:
        flow.send(Reply(answer("small"), is_shown=True))
    assert (end.value.value.reason, end.value.value.decision) == ("streamed_optimistically", DecisionKind.ACCEPTED)


def test_an_answer_given_up_while_it_was_written_escalates_and_says_so():
    flow, _ = open_flow(0.9)
    assert asked_of(flow.send(Reply(None))) == "large"
    with pytest.raises(StopIteration) as end:
        flow.send(Reply(answer("large")))
    assert (end.value.value.reason, end.value.value.decision) == ("collapsed", DecisionKind.ESCALATED)


def test_an_answer_that_must_not_be_accepted_must_not_be_shown():
    asked = next(cascade([Tier("small", math.inf), Tier("large")], score=World({}).score, streaming="optimistic"))
    assert isinstance(asked, Ask)
    assert asked.showing is Showing.WHOLE
    assert not asked.is_final


def test_the_reason_of_a_plan_that_left_tiers_out_is_the_one_that_counts():
    flow = cascade([Tier("large")], score=World({}).score, reason=Reason.TOOL_REQUIRED)
    next(flow)
    with pytest.raises(StopIteration) as end:
        flow.send(Reply(answer("large")))
    assert end.value.value.reason == "tool_required"


def test_a_driver_that_sends_something_else_is_told():
    flow, _ = open_flow(0.9)
    with pytest.raises(TypeError, match="Reply"):
        flow.send(0.5)


def test_all_tiers_failing_names_every_cause():
    with pytest.raises(AllTiersFailedError, match=r"support.*small: 503.*large: 503"):
        World({"small": None, "large": None}).run(Tier("small", 0.7), Tier("large"))


def test_a_rejected_answer_is_served_only_when_asked_for():
    tiers = (Tier("small", 0.7), Tier("large"))
    with pytest.raises(AllTiersFailedError):
        World({"small": 0.5, "large": None}).run(*tiers)
    outcome = World({"small": 0.5, "large": None}).run(*tiers, serve_rejected_answer=True)
    assert (outcome.answer.model, outcome.reason) == ("small", "stronger_tiers_failed")


def test_an_unusable_answer_is_never_served():
    world = World({"small": 0.5, "large": None}, vetoes={"small": Reason.EMPTY_ANSWER})
    with pytest.raises(AllTiersFailedError):
        world.run(Tier("small", 0.7), Tier("large"), serve_rejected_answer=True)


def test_other_exceptions_pass_through():
    flow = cascade([Tier("small", 0.7), Tier("large")], score=World({}).score)
    next(flow)
    with pytest.raises(KeyboardInterrupt):
        flow.throw(KeyboardInterrupt())


def test_a_cascade_without_tiers_is_refused():
    with pytest.raises(ValueError, match="at least one tier"):
        next(cascade([], score=World({}).score))


worlds = st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=1, max_size=5)


def run(confidences: list[float | None], thresholds: list[float]) -> tuple[list[str], Outcome | None]:
    models = [f"tier-{place}" for place in range(len(confidences))]
    world = World(dict(zip(models, confidences, strict=True)))
    tiers = [Tier(model, at) for model, at in zip(models, thresholds[: len(models)], strict=True)]
    try:
        return world.asked, world.run(*tiers, serve_rejected_answer=True)
    except AllTiersFailedError:
        return world.asked, None


@given(worlds, st.lists(st.floats(0, 1), min_size=5, max_size=5), st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_stricter_thresholds_never_call_fewer_tiers(
    confidences: list[float | None], thresholds: list[float], extra: list[float]
):
    stricter = [min(1.0, low + more) for low, more in zip(thresholds, extra, strict=True)]
    asked, _ = run(confidences, thresholds)
    asked_strictly, _ = run(confidences, stricter)
    assert asked_strictly[: len(asked)] == asked


@given(worlds, st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_tiers_are_asked_in_order_and_once_and_the_given_answer_is_one_of_theirs(
    confidences: list[float | None], thresholds: list[float]
):
    asked, outcome = run(confidences, thresholds)
    assert asked == [f"tier-{place}" for place in range(len(asked))]
    answered = {f"tier-{place}" for place, confidence in enumerate(confidences) if confidence is not None}
    if outcome is None:
        assert not answered
    else:
        assert outcome.answer.model in answered & set(asked)
        assert len(outcome.failures) == len(asked) - len(answered & set(asked))


def test_a_confidence_at_the_threshold_is_accepted():
    """Thresholds are quantiles of seen scores, so equality is common, and the replay accepts it too."""
    assert why_not(0.7, Scored(0.7)) is None
    assert why_not(0.7, Scored(0.6999)) == "below_threshold"


def test_a_reply_with_a_veto_is_not_given_from_the_last_tier_either() -> None:
    flow = cascade([Tier("small", 0.5), Tier("large")], score=lambda a, b, c: Scored(1.0), route="support")
    next(flow)
    ask = flow.send(Reply(answer("cheap"), veto=Reason.OUTPUT_INVALID))
    assert isinstance(ask, Ask)
    assert ask.is_final
    with pytest.raises(AllTiersFailedError):
        flow.send(Reply(answer("strong"), veto=Reason.OUTPUT_INVALID))


def test_what_is_known_of_a_reply_before_it_is_scored_is_among_the_signals() -> None:
    flow = cascade([Tier("small", 0.5), Tier("large")], score=lambda a, b, c: Scored(1.0, {"a": 1.0}))
    next(flow)
    with pytest.raises(StopIteration) as end:
        flow.send(Reply(answer("cheap"), evidence={"output_repaired": 1.0}))
    assert end.value.value.signals == {"a": 1.0, "output_repaired": 1.0}


def test_of_several_rejected_answers_the_most_confident_is_served_and_the_strongest_among_equals():
    tiers = (Tier("small", 0.9), Tier("middle", 0.9), Tier("large"))
    for small, middle, served in ((0.6, 0.3, "small"), (0.3, 0.6, "middle"), (0.5, 0.5, "middle")):
        world = World({"small": small, "middle": middle, "large": None})
        assert world.run(*tiers, serve_rejected_answer=True).answer.model == served


@pytest.mark.parametrize(("unsure", "served"), [("small", "middle"), ("middle", "small")])
def test_an_answer_without_a_confidence_is_the_last_to_be_served(unsure: str, served: str):
    def score(answer: Answer, second: Answer | None, rating: float | None) -> Scored:
        return Scored(confidence=None if answer.model == unsure else 0.0)

    flow = cascade((Tier("small", 0.9), Tier("middle", 0.9), Tier("large")), score=score, serve_rejected_answer=True)
    next(flow)
    flow.send(Reply(answer("small")))
    flow.send(Reply(answer("middle")))
    with pytest.raises(StopIteration) as end:
        flow.send(failure("large"))
    assert end.value.value.answer.model == served
