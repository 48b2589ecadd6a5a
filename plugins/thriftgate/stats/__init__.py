"""What a number is worth: intervals, calibration error, Learn-then-Test, and tests that may be looked at any time."""

from thriftgate.stats.intervals import (
    Interval,
    bootstrap_interval,
    clopper_pearson,
    clopper_pearson_upper,
    mean_interval,
    newcombe_interval,
    percentile,
    wilson_interval,
)
from thriftgate.stats.sequential import (
    BettingTest,
    TwoSampleTest,
    confidence_sequence,
    sequential_two_sample,
)

__all__ = [
    "BettingTest",
    "Interval",
    "TwoSampleTest",
    "bootstrap_interval",
    "clopper_pearson",
    "clopper_pearson_upper",
    "confidence_sequence",
    "mean_interval",
    "newcombe_interval",
    "percentile",
    "sequential_two_sample",
    "wilson_interval",
]
