import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom, poisson

from thriftgate.stats import (
    Interval,
    bootstrap_interval,
    clopper_pearson,
    clopper_pearson_upper,
    mean_interval,
    percentile,
    poisson_interval,
    ratio_interval,
    wilson_interval,
)

counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, st.floats(0.5, 0.999))
def test_wilson_holds_the_share_and_stays_inside_the_unit_interval(count: tuple[int, int], confidence: float):
    successes, n = count
    interval = wilson_interval(successes, n, confidence)
    assert 0 <= interval.low <= successes / n <= interval.high <= 1
    assert successes / n in interval


def test_wilson_gives_the_published_example():
    # Newcombe 1998, table I: 81 of 263.
    interval = wilson_interval(81, 263)
    assert interval.low == pytest.approx(0.2553, abs=5e-5)
    assert interval.high == pytest.approx(0.3662, abs=5e-5)


@given(counts)
def test_more_confidence_never_shortens_an_interval(count: tuple[int, int]):
    for make in (wilson_interval, clopper_pearson):
        sure, surer = make(*count, 0.9), make(*count, 0.99)
        assert surer.low <= sure.low
        assert surer.high >= sure.high


@given(counts, st.sampled_from([0.01, 0.05, 0.2]))
def test_the_exact_upper_bound_is_where_the_binomial_tail_equals_delta(count: tuple[int, int], delta: float):
    successes, n = count
    bound = clopper_pearson_upper(successes, n, delta)
    if successes == n:
        assert bound == 1
    else:
        assert binom.cdf(successes, n, bound) == pytest.approx(delta, rel=1e-6)
        assert bound == pytest.approx(beta.ppf(1 - delta, successes + 1, n - successes))


@given(counts)
def test_clopper_pearson_mirrors_successes_and_failures(count: tuple[int, int]):
    successes, n = count
    one, other = clopper_pearson(successes, n), clopper_pearson(n - successes, n)
    assert one.low == pytest.approx(1 - other.high)
    assert one.high == pytest.approx(1 - other.low)


@given(st.integers(0, 300), st.floats(0.5, 0.99))
def test_the_interval_of_a_count_ends_where_the_poisson_tails_do(events: int, confidence: float):
    found = poisson_interval(events, confidence)
    tail = (1 - confidence) / 2
    assert poisson.cdf(events, found.high) == pytest.approx(tail, rel=1e-6)
    assert found.low == 0 if events == 0 else poisson.sf(events - 1, found.low) == pytest.approx(tail, rel=1e-6)
    assert found.low <= events <= found.high


def test_an_empty_sample_says_nothing():
    for interval in (wilson_interval(0, 0), clopper_pearson(0, 0)):
        assert (interval.low, interval.high) == (0, 1)
        assert math.isnan(interval.estimate)
    assert mean_interval([]).high == mean_interval([0.5]).high == math.inf
    assert mean_interval([]).low == mean_interval([0.5]).low == -math.inf
    assert math.isnan(percentile([], 50))


@pytest.mark.parametrize(("successes", "n", "confidence"), [(3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.0), (1, 2, 0.0)])
def test_impossible_counts_are_refused(successes: int, n: int, confidence: float):
    with pytest.raises(ValueError, match=r"cannot be|between 0 and 1"):
        wilson_interval(successes, n, confidence)


def test_intervals_cover_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(7)
    trials, n, share = 2000, 80, 0.1
    covered = {"wilson": 0, "exact": 0, "mean": 0}
    for successes in rng.binomial(n, share, trials):
        covered["wilson"] += share in wilson_interval(int(successes), n)
        covered["exact"] += share in clopper_pearson(int(successes), n)
        covered["mean"] += 0.5 in mean_interval(rng.uniform(size=n))
    assert covered["exact"] / trials >= 0.95
    assert 0.93 <= covered["wilson"] / trials <= 0.98
    assert 0.93 <= covered["mean"] / trials <= 0.97


def test_the_bootstrap_agrees_with_theory_for_a_mean_and_keeps_pairs_together():
    rng = np.random.default_rng(1)
    values = rng.normal(size=300)
    interval = bootstrap_interval(values, lambda sample: float(sample.mean()), rng)
    theory = mean_interval(values)
    assert interval.estimate == pytest.approx(theory.estimate)
    assert interval.half_width == pytest.approx(theory.half_width, rel=0.15)
    pairs = np.column_stack([values, values])
    apart = bootstrap_interval(pairs, lambda rows: float(np.abs(rows[:, 0] - rows[:, 1]).max()), rng, resamples=50)
    assert apart == Interval(0.0, 0.0, 0.0)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(0, 100))
def test_a_percentile_lies_within_the_sample(values: list[float], q: float):
    assert min(values) <= percentile(values, q) <= max(values)


def test_a_percentile_beyond_100_is_refused():
    with pytest.raises(ValueError, match="between 0 and 100"):
        percentile([1.0], 101)


