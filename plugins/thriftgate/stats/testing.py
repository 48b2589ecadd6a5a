"""Learn-then-Test: choose a threshold from data and still promise something about it.

For each candidate, a p-value against "this candidate loses more than `limit`". Tested from the safest candidate
to the boldest and stopped at the first that fails, the chance that any candidate passed wrongly is at most delta,
without a price for their number (fixed-sequence testing; Angelopoulos et al. 2021, arXiv 2110.01052).
The guarantee rests on the p-values, so they are exact for finite samples: no normal approximation.

Failure behaviour: losses outside their range raise ValueError; no data gives the p-value 1.
"""

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from thriftgate.stats.intervals import Floats, clopper_pearson
from thriftgate.stats.sequential import betting_p_value

_NUISANCE_LEVEL = 0.001
"""Spent on not knowing how often the two answers differ (Berger & Boos 1994)."""
_NUISANCE_GRID = 24


def fixed_sequence(p_values: Iterable[float], delta: float) -> int:
    """How many candidates pass, tested in the given order until the first failure."""
    if not 0 < delta < 1:
        raise ValueError(f"delta lies between 0 and 1, not {delta}")
    passed = 0
    for p_value in p_values:
        if not p_value <= delta:
            break
        passed += 1
    return passed


def loss_p_value(losses: npt.ArrayLike, limit: float) -> float:
    """Evidence against "the mean loss is at least `limit`", by the sharpest test that fits the data.

    Losses of only 0 and 1 get the exact binomial test, of -1, 0 and 1 the exact trinomial one, all others in
    [-1, 1] a betting test, which needs about twice as many labels for the same evidence.
    """
    sample = np.asarray(losses, dtype=np.float64)
    if len(sample) and not (sample.min() >= -1 and sample.max() <= 1):
        raise ValueError("every loss must lie in [-1, 1]")
    plus, minus = int((sample == 1).sum()), int((sample == -1).sum())
    if plus + minus + int((sample == 0).sum()) == len(sample):
        return (
            binomial_p_value(plus, len(sample), limit)
            if not minus
            else trinomial_p_value(plus, minus, len(sample), limit)
        )
    return betting_p_value((sample + 1) / 2, (limit + 1) / 2)


def binomial_p_value(plus: int, n: int, limit: float) -> float:
    """Evidence against "a loss of 1 happens in at least `limit` of all cases": the binomial tail, exact."""
    if n == 0 or limit <= 0:
        return 1.0
    if limit >= 1:
        return 0.0 if plus < n else 1.0
    from scipy.special import bdtr

    return float(bdtr(plus, n, limit))


def trinomial_p_value(plus: int, minus: int, n: int, limit: float) -> float:
    """Evidence against "share of +1 minus share of -1 is at least `limit`", for finite samples.

    How far the sum of the losses lies below `n * limit`, in its own standard errors, is compared with the exact
    distribution of that distance at the edge of the hypothesis. The share of non-zero losses is unknown: of those
    that its own exact interval allows, the worst counts, and the interval's error is added (Berger & Boos 1994).
    Far sharper than bounds for any losses in [-1, 1], since most losses are 0.
    """
    if n == 0 or limit >= 1:
        return 1.0 if n == 0 else 0.0
    shares = clopper_pearson(plus + minus, n, 1 - _NUISANCE_LEVEL)
    least, most = max(shares.low, abs(limit), 1e-9), shares.high
    if most < least:
        # So few losses differ from 0 that a net share of `limit` is itself refuted.
        return _NUISANCE_LEVEL
    distance = _distance(plus - minus, plus + minus, n, limit)
    tails = [_tail(distance, n, float(share), limit) for share in np.geomspace(least, most, _NUISANCE_GRID)]
    return min(1.0, max(tails) + _NUISANCE_LEVEL)


def labels_needed(limit: float, delta: float) -> int:
    """Labels without a single loss that a promise takes: below this many, nothing can be promised."""
    if not 0 < limit < 1:
        raise ValueError(f"a limit lies between 0 and 1, not {limit}")
    return math.ceil(math.log(delta) / math.log1p(-limit))


def _distance(total: int, differing: int, n: int, limit: float) -> float:
    """Standard errors between the sum and its expectation; at the hypothesis at least `n * limit` losses differ."""
    return (total - n * limit) / math.sqrt(max(differing, n * abs(limit)) + 1)


def _tail(distance: float, n: int, share: float, limit: float) -> float:
    """P(distance is at most this) when `share` of the losses are not 0 and their mean is `limit`."""
    from scipy.special import bdtr, gammaln

    share = min(share, 1 - 1e-12)
    spread = 8 * math.sqrt(n * share * (1 - share)) + 8
    differing = np.arange(max(0, math.floor(n * share - spread)), min(n, math.ceil(n * share + spread)) + 1)
    chances: Floats = np.exp(
        gammaln(n + 1)
        - gammaln(differing + 1)
        - gammaln(n - differing + 1)
        + differing * math.log(share)
        + (n - differing) * math.log1p(-share)
    )
    # The largest sum that is as far below, for each number of non-zero losses, and the +1s that make it.
    largest = np.floor(n * limit + distance * np.sqrt(np.maximum(differing, n * abs(limit)) + 1) + 1e-9)
    most_plus = np.floor((largest + differing) / 2)
    positive = min(1.0, (1 + limit / share) / 2)
    below = np.where(most_plus < 0, 0.0, bdtr(np.clip(most_plus, 0, differing), np.maximum(differing, 1), positive))
    below = np.where(differing == 0, largest >= 0, below)
    return float(chances @ below)
