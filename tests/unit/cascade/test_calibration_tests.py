"""What is tested, reported and read from files, on labels few enough to count by hand."""

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.cascade_labels import TIERS, labels

from thriftgate.cascade.calibration import words
from thriftgate.cascade.calibration.calibration import Promise, calibrate, clusters_of, rarest, run_tests, split
from thriftgate.cascade.calibration.label_file import TierPrice, read_labels
from thriftgate.cascade.calibration.labels import Label, labels_from_audits, payoff_of
from thriftgate.cascade.calibration.policy import Replay, ThresholdPolicy
from thriftgate.cascade.calibration.report import (
    LIMITS,
    NEVER,
    artefact_of,
    as_dict,
    expected_savings,
    with_more_labels,
)
from thriftgate.cascade.calibration.tier_models import fit_outlook, outlooks
from thriftgate.cascade.cost_weight import CostWeight
from thriftgate.cascade.models import Calibrator, Confidence, Logistic, probability_of
from thriftgate.stats import Interval, binomial_p_value, mean_interval, ratio_interval, wilson_interval
from thriftgate.types import Audit, AuditKind

ONE = Logistic(("a",), (0.0,), (1.0,), (1.0,), 0.0)
PLAIN = Confidence(ONE, Calibrator(1.0, 0.0))


def label(group: str = "g", quality: tuple[float, ...] = (1.0, 1.0), **fields: Any) -> Label:
    defaults: dict[str, Any] = {"cost_usd": (0.1, 1.0)}
    return Label(group=group, quality=quality, **(defaults | fields))


# Splitting and testing


def test_how_many_of_a_group_are_rare_and_which_labels_repeat_each_other() -> None:
    assert rarest(100, Promise(0.02)) == 3
    assert rarest(1000, Promise(0.02)) == 5
    assert rarest(1000, Promise(0.016)) == 4
    made = [label(group) for group in "aabbbbc"]
    assert clusters_of(made, made, largest=3).tolist() == [0, 0, 9, 10, 11, 12, 1]
    assert clusters_of(made, made, largest=4).tolist() == [0, 0, 1, 1, 1, 1, 2]
    first, second = split([label(str(place)) for place in range(10)], 0.35, np.random.default_rng(0))
    assert (len(first), len(second)) == (4, 6)
    again = split([label("a")] * 10, 0.35, np.random.default_rng(0), largest=10)
    assert sorted(map(len, again)) == [0, 10]
    assert list(map(len, split([label("a")] * 10, 0.35, np.random.default_rng(0), largest=9))) == [4, 6]


def run(losses: list[float], promise: Promise, *, cheap: float = 0.1, level: float | None = None) -> Any:
    """One candidate that accepts everything; each question loses as much as it is told to."""
    n = len(losses)
    quality = np.column_stack([1 - np.array(losses), np.ones(n)])
    replay = Replay(np.ones((n, 1)), quality, np.array([[cheap, 1.0]] * n), np.full(n, np.nan))
    return run_tests([ThresholdPolicy((np.inf,)), ThresholdPolicy((0.5,))], replay, promise, level)


def test_a_candidate_passes_at_its_level_and_the_cheapest_is_taken() -> None:
    promise = Promise(0.05, 0.05)
    results, chosen, why = run([0.0] * 59, promise)
    assert chosen == results[1]
    assert (chosen.policy, chosen.cheap_share, chosen.passed) == (ThresholdPolicy((0.5,)), 1.0, True)
    assert (chosen.loss, chosen.net, chosen.got_worse) == (0.0, 0.0, 0.0)
    assert (chosen.cost_share, chosen.p_value) == pytest.approx((0.1, 0.95**59))
    assert why == words.promised(
        limit=0.05, delta=0.05, loss="net", cost_share=chosen.cost_share, tested=59, net=0.0, got_worse=0.0
    )
    assert run([0.0] * 58, promise) == ((), None, words.too_few(tested=58, needed=59, limit=0.05, delta=0.05))
    assert run([0.0] * 59, promise, level=0.04)[2] == words.too_few(tested=59, needed=63, limit=0.05, delta=0.05)
    losing = run([1.0] * 2 + [0.0] * 90, promise)
    assert losing[2] == words.nothing_passed(limit=0.05, delta=0.05, tested=92)
    assert losing[0][1].p_value == pytest.approx(binomial_p_value(2, 92, 0.05))
    assert losing[0][1].passed is False
    assert run([0.0] * 59, promise, cheap=1.0)[2] == words.nothing_cheaper(limit=0.05)
    assert run([0.0] * 59, promise, cheap=0.99)[1] is not None
    assert run([1.0] * 50 + [0.0] * 50, promise)[0][1].p_value == 1
    mixed = run([1.0, -0.0] + [0.0] * 300, Promise(0.05, 0.05, loss="regressions"))[1]
    assert (mixed.loss, mixed.net, mixed.got_worse) == pytest.approx((1 / 302,) * 3)


