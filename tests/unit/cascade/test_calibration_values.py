"""What calibration works out step by step, on labels few enough to count by hand."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tests.cascade_labels import labels

from thriftgate.cascade.calibration.candidates import accept_candidates, pareto, route_candidates, thresholds
from thriftgate.cascade.calibration.fit import (
    FOLDS,
    PENALTIES,
    best_penalty,
    cross_fitted,
    fit_calibrator,
    fit_logistic,
    picked,
    pool_adjacent_violators,
    ridge_logistic,
)
from thriftgate.cascade.calibration.labels import Label
from thriftgate.cascade.calibration.policy import Replay, ThresholdPolicy, as_loss, replay_of
from thriftgate.cascade.calibration.raw import raw_candidates, raw_tier_models, raw_weights
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
from thriftgate.cascade.cost_weight import CostWeight
from thriftgate.cascade.models import OUTLOOK, Calibrator, Confidence, Logistic

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
        (ThresholdPolicy((np.inf, np.inf), trust_above=0.5), [0, 0, 2, 2], [1, 1, 100, 111]),
        (ThresholdPolicy((np.inf, np.inf), skip_below=0.6, trust_above=0.1), [0, 2, 2, 2], [1, 100, 100, 100]),
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


@pytest.mark.parametrize("seed", [0, 30])
def test_what_a_penalty_predicts_is_measured_by_the_log_loss_of_labels_left_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(40, 2))
    target = (rng.random(40) < 1 / (1 + np.exp(-matrix[:, 0]))).astype(float)
    folds = np.random.default_rng(seed).permutation(40) % FOLDS

    def log_loss(penalty: float) -> float:
        total = 0.0
        for fold in range(FOLDS):
            taught = folds != fold
            weights = ridge_logistic(matrix[taught], target[taught], penalty)
            score: npt.NDArray[np.float64] = weights[0] + matrix[~taught] @ weights[1:]
            chance = 1 / (1 + np.exp(-score))
            total -= float(np.log(np.where(target[~taught] == 1, chance, 1 - chance)).sum())
        return total

    assert best_penalty(matrix, target, np.random.default_rng(seed)) == min(PENALTIES, key=log_loss)


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
    model = TierModel(PLAIN, CostWeight(4.0, power=0.5))
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
