import math

import numpy as np
import pytest
from hypothesis import given, settings
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


def capital(values: list[float], mean: float, alpha: float) -> float:
    """The most a gambler ever had who bets on more than `mean`: Waudby-Smith & Ramdas, equations 24 to 26, by hand."""
    wealth = most = 1.0
    total, squares = 0.5, 0.25
    for t, value in enumerate(values, 1):
        stake = math.sqrt(2 * math.log(2 / alpha) / (squares / t * t * math.log(t + 1)))
        if mean > 0:
            stake = min(stake, 0.5 / mean)
        wealth *= 1 + stake * (value - mean)
        most = max(most, wealth) if t > 1 else wealth
        total += value
        squares += (value - total / (t + 1)) ** 2
    return most


@settings(max_examples=50)
@given(st.lists(st.sampled_from([0.0, 0.2, 0.9, 1.0]), min_size=1, max_size=60), st.sampled_from([0.5, 0.9, 0.95]))
def test_a_confidence_sequence_ends_where_a_gambler_becomes_rich(values: list[float], confidence: float):
    interval, alpha, mean = confidence_sequence(values, confidence), 1 - confidence, float(np.mean(values))
    for bound, sample in ((interval.low, values), (1 - interval.high, [1 - value for value in values])):
        if 1e-6 < bound < (mean if sample is values else 1 - mean) - 1e-6:
            assert capital(sample, bound - 1e-7, alpha) >= 2 / alpha * (1 - 1e-6)
            assert capital(sample, bound + 1e-7, alpha) <= 2 / alpha * (1 + 1e-6)


def test_a_stream_of_ones_refutes_low_means_soon():
    """The gambler of mean m stakes at most half her capital: ten ones make it (1 + 0.5 (1 - m) / m)^10 = 40."""
    interval = confidence_sequence([1.0] * 10)
    assert interval.estimate == interval.high == 1
    assert interval.low == pytest.approx(1 / (1 + 2 * (40**0.1 - 1)))


def test_evidence_is_the_capital_of_who_stakes_what_would_have_grown_it_fastest():
    """By hand, from mean and variance of half an imagined value and of what came before."""
    test = BettingTest(0.2, alpha=0.3)
    assert test.update(1.0) == pytest.approx(1 + 0.3 / (0.25 + 0.09) * 0.8)
    assert not test.has_exceeded
    after_two = (1 + 0.3 / 0.34 * 0.8) * (1 + 0.55 / (0.3125 / 2 + 0.55**2) * 0.8)
    assert test.update(1.0) == pytest.approx(after_two)
    assert test.has_exceeded, "3.34 is more than 1 / 0.3"
    assert test.update(0.0) == pytest.approx(after_two), "the highest so far"
    sure = BettingTest(0.9)
    for _ in range(200):
        sure.update(1.0)
    before = sure.evidence
    assert sure.update(1.0) / before == pytest.approx(1 + 0.5 / 0.9 * 0.1), "never more than half is at risk"
    assert BettingTest(0.0).update(0.0) == 1


@pytest.mark.parametrize(("mean", "alpha"), [(1.0, 0.05), (-0.1, 0.05), (0.5, 0.0), (0.5, 1.0)])
def test_a_stream_is_watched_for_a_mean_below_one_at_a_level(mean: float, alpha: float):
    with pytest.raises(ValueError, match="must be in"):
        BettingTest(mean, alpha=alpha)


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_a_confidence_is_between_0_and_1(confidence: float):
    with pytest.raises(ValueError, match="between 0 and 1"):
        confidence_sequence([0.5], confidence)


def test_blocks_are_as_large_as_the_arms_weights_and_their_means_are_compared():
    rng = np.random.default_rng(4)
    many, few = rng.uniform(size=40), rng.uniform(size=13)
    means = many[:39].reshape(13, 3).mean(axis=1)
    one = sequential_two_sample(many, few, weights=(3, 1))
    assert one == sequential_two_sample(means, few)
    assert one.blocks == 13
    other = sequential_two_sample(few, many, weights=(0.25, 0.75))
    assert other == sequential_two_sample(few, means)
    assert one.difference.estimate == pytest.approx(few.mean() - means.mean())
    for weights in ((0.0, 1.0), (1.0, -1.0)):
        with pytest.raises(ValueError, match="positive"):
            sequential_two_sample(few, many, weights=weights)


@pytest.mark.parametrize("n", [5, 12, 14, 30])
def test_arms_differ_when_nothing_lies_outside_of_the_sequence_of_their_difference(n: int):
    zeros, ones = [0.0] * n, [1.0] * n
    up, down = sequential_two_sample(zeros, ones), sequential_two_sample(ones, zeros)
    assert up.p_value == pytest.approx(down.p_value)
    assert up.is_different == (up.difference.low > 0) == (n > 10)
    assert up.difference.high == -down.difference.low == 1
    assert (up.p_value <= 0.05) == up.is_different


@settings(max_examples=30)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_the_p_value_of_two_arms_agrees_with_their_interval(pairs: list[tuple[bool, bool]]):
    test = sequential_two_sample([float(one) for one, _ in pairs], [float(two) for _, two in pairs], confidence=0.6)
    assert test.is_different == (0 not in test.difference)
    assert test.p_value <= 1


def test_evidence_beyond_measure_is_a_number_still():
    test = BettingTest(0.001)
    for _ in range(1200):
        test.update(1.0)
    assert test.evidence == math.exp(700)
    assert test.update(1.0) == math.exp(700)


def test_evidence_that_just_reaches_its_level_is_enough() -> None:
    for value in np.linspace(0.5, 1, 200).tolist():
        seen = BettingTest(0.2)
        alpha = 1 / seen.update(value)
        told = BettingTest(0.2, alpha=alpha)
        evidence = told.update(value)
        if -math.log(alpha) == math.log1p(0.3 / 0.34 * (value - 0.2)):
            assert evidence == seen.evidence
            assert told.has_exceeded
            return
    raise AssertionError("no value whose evidence is told to the last digit")