def test_what_is_fitted_is_a_third_of_few_labels_and_two_thousand_of_many() -> None:
    rng = np.random.default_rng(0)
    found = calibrate(labels(100, rng), Promise(), rng)
    assert (len(found.fit), len(found.test)) == (35, 65)
    assert len(calibrate(labels(100, rng), Promise(), rng, fit_share=0.5).fit) == 50
    assert found.outlook is None
    with pytest.raises(ValueError, match="exactly two tiers"):
        calibrate([label(quality=(1.0, 1.0, 1.0), features=({"a": 1.0},))], Promise(), rng, method="cross")
    with pytest.raises(ValueError, match="exactly two tiers"):
        calibrate([label()], Promise(), rng, method="cross")


def test_an_outlook_needs_thirty_questions_with_features_and_both_outcomes() -> None:
    rng = np.random.default_rng(0)
    questions = [{"a": value} for value in rng.normal(size=60).tolist()]
    outcomes = (np.array([one["a"] for one in questions]) + rng.normal(size=60) > 0).astype(float)
    found = fit_outlook(questions, outcomes, rng)
    assert found is not None
    assert np.isfinite(found[1]).all()
    assert fit_outlook(questions[:29], outcomes[:29], rng) is None
    assert fit_outlook(questions[:30], outcomes[:30], rng) is not None
    assert fit_outlook([dict[str, float]()] * 60, outcomes, rng) is None
    assert fit_outlook(questions, np.ones(60), rng) is None
    assert fit_outlook(questions, np.zeros(60), rng) is None
    plain = outlooks(PLAIN, [{"a": 1.0}, {}])
    assert plain[0] == pytest.approx(probability_of(1.0))
    assert np.isnan(plain[1])
    assert np.isnan(outlooks(None, [{"a": 1.0}])).all()
    assert outlooks(PLAIN, [{"a": 0.0}], CostWeight(4.0, power=0.5))[0] == pytest.approx(0.75)


# Reports


def test_an_artefact_says_what_was_done_with_every_test_label() -> None:
    rng = np.random.default_rng(0)
    found = calibrate(labels(1500, rng), Promise(0.03, 0.05), rng)
    assert found.chosen is not None
    made = artefact_of(found, tiers=TIERS, rng=rng, deployments={"small": ["m"]}, route="r", prompt_version="v")
    assert (made.labels, made.labels_tested, made.route, made.prompt_version) == (1500, len(found.test), "r", "v")
    assert (made.deployments, made.created_at, made.summary) == ({"small": ["m"]}, "", None)
    assert made.guarantee.p_value == found.chosen.p_value
    assert {"hedging", "form", "question", "relation"} <= set(made.signals)
    assert "logprobs" not in made.signals
    assert [row["max_quality_loss"] for row in made.promises] == list(LIMITS) == [0.005, 0.01, 0.02, 0.03, 0.05, 0.1]
    assert [row["passed"] for row in made.frontier] == [one.passed for one in found.tested]
    assert made.frontier[3]["loss"] == round(found.tested[3].loss, 5)
    assert made.frontier[3]["p_value"] == round(found.tested[3].p_value, 6)
    own = next(row for row in made.promises if row["max_quality_loss"] == 0.03)
    assert own == {
        "max_quality_loss": 0.03, "holds": True, "accept_at": list(found.chosen.policy.accept_at),
        "cost_share": round(found.chosen.cost_share, 4),
    }  # fmt: skip
    assert made.confidences[0].accept_at == found.chosen.policy.accept_at[0]
    none = artefact_of(replace(found, chosen=None), tiers=TIERS, rng=rng)
    assert (none.confidences[0].accept_at, none.expected, none.guarantee.p_value) == (NEVER, {}, 1.0)


