"""Tests that may be looked at after every observation, and stopped at any moment, without losing their guarantee.

All of them bet: a gambler stakes a part of her capital on each new value lying above (or below) a supposed mean.
Were the supposition true, the game would be fair and her capital would exceed 1/alpha with probability at most
alpha, ever (Ville's inequality). So a rich gambler refutes the supposed mean. Stakes depend on earlier values only.
Source: Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting", 2020 (arXiv 2010.09686).

Failure behaviour: values outside [0, 1] and NaN raise ValueError.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from thriftgate.stats.intervals import Floats, Interval

_TRUNCATION = 0.5
"""No stake may risk more than this share of the capital: a single surprise never ruins the gambler."""
_BISECTIONS = 40


def confidence_sequence(values: npt.ArrayLike, confidence: float = 0.95) -> Interval:
    """The mean behind values in [0, 1], in the order they came; holds at every n at once.

    Unlike an ordinary interval it may be computed after each value, and acted upon as soon as it pleases.
    It is the intersection of the intervals at all earlier n ("hedged capital" of the paper).
    """
    sample = _checked(values, confidence)
    if len(sample) == 0:
        return Interval(0.0, 1.0, math.nan)
    stakes = _stakes(sample, alpha=1 - confidence)
    limit = math.log(2 / (1 - confidence))
    low = _refuted_below(sample, stakes, limit)
    high = 1 - _refuted_below(1 - sample, stakes, limit)
    estimate = float(sample.mean())
    return Interval(min(low, estimate), max(high, estimate), estimate)


class BettingTest:
    """Watches a stream of values in [0, 1] and says when their mean has come to exceed `mean`.

    `evidence` is an e-value: under "the mean is at most `mean`" it exceeds 1/alpha ever with probability at most
    alpha. One object per stream; O(1) per value, nothing is kept but five numbers.
    """

    def __init__(self, mean: float, *, alpha: float = 0.05) -> None:
        if not 0 <= mean < 1 or not 0 < alpha < 1:
            raise ValueError(f"the mean must be in [0, 1) and alpha in (0, 1), not {mean} and {alpha}")
        self.mean = mean
        self.alpha = alpha
        self._n = 0
        self._sum = 0.5
        self._squares = 0.25
        self._log_capital = 0.0
        self._log_peak = 0.0

    def update(self, value: float) -> float:
        """Take in the next value; returns the highest evidence so far."""
        if not 0 <= value <= 1:
            raise ValueError(f"values lie in [0, 1], not {value}")
        estimate = self._sum / (self._n + 1)
        variance = self._squares / (self._n + 1)
        edge = estimate - self.mean
        # The stake that would have grown the capital fastest so far (aGRAPA); none while the mean looks fine.
        stake = max(0.0, edge / (variance + edge * edge))
        if self.mean > 0:
            stake = min(stake, _TRUNCATION / self.mean)
        self._log_capital += math.log1p(stake * (value - self.mean))
        self._log_peak = max(self._log_peak, self._log_capital)
        self._n += 1
        self._sum += value
        self._squares += (value - self._sum / (self._n + 1)) ** 2
        return self.evidence

    @property
    def n(self) -> int:
        """How many values were seen."""
        return self._n

    @property
    def evidence(self) -> float:
        """The highest e-value so far; its reciprocal is an always-valid p-value."""
        return math.exp(min(self._log_peak, 700.0))

    @property
    def has_exceeded(self) -> bool:
        """The mean is above `mean`, at level alpha."""
        return self._log_peak >= -math.log(self.alpha)


@dataclass(frozen=True, slots=True)
class TwoSampleTest:
    """What two arms of an experiment say so far, valid whenever one looks."""

    difference: Interval
    """Mean of the second minus mean of the first; a confidence sequence."""
    p_value: float
    """Always valid: may be compared with any level at any time."""
    blocks: int
    """Comparable blocks used; values that do not fill a block wait for the next look."""
    is_different: bool
    """The means differ at the asked confidence."""


def sequential_two_sample(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    confidence: float = 0.95,
    weights: tuple[float, float] = (1.0, 1.0),
) -> TwoSampleTest:
    """Do two arms with values in [0, 1] differ? May be asked after every value, and stopped when it says yes.

    Values stand in the order they came within each arm. `weights` are the arms' shares of the traffic, fixed
    before the experiment: with 9:1, nine values of the first are averaged against each one of the second, so
    that little is wasted. The blocks' differences, mapped to [0, 1], feed one confidence sequence; that uses
    the variance of the difference and is tighter than two sequences side by side.
    """
    one, two = _checked(first, confidence), _checked(second, confidence)
    if min(weights) <= 0:
        raise ValueError(f"weights must be positive, not {weights}")
    take_one, take_two = max(1, round(weights[0] / weights[1])), max(1, round(weights[1] / weights[0]))
    blocks = min(len(one) // take_one, len(two) // take_two)
    means_one = one[: blocks * take_one].reshape(blocks, take_one).mean(axis=1)
    means_two = two[: blocks * take_two].reshape(blocks, take_two).mean(axis=1)
    halved = (1 + means_two - means_one) / 2
    inside = confidence_sequence(halved, confidence)
    estimate = 2 * inside.estimate - 1
    p_value = _p_value(halved, mean=0.5, alpha=1 - confidence)
    difference = Interval(2 * inside.low - 1, 2 * inside.high - 1, estimate)
    return TwoSampleTest(difference, p_value, blocks, is_different=p_value <= 1 - confidence)


def _p_value(sample: Floats, *, mean: float, alpha: float) -> float:
    """Two-sided, and at most alpha exactly when the confidence sequence at that level leaves `mean` out."""
    if len(sample) == 0:
        return 1.0
    stakes = _stakes(sample, alpha=alpha)
    richest = max(_peak(sample, stakes, mean), _peak(1 - sample, stakes, 1 - mean))
    return min(1.0, 2 * math.exp(-richest))


def _stakes(sample: Floats, *, alpha: float) -> Floats:
    """What is staked on each value, from the values before it: the predictable plug-in."""
    times = np.arange(1, len(sample) + 1)
    means = (0.5 + np.cumsum(sample)) / (times + 1)
    variances = (0.25 + np.cumsum((sample - means) ** 2)) / (times + 1)
    before = np.concatenate([[0.25], variances[:-1]])
    return np.sqrt(2 * math.log(2 / alpha) / (before * times * np.log1p(times)))


def _peak(sample: Floats, stakes: Floats, mean: float) -> float:
    """The most log-capital that a gambler ever had who bets that the values lie above `mean`."""
    staked = np.minimum(stakes, _TRUNCATION / mean) if mean > 0 else stakes
    return float(np.cumsum(np.log1p(staked * (sample - mean))).max())


def _refuted_below(sample: Floats, stakes: Floats, limit: float) -> float:
    """The largest mean whose gambler ever got to exp(limit): every mean below it is refuted too."""
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if _peak(sample, stakes, middle) >= limit else (low, middle)
    return low


def _checked(values: npt.ArrayLike, confidence: float) -> Floats:
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, not {confidence}")
    sample = np.asarray(values, dtype=np.float64)
    if len(sample) and not (sample.min() >= 0 and sample.max() <= 1):
        raise ValueError("every value must lie in [0, 1]")
    return sample
