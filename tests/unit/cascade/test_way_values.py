"""What happens on the way through the tiers, and who is drawn, held to exact values."""

import json
import math
from hashlib import blake2b
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import answer_of, ask

from thriftgate.cascade.drift import drift_of
from thriftgate.cascade.familiarity import Familiarity, QuestionSummary, distances_to, encoded, shift_of
from thriftgate.cascade.flow import (
    Ask,
    Broken,
    CascadeFlow,
    MoreEvidence,
    Outcome,
    Reply,
    Scored,
    Streaming,
    Tier,
    cascade,
    play,
    why_not,
)
from thriftgate.cascade.holdout import holdout_draw, is_audited, is_held_out
from thriftgate.cascade.plan import Plan, accept_at_for, allowed_loss, cheapest_alone, eased, without
from thriftgate.cascade.prices import objections_to, payoff_of_prices
from thriftgate.cascade.rating import rating_request
from thriftgate.cascade.running import Running, RunningConfidence
from thriftgate.decisions import Reason
from thriftgate.errors import AllTiersFailedError, OutputInvalidError, TierFailedError
from thriftgate.stats import BettingTest, beta_binomial_tail, wilson_interval
from thriftgate.types import Answer, DecisionKind

TIERS = (Tier("small", 0.7), Tier("middle", 0.8), Tier("large"))


# On the way


def test_more_evidence_is_asked_for_anywhere_unless_it_is_said_where() -> None:
    anywhere = MoreEvidence("m")
    assert [anywhere.may_settle(Scored(confidence)) for confidence in (0.0, 0.5, 1.0, None)] == [True] * 4
    assert not anywhere.may_settle(Scored(0.5, veto=Reason.EMPTY_ANSWER))
    bounded = MoreEvidence("m", (0.2, 0.6))
    assert [bounded.may_settle(Scored(one)) for one in (0.19, 0.2, 0.6, 0.61)] == [False, True, True, False]


def test_thresholds_see_the_weighed_confidence_where_there_is_one() -> None:
    assert why_not(0.7, Scored(0.6, weighed=0.7)) is None
    assert why_not(0.7, Scored(0.9, weighed=0.69)) is Reason.BELOW_THRESHOLD
    assert why_not(0.0, Scored(None, weighed=0.9)) is Reason.NO_CONFIDENCE
    assert why_not(0.0, Scored(None, veto=Reason.CUT_OFF)) is Reason.CUT_OFF
    assert why_not(math.inf, Scored(1.0)) is Reason.BELOW_THRESHOLD


def asks(*tiers: Tier, streaming: Streaming | None = None, must_fit: bool = False) -> list[Ask]:
    """What each tier is asked when those before it fail."""
    flow = cascade(tiers, score=lambda answer, second, rating: Scored(1.0), streaming=streaming, must_fit=must_fit)
    found = [next(flow), *(flow.send(TierFailedError(tier.model, "away")) for tier in tiers[:-1])]
    return [one for one in found if isinstance(one, Ask)]


def test_a_tier_without_a_threshold_is_the_last_word() -> None:
    first, second, third = asks(Tier("a", math.inf), Tier("b"), Tier("c", 0.5))
    assert (first.is_final, first.expected) == (False, DecisionKind.ACCEPTED)
    assert (second.is_final, second.expected) == (True, DecisionKind.ESCALATED)
    assert (third.is_final, third.expected) == (True, DecisionKind.ESCALATED)
    (only,) = asks(Tier("a", 0.5))
    assert (only.is_final, only.expected) == (True, DecisionKind.ONLY_TIER)


def ended(*sent: Any, tiers: tuple[Tier, ...] = TIERS, score: Any = None, **options: Any) -> Outcome:
    flow = cascade(tiers, score=score or (lambda answer, second, rating: Scored(0.5)), **options)
    next(flow)
    for one in sent[:-1]:
        flow.send(one)
    with pytest.raises(StopIteration) as end:
        flow.send(sent[-1])
    return end.value.value


