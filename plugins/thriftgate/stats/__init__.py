"""What a number is worth: intervals, calibration error, Learn-then-Test, and tests that may be looked at any time."""

from thriftgate.stats.calibration import auroc, auroc_interval, calibration_error_interval, expected_calibration_error
from thriftgate.stats.frontier import average_performance_gap_recovered, cost_at_quality
from thriftgate.stats.intervals import (
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
from thriftgate.stats.sequential import (
    BettingTest,
    TwoSampleTest,
    confidence_sequence,
    sequential_two_sample,
)
from thriftgate.stats.testing import (
    beta_binomial_tail,
    binomial_p_value,
    design_effect,
    fixed_sequence,
    fixed_stakes_p_value,
    labels_needed,
    loss_p_value,
    trinomial_p_value,
)

__all__ = [
    "BettingTest",
    "Interval",
    "TwoSampleTest",
    "auroc",
    "auroc_interval",
    "average_performance_gap_recovered",
    "beta_binomial_tail",
    "binomial_p_value",
    "bootstrap_interval",
    "calibration_error_interval",
    "clopper_pearson",
    "clopper_pearson_upper",
    "confidence_sequence",
    "cost_at_quality",
    "design_effect",
    "expected_calibration_error",
    "fixed_sequence",
    "fixed_stakes_p_value",
    "labels_needed",
    "loss_p_value",
    "mean_interval",
    "percentile",
    "poisson_interval",
    "ratio_interval",
    "sequential_two_sample",
    "trinomial_p_value",
    "wilson_interval",
]
