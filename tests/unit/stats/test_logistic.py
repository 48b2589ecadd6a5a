"""Logistic regression with a prior, held to its definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thriftgate.stats.logistic import Matrix, fit_odds, sigmoid

ROWS = st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3), st.booleans(), st.floats(-2, 2)), min_size=1, max_size=30)


def log_posterior(
    weights: Matrix, rows: Matrix, labels: Matrix, centre: Matrix, precision: Matrix | float, offsets: Matrix
) -> float:
    chance = 1 / (1 + np.exp(-(rows @ weights + offsets)))
    likely = np.where(labels == 1, chance, 1 - chance)
    return float(np.log(likely).sum() - (precision * (weights - centre) ** 2).sum() / 2)


@settings(max_examples=60)
@given(ROWS, st.floats(0.1, 5), st.floats(0.1, 5), st.floats(-2, 2))
def test_no_other_weights_are_more_probable_and_their_covariance_is_the_inverse_curvature(
    given_rows: list[tuple[float, float, bool, float]], first: float, second: float, middle: float
) -> None:
    rows = np.array([(one, other) for one, other, _, _ in given_rows])
    labels = np.array([float(good) for _, _, good, _ in given_rows])
    offsets = np.array([offset for _, _, _, offset in given_rows])
    centre, precision = np.array([middle, -middle]), np.array([first, second])
    weights, covariance = fit_odds(rows, labels, centre=centre, precision=precision, offsets=offsets)
    best = log_posterior(weights, rows, labels, centre, precision, offsets)
    for step in ([1e-3, 0], [-1e-3, 0], [0, 1e-3], [0, -1e-3]):
        assert log_posterior(weights + step, rows, labels, centre, precision, offsets) < best
    chance = 1 / (1 + np.exp(-(rows @ weights + offsets)))
    curvature = sum(p * (1 - p) * np.outer(row, row) for p, row in zip(chance, rows, strict=True)) + np.diag(precision)
    assert covariance @ curvature == pytest.approx(np.eye(2), abs=1e-6)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3), st.booleans(), st.integers(0, 4)), max_size=20))
def test_a_row_that_counts_for_several_is_as_good_as_several_rows(
    given_rows: list[tuple[float, float, bool, int]],
) -> None:
    rows = np.array([(one, other) for one, other, _, _ in given_rows]).reshape(-1, 2)
    labels = np.array([float(good) for _, _, good, _ in given_rows])
    counts = np.array([count for _, _, _, count in given_rows], dtype=int)
    weighed = fit_odds(rows, labels, centre=np.ones(2), precision=0.5, counts=counts.astype(float))
    repeated = fit_odds(np.repeat(rows, counts, 0), np.repeat(labels, counts), centre=np.ones(2), precision=0.5)
    for one, other in zip(weighed, repeated, strict=True):
        assert one == pytest.approx(other, abs=1e-5)


@pytest.mark.parametrize("start", [[30.0, -30.0], [-300.0, 300.0], [0.0, 0.0]])
def test_it_finds_the_same_weights_from_everywhere(start: list[float]) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(80, 2)) * 5
    labels = (rng.uniform(size=80) < sigmoid(rows @ np.array([1.0, -0.5]))).astype(float)
    usual, _ = fit_odds(rows, labels, centre=np.zeros(2), precision=0.01)
    found, _ = fit_odds(rows, labels, centre=np.zeros(2), precision=0.01, start=np.array(start))
    assert found == pytest.approx(usual, abs=1e-5)


def test_without_labels_the_prior_is_what_is_known() -> None:
    weights, covariance = fit_odds(np.zeros((0, 2)), np.zeros(0), centre=np.array([1.0, -2.0]), precision=4.0)
    assert weights == pytest.approx([1, -2])
    assert covariance == pytest.approx(np.eye(2) / 4)


def test_the_logistic_function_neither_overflows_nor_comes_to_nothing() -> None:
    assert sigmoid(np.array([0.0, np.log(3), -np.log(3)])) == pytest.approx([0.5, 0.75, 0.25])
    assert sigmoid(np.array([-1e9, 1e9])) == pytest.approx([np.exp(-40), 1])
    assert 0 < sigmoid(np.array([-1e9]))[0] < 1e-17
