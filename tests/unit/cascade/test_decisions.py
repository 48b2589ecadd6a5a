"""The numbers and boundaries that a cascade decides by, held to what they are said to be."""

import math
from typing import Any

import numpy as np
import pytest
from tests.fakes import answer_of, ask

from thriftgate.cascade.cost_weight import CostWeight, choose_cost_weight, fit_cost_weight, saving_within
from thriftgate.cascade.flow import Tier
from thriftgate.cascade.models import OUTLOOK, Calibrator, Confidence, Logistic, Probe, probability_of
from thriftgate.cascade.plan import Outlook, Plan, may_call_tool, must_call_tool, plan, without
from thriftgate.cascade.scoring import StaticScorer, answer_features, static_confidence, static_contributions
from thriftgate.decisions import Reason
from thriftgate.types import Answer, Choice

# Scores


@pytest.mark.parametrize(
    ("features", "confidence"),
    [
        ({}, 0.9), ({"logprob_mean": -0.5}, math.exp(-0.5)), ({"logprob_mean": 0.3}, 1.0),
        ({"self_confidence": 0.3}, 0.3), ({"self_confidence": 0.95}, 0.9), ({"judge_score": 0.2}, 0.2),
        ({"agreement": 1.0, "logprob_mean": 0.0}, 0.9), ({"agreement": 0.0}, 0.4),
        ({"agreement": 0.0, "judge_score": 0.1}, 0.1),
        ({"refusal": 1.0}, 0.09), ({"refusal": 0.0}, 0.9), ({"ignorance": 1.0}, 0.27), ({"hedges": math.log(2)}, 0.9),
        ({"hedges": math.log(2) + 1}, 0.9 * math.exp(-0.4)), ({"sums_wrong": 2.0}, 0.9 * math.exp(-1)),
        ({"repetition": 0.5}, 0.9), ({"repetition": 0.51}, 0.45), ({"refusal": 1.0, "ignorance": 1.0}, 0.9 * 0.03),
    ],
)  # fmt: skip
def test_rules_of_thumb_stand_in_for_labels(features: dict[str, float], confidence: float) -> None:
    assert static_confidence(features) == pytest.approx(confidence)


def test_what_moved_a_static_confidence_is_said_by_its_factor_the_strongest_first() -> None:
    moved = static_contributions({"ignorance": 1.0, "refusal": 1.0, "repetition": 0.2})
    assert list(moved) == ["refusal", "ignorance"]
    assert moved == pytest.approx({"refusal": math.log(0.1), "ignorance": math.log(0.3)})
    assert static_contributions({"judge_score": 0.0}) == {}
    assert static_contributions({"logprob_mean": 0.0}) == {"logprob_mean": pytest.approx(math.log(1 / 0.9))}


def test_an_answer_with_no_confidence_is_the_worst_of_several_and_nan_is_none() -> None:
    request = ask()
    choices = tuple(Choice({"role": "assistant", "content": text}, "stop") for text in ("Yes.", "I don't know.", "No."))
    assert StaticScorer().score(request, Answer(choices=choices, model="m")).confidence == pytest.approx(0.27)
    second = Answer(choices=(), model="m")
    assert "agreement" not in StaticScorer().score(request, answer_of("12"), second=second).signals
    assert answer_features(request, Answer(choices=(), model="m")) == ({}, Reason.EMPTY_ANSWER)
    features, veto = answer_features(request, answer_of("12"), second=answer_of("12"))
    assert (features["agreement"], veto) == (1, None)
    assert answer_features(request, answer_of(""))[1] is Reason.EMPTY_ANSWER


# Models


def test_a_score_is_a_sum_of_standardised_features_none_of_them_further_than_six() -> None:
    model = Logistic(("a", "b"), (1.0, 0.0), (2.0, 1.0), (3.0, -1.0), 0.5)
    assert model.score({"a": 5.0, "b": 2.0}) == pytest.approx(0.5 + 3 * 2 - 2)
    assert model.score({"a": 1e9, "b": -1e9}) == pytest.approx(0.5 + 18 + 6)
    assert model.score({"a": -1e9, "b": 0.0}) == pytest.approx(0.5 - 18)
    assert model.contributions({"a": 1e9, "b": 2.0, "c": 1.0}) == pytest.approx({"a": 18, "b": -2})
    assert model.contributions({"b": -1e9}) == pytest.approx({"b": 6})


