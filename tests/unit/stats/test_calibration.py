import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score  # pyright: ignore[reportUnknownVariableType]

from thriftgate.stats import (
    auroc,
    auroc_interval,
    average_performance_gap_recovered,
    calibration_error_interval,
    cost_at_quality,
    expected_calibration_error,
)

scored = st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=2, max_size=80)


@given(scored)
def test_auroc_is_scikit_learns_also_with_ties(pairs: list[tuple[int, bool]]):
    scores, good = [float(score) for score, _ in pairs], [float(one) for _, one in pairs]
    if len(set(good)) == 1:
        assert math.isnan(auroc(scores, good))
    else:
        assert auroc(scores, good) == pytest.approx(float(roc_auc_score(good, scores)))  # pyright: ignore[reportUnknownArgumentType]


@given(scored)
def test_turning_the_scores_around_turns_auroc_around(pairs: list[tuple[int, bool]]):
    scores, good = np.array([score for score, _ in pairs]), [float(one) for _, one in pairs]
    if len(set(good)) == 2:
        assert auroc(-scores, good) == pytest.approx(1 - auroc(scores, good))


def test_honest_confidences_have_a_small_calibration_error_and_overconfident_ones_a_large_one():
    rng = np.random.default_rng(0)
    truth = rng.uniform(size=4000)
    outcomes = (rng.uniform(size=4000) < truth).astype(float)
    assert expected_calibration_error(truth, outcomes) < 0.03
    assert expected_calibration_error(np.sqrt(truth), outcomes) > 0.1
    interval = calibration_error_interval(np.sqrt(truth), outcomes, rng)
    assert 0.1 < interval.low < interval.estimate < interval.high < 0.25


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_a_calibration_error_lies_between_0_and_1(pairs: list[tuple[float, bool]]):
    assert 0 <= expected_calibration_error([p for p, _ in pairs], [float(y) for _, y in pairs]) <= 1


def test_intervals_hold_the_estimate():
    rng = np.random.default_rng(1)
    good = rng.uniform(size=300) < 0.5
    interval = auroc_interval(good + rng.normal(size=300), good.astype(float), rng)
    assert interval.low < interval.estimate < interval.high
    assert 0.7 < interval.estimate < 0.85


def test_lists_of_different_length_are_refused_and_empty_ones_say_nothing():
    with pytest.raises(ValueError, match="one length"):
        auroc([1.0], [1.0, 0.0])
    assert math.isnan(expected_calibration_error([], []))


def test_apgr_is_a_half_for_random_routing_and_one_for_a_perfect_jump():
    share = np.linspace(0, 1, 11)
    kwargs = {"weak_quality": 0.5, "strong_quality": 0.8}
    assert average_performance_gap_recovered(share, 0.5 + 0.3 * share, **kwargs) == pytest.approx(0.5)
    assert average_performance_gap_recovered([0.0], [0.8], **kwargs) == pytest.approx(1)
    assert math.isnan(average_performance_gap_recovered([0.5], [0.8], weak_quality=0.8, strong_quality=0.8))


def test_the_cheapest_point_that_is_good_enough_is_found():
    assert cost_at_quality([3, 1, 2], [0.9, 0.5, 0.8], 0.75) == 2
    assert math.isnan(cost_at_quality([3, 1, 2], [0.9, 0.5, 0.8], 0.95))


def test_the_interval_of_a_calibration_error_measures_confidence_against_outcome():
    rng = np.random.default_rng(3)
    confidences = rng.uniform(0.2, 0.4, 400)
    interval = calibration_error_interval(confidences, np.ones(400), rng)
    assert interval.estimate == pytest.approx(1 - confidences.mean())
    assert 0.65 < interval.low < interval.high < 0.75


def test_a_calibration_error_is_the_mean_gap_over_equally_filled_bins():
    # 0.1 and 0.2 against a half, 0.8 and 0.9 against one; given in any order.
    assert expected_calibration_error([0.9, 0.1, 0.8, 0.2], [1, 0, 1, 1], bins=2) == pytest.approx(0.25)
    # Bins of two and of one.
    assert expected_calibration_error([0.1, 0.3, 0.9], [0, 0, 0], bins=2) == pytest.approx((2 * 0.2 + 0.9) / 3)
    # Ten bins: in eleven values the first two share one, and their errors make up for each other.
    values = [0.0, 0.2, *[0.5] * 9]
    assert expected_calibration_error(values, [0.2, 0.0, *[0.5] * 9]) == pytest.approx(0)
    assert expected_calibration_error(values[1:], [0.0, *[0.5] * 9]) == pytest.approx(0.02)
    assert expected_calibration_error([0.25], [1]) == 0.75


def test_an_answer_that_is_half_good_is_not_good():
    assert auroc([1.0, 2.0], [0.5, 0.51]) == 1
    assert auroc([3.0, 1.0, 2.0, 2.0], [1, 0, 1, 0]) == pytest.approx(3.5 / 4)


def test_tables_and_lists_of_other_lengths_are_refused():
    for scores, outcomes in (([[1.0]], [[1.0]]), ([1.0, 2.0], [1.0])):
        with pytest.raises(ValueError, match="one length"):
            auroc(scores, outcomes)


def test_intervals_of_300_resamples_narrow_with_less_confidence():
    rng = np.random.default_rng(1)
    scores, good = rng.uniform(size=60), (rng.uniform(size=60) < 0.5).astype(float)
    for interval in (auroc_interval, calibration_error_interval):
        wide = interval(scores, good, np.random.default_rng(2))
        narrow = interval(scores, good, np.random.default_rng(2), confidence=0.5)
        assert wide.low < narrow.low < narrow.high < wide.high


def test_apgr_is_the_area_under_the_recovered_share():
    kwargs = {"weak_quality": 0.5, "strong_quality": 0.9}
    # Through (0, 0), (0.25, 0.5), (0.5, 1) and (1, 1), given in any order.
    area = 0.25 * 0.25 + 0.25 * 0.75 + 0.5
    assert average_performance_gap_recovered([0.5, 0.25], [0.9, 0.7], **kwargs) == pytest.approx(area)
    assert average_performance_gap_recovered([], [], **kwargs) == pytest.approx(0.5)


def test_a_target_that_is_just_reached_is_reached():
    assert cost_at_quality([3, 1], [0.8, 0.7], 0.8) == 3
    assert cost_at_quality([3, 1], [0.8, 0.8 - 1e-13], 0.8) == 1
    assert math.isnan(cost_at_quality([3, 1], [0.7, 0.8 - 1e-9], 0.8))