def test_a_ratio_of_means_lies_in_its_interval_about_as_often_as_asked():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(300):
        below = rng.uniform(0.5, 1.5, size=200)
        above = below * (rng.uniform(size=200) < 0.4) + 0.1
        inside += 0.5 in ratio_interval(above, below)
    assert 0.9 <= inside / 300 <= 0.985
    assert math.isnan(ratio_interval([], []).estimate)
    assert math.isnan(ratio_interval([1.0, 2.0], [-1.0, -2.0]).estimate)


@pytest.mark.parametrize(
    ("successes", "n", "wilson", "exact"),
    [
        # Newcombe 1998 (Statistics in Medicine 17), table I: methods 3 and 5.
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0.0000, 0.1611), (0.0000, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ],
)
def test_intervals_of_a_share_are_the_published_ones(
    successes: int, n: int, wilson: tuple[float, float], exact: tuple[float, float]
):
    for found, (low, high) in ((wilson_interval(successes, n), wilson), (clopper_pearson(successes, n), exact)):
        assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
        assert found.estimate == successes / n
    mirrored = wilson_interval(n - successes, n)
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - wilson[1], 1 - wilson[0]), abs=5e-5)


def test_an_interval_says_its_numbers_and_holds_its_ends():
    interval = Interval(0.25, 0.75, 0.51234)
    assert str(interval) == "0.5123 [0.25, 0.75]"
    assert interval.half_width == 0.25
    assert [value in interval for value in (0.2499, 0.25, 0.75, 0.7501)] == [False, True, True, False]


def test_an_interval_of_a_mean_is_its_standard_error_times_a_normal_quantile():
    values = [1.0, 2.0, 3.0, 6.0]
    found = mean_interval(values, 0.9)
    half = 1.6448536 * math.sqrt((4 + 1 + 0 + 9) / 3 / 4)
    assert (found.low, found.estimate, found.high) == pytest.approx((3 - half, 3, 3 + half))
    two = mean_interval([0.0, 1.0])
    assert two.half_width == pytest.approx(1.959964 * math.sqrt(0.5 / 2))


def test_an_interval_of_a_ratio_is_that_of_what_its_line_leaves_over():
    above, below = [1.0, 3.0, 2.0], [0.4, 0.4, 0.2]
    found = ratio_interval(above, below, 0.9)
    # The ratio is 6; left over are 1 - 2.4, 3 - 2.4 and 2 - 1.2, over a mean of a third.
    half = 1.6448536 * math.sqrt((1.4**2 + 0.6**2 + 0.8**2) / 2 / 3) * 3
    assert (found.low, found.estimate, found.high) == pytest.approx((6 - half, 6, 6 + half))
    nothing = ratio_interval([1.0, 2.0], [0.0, 0.0])
    assert (nothing.low, nothing.high) == (-math.inf, math.inf)
    assert math.isnan(nothing.estimate)


def test_a_bootstrap_interval_lies_between_the_percentiles_of_its_resamples():
    told = iter([500.0, *range(1, 1001)])
    found = bootstrap_interval([0.0, 1.0], lambda _: next(told), np.random.default_rng(0))
    assert (found.low, found.estimate, found.high) == pytest.approx((1 + 0.025 * 999, 500, 1 + 0.975 * 999))
    assert next(told, None) is None, "a thousand, and the sample itself"
    told = iter([0.0, 1.0, 2.0, math.nan])
    apart = bootstrap_interval([0.0, 1.0], lambda _: next(told), np.random.default_rng(0), 0.5, resamples=3)
    assert (apart.low, apart.estimate, apart.high) == (0, 0, 1.75), (
        "the estimate lies inside, what is no number counts not"
    )
    empty = bootstrap_interval([], lambda _: 0.0, np.random.default_rng(0))
    assert (empty.low, empty.high) == (-math.inf, math.inf)
    assert math.isnan(empty.estimate)


def test_a_resample_is_drawn_from_all_of_the_sample_and_as_long_as_it():
    seen: set[float] = set()

    def lengths(sample: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
        seen.update(sample.tolist())
        return float(len(sample))

    assert bootstrap_interval([1.0, 2.0, 3.0], lengths, np.random.default_rng(0), resamples=50) == Interval(3, 3, 3)
    assert seen == {1.0, 2.0, 3.0}


@pytest.mark.parametrize(("events", "confidence"), [(-1, 0.95), (3, 0.0), (3, 1.0)])
def test_impossible_counts_of_events_are_refused(events: int, confidence: float):
    with pytest.raises(ValueError, match="cannot be"):
        poisson_interval(events, confidence)


def test_a_percentile_is_linear_between_neighbours():
    assert [percentile([4.0, 1.0, 2.0], q) for q in (0, 25, 50, 75, 100)] == [1, 1.5, 2, 3, 4]
    with pytest.raises(ValueError, match="between 0 and 100"):
        percentile([1.0], -1)


def test_an_exact_bound_needs_a_chance():
    for delta in (0.0, 1.0):
        with pytest.raises(ValueError, match="between 0 and 1"):
            clopper_pearson_upper(1, 2, delta)
    assert clopper_pearson_upper(0, 1, 0.05) == pytest.approx(0.95)
