"""Fit an artefact to labelled questions.

The questions are played as streams of several lengths, because a young cache is another world than a full one: its
nearest entry with a *different* answer may simply not have been asked yet.

Failure behaviour: pure; raises ValueError with fewer than two groups or no wrong and right candidate at all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from thriftgate.caching.artefact import CacheModel
from thriftgate.caching.evidence import FEATURES
from thriftgate.caching.rehearsal import Conditions, Labelled, collect
from thriftgate.stats.logistic import Matrix, fit_odds

STREAM_LENGTHS = (*(60,) * 20, *(250,) * 6, 1_500, 1_500, 1_000_000)
"""Young caches, of which a stream soon leaves the state, are played more often than full ones."""

_RIDGE = 1.0
_CONSTANT = 1e-6


def calibrate_cache(
    datasets: Sequence[Labelled],
    *,
    calibrated_on: str,
    lengths: Sequence[int] = STREAM_LENGTHS,
    conditions: Conditions | None = None,
    seed: int = 0,
    prior: CacheModel | None = None,
    embedder: str = "local",
) -> CacheModel:
    """Weights that predict, over all data sets together, whether the best candidate's answer is right.

    Each data set is played once for each of `lengths` (cut to its size), in a new random order. `prior` keeps its
    scaling and its first threshold, and pulls the weights towards its own, with its own precision; it was made with the
    same `embedder`.
    """
    rng = np.random.default_rng(seed)
    rows: list[tuple[float, ...]] = []
    labels: list[bool] = []
    for data in datasets:
        for length in lengths:
            order = shuffled(len(data), rng)[:length]
            found = collect(data.take(order), conditions=conditions or Conditions(), seed=int(rng.random() * 2**31))
            rows += found[0]
            labels += found[1]
    if len(set(labels)) < 2:
        raise ValueError("calibration needs questions whose nearest answer is right, and some where it is wrong")
    model = fit(np.array(rows), np.array(labels, dtype=float), calibrated_on=calibrated_on, prior=prior)
    return replace(model, embedder=embedder, threshold=prior.threshold if prior else model.threshold)


def shuffled(size: int, rng: np.random.Generator) -> list[int]:
    """The numbers below `size` in random order."""
    return sorted(range(size), key=rng.random(size).tolist().__getitem__)


def fit(rows: Matrix, labels: Matrix, *, calibrated_on: str, prior: CacheModel | None = None) -> CacheModel:
    """Logistic regression of the labels on the features. `rows`: shape (n, features), raw; `labels`: 1 where right."""
    mean: Matrix
    scale: Matrix
    if prior is None:
        mean, scale = np.array([column.mean() for column in rows.T]), np.array([column.std() for column in rows.T])
        scale[scale < _CONSTANT] = 1.0
        centre, precision = np.zeros(rows.shape[1] + 1), _RIDGE
    else:
        mean = np.array([prior.mean[name] for name in FEATURES])
        scale = np.array([prior.scale[name] for name in FEATURES])
        centre = np.array([prior.intercept, *(prior.weights[name] for name in FEATURES)])
        precision = prior.prior_precision
    design = np.hstack([np.ones((len(rows), 1)), (rows - mean) / scale])
    weights, _ = fit_odds(design, labels, centre=centre, precision=precision)
    return CacheModel(
        calibrated_on=calibrated_on,
        examples=len(labels),
        intercept=round(float(weights[0]), 6),
        weights=_table(weights[1:]),
        mean=_table(mean),
        scale=_table(scale),
    )


def _table(values: Iterable[float]) -> dict[str, float]:
    return {name: round(float(value), 6) for name, value in zip(FEATURES, values, strict=True)}
