"""What holds where nobody says otherwise: a sum of nothing is nothing, and an interval is of 95 %."""

from dataclasses import asdict

import numpy as np
import pytest

from thriftgate.stats import (
    BettingTest,
    auroc_interval,
    bootstrap_interval,
    calibration_error_interval,
    clopper_pearson,
    confidence_sequence,
    expected_calibration_error,
    mean_interval,
    poisson_interval,
    ratio_interval,
    sequential_two_sample,
    wilson_interval,
)
from thriftgate.stats.histogram import Histogram
from thriftgate.stats.tallies import MoneySums, RequestTally

VALUES = [0.0, 1.0, 1.0, 0.5, 0.75, 0.25, 1.0, 0.0]


def test_sums_and_counts_begin_at_nothing() -> None:
    assert set(asdict(MoneySums()).values()) == {0}
    tally = RequestTally(group=None)
    assert (tally.failures, tally.requests, tally.saved_usd, tally.decisions, tally.started_at) == (0, 0, 0, {}, None)
    assert (Histogram((1.0,)).total, Histogram((1.0,)).counts, Histogram(()).n) == (0, [0, 0], 0)


def test_an_interval_is_of_ninety_five_per_cent() -> None:
    for one, other in (
        (wilson_interval(3, 9), wilson_interval(3, 9, 0.95)),
        (clopper_pearson(3, 9), clopper_pearson(3, 9, 0.95)),
        (poisson_interval(3), poisson_interval(3, 0.95)),
        (mean_interval(VALUES), mean_interval(VALUES, 0.95)),
        (ratio_interval(VALUES, [*VALUES[1:], 1.0]), ratio_interval(VALUES, [*VALUES[1:], 1.0], 0.95)),
        (confidence_sequence(VALUES), confidence_sequence(VALUES, 0.95)),
        (sequential_two_sample(VALUES, VALUES[::-1]), sequential_two_sample(VALUES, VALUES[::-1], weights=(2.0, 2.0))),
        (BettingTest(0.5).alpha, 0.05),
    ):
        assert one == other


def test_a_bootstrap_draws_a_thousand_times_and_for_a_calibration_three_hundred() -> None:
    drawn = 0

    def statistic(sample: object) -> float:
        nonlocal drawn
        drawn += 1
        return float(drawn)

    bootstrap_interval(VALUES, statistic, np.random.default_rng(0))
    assert drawn == 1001
    outcomes = [0.0, 1.0] * 4
    for of, value in (
        (calibration_error_interval, expected_calibration_error(VALUES, outcomes)),
        (auroc_interval, None),
    ):
        rng, other = np.random.default_rng(1), np.random.default_rng(1)
        found = of(VALUES, outcomes, rng)
        other.integers(0, 8, (300, 8))
        assert rng.integers(1 << 40) == other.integers(1 << 40), "so much was drawn, and no more"
        assert value is None or found.estimate == value


def test_a_calibration_error_is_over_ten_bins() -> None:
    rng = np.random.default_rng(0)
    confidences, outcomes = rng.uniform(size=97), rng.uniform(size=97).round()
    ten = expected_calibration_error(confidences, outcomes)
    assert ten == expected_calibration_error(confidences, outcomes, bins=10)
    order = np.argsort(confidences)
    parts = [
        order[:10],
        *(order[10 + 10 * place :][:10] for place in range(6)),
        *(order[70 + 9 * place :][:9] for place in range(3)),
    ]
    assert ten == pytest.approx(sum(abs(confidences[part].sum() - outcomes[part].sum()) for part in parts) / 97)
