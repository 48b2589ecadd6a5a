import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.stats import BettingTest, confidence_sequence, sequential_two_sample

units = st.lists(st.floats(0, 1), min_size=1, max_size=60)


@given(units)
def test_a_confidence_sequence_holds_the_sample_mean_and_lies_in_the_unit_interval(values: list[float]):
    interval = confidence_sequence(values)
    assert 0 <= interval.low <= interval.estimate <= interval.high <= 1


@given(units)
def test_a_confidence_sequence_mirrors_its_values(values: list[float]):
    one, other = confidence_sequence(values), confidence_sequence([1 - value for value in values])
    assert one.low == pytest.approx(1 - other.high, abs=1e-9)


@given(units)
def test_more_values_never_widen_what_was_refuted(values: list[float]):
    mean = float(np.mean(values))
    before, after = confidence_sequence(values), confidence_sequence([*values, mean])
    assert after.low >= min(before.low, after.estimate) - 1e-9
    assert after.high <= max(before.high, after.estimate) + 1e-9


def test_peeking_after_every_value_keeps_the_error_rate():
    """A fixed-sample interval looked at 400 times would miss the mean in about 40 % of runs."""
    rng = np.random.default_rng(3)
    missed = 0
    for _ in range(150):
        values = rng.binomial(1, 0.3, 400).astype(float)
        interval = confidence_sequence(values, 0.9)
        missed += not interval.low <= 0.3 <= interval.high
    assert missed / 150 <= 0.1


def test_a_confidence_sequence_is_not_much_wider_than_a_fixed_interval():
    values = np.random.default_rng(0).binomial(1, 0.05, 2000).astype(float)
    interval = confidence_sequence(values)
    assert interval.high - interval.low < 2.2 * 2 * 1.96 * np.sqrt(0.05 * 0.95 / 2000)


@given(units, st.floats(0, 0.9))
def test_evidence_never_shrinks_and_every_value_counts(values: list[float], mean: float):
    test = BettingTest(mean)
    evidence = 1.0
    for value in values:
        now = test.update(value)
        assert now >= evidence
        evidence = now
    assert test.n == len(values)


@pytest.mark.parametrize("mean", [0.02, 0.2, 0.5])
def test_drift_is_seldom_claimed_where_there_is_none(mean: float):
    rng = np.random.default_rng(5)
    claimed = 0
    for _ in range(150):
        test = BettingTest(mean, alpha=0.1)
        for value in rng.binomial(1, mean, 500):
            test.update(float(value))
        claimed += test.has_exceeded
    assert claimed / 150 <= 0.1


def test_drift_is_claimed_soon_where_there_is_some():
    rng = np.random.default_rng(6)
    waits: list[int] = []
    for _ in range(50):
        test = BettingTest(0.02, alpha=0.05)
        while not test.has_exceeded:
            test.update(float(rng.binomial(1, 0.1)))
        waits.append(test.n)
    assert np.median(waits) < 120


def test_the_two_sample_test_keeps_its_level_under_peeking_at_any_traffic_split():
    rng = np.random.default_rng(11)
    for weights, sizes in (((1, 1), (300, 300)), ((9, 1), (900, 100))):
        claimed = 0
        for _ in range(100):
            first, second = rng.binomial(1, 0.4, sizes[0]), rng.binomial(1, 0.4, sizes[1])
            claimed += sequential_two_sample(first, second, confidence=0.9, weights=weights).is_different
        assert claimed / 100 <= 0.1


def test_the_two_sample_test_finds_a_difference_and_its_direction():
    rng = np.random.default_rng(2)
    test = sequential_two_sample(rng.binomial(1, 0.5, 900), rng.binomial(1, 0.65, 900))
    assert test.is_different
    assert test.difference.low > 0
    assert test.blocks == 900
    assert 0.15 in test.difference


@given(units, units)
def test_swapping_the_arms_turns_the_difference_around(first: list[float], second: list[float]):
    one, other = sequential_two_sample(first, second), sequential_two_sample(second, first)
    assert one.difference.low == pytest.approx(-other.difference.high, abs=1e-9)
    assert one.p_value == pytest.approx(other.p_value)


def test_no_observations_mean_no_difference():
    test = sequential_two_sample([], [0.5])
    assert not test.is_different
    assert test.p_value == 1
    assert (test.difference.low, test.difference.high) == (-1, 1)


@pytest.mark.parametrize("value", [1.5, -0.1, float("nan")])
def test_values_outside_the_unit_interval_are_refused(value: float):
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        confidence_sequence([0.5, value])
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        BettingTest(0.5).update(value)
