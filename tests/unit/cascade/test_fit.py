import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from thriftgate.cascade.calibration.fit import (
    cross_fitted,
    fit_calibrator,
    fit_logistic,
    fit_probe,
    pool_adjacent_violators,
    ridge_logistic,
)
from thriftgate.cascade.cost_weight import POWERS, CostWeight, fit_cost_weight, saving_within
from thriftgate.cascade.models import Calibrator, Logistic, probability_of
from thriftgate.stats import auroc, expected_calibration_error

RNG = np.random.default_rng(0)


def data(n: int = 400) -> tuple[Any, Any]:
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(n, 3))
    chance = 1 / (1 + np.exp(-(matrix @ np.array([1.5, -1.0, 0.0]) + 0.5)))
    return matrix, (rng.uniform(size=n) < chance).astype(float)


@pytest.mark.parametrize("penalty", [0.5, 10.0, 300.0])
def test_ridge_logistic_finds_scikit_learns_weights(penalty: float):
    matrix, target = data()
    reference: Any = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=1000)
    reference.fit(matrix, target)
    weights = ridge_logistic(matrix, target, penalty)
    assert weights[0] == pytest.approx(float(reference.intercept_[0]), abs=1e-4)
    assert weights[1:] == pytest.approx(reference.coef_[0], abs=1e-4)


def test_separable_and_one_sided_labels_stay_finite():
    matrix = np.linspace(-1, 1, 50)[:, None]
    assert np.isfinite(ridge_logistic(matrix, (matrix[:, 0] > 0).astype(float), 1.0)).all()
    weights = ridge_logistic(matrix, np.ones(50), 1.0)
    assert probability_of(float(weights[0])) > 0.97


def test_a_fitted_model_tells_good_from_bad_and_leaves_out_what_never_varies():
    matrix, target = data()
    rows = [{"a": a, "b": b, "noise": c, "constant": 3.0} for a, b, c in matrix.tolist()]
    model = fit_logistic(rows, target, features=("a", "b", "constant", "noise"), rng=RNG).model
    assert model.features == ("a", "b", "noise")
    assert auroc([model.score(row) or 0 for row in rows], target) > 0.8
    assert abs(model.weights[2]) < abs(model.weights[1])
    assert sum(model.contributions(rows[0]).values()) + model.intercept == pytest.approx(model.score(rows[0]))


@pytest.mark.parametrize("features", [{}, {"a": math.nan}, {"a": math.inf}])
def test_a_missing_or_infinite_feature_gives_no_score(features: dict[str, float]):
    assert Logistic(("a",), (0.0,), (1.0,), (1.0,), 0.0).score(features) is None


@given(st.lists(st.tuples(st.integers(-50, 50), st.booleans()), min_size=1, max_size=40, unique_by=lambda one: one[0]))
def test_pooled_blocks_are_scikit_learns_isotonic_regression(pairs: list[tuple[int, bool]]):
    scores, outcomes = np.array([float(s) for s, _ in pairs]), np.array([float(y) for _, y in pairs])
    knots, values = pool_adjacent_violators(scores, outcomes)
    assert (np.diff(knots) > 0).all()
    assert (np.diff(values) > 0).all()
    reference: Any = IsotonicRegression().fit(scores, outcomes)
    order = np.argsort(scores)
    blocks = np.unique(reference.predict(scores[order]).round(9))
    assert values == pytest.approx(blocks, abs=1e-6)


def _calibrator(slope: float, intercept: float, knots: set[float], values: list[float]) -> Calibrator:
    return Calibrator(slope, intercept, tuple(sorted(knots)), tuple(sorted(values[: len(knots)])))


calibrators = st.builds(
    _calibrator,
    st.floats(0.001, 50),
    st.floats(-20, 20),
    st.sets(st.integers(-100, 100).map(lambda n: n / 7), max_size=8),
    st.lists(st.floats(0, 1), min_size=8, max_size=8),
)


@given(calibrators, st.floats(-200, 200), st.floats(0, 100))
def test_a_higher_score_never_gets_a_lower_confidence(calibrator: Calibrator, score: float, more: float):
    low, high = calibrator.confidence(score), calibrator.confidence(score + more)
    assert 0 <= low <= high + 1e-12
    assert high <= 1


@pytest.mark.parametrize("n", [100, 3000])
def test_calibration_takes_the_overconfidence_out_of_a_score(n: int):
    rng = np.random.default_rng(5)
    truth = rng.uniform(0.3, 0.95, size=2 * n)
    outcomes = (rng.uniform(size=2 * n) < truth).astype(float)
    scores = 4 * np.log(truth / (1 - truth))
    calibrator = fit_calibrator(scores[:n], outcomes[:n])
    assert bool(calibrator.knots) == (n >= 200)
    before = expected_calibration_error([probability_of(score) for score in scores[n:].tolist()], outcomes[n:])
    after = expected_calibration_error([calibrator.confidence(score) for score in scores[n:].tolist()], outcomes[n:])
    assert after < 0.75 * before


