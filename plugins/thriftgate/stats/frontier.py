"""Cost against quality, and the numbers that papers report about it."""

import math

import numpy as np
import numpy.typing as npt


def average_performance_gap_recovered(
    strong_shares: npt.ArrayLike, qualities: npt.ArrayLike, *, weak_quality: float, strong_quality: float
) -> float:
    """APGR of RouteLLM (arXiv 2406.18665): the share of the gap between weak and strong that is recovered.

    The recovered share, averaged over the share of requests that the strong model answers, from 0 to 1: 0.5 for
    random routing, near 1 for an oracle; NaN when there is no gap. Points may come in any order.
    """
    if strong_quality == weak_quality:
        return math.nan
    shares, values = np.asarray(strong_shares, dtype=np.float64), np.asarray(qualities, dtype=np.float64)
    order = np.argsort(shares, kind="stable")
    shares = np.concatenate([[0.0], shares[order], [1.0]])
    recovered = (np.concatenate([[weak_quality], values[order], [strong_quality]]) - weak_quality) / (
        strong_quality - weak_quality
    )
    return float(((recovered[1:] + recovered[:-1]) / 2 * np.diff(shares)).sum())


def cost_at_quality(costs: npt.ArrayLike, qualities: npt.ArrayLike, target: float) -> float:
    """The least cost among points that reach the target quality; NaN when none does."""
    spent, reached = np.asarray(costs, dtype=np.float64), np.asarray(qualities, dtype=np.float64)
    good = reached >= target - 1e-12
    return float(spent[good].min()) if good.any() else math.nan
