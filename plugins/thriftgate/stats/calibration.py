"""Are confidences what they say (calibration error), and do they tell good from bad (AUROC)?

Failure behaviour: arrays of different lengths raise ValueError; where nothing can be said the value is NaN.
"""

import math

import numpy as np
import numpy.typing as npt

from thriftgate.stats.intervals import Floats, Interval, bootstrap_interval


def expected_calibration_error(confidences: npt.ArrayLike, outcomes: npt.ArrayLike, *, bins: int = 10) -> float:
    """Mean distance between confidence and observed share, over equally filled bins (Nixon et al. 2019).

    `outcomes` are 0 or 1 (or graded in between). Equal filling keeps every bin's share meaningful.
    """
    predicted, observed = _pair(confidences, outcomes)
    if len(predicted) == 0:
        return math.nan
    order = np.argsort(predicted, kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    gaps = [len(part) * abs(predicted[part].mean() - observed[part].mean()) for part in parts]
    return float(sum(gaps) / len(predicted))


def calibration_error_interval(
    confidences: npt.ArrayLike, outcomes: npt.ArrayLike, rng: np.random.Generator, *, confidence: float = 0.95
) -> Interval:
    """The calibration error with its bootstrap interval; finite samples bias it upwards, never downwards."""
    rows = np.column_stack(_pair(confidences, outcomes))
    return bootstrap_interval(
        rows, lambda sample: expected_calibration_error(sample[:, 0], sample[:, 1]), rng, confidence, resamples=300
    )


def auroc(scores: npt.ArrayLike, outcomes: npt.ArrayLike) -> float:
    """Chance that a good answer is scored above a bad one, ties counting half; NaN when there is only one kind."""
    ranked, observed = _pair(scores, outcomes)
    good = observed > 0.5
    positives, negatives = int(good.sum()), int((~good).sum())
    if not positives or not negatives:
        return math.nan
    _, places, counts = np.unique(ranked, return_inverse=True, return_counts=True)
    mean_ranks = np.cumsum(counts) - (counts - 1) / 2
    return float((mean_ranks[places][good].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def auroc_interval(
    scores: npt.ArrayLike, outcomes: npt.ArrayLike, rng: np.random.Generator, *, confidence: float = 0.95
) -> Interval:
    """The AUROC with its bootstrap interval."""
    rows = np.column_stack(_pair(scores, outcomes))
    return bootstrap_interval(rows, lambda sample: auroc(sample[:, 0], sample[:, 1]), rng, confidence, resamples=300)


def _pair(first: npt.ArrayLike, second: npt.ArrayLike) -> tuple[Floats, Floats]:
    one, two = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.shape != two.shape or one.ndim != 1:
        raise ValueError(f"two lists of one length are needed, not of shapes {one.shape} and {two.shape}")
    return one, two
