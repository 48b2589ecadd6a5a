"""How sure we are of a share, a mean or any statistic of a sample of fixed size.

Failure behaviour: counts that cannot be (more successes than trials, a confidence outside (0, 1)) raise ValueError.
An empty sample says nothing: its interval is everything that could be, its estimate NaN.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the truth lies, by a sample: `low <= estimate <= high`. The estimate of an empty sample is NaN."""

    low: float
    high: float
    estimate: float

    @property
    def half_width(self) -> float:
        """Half the length, for «± …»."""
        return (self.high - self.low) / 2

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.estimate:.4g} [{self.low:.4g}, {self.high:.4g}]"


def wilson_interval(successes: float, n: float, confidence: float = 0.95) -> Interval:
    """The share behind `successes` of `n`, two-sided; good coverage also near 0 and 1 (Wilson 1927).

    Counts may be weighted sums, hence floats.
    """
    _check(successes, n, confidence)
    if n == 0:
        return Interval(0.0, 1.0, math.nan)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)), share)


def clopper_pearson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """The share behind `successes` of `n`, two-sided and never too short (Clopper & Pearson 1934)."""
    _check(successes, n, confidence)
    if n == 0:
        return Interval(0.0, 1.0, math.nan)
    tail = (1 - confidence) / 2
    low = 1 - clopper_pearson_upper(n - successes, n, tail)
    return Interval(low, clopper_pearson_upper(successes, n, tail), successes / n)


def clopper_pearson_upper(successes: int, n: int, delta: float) -> float:
    """With probability at least 1 - `delta` the true share is at most this: an exact one-sided bound."""
    _check(successes, n, 1 - delta)
    if successes >= n:
        return 1.0
    from scipy.special import betaincinv

    return float(betaincinv(successes + 1, n - successes, 1 - delta))


def poisson_interval(events: int, confidence: float = 0.95) -> Interval:
    """The mean behind a count of rare, independent events, two-sided and never too short (Garwood 1936)."""
    if events < 0 or not 0 < confidence < 1:
        raise ValueError(f"{events} events at a confidence of {confidence} cannot be")
    from scipy.special import gammaincinv

    tail = (1 - confidence) / 2
    low = float(gammaincinv(events, tail)) if events else 0.0
    return Interval(low, float(gammaincinv(events + 1, 1 - tail)), float(events))


def mean_interval(values: npt.ArrayLike, confidence: float = 0.95) -> Interval:
    """The mean behind a sample, by the normal approximation; for n below about 30 use the bootstrap."""
    sample = np.asarray(values, dtype=np.float64)
    _check(0, len(sample), confidence)
    if len(sample) == 0:
        return Interval(-math.inf, math.inf, math.nan)
    mean = float(sample.mean())
    if len(sample) == 1:
        return Interval(-math.inf, math.inf, mean)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    half = z * float(sample.std(ddof=1)) / math.sqrt(len(sample))
    return Interval(mean - half, mean + half, mean)


def ratio_interval(above: npt.ArrayLike, below: npt.ArrayLike, confidence: float = 0.95) -> Interval:
    """The ratio of two means of the same items, `below` positive, by linearisation (the delta method)."""
    first, second = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    mean = float(second.mean()) if len(second) else 0.0
    if mean <= 0:
        return Interval(-math.inf, math.inf, math.nan)
    ratio = float(first.mean()) / mean
    half = mean_interval((first - ratio * second) / mean, confidence).half_width
    return Interval(ratio - half, ratio + half, ratio)


def bootstrap_interval(
    values: npt.ArrayLike,
    statistic: Callable[[Floats], float],
    rng: np.random.Generator,
    confidence: float = 0.95,
    *,
    resamples: int = 1000,
) -> Interval:
    """Any statistic of a sample with its percentile-bootstrap interval (Efron & Tibshirani 1993).

    `values` has shape (n,) or (n, columns); whole rows are drawn together, so paired columns stay pairs.
    """
    sample = np.asarray(values, dtype=np.float64)
    _check(0, len(sample), confidence)
    if len(sample) == 0:
        return Interval(-math.inf, math.inf, math.nan)
    estimate = float(statistic(sample))
    drawn = [statistic(sample[rng.integers(0, len(sample), len(sample))]) for _ in range(resamples)]
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail])
    return Interval(min(float(low), estimate), max(float(high), estimate), estimate)


def percentile(values: npt.ArrayLike, q: float) -> float:
    """The value below which `q` per cent of the sample lie (0 to 100, linear between neighbours); NaN when empty."""
    if not 0 <= q <= 100:
        raise ValueError(f"a percentile is between 0 and 100, not {q}")
    sample = np.asarray(values, dtype=np.float64)
    return float(np.percentile(sample, q)) if len(sample) else math.nan


def _check(successes: float, n: float, confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, not {confidence}")
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} trials cannot be")