def test_a_calibrator_is_linear_between_its_knots_with_a_hundredth_of_a_smooth_curve() -> None:
    plain = Calibrator(2.0, -1.0)
    assert plain.confidence(0.5) == 0.5
    assert plain.confidence(1.0) == pytest.approx(1 / (1 + math.exp(-1)))
    steps = Calibrator(0.0, 0.0, (0.0, 2.0, 4.0), (0.1, 0.3, 0.9))
    for score, value in ((-5.0, 0.1), (0.0, 0.1), (1.0, 0.2), (2.0, 0.3), (3.5, 0.75), (4.0, 0.9), (9.0, 0.9)):
        assert steps.confidence(score) == pytest.approx(0.99 * value + 0.01 * 0.5)


def test_log_odds_are_a_probability_without_overflow() -> None:
    assert [probability_of(log_odds) for log_odds in (0.0, math.log(3), -math.log(3))] == pytest.approx(
        [0.5, 0.75, 0.25]
    )
    assert (probability_of(1e9), probability_of(-1e9)) == pytest.approx((1, 0))
    assert 0 < probability_of(-1e9) < 1e-300
    confidence = Confidence(Logistic(("a",), (0.0,), (1.0,), (1.0,), 0.0), Calibrator(1.0, 0.0))
    assert confidence.of({"a": math.log(3)}) == pytest.approx(0.75)
    assert confidence.of({}) is None
    assert Probe("m", (2.0, -1.0), 0.5).outlook(np.array([1.0, 3.0])) == pytest.approx(-0.5)
    assert OUTLOOK == "embedding_outlook"


# Stakes


def test_a_cost_weight_follows_from_lengths_between_a_tenth_and_ten() -> None:
    cost_weight = CostWeight(0.5, 0.01, 0.02)
    features = {"question_length": math.log(11), "context_length": math.log(21), "answer_length": math.log(31)}
    assert cost_weight.of(features) == pytest.approx(0.5 + 0.01 * 30 + 0.02 * 30)
    assert cost_weight.of({}) == 0.5
    assert (CostWeight(0.0).of({}), CostWeight(99.0).of({})) == (0.1, 10)
    assert CostWeight().of({"question_length": 5.0, "answer_length": 5.0}) == 1


def test_risk_is_weighed_below_the_pivot_and_only_there() -> None:
    cost_weight = CostWeight(4.0, power=0.5, riskless_at=0.9)
    assert cost_weight.weigh(0.5, {}) == pytest.approx(0.9 - 0.4 / 2)
    assert (cost_weight.weigh(0.9, {}), cost_weight.weigh(0.95, {})) == (0.9, 0.95)
    assert CostWeight(4.0, riskless_at=0.9).weigh(0.5, {}) == 0.5
    assert CostWeight(4.0, power=1.0).weigh(0.5, {}) == pytest.approx(1 - 0.5 / 4)


def test_costs_are_read_as_lengths_say_and_never_fall_with_them() -> None:
    lengths = [(10, 0, 20), (200, 50, 10), (30, 400, 90), (5, 5, 300), (100, 100, 100)]
    rows = [
        {"question_length": math.log1p(q), "context_length": math.log1p(c), "answer_length": math.log1p(a)}
        for q, c, a in lengths
    ]
    costs = [0.2 + 0.001 * (q + c) + 0.004 * a for q, c, a in lengths]
    mean = sum(costs) / len(costs)
    found = fit_cost_weight(rows, costs)
    assert (found.fixed, found.per_prompt_character, found.per_answer_character) == pytest.approx(
        (0.2 / mean, 0.001 / mean, 0.004 / mean), rel=1e-5
    )
    falling = fit_cost_weight(rows, [1 / cost for cost in costs])
    assert min(falling.fixed, falling.per_prompt_character, falling.per_answer_character) >= 0
    assert fit_cost_weight([], []) == fit_cost_weight(rows, [0.0] * 5) == CostWeight()
    assert fit_cost_weight([dict[str, float]()] * 2, [3.0, 3.0]).of({}) == pytest.approx(1)


def test_what_is_saved_from_the_top_while_the_mean_loss_stays_in_its_limit() -> None:
    scores, losses = np.array([0.9, 0.8, 0.8, 0.1]), np.array([0.0, 1.0, 0.0, 1.0])
    saved = np.array([1.0, 2.0, 3.0, 4.0])
    assert saving_within(scores, losses, saved, 0.2) == pytest.approx(0.1)
    assert saving_within(scores, losses, saved, 0.25) == pytest.approx(0.6), "equal scores together"
    assert saving_within(scores, losses, saved, 0.5) == 1
    assert saving_within(scores, losses + 1, saved, 0.1) == 0
    assert saving_within(scores[::-1].copy(), losses[::-1].copy(), saved[::-1].copy(), 0.25) == pytest.approx(0.6)