def test_a_collapse_names_an_escalation_and_nothing_else() -> None:
    small, large = answer_of("s", model="small"), answer_of("l", model="large")
    two = (TIERS[0], TIERS[2])
    escalated = ended(Reply(None), Reply(large), tiers=two)
    assert (escalated.reason, len(escalated.failures), escalated.confidence) == (Reason.COLLAPSED, 1, None)
    assert ended(Reply(small), Reply(large), tiers=two).reason is Reason.BELOW_THRESHOLD
    kept = ended(Reply(small), Reply(None), TierFailedError("large", "away"), serve_rejected_answer=True)
    assert (kept.reason, kept.decision, kept.rejected) == (Reason.STRONGER_TIERS_FAILED, DecisionKind.ACCEPTED, ())
    planned = ended(Reply(None), Reply(large), tiers=two, reason=Reason.TIER_CANNOT_CARRY)
    assert planned.reason is Reason.TIER_CANNOT_CARRY


STRICT = (Tier("small", 0.6), Tier("middle", 0.6), Tier("large"))
MODELS = [tier.model for tier in STRICT]
LOOSE = Plan(eased(STRICT, (0.4, 0.4)), Reason.BUDGET_SHIFT)


def is_eased(planned: Plan | None, *confidences: float) -> tuple[str, bool]:
    """Which tier's answer is given where each tier's has its confidence, and whether it is eased."""
    assert planned is not None
    left = iter(confidences)
    outcome = play(
        cascade(planned.tiers, score=lambda answer, second, rating: Scored(next(left)), reason=planned.reason),
        lambda effect: Reply(answer_of("a", model=effect.tier.model)) if isinstance(effect, Ask) else None,
    )
    return outcome.tier.model, outcome.is_eased


def test_an_answer_by_a_looser_threshold_is_eased_and_an_escalated_one_is_not() -> None:
    assert is_eased(LOOSE, 0.5) == ("small", True)
    assert is_eased(LOOSE, 0.3, 0.5) == ("middle", True)
    assert is_eased(LOOSE, 0.3, 0.3) == ("large", False)
    assert is_eased(Plan(STRICT, Reason.CASCADE), 0.6) == ("small", False)


def test_an_answer_that_passes_the_strict_threshold_is_not_eased_though_a_looser_one_holds() -> None:
    assert is_eased(LOOSE, 0.6) == ("small", False)
    assert is_eased(LOOSE, 0.3, 0.6) == ("middle", False)


def test_a_looser_threshold_eases_also_where_a_tier_cannot_carry_the_request() -> None:
    left = without(LOOSE, {"middle"}, MODELS)
    assert left is not None
    assert left.reason is Reason.TIER_CANNOT_CARRY
    assert is_eased(left, 0.5) == ("small", True)
    assert is_eased(left, 0.6) == ("small", False)
    assert is_eased(left, 0.3) == ("large", False)


@pytest.mark.parametrize("tiers", [STRICT, LOOSE.tiers, STRICT[-1:]], ids=["all", "looser", "the strongest alone"])
def test_an_answer_that_is_unjudged_for_want_of_the_strongest_tier_is_eased(tiers: tuple[Tier, ...]) -> None:
    planned = Plan(tiers, Reason.CASCADE)
    assert is_eased(without(planned, {"large"}, MODELS), 0.1) == ("middle", True)
    assert is_eased(without(planned, {"large", "middle"}, MODELS)) == ("small", True)
    assert is_eased(without(planned, {"small"}, MODELS), 0.1) == ("large", False)


def test_an_answer_under_load_is_eased_but_where_it_were_given_unjudged_without_load() -> None:
    assert is_eased(cheapest_alone(Plan(STRICT, Reason.CASCADE))) == ("small", True)
    assert is_eased(cheapest_alone(LOOSE)) == ("small", True)
    trusted = Plan((Tier("small"), *STRICT[1:]), Reason.GOOD_OUTLOOK)
    assert is_eased(trusted) == is_eased(cheapest_alone(trusted)) == ("small", False)


def test_what_was_rejected_before_is_what_the_next_answer_is_compared_with() -> None:
    seen: list[str | None] = []

    def score(answer: Answer, second: Answer | None, rating: float | None) -> Scored:
        seen.append(second.model if second else None)
        return Scored(0.5)

    answers = [Reply(answer_of(model, model=model)) for model in ("small", "middle", "large")]
    outcome = ended(*answers, score=score)
    assert seen == [None, "small"]
    assert (outcome.tier.model, len(outcome.rejected), outcome.confidence) == ("large", 2, 0.5)
    seen.clear()
    ended(*answers, score=score, earlier=answer_of("e", model="earlier"), sampling=MoreEvidence(None))
    assert seen == ["earlier", "small"], "no second sample where there is one already"