def test_expected_savings_are_means_over_the_test_labels() -> None:
    rng = np.random.default_rng(0)
    found = calibrate(labels(600, rng), Promise(0.05, 0.05), rng)
    one = found.tested[len(found.tested) // 2]
    played, replay = found.replay.play(one.policy), found.replay
    expected = expected_savings(found, one)
    net = played.losses(replay, "net")
    assert expected["net"] == expected["quality_loss"] == as_dict(mean_interval(net))
    assert expected["got_worse"] == as_dict(mean_interval(np.maximum(net, 0)))
    assert expected["got_better"] == as_dict(mean_interval(np.maximum(-net, 0)))
    assert expected["quality_strong"] == as_dict(mean_interval(replay.quality[:, 1]))
    assert expected["cheap_share"] == as_dict(wilson_interval(int((played.tier == 0).sum()), len(replay)))
    assert expected["cost"] == as_dict(ratio_interval(played.cost_usd, replay.cost_usd[:, 1]))
    assert expected["cost_share"] == round(one.cost_share, 4)
    assert as_dict(Interval(-math.inf, 0.123456, math.nan)) == {"high": 0.12346}


def test_a_limit_that_few_labels_cannot_prove_saves_nothing() -> None:
    rng = np.random.default_rng(0)
    made = artefact_of(calibrate(labels(120, rng), Promise(0.1, 0.05), rng), tiers=TIERS, rng=rng)
    assert made.promises[0] == {"max_quality_loss": 0.005, "holds": False, "accept_at": [], "cost_share": 1.0}
    assert made.promises[-1]["holds"]


def test_with_no_more_labels_nothing_is_projected_and_too_few_stay_too_few() -> None:
    rng = np.random.default_rng(0)
    few = calibrate(labels(150, rng), Promise(0.02, 0.05), rng)
    assert few.tested == ()
    # A hundred good ones may be the start of a set that proves the promise, or of one that never will.
    assert with_more_labels(few, 10_000) is None
    enough = calibrate(labels(800, rng), Promise(0.03, 0.05), rng)
    assert with_more_labels(enough, -790) == 1
    costs = [with_more_labels(enough, more) or math.nan for more in (0, 1_000, 10_000)]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < 1


@pytest.mark.parametrize(
    ("characters", "has_logprobs", "objections"), [(8, False, 1), (9, False, 0), (8, True, 0), (1, False, 1)]
)
def test_answers_of_up_to_eight_characters_tell_nothing(characters: int, has_logprobs: bool, objections: int) -> None:
    features = {"answer_length": math.log1p(characters)} | ({"logprob_mean": -0.1} if has_logprobs else {})
    found = payoff_of([label(features=(features,), cost_usd=(0.1, 1.0))] * 3)
    assert found is not None
    assert (found.price_ratio, found.break_even) == pytest.approx((10, 0.1))
    assert len(found.objections) == objections
    assert payoff_of([label(cost_usd=(0.1, 0.0))]) is None
    assert payoff_of([label(features=({},))]) is not None


def test_words_say_the_numbers() -> None:
    assert "With 95% confidence at most 2.0%" in words.promised(
        limit=0.02, delta=0.05, loss="net", cost_share=0.4, tested=9, net=0.01, got_worse=0.015
    )
    assert "with 90% confidence" in words.too_few(tested=1, needed=2, limit=0.02, delta=0.1)
    assert "with 90% confidence" in words.nothing_passed(limit=0.02, delta=0.1, tested=3)


# Where labels come from


def test_audits_bring_their_costs_vetoes_and_groups() -> None:
    def audit(**changes: Any) -> Audit:
        details = {"signals": {"hedges": 0.5}, "veto": "cut_off"} | changes.pop("details", {})
        return Audit(
            request_id="r1", kind=AuditKind.CASCADE, route="s", tier="small", judged_at=0.0, is_acceptable=False,
            holdout=True, details=details, **changes,
        )  # fmt: skip

    (found,) = labels_from_audits([audit()], tiers=TIERS, cost_usd=(0.1, 1.0), costs={"r1": (0.2, 2.0)})
    assert (found.quality, found.cost_usd, found.vetoes) == ((0.0, 1.0), (0.2, 2.0), ("cut_off",))
    assert (found.question, found.group) == ({"hedges": 0.5}, "r1")
    (found,) = labels_from_audits([audit()], tiers=TIERS, cost_usd=(0.1, 1.0), costs={"r2": (0.2, 2.0)})
    assert found.cost_usd == (0.1, 1.0)
    with pytest.raises(ValueError, match="two prices"):
        labels_from_audits([], tiers=TIERS, cost_usd=(0.1,))


def test_costs_of_a_line_come_from_the_line_the_answer_or_prices() -> None:
    prices = {"small": TierPrice(0.4, 4.0), "large": TierPrice(1.0, 10.0)}
    asked = len('[{"role": "user", "content": "q"}]')

    def costs(line: str, **given: TierPrice) -> tuple[float, ...] | list[str]:
        found = read_labels([line], tiers=TIERS, prices=given)
        return found.labels[0].cost_usd if found.labels else found.problems

    line = '{"question": "q", "cheap": "four", "strong": %s, "label": true%s}'
    assert costs(line % ('"eight on"', ""), **prices) == pytest.approx((asked * 0.1 + 4, asked * 0.25 + 20))
    assert costs(line % ("null", ""), **prices) == pytest.approx((asked * 0.1 + 4, asked * 0.25 + 10))
    stated = ', "cost_usd": {"small": 0.5, "large": 2}'
    assert costs(line % ("null", stated)) == (0.5, 2)
    assert costs(line % ('{"content": "x", "cost_usd": 3}', ', "cost_usd": {"small": 0.5}')) == (0.5, 3)
    assert (
        costs(line % ("null", ""))[0]
        == "line 1: has no cost of small: give `cost_usd` there, or its price on the command line"
    )
    for cost in ("-1", "true", '"x"', "1e999"):
        assert "`cost_usd` must be a number" in str(costs(line % ("null", f', "cost_usd": {{"small": {cost}}}'))[0])
    assert "must name each tier's cost" in str(costs(line % ("null", ', "cost_usd": [1]'))[0])


def test_audits_that_are_left_out_end_nothing_and_a_question_is_one_however_its_keys_stand() -> None:
    audits = [
        Audit(
            request_id=tier, kind=AuditKind.CASCADE, route="s", tier=tier, judged_at=0.0, is_acceptable=True,
            holdout=True, details={"signals": {"hedges": 0.5}},
        )
        for tier in ("gone", "small")
    ]  # fmt: skip
    assert [one.group for one in labels_from_audits(audits, tiers=TIERS, cost_usd=(0.1, 1.0))] == ["small"]
    said = {"cheap": "a", "strong": "b", "label": True, "cost_usd": {"small": 1, "large": 2}}
    message = {"role": "user", "content": "q"}
    lines = [json.dumps({"messages": [keys], **said}) for keys in (message, dict(reversed(message.items())))]
    one, other = read_labels(lines, tiers=TIERS).labels
    assert one.group == other.group


def test_a_share_of_the_cost_is_the_same_in_cents() -> None:
    replay = Replay(np.ones((60, 1)), np.ones((60, 2)), np.array([[1e-5, 1e-4]] * 60), np.full(60, np.nan))
    chosen = run_tests([ThresholdPolicy((0.5,))], replay, Promise(0.05, 0.05))[1]
    assert chosen is not None
    assert chosen.cost_share == pytest.approx(0.1)
