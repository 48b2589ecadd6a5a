"""What calibration works out step by step, on labels few enough to count by hand."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.cascade_labels import TIERS, labels

from thriftgate.cascade.calibration import words
from thriftgate.cascade.calibration.calibration import Promise, calibrate, clusters_of, rarest, run_tests, split
from thriftgate.cascade.calibration.candidates import accept_candidates, pareto, route_candidates, thresholds
from thriftgate.cascade.calibration.fit import (
    FOLDS,
    best_penalty,
    cross_fitted,
    fit_calibrator,
    fit_logistic,
    picked,
    pool_adjacent_violators,
    ridge_logistic,
)
from thriftgate.cascade.calibration.label_file import TierPrice, read_labels
from thriftgate.cascade.calibration.labels import Label, labels_from_audits
from thriftgate.cascade.calibration.outlook import fit_outlook, outlooks
from thriftgate.cascade.calibration.payoff import payoff_of
from thriftgate.cascade.calibration.policy import Replay, ThresholdPolicy, as_loss, replay_of
from thriftgate.cascade.calibration.raw import raw_candidates, raw_tier_models, raw_weights
from thriftgate.cascade.calibration.report import (
    LIMITS,
    NEVER,
    artefact_of,
    as_dict,
    expected_savings,
    with_more_labels,
)
from thriftgate.cascade.calibration.tier_models import (
    TierModel,
    TierModels,
    add_outlook,
    fit_tier_models,
    is_no_worse,
    log_odds,
    losses_of,
    usable_features,
)
from thriftgate.cascade.models import OUTLOOK, Calibrator, Confidence, Logistic, probability_of
from thriftgate.cascade.stake import Stake
from thriftgate.stats import Interval, binomial_p_value, mean_interval, ratio_interval, wilson_interval
from thriftgate.types import Audit, AuditKind

ONE = Logistic(("a",), (0.0,), (1.0,), (1.0,), 0.0)
PLAIN = Confidence(ONE, Calibrator(1.0, 0.0))


def label(group: str = "g", quality: tuple[float, ...] = (1.0, 1.0), **fields: Any) -> Label:
    defaults: dict[str, Any] = {"cost_usd": (0.1, 1.0)}
    return Label(group=group, quality=quality, **(defaults | fields))


# Replays

REPLAY = Replay(
    scores=np.array([[0.9, -np.inf], [0.5, 0.8], [0.2, 0.3], [-np.inf, 0.9]]),
    quality=np.array([[1.0, 0.5, 0.8], [0.0, 1.0, 1.0], [0.4, 0.6, 1.0], [1.0, 0.2, 0.9]]),
    cost_usd=np.array([[1.0, 10.0, 100.0]] * 4),
    outlook=np.array([0.9, 0.5, np.nan, 0.1]),
)


@pytest.mark.parametrize(
    ("policy", "tiers", "costs"),
    [
        (ThresholdPolicy((0.5, 0.8)), [0, 0, 2, 1], [1, 1, 111, 11]),
        (ThresholdPolicy((0.51, 0.8)), [0, 1, 2, 1], [1, 11, 111, 11]),
        (ThresholdPolicy((np.inf, 0.81)), [2, 2, 2, 1], [111, 111, 111, 11]),
        (ThresholdPolicy((0.5, 0.8), skip_below=0.5), [0, 0, 2, 2], [1, 1, 111, 100]),
        (ThresholdPolicy((0.5, 0.8), skip_below=0.51), [0, 2, 2, 2], [1, 100, 111, 100]),
        (ThresholdPolicy((np.inf, np.inf), trust_above=0.5), [0, 0, 2, 2], [1, 1, 111, 111]),
        (ThresholdPolicy((np.inf, np.inf), skip_below=0.6, trust_above=0.1), [0, 2, 2, 2], [1, 100, 111, 100]),
    ],
)
def test_who_answers_and_what_it_costs(policy: ThresholdPolicy, tiers: list[int], costs: list[float]) -> None:
    played = REPLAY.play(policy)
    assert played.tier.tolist() == tiers
    assert played.cost_usd.tolist() == costs
    assert played.quality.tolist() == [REPLAY.quality[place, tier] for place, tier in enumerate(tiers)]
    lost = [REPLAY.quality[place, 2] - REPLAY.quality[place, tier] for place, tier in enumerate(tiers)]
    assert played.losses(REPLAY).tolist() == lost
    assert played.losses(REPLAY, "regressions").tolist() == [max(0.0, one) for one in lost]


def test_some_of_a_replay_and_its_length() -> None:
    some = replace(REPLAY, clusters=np.array([7, 8, 9, 9])).take(np.array([3, 1]))
    assert len(some) == 2
    assert some.clusters is not None
    assert (some.clusters.tolist(), some.outlook.tolist()) == ([9, 8], [0.1, 0.5])
    assert REPLAY.take(np.array([0])).clusters is None
    assert as_loss(np.array([-1.0, 0.5]), "net").tolist() == [-1, 0.5]


def test_a_veto_and_a_missing_score_are_never_accepted() -> None:
    made = [label(vetoes=(None,)), label(vetoes=("empty_answer",)), label(vetoes=())]
    found = replay_of(made, np.array([[np.nan], [0.9], [0.8]]))
    assert found.scores.tolist() == [[-np.inf], [-np.inf], [0.8]]
    assert np.isnan(found.outlook).all()
    assert replay_of([], np.empty((0, 1))).quality.shape == (0, 2)


# Candidates


def test_thresholds_are_quantiles_of_what_is_known_from_never_to_all() -> None:
    assert thresholds(np.array([0.1, np.nan, 0.5, -np.inf, 0.3]), 3) == [np.inf, 0.5, 0.3, 0.1]
    assert thresholds(np.array([0.1, 0.2, 0.3, 0.4]), 2) == [np.inf, 0.4, 0.1]
    assert thresholds(np.array([0.5, 0.5]), 60) == [np.inf, 0.5]
    assert thresholds(np.array([np.nan]), 60) == [np.inf]


def test_of_candidates_those_that_none_beats_in_cost_and_loss_are_left() -> None:
    policies = [ThresholdPolicy((at, np.inf)) for at in (0.9, 0.5, 0.2)] + [ThresholdPolicy((0.5, 0.8))]
    front = pareto(policies, REPLAY, loss="regressions")
    assert front[0] == ThresholdPolicy((np.inf, np.inf), skip_below=np.inf)
    costs = [REPLAY.play(one).cost_usd.mean() for one in front[1:]]
    losses = [REPLAY.play(one).losses(REPLAY, "regressions").mean() for one in front[1:]]
    assert costs == sorted(set(costs), reverse=True)
    assert losses == sorted(losses)


@pytest.mark.parametrize(("cheap", "skips"), [(0.1, False), (0.1001, True)])
def test_questions_are_skipped_where_a_wasted_call_costs_more_than_a_tenth(cheap: float, skips: bool) -> None:
    rng = np.random.default_rng(0)
    outlook = rng.uniform(size=200)
    good = rng.uniform(size=200) < outlook
    replay = Replay(
        np.where(good, 0.9, 0.1)[:, None] + 0.01 * rng.uniform(size=(200, 1)),
        np.column_stack([good, np.ones(200)]).astype(float),
        np.array([[cheap, 1.0]] * 200), outlook,
    )  # fmt: skip
    found = {policy.skip_below for policy in accept_candidates(replay)[1:]}
    assert any(map(np.isfinite, found)) is skips
    if skips:
        assert found <= {-np.inf, *np.quantile(outlook, [0.15, 0.3, 0.45, 0.6])}


def test_routes_choose_between_the_first_and_the_last_tier_alone() -> None:
    for policy in route_candidates(REPLAY)[1:]:
        assert policy.accept_at == (np.inf, np.inf)
        assert policy.skip_below == policy.trust_above


# Fitting


def test_a_feature_is_standardised_and_cut_at_six() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(size=199), [1e3]])
    target = (rng.uniform(size=200) < 0.5).astype(float)
    rows = [{"x": value, "same": 2.0} for value in values.tolist()]
    found = fit_logistic(rows, target, features=("same", "x"), rng=rng, penalty=10.0)
    assert (found.penalty, found.model.features) == (10, ("x",))
    assert (found.model.means[0], found.model.scales[0]) == pytest.approx((values.mean(), values.std()))
    standard = np.clip((values - values.mean()) / values.std(), -6, 6)
    expected = ridge_logistic(np.column_stack([np.zeros(200), standard]), target, 10.0)
    assert (found.model.intercept, found.model.weights[0]) == pytest.approx((expected[0], expected[2]))


def test_the_penalty_is_the_one_that_predicts_best_across_folds() -> None:
    rng = np.random.default_rng(0)
    noise, target = rng.normal(size=(100, 8)), (rng.uniform(size=100) < 0.5).astype(float)
    assert best_penalty(noise, target, rng) == 1000
    clear = rng.normal(size=(400, 1)) * 3
    assert best_penalty(clear, (clear[:, 0] > 0).astype(float), rng) == 1
    assert best_penalty(noise[:1], target[:1], rng) == 1, "one label is in no fold that teaches"


def test_pooled_blocks_hold_means_and_no_more_than_forty_of_them() -> None:
    knots, values = pool_adjacent_violators(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.0, 1.0, 0.0, 1.0]))
    assert (knots.tolist(), values.tolist()) == ([1, 2.5, 4], [0, 0.5, 1])
    knots, values = pool_adjacent_violators(np.array([1.0, 1.0, 1.0, 4.0]), np.array([0.0, 0.0, 1.0, 1.0]))
    assert (knots.tolist(), values) == ([1, 4], pytest.approx([1 / 3, 1]))
    scores = np.arange(400.0)
    knots, values = pool_adjacent_violators(scores, scores / 400)
    assert len(knots) == 40
    assert (knots[0], values[0]) == pytest.approx((4.5, 4.5 / 400))


def test_a_calibrator_is_platts_until_there_are_two_hundred_labels() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(2.0, 3.0, 200)
    outcomes = (rng.uniform(size=200) < 1 / (1 + np.exp(-scores))).astype(float)
    few, enough = fit_calibrator(scores[:199], outcomes[:199]), fit_calibrator(scores, outcomes)
    assert (bool(few.knots), bool(enough.knots)) == (False, True)
    centre, spread = scores.mean(), scores.std()
    weights = ridge_logistic(((scores - centre) / spread)[:, None], outcomes, 1.0)
    assert enough.slope == pytest.approx(weights[1] / spread)
    assert enough.intercept == pytest.approx(weights[0] - weights[1] / spread * centre)
    assert fit_calibrator(scores, 1 - outcomes).slope == pytest.approx(1e-3 / spread)
    constant = fit_calibrator([2.0] * 10, [1.0] * 5 + [0.0] * 5)
    assert constant.confidence(2.0) == pytest.approx(0.5, abs=1e-3)
    assert fit_calibrator([], []) == Calibrator(1.0, 0.0)


def test_every_fifth_item_is_held_out_at_a_time() -> None:
    sizes: list[tuple[int, int]] = []

    def predict(rest: Any, held: Any) -> Any:
        sizes.append((len(rest), len(held)))
        return np.zeros(len(held))

    cross_fitted(23, np.random.default_rng(0), predict)
    assert FOLDS == 5
    assert sorted(sizes) == [(18, 5), (18, 5), (18, 5), (19, 4), (19, 4)]
    assert picked(["a", "b", "c"], np.array([2, 0])) == ["c", "a"]


# Models of tiers


def test_an_answer_as_good_as_the_strongest_ones_is_no_worse() -> None:
    made = [
        label(quality=(0.5, 0.5)),
        label(quality=(0.5 - 1e-10, 0.5)),
        label(quality=(0.4, 0.5)),
        label(quality=(0.9, 0.5)),
    ]
    assert is_no_worse(made, 0).tolist() == [1, 1, 0, 1]
    assert losses_of(made, 0, "net") == pytest.approx([0, 0, 0.1, -0.4], abs=1e-9)
    assert losses_of(made, 0, "regressions") == pytest.approx([0, 0, 0.1, 0], abs=1e-9)


def test_a_feature_is_usable_where_nine_of_ten_answers_have_it() -> None:
    rows = [{"b": 1.0, "a": 1.0 if place < 9 else math.nan, "c": 1.0} for place in range(10)]
    for row in rows[:2]:
        del row["c"]
    assert usable_features(rows) == ("a", "b")
    assert usable_features([]) == ()


def test_scores_are_confidences_weighed_by_their_stake() -> None:
    model = TierModel(PLAIN, Stake(4.0, power=0.5))
    made = [label(features=({"a": 0.0},)), label(features=({},)), label()]
    scores = TierModels((model, None)).scores(made)
    assert scores[0, 0] == pytest.approx(1 - 0.5 / 2)
    assert np.isnan(scores[1:, 0]).all()
    assert np.isnan(scores[:, 1]).all()
    assert model.weighed({}) is None
    assert log_odds(ONE, [{"a": 2.0}, {}])[0] == 2
    assert np.isnan(log_odds(ONE, [{}])).all()
    assert add_outlook(made[:1], np.array([0.3]))[0].features == ({"a": 0.0, OUTLOOK: 0.3},)
    assert add_outlook(made[:1], np.array([0.3]))[0].question == {OUTLOOK: 0.3}


def test_thirty_usable_answers_make_a_model_and_vetoed_ones_teach_nothing() -> None:
    rng = np.random.default_rng(0)
    made = labels(30, rng)
    assert fit_tier_models(made, rng, limit=0.02, loss="net")[0].models[0] is not None
    assert fit_tier_models(made[:29], rng, limit=0.02, loss="net")[0].models == (None,)
    vetoed = [*made[:29], replace(made[29], vetoes=("empty_answer",))]
    models, scores = fit_tier_models(vetoed, rng, limit=0.02, loss="net")
    assert models.models == (None,)
    assert np.isnan(scores).all()
    assert raw_tier_models(made[:29])[0].models == (None,)
    assert raw_tier_models(made)[0].models[0] is not None


def test_raw_weights_are_shared_within_a_family_and_wording_speaks_only_alone() -> None:
    assert raw_weights(["agreement", "word_overlap", "logprob_mean", "hedges"]) == pytest.approx(
        {"logprob_mean": 1, "agreement": 2 / 3, "word_overlap": 1 / 3}
    )
    assert raw_weights(["hedges", "concludes", "lines"]) == {"hedges": -0.5, "concludes": 0.5}
    rows = [{"hedges": float(place % 3), "concludes": 1.0} for place in range(40)]
    models, scores = raw_tier_models([label(str(place), features=(row,)) for place, row in enumerate(rows)])
    (model,) = models.models
    assert model is not None
    hedges = [row["hedges"] for row in rows]
    logistic = model.confidence.model
    assert (logistic.features, logistic.weights, logistic.intercept) == (("hedges",), (-0.5,), 0.0)
    assert (logistic.means[0], logistic.scales[0]) == pytest.approx((np.mean(hedges), np.std(hedges)))
    assert model.confidence.calibrator.knots == ()
    assert (np.argsort(scores[:3, 0]) == [2, 1, 0]).all()
    assert raw_tier_models([label(features=({"hedges": 1.0},))] * 40)[0].models == (None,)
    assert raw_tier_models([label(features=({"lines": float(place)},)) for place in range(40)])[0].models == (None,)


def test_raw_candidates_climb_down_all_ladders_together() -> None:
    replay = replace(REPLAY, scores=np.array([[0.1, 0.5], [0.2, 0.5], [0.3, 0.5], [0.4, 0.5]]))
    found = [policy.accept_at for policy in raw_candidates(replay)]
    assert found == [(np.inf, np.inf), (0.4, 0.5), (0.3, 0.5), (0.2, 0.5), (0.1, 0.5)]


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
    assert outlooks(PLAIN, [{"a": 0.0}], Stake(4.0, power=0.5))[0] == pytest.approx(0.75)


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


def test_with_no_more_labels_nothing_is_projected_and_too_few_stay_too_few() -> None:
    rng = np.random.default_rng(0)
    few = calibrate(labels(150, rng), Promise(0.02, 0.05), rng)
    assert few.tested == ()
    assert with_more_labels(few, 10_000) == 1
    enough = calibrate(labels(800, rng), Promise(0.03, 0.05), rng)
    assert with_more_labels(enough, -790) == 1
    costs = [with_more_labels(enough, more) for more in (0, 1_000, 10_000)]
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
    assert words.interval(Interval(0.1, 0.3, 0.2)) == "20.0% [10.0%, 30.0%]"
    assert words.interval(Interval(0.1, 0.3, 0.2), percent=False) == "0.200 [0.100, 0.300]"
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
