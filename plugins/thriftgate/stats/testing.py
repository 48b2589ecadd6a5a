"""Learn-then-Test: choose a threshold from data and still promise something about it.

For each candidate, a p-value against "this candidate loses more than `limit`". Tested from the safest candidate
to the boldest and stopped at the first that fails, the chance that any candidate passed wrongly is at most delta,
without a price for their number (fixed-sequence testing; Angelopoulos et al. 2021, arXiv 2110.01052).
The guarantee rests on the p-values, so they hold for finite samples: no normal approximation. None of them depends on
the order of the losses: files are sorted, and a file's order is no evidence.

Failure behaviour: losses outside their range raise ValueError; no data gives the p-value 1.
"""

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from thriftgate.stats.intervals import Floats, clopper_pearson

_NUISANCE_LEVEL = 0.001
"""Spent on not knowing how often the two answers differ (Berger & Boos 1994)."""
_NUISANCE_GRID = 24
_STAKES = (0.12, 0.3, 0.75)
"""Shares of the largest stake that cannot ruin the gambler; fixed before any label is seen."""


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


def loss_p_value(losses: npt.ArrayLike, limit: float, clusters: npt.ArrayLike | None = None) -> float:
    """Evidence against "the mean loss is at least `limit`", by the sharpest test that fits the data.

    Losses of only 0 and 1 get the exact binomial test, of -1, 0 and 1 the exact trinomial one, all others in
    [-1, 1] a bet with fixed stakes, which needs two to three times as many labels for the same evidence.

    `clusters` (of equal length) names losses that may be the same loss again, such as one question asked twice: they
    then count as repeats of each other, by the effective sample size (Korn & Graubard 1998), taken at its worst.
    """
    sample = _checked(losses)
    repeats = 1.0 if clusters is None else design_effect(clusters)
    plus, minus = int((sample == 1).sum()), int((sample == -1).sum())
    if plus + minus + int((sample == 0).sum()) == len(sample):
        n, worse, better = len(sample), plus, minus
        if repeats > 1:
            n, worse, better = math.floor(n / repeats), math.ceil(plus / repeats), math.floor(minus / repeats)
            worse = min(worse, n)
            better = min(better, n - worse)
        return trinomial_p_value(worse, better, n, limit) if better else binomial_p_value(worse, n, limit)
    return fixed_stakes_p_value(sample - limit, most=1 - limit, repeats=repeats)


def design_effect(clusters: npt.ArrayLike) -> float:
    """How many labels do the work of one where all labels of a cluster say the same: at least 1 (Kish 1965)."""
    sizes = np.unique(np.asarray(clusters), return_counts=True)[1]
    return float((sizes.astype(np.float64) ** 2).sum() / sizes.sum()) if len(sizes) else 1.0


def fixed_stakes_p_value(excesses: npt.ArrayLike, *, most: float, repeats: float = 1.0) -> float:
    """Evidence against "the mean excess is at least 0" for independent values of at most `most`.

    The capital of a gambler who stakes the same share against every value, averaged over a few shares that were
    chosen before: an e-value, since none of its factors has a mean above 1, and a product knows no order. Its
    reciprocal is a p-value (Markov). After Waudby-Smith & Ramdas 2020 (arXiv 2010.09686) and, for mixtures of constant
    stakes, Orabona & Jun 2021 (arXiv 2110.14099). Where every value stands `repeats` times, a bet counts once.
    """
    sample = np.sort(np.asarray(excesses, dtype=np.float64))
    if len(sample) == 0:
        return 1.0
    if most <= 0:
        return 0.0 if most < 0 else 1.0
    if not sample.max() <= most + 1e-12:
        raise ValueError(f"an excess is at most {most:g}")
    logs = [float(np.log1p(-share / most * np.minimum(sample, most)).sum()) / repeats for share in _STAKES]
    peak = max(logs)
    capital = peak + math.log(math.fsum(math.exp(one - peak) for one in logs) / len(logs))
    return math.exp(-capital) if capital > 0 else 1.0


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
    if plus - minus >= n * limit:
        # No evidence at all. Left to the tails, one loss more could lower it here (.91 to .86 with three labels),
        # since it also narrows the interval of the unknown share.
        return 1.0
    shares = clopper_pearson(plus + minus, n, 1 - _NUISANCE_LEVEL)
    least, most = max(shares.low, abs(limit)), shares.high
    if most < least:
        # So few losses differ from 0 that a net share of `limit` is itself refuted.
        return _NUISANCE_LEVEL
    distance = _distance(plus - minus, plus + minus, n, limit)
    tails = [_tail(distance, n, float(share), limit) for share in np.geomspace(least, most, _NUISANCE_GRID)]
    return min(1.0, max(tails) + _NUISANCE_LEVEL)


def beta_binomial_tail(count: int, n: int, a: float, b: float) -> float:
    """P(X >= count) for X successes of n whose share is Beta(a, b) distributed; 1 where count is not above the mean."""
    if not 0 <= count <= n or a <= 0 or b <= 0:
        raise ValueError(f"no such count or distribution: {count} of {n}, Beta({a}, {b})")
    if count <= n * a / (a + b):
        return 1.0
    first = (
        math.lgamma(n + 1) - math.lgamma(count + 1) - math.lgamma(n - count + 1)
        + math.lgamma(count + a) + math.lgamma(n - count + b) - math.lgamma(n + a + b)
        - math.lgamma(a) - math.lgamma(b) + math.lgamma(a + b)
    )  # fmt: skip
    steps = np.arange(count, n, dtype=np.float64)
    ratios = (n - steps) * (steps + a) / ((steps + 1) * (n - steps - 1 + b))
    # Each term from the one before; in logarithms, which neither overflow nor vanish.
    terms = np.concatenate([[0.0], np.cumsum(np.log(ratios))])
    return float(min(1.0, np.exp(first + terms).sum()))


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


def _checked(losses: npt.ArrayLike) -> Floats:
    sample = np.asarray(losses, dtype=np.float64)
    if len(sample) and not (sample.min() >= -1 and sample.max() <= 1):
        raise ValueError("every loss must lie in [-1, 1]")
    return sample