def test_a_reply_that_must_not_be_given_says_what_is_known_of_it() -> None:
    veto = Reply(answer_of("s", model="small"), veto=Reason.OUTPUT_INVALID, evidence={"x": 1.0})
    outcome = ended(veto, Reply(answer_of("l", model="large")), tiers=(TIERS[0], TIERS[2]))
    assert (outcome.reason, outcome.signals, outcome.confidence) == (Reason.OUTPUT_INVALID, {"x": 1.0}, None)
    assert outcome.rejected[0].scored == Scored(None, {"x": 1.0}, Reason.OUTPUT_INVALID)


# While it is written


def test_half_a_window_of_tokens_is_needed_and_the_latest_count() -> None:
    def entries(*values: float | None) -> list[dict[str, Any]]:
        return [{"logprob": value} for value in values]

    running = RunningConfidence(floor=0.5, until=99, window=4)
    running.feed("a", entries(-1.0))
    assert running.confidence is None
    running.feed("b", entries(0.0, None))
    assert running.confidence == pytest.approx(math.exp(-0.5))
    running.feed("c", entries(0.0, 0.0, 0.0))
    assert running.confidence == 1
    assert RunningConfidence(floor=0.5, window=1).feed("a", entries(-2.0)) is Running.COLLAPSED
    assert RunningConfidence(floor=math.exp(-0.5), window=2).feed("a", entries(-0.5)) is Running.GO_ON
    at_worst = RunningConfidence(floor=0.0, window=2)
    at_worst.feed("a", entries(-1e9))
    assert at_worst.confidence == pytest.approx(math.exp(-700))
    assert RunningConfidence(floor=0.0).until == 64
    assert RunningConfidence(floor=1.0, until=1, window=1).feed("a", entries(0.0)) is Running.SETTLED


def test_without_log_probabilities_a_chunk_is_a_token_and_nothing_is_none() -> None:
    running = RunningConfidence(floor=0.5, until=3)
    assert [running.feed(text) for text in ("a", "", "b", "c")] == [Running.GO_ON] * 3 + [Running.SETTLED]
    late = RunningConfidence(floor=0.5, until=9)
    assert late.feed("x" * 188 + "i don't know") is Running.COLLAPSED
    assert RunningConfidence(floor=0.5, until=9).feed("x" * 189 + "i don't know") is Running.GO_ON
    sure = RunningConfidence(floor=0.5, until=9, window=2)
    assert sure.feed("i don't know", [{"logprob": 0.0}]) is Running.GO_ON, "what it says of itself counts more"


# Hold-outs, budgets, drift, prices


@given(st.lists(st.text(max_size=5), min_size=1, max_size=3))
def test_a_draw_is_the_first_eight_bytes_of_a_hash(parts: list[str]) -> None:
    digest = blake2b("\x1f".join(parts).encode(), digest_size=8).digest()
    assert holdout_draw(*parts) == int.from_bytes(digest, "big") / 2**64
    assert 0 <= holdout_draw(*parts) < 1


def test_who_is_held_out_stays_so_from_release_to_release() -> None:
    draw = holdout_draw("cascade-holdout", "support", "user-1")
    assert is_held_out("user-1", route="support", share=draw + 1e-9)
    assert not is_held_out("user-1", route="support", share=draw)
    audit = holdout_draw("cascade-audit", "r1")
    assert is_audited("r1", share=audit + 1e-9)
    assert not is_audited("r1", share=audit)


@pytest.mark.parametrize(("used", "loss"), [(0.0, 0.02), (0.5, 0.02), (0.75, 0.04), (1.0, 0.06), (9.0, 0.06)])
def test_the_allowed_loss_rises_in_proportion_from_where_it_starts(used: float, loss: float) -> None:
    assert allowed_loss(used, starts_at=0.5, promised=0.02, floor=0.06) == pytest.approx(loss)
    assert allowed_loss(used, starts_at=0.5, promised=0.02, floor=0.02) == 0.02
    assert allowed_loss(used, starts_at=0.5, promised=0.02, floor=0.01) == 0.02


def test_a_promise_that_is_just_allowed_is_allowed() -> None:
    promise = {"max_quality_loss": 0.1 + 0.2, "holds": True, "accept_at": [0.5, 0.6]}
    assert accept_at_for([promise], 0.3) == (0.5, 0.6)
    assert accept_at_for([promise], 0.3 - 1e-9) is None
    assert accept_at_for([promise | {"holds": False}], 0.5) is None
    assert accept_at_for([promise], 0.5, promised=0.3) is None, "no looser than what is promised anyway"