def test_money_weighs_where_that_saves_a_hundredth_more_and_else_does_not() -> None:
    rng = np.random.default_rng(0)
    confidences = rng.uniform(0.7, 0.99, 400)
    losses = (rng.uniform(size=400) > confidences).astype(float)
    dear = rng.uniform(size=400) < 0.3
    rows = [{"answer_length": math.log1p(900.0 if one else 50.0)} for one in dear]
    costs = np.where(dear, 9.0, 0.5)
    cost_weight = fit_cost_weight(rows, costs)
    chosen, weighed = choose_cost_weight(cost_weight, rows, confidences.tolist(), losses, costs, limit=0.05)
    assert chosen.power > 0
    assert chosen.riskless_at == 1
    assert weighed == pytest.approx([chosen.weigh(c, row) for c, row in zip(confidences.tolist(), rows, strict=True)])
    losses[0] = -1
    same, left = choose_cost_weight(CostWeight(), rows, confidences.tolist(), losses, np.ones(400), limit=0.05)
    assert (same.power, same.riskless_at) == (0, 1 - 1 / 400)
    assert left == pytest.approx(confidences)


# Plans

TIERS = (Tier("small", 0.7), Tier("middle", 0.8), Tier("large"))


@pytest.mark.parametrize(
    ("chance", "trust_above", "reason"),
    [
        (0.2, None, Reason.CASCADE), (0.19, None, Reason.POOR_OUTLOOK), (0.9, 0.9, Reason.GOOD_OUTLOOK),
        (0.89, 0.9, Reason.CASCADE), (None, None, Reason.CASCADE), (None, 0.9, Reason.NO_OUTLOOK),
        (0.99, None, Reason.CASCADE),
    ],
)  # fmt: skip
def test_an_outlook_decides_at_its_thresholds(chance: float | None, trust_above: float | None, reason: Reason) -> None:
    planned = plan(ask(), TIERS, outlook=Outlook(chance, skip_below=0.2, trust_above=trust_above))
    expected = {Reason.CASCADE: TIERS, Reason.GOOD_OUTLOOK: (Tier("small"), *TIERS[1:])}
    assert planned == Plan(expected.get(reason, TIERS[2:]), reason)


def test_reasons_for_the_strongest_tier_come_in_their_order() -> None:
    outlook = Outlook(0.0, skip_below=1.0)
    assert plan(ask(), TIERS, is_held_out=True, is_unfamiliar=True, outlook=outlook).reason is Reason.HELD_OUT
    assert plan(ask(), TIERS, is_unfamiliar=True, outlook=outlook) == Plan(TIERS[2:], Reason.UNFAMILIAR)
    marked = ask(strong_because=Reason.TIER_CANNOT_CARRY)
    assert plan(marked, TIERS, is_held_out=True).reason is Reason.TIER_CANNOT_CARRY
    assert plan(ask(), TIERS[:1], is_held_out=True) == Plan(TIERS[:1], Reason.ONLY_TIER)


def test_tiers_that_cannot_serve_a_request_are_left_out_and_the_strongest_other_stands_in() -> None:
    models, planned = ("small", "middle", "large"), Plan(TIERS, Reason.CASCADE)
    assert without(planned, (), models) is planned
    assert without(planned, {"none of them"}, models) is planned
    assert without(planned, {"middle"}, models) == Plan((TIERS[0], TIERS[2]), Reason.TIER_CANNOT_CARRY)
    strong = Plan(TIERS[2:], Reason.HELD_OUT)
    # Nobody judges its answer, which would do for nobody else.
    instead = Tier("middle", strict_at=math.inf)
    assert without(strong, {"large"}, models) == Plan((instead,), Reason.TIER_CANNOT_CARRY)
    assert without(planned, set(models), models) is None
    assert without(planned, {"small"}, models, reason=Reason.HELD_OUT) == Plan(TIERS[1:], Reason.HELD_OUT)


@pytest.mark.parametrize(
    ("params", "must", "may"),
    list[tuple[dict[str, Any], bool, bool]]([
        ({}, False, False), ({"tools": [{}]}, False, True), ({"functions": [{}]}, False, True),
        ({"tools": []}, False, False),
        ({"tools": [{}], "tool_choice": "none"}, False, False),
        ({"tools": [{}], "tool_choice": "required"}, True, True),
        ({"tool_choice": {"type": "tool", "name": "a"}}, True, False), ({"function_call": {"name": "a"}}, True, False),
        ({"function_call": "auto"}, False, False), ({"tools": [{}], "tool_choice": {"type": "none"}}, False, False),
    ]),
)  # fmt: skip
def test_whether_a_tool_must_or_may_be_called(params: dict[str, Any], must: bool, may: bool) -> None:
    request = ask(params=params)
    assert (must_call_tool(request), may_call_tool(request)) == (must, may)