def test_a_score_that_runs_the_wrong_way_does_not_turn_confidence_around():
    scores = np.linspace(-3, 3, 500)
    calibrator = fit_calibrator(scores, (scores < 0).astype(float))
    assert calibrator.confidence(3.0) >= calibrator.confidence(-3.0)


def test_no_labels_give_an_unopinionated_calibrator():
    assert fit_calibrator([], []).confidence(0.0) == 0.5


def test_a_probe_reads_the_direction_that_matters():
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(600, 64))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    outcomes = (vectors[:, 0] + 0.02 * rng.normal(size=600) > 0).astype(float)
    probe = fit_probe(vectors[:400], outcomes[:400], embedder="e", penalty=1.0)
    outlooks = [probe.outlook(vector) for vector in vectors[400:].astype(np.float32)]
    assert auroc(outlooks, outcomes[400:]) > 0.85
    with pytest.raises(ValueError, match=r"shapes|aligned|mismatch"):
        probe.outlook(np.zeros(3, dtype=np.float32))


@settings(max_examples=20)
@given(st.integers(1, 40))
def test_cross_fitting_predicts_each_item_by_models_that_have_not_seen_it(n: int):
    def predict(rest: Any, held: Any) -> Any:
        assert not set(rest.tolist()) & set(held.tolist())
        return held.astype(float)

    predicted = cross_fitted(n, np.random.default_rng(n), predict)
    assert np.isnan(predicted).all() if n == 1 else (predicted == np.arange(n)).all()


lengths = st.floats(0, 9)
cost_weights = st.builds(
    CostWeight, st.floats(0, 2), st.floats(0, 0.01), st.floats(0, 0.01), st.sampled_from(POWERS), st.floats(0, 1)
)


@given(cost_weights, st.floats(0, 1), st.floats(0, 1), lengths, lengths)
def test_weighing_keeps_the_order_and_never_makes_a_dearer_question_harder(
    cost_weight: CostWeight, one: float, other: float, short: float, more: float
):
    cheap, dear = {"question_length": short}, {"question_length": short + more}
    low, high = sorted((one, other))
    assert cost_weight.weigh(low, cheap) <= cost_weight.weigh(high, cheap) + 1e-12
    assert cost_weight.weigh(one, cheap) <= cost_weight.weigh(one, dear) + 1e-9
    assert replace(cost_weight, power=0.0).weigh(one, dear) == one


def test_a_cost_weight_follows_lengths_and_stays_bounded():
    rng = np.random.default_rng(0)
    rows = [
        {"question_length": math.log1p(rng.integers(10, 900)), "answer_length": math.log1p(rng.integers(10, 900))}
        for _ in range(300)
    ]
    costs = np.array(
        [0.01 + 0.002 * math.expm1(row["question_length"]) + 0.006 * math.expm1(row["answer_length"]) for row in rows]
    )
    cost_weight = fit_cost_weight(rows, costs)
    assert [cost_weight.of(row) for row in rows] == pytest.approx(np.clip(costs / costs.mean(), 0.1, 10), rel=0.01)
    assert cost_weight.of({"answer_length": 30.0}) == 10
    assert fit_cost_weight(rows, [0.3] * 300).of(rows[0]) == pytest.approx(1)
    assert fit_cost_weight([], []) == CostWeight()


@given(
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from([-1.0, 0.0, 1.0])), min_size=1, max_size=12),
    st.floats(0.0, 0.5),
)
def test_the_saving_within_a_loss_is_the_best_threshold_by_brute_force(pairs: list[tuple[int, float]], limit: float):
    scores, losses = np.array([float(s) for s, _ in pairs]), np.array([loss for _, loss in pairs])
    saved = np.arange(1.0, len(pairs) + 1)
    possible = [
        saved[scores >= at].sum() / saved.sum()
        for at in set(scores)
        if losses[scores >= at].sum() / len(pairs) <= limit
    ]
    assert saving_within(scores, losses, saved, limit) == pytest.approx(max([0.0, *possible]))


def test_lengths_that_are_missing_add_nothing_to_what_is_at_stake():
    cost_weight = CostWeight(fixed=0.5, per_prompt_character=0.1, per_answer_character=0.1)
    assert cost_weight.of({}) == 0.5
    assert cost_weight.of({"question_length": math.log1p(4)}) == pytest.approx(0.9)
    assert cost_weight.of({"context_length": math.log1p(4)}) == pytest.approx(0.9)
    assert cost_weight.of({"answer_length": math.log1p(4)}) == pytest.approx(0.9)
