"""Fitting the small models: penalised logistic regression, isotonic regression, Platt scaling. Plain numpy.

Used by calibration only, never while serving.

Failure behaviour: labels of only one kind give a model that says their share for everything; nothing is raised.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from thriftgate.cascade.models import Calibrator, Logistic, Probe
from thriftgate.stats.intervals import Floats
from thriftgate.stats.logistic import fit_odds

PENALTIES = (1.0, 10.0, 100.0, 1000.0)
"""Ridge penalties tried, in units of one observation on standardised features."""
Item = TypeVar("Item")
FOLDS = 5
ISOTONIC_NEEDS = 200
"""Labels below which isotonic steps are mostly noise and Platt's two numbers do better."""
_FREE = 1e-6
"""Penalty of an intercept, only so that it stays finite where all labels are of one kind."""
_MOST_BLOCKS = 40
_DIRECTIONS = 48
"""Principal components of the embeddings that a probe may use."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model and the penalty it was fitted with, for refitting on folds."""

    model: Logistic
    penalty: float


def fit_logistic(
    rows: Sequence[Mapping[str, float]],
    outcomes: npt.ArrayLike,
    *,
    features: Sequence[str],
    rng: np.random.Generator,
    penalty: float | None = None,
) -> Fitted:
    """The logistic model over `features`, with the ridge penalty that predicts best across folds unless given."""
    matrix = np.array([[row[name] for name in features] for row in rows], dtype=np.float64).reshape(len(rows), -1)
    target = np.asarray(outcomes, dtype=np.float64)
    means, scales = matrix.mean(axis=0), matrix.std(axis=0)
    # A feature that never varies has nothing to say, and must not blow up when it does at serving time.
    scales = np.where(scales > 1e-9, scales, np.inf)
    standard = np.clip((matrix - means) / scales, -6, 6)
    penalty = best_penalty(standard, target, rng) if penalty is None else penalty
    weights = ridge_logistic(standard, target, penalty)
    varies = np.isfinite(scales)
    model = Logistic(
        features=tuple(name for name, kept in zip(features, varies, strict=True) if kept),
        means=tuple(means[varies].tolist()),
        scales=tuple(scales[varies].tolist()),
        weights=tuple(weights[1:][varies].tolist()),
        intercept=float(weights[0]),
    )
    return Fitted(model, penalty)


def best_penalty(matrix: Floats, target: Floats, rng: np.random.Generator) -> float:
    """The penalty of `PENALTIES` with the least log loss across folds."""
    folds = rng.permutation(len(target)) % FOLDS

    def log_loss(penalty: float) -> float:
        total = 0.0
        for fold in range(FOLDS):
            held = folds == fold
            if held.all() or not held.any():
                continue
            weights = ridge_logistic(matrix[~held], target[~held], penalty)
            margins = (weights[0] + matrix[held] @ weights[1:]) * (1 - 2 * target[held])
            total += float(np.logaddexp(0, margins).sum())
        return total

    return min(PENALTIES, key=log_loss)


def ridge_logistic(matrix: Floats, target: Floats, penalty: float) -> Floats:
    """Intercept and weights of ridge-penalised logistic regression; shape (1 + columns,). The intercept is free."""
    design = np.column_stack([np.ones(len(matrix)), matrix])
    share = (target.sum() + 0.5) / (len(target) + 1)
    start = np.zeros(design.shape[1])
    start[0] = np.log(share / (1 - share))
    precision = np.array([_FREE, *[penalty] * matrix.shape[1]])
    weights, _ = fit_odds(design, target, centre=np.zeros(len(start)), precision=precision, start=start)
    return weights


def fit_calibrator(scores: npt.ArrayLike, outcomes: npt.ArrayLike) -> Calibrator:
    """The map from scores to probabilities: Platt scaling, and isotonic steps when there are labels enough."""
    given, target = np.asarray(scores, dtype=np.float64), np.asarray(outcomes, dtype=np.float64)
    if len(given) == 0:
        return Calibrator(slope=1.0, intercept=0.0)
    centre, spread = float(given.mean()), max(float(given.std()), 1e-9)
    intercept, slope = ridge_logistic(((given - centre) / spread)[:, None], target, 1.0)
    # A score that orders answers the wrong way round must not turn the confidence around with it.
    slope = max(float(slope), 1e-3) / spread
    intercept = float(intercept) - slope * centre
    if len(given) < ISOTONIC_NEEDS:
        return Calibrator(slope=slope, intercept=intercept)
    knots, values = pool_adjacent_violators(given, target)
    return Calibrator(slope=slope, intercept=intercept, knots=tuple(knots.tolist()), values=tuple(values.tolist()))


def pool_adjacent_violators(scores: Floats, outcomes: Floats) -> tuple[Floats, Floats]:
    """Isotonic regression as blocks: each one's mean score and mean outcome, both ascending.

    Taken on at most `_MOST_BLOCKS` equally filled bins, so that the artefact stays readable.
    """
    order = np.argsort(scores, kind="stable")
    parts = np.array_split(order, min(_MOST_BLOCKS, len(order)))
    blocks: list[tuple[float, float, float]] = []
    for part in parts:
        size, centre, level = float(len(part)), float(scores[part].mean()), float(outcomes[part].mean())
        # Bins that share their score, or fall below the one before, become one with it.
        while blocks and (blocks[-1][2] >= level or blocks[-1][1] >= centre):
            size_before, centre_before, level_before = blocks.pop()
            whole = size + size_before
            centre = (centre * size + centre_before * size_before) / whole
            level = (level * size + level_before * size_before) / whole
            size = whole
        blocks.append((size, centre, level))
    return np.array([block[1] for block in blocks]), np.array([block[2] for block in blocks])


def fit_probe(vectors: Floats, outcomes: npt.ArrayLike, *, embedder: str, penalty: float) -> Probe:
    """A linear model over embeddings, shape (n, dimensions), along their main directions."""
    target = np.asarray(outcomes, dtype=np.float64)
    centre = vectors.mean(axis=0)
    spread = (vectors - centre).T @ (vectors - centre) / max(1, len(vectors))
    variances, directions = np.linalg.eigh(spread)
    kept = directions[:, -_DIRECTIONS:] / np.sqrt(np.maximum(variances[-_DIRECTIONS:], 1e-12))
    reduced = np.clip((vectors - centre) @ kept, -6, 6)
    weights = ridge_logistic(reduced, target, penalty)
    along = kept @ weights[1:]
    return Probe(embedder=embedder, weights=tuple(along.tolist()), intercept=float(weights[0] - centre @ along))


def cross_fitted(
    n: int, rng: np.random.Generator, fit_and_predict: Callable[[npt.NDArray[np.intp], npt.NDArray[np.intp]], Floats]
) -> Floats:
    """Predictions for all n items, each by a model that has not seen it: `fit_and_predict(train, held_out)`."""
    folds = rng.permutation(n) % FOLDS
    predicted = np.full(n, np.nan)
    for fold in range(min(FOLDS, n)):
        held = np.flatnonzero(folds == fold)
        rest = np.flatnonzero(folds != fold)
        if len(held) and len(rest):
            predicted[held] = fit_and_predict(rest, held)
    return predicted


def picked(items: Sequence[Item], rows: npt.NDArray[np.intp]) -> list[Item]:
    """The items at these places."""
    return [items[place] for place in rows.tolist()]