def test_drift_counts_each_bad_answer_with_the_share_that_is_accepted() -> None:
    verdicts = [True, False, True, False]
    found = drift_of([int(not is_fine) for is_fine in verdicts], accepted_share=0.5, max_quality_loss=0.1)
    test, share = BettingTest(0.1), wilson_interval(2, 4)
    for is_fine in verdicts:
        test.update(0.0 if is_fine else 0.5)
    assert (found.audits, found.bad, found.evidence) == (4, 2, test.evidence)
    loss = found.quality_loss
    assert (loss.low, loss.estimate, loss.high) == (share.low / 2, 0.25, share.high / 2)
    net = drift_of([1, -1, 0, 1, 0], accepted_share=0.5, max_quality_loss=0.1, is_net=True)
    test = BettingTest(0.55)
    for value in (0.75, 0.25, 0.5, 0.75, 0.5):
        test.update(value)
    assert (net.audits, net.bad, net.better, net.evidence) == (5, 2, 1, test.evidence)
    worse, better = wilson_interval(2, 5), wilson_interval(1, 5)
    # An answer is never both, so the more are worse, the fewer are better.
    shared = math.sqrt(0.4 * 0.2 / (0.6 * 0.8))
    spans = ((0.4 - worse.low, better.high - 0.2), (worse.high - 0.4, 0.2 - better.low))
    below, above = (math.sqrt(one**2 + other**2 + 2 * shared * one * other) / 2 for one, other in spans)
    assert net.net_loss.estimate == pytest.approx(0.1)
    assert net.net_loss.low == pytest.approx(0.1 - below)
    assert net.net_loss.high == pytest.approx(0.1 + above)
    for accepted in (0.0, 1.0):
        assert drift_of([], accepted_share=accepted, max_quality_loss=0.1).audits == 0
    with pytest.raises(ValueError, match="between 0 and 1"):
        drift_of([], accepted_share=-0.1, max_quality_loss=0.1)


def test_a_ratio_of_five_is_enough_and_less_is_objected_to() -> None:
    assert list(objections_to(5.0)) == []
    assert "4.9 times" in next(objections_to(4.9))
    assert "20%" in next(objections_to(4.99))
    cheap = payoff_of_prices(0.0, 0.5)
    assert cheap is not None
    assert (cheap.price_ratio, cheap.break_even) == (math.inf, 0)
    assert payoff_of_prices(0.1, -1.0) is None
    dear = payoff_of_prices(0.1, 0.5)
    assert dear is not None
    assert (dear.price_ratio, dear.break_even, dear.objections) == (5, 0.2, ())


# Judges and strange questions


def test_a_judge_is_shown_as_much_of_the_latest_turns_as_fits() -> None:
    def shown(*lengths: int, system: int | None = None, role: str = "system") -> list[int]:
        turns: list[dict[str, Any]] = [{"role": "user", "content": "x" * length} for length in lengths]
        first: list[dict[str, Any]] = [] if system is None else [{"role": role, "content": "x" * system}]
        request = rating_request(ask(messages=(*first, *turns)), answer_of("yes"))
        return [len(turn["text"]) for turn in json.loads(str(request.messages[1]["content"]))["conversation"]]

    assert shown(5_000, 7_000) == [5_000, 7_000]
    assert shown(5_000, 7_001) == [4_999, 7_001]
    assert shown(9, 5_000, 7_000) == [5_000, 7_000], "full to the last character"
    assert shown(9, 5_000, 11_500) == [1_000, 11_500], "of a turn a thousand characters at least"
    assert shown(20_000) == [12_000]
    assert shown(9, 3_000, system=9_000) == [9_000, 3_000]
    assert shown(9, 3_000, system=9_000, role="developer") == [9_000, 3_000]
    assert shown(3_000, system=20_000) == [12_000, 1_000]
    assert shown(3_000, system=10, role="assistant") == [10, 3_000]


def test_distances_are_of_the_cosine_and_of_what_a_length_is_beyond_the_usual() -> None:
    centres, rows = np.eye(2), np.array([[1.0, 0.0], [0.6, 0.8], [-1.0, 0.0]])
    lengths = np.array([3.0, 5.0, 1.0])
    assert distances_to(rows, lengths, centres, None) == pytest.approx([0, 0.2, 1])
    assert distances_to(rows, lengths, centres, (2.0, 4.0)) == pytest.approx([0, 0.2 + 0.25, 1 + 0.25])
    assert distances_to(rows[:1], np.array([2.0]), centres, (2.0, 2.0)) == pytest.approx([0])
    summary = QuestionSummary(embedder="e", dimensions=2, centres=encoded(centres), distances=(0.1, 0.2, 0.2, 0.4))
    found = Familiarity(summary)
    assert found.p_value(np.array([0.6, 0.8], dtype=np.float32), 0.0) == pytest.approx(4 / 5)
    assert found.p_value(np.array([1.0, 0.0], dtype=np.float32), 0.0) == 1
    assert found.p_value(np.array([-1.0, 0.0], dtype=np.float32), 0.0) == pytest.approx(1 / 5)
    assert found.summary.held_out == 4


def test_a_shift_is_the_tail_beyond_the_rank_of_its_share() -> None:
    found = shift_of(9, 100, share=0.02, held_out=199)
    assert found.p_value == beta_binomial_tail(9, 100, 4, 196)
    assert (found.share, found.expected, found.questions, found.unfamiliar) == (0.09, 0.02, 100, 9)
    assert shift_of(10, 10, share=0.02, held_out=48).p_value == 1
    assert shift_of(10, 10, share=0.02, held_out=49).p_value == beta_binomial_tail(10, 10, 1, 49)
    assert shift_of(10, 10, share=0.02, held_out=49).has_shifted == (beta_binomial_tail(10, 10, 1, 49) <= 0.001)


@pytest.mark.parametrize(
    ("streaming", "must_fit", "never", "judged", "last"),
    [
        (None, False, "whole", "whole", "whole"),
        ("hold", False, "whole", "whole", "at_once"),
        ("strong_first_token", False, "whole", "whole", "at_once"),
        ("optimistic", False, "whole", "if_sure", "at_once"),
        (None, True, "whole", "whole", "whole"),
        ("hold", True, "whole", "whole", "whole"),
        ("strong_first_token", True, "whole", "whole", "at_once"),
        ("optimistic", True, "whole", "whole", "at_once"),
    ],
)
def test_a_client_sees_an_answer_as_early_as_its_route_and_its_shape_allow(
    streaming: Streaming | None, must_fit: bool, never: str, judged: str, last: str
) -> None:
    found = asks(Tier("a", math.inf), Tier("b", 0.5), Tier("c"), streaming=streaming, must_fit=must_fit)
    assert [one.showing.value for one in found] == [never, judged, last]


REFUSAL = OutputInvalidError("no tier gave an answer that fits")


def unfit(model: str, *, is_shown: bool = False) -> Reply:
    return Reply(answer_of(model, model=model), veto=Reason.OUTPUT_INVALID, refusal=REFUSAL, is_shown=is_shown)


def two_tiers(*, serve_rejected_answer: bool = False) -> CascadeFlow:
    flow = cascade(
        (Tier("small", 0.5), Tier("large")),
        score=lambda answer, second, rating: Scored(0.1),
        serve_rejected_answer=serve_rejected_answer,
    )
    next(flow)
    return flow


def test_an_answer_that_must_not_be_given_is_refused_only_where_nobody_is_left() -> None:
    flow = two_tiers()
    assert isinstance(flow.send(unfit("small")), Ask)
    with pytest.raises(OutputInvalidError) as caught:
        flow.send(unfit("large"))
    assert caught.value is REFUSAL


def test_the_last_tiers_failure_counts_and_not_an_earlier_refusal() -> None:
    flow = two_tiers()
    flow.send(unfit("small"))
    with pytest.raises(AllTiersFailedError, match="large: away"):
        flow.send(TierFailedError("large", "away"))


def test_a_rejected_answer_is_served_before_the_last_ones_refusal() -> None:
    flow = two_tiers(serve_rejected_answer=True)
    flow.send(Reply(answer_of("small")))
    with pytest.raises(StopIteration) as end:
        flow.send(unfit("large"))
    assert end.value.value.answer.model == "small"


@pytest.mark.parametrize("came", [unfit("small", is_shown=True), Broken(TierFailedError("small", "broke off"))])
def test_what_the_client_has_seen_a_part_of_is_asked_of_nobody_else(came: Reply | Broken) -> None:
    expected = REFUSAL if isinstance(came, Reply) else came.failure
    with pytest.raises(type(expected)) as caught:
        two_tiers().send(came)
    assert caught.value is expected
