"""One model per cheaper tier: from what its signals saw to the chance that its answer is no worse.

Failure behaviour: a tier whose labels share no feature, or are too few, gets no model; its answers are never accepted.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from thriftgate.cascade.fit import Fitted, cross_fitted, fit_logistic, fit_probe, picked
from thriftgate.cascade.labels import Label
from thriftgate.cascade.models import OUTLOOK, Logistic, Probe
from thriftgate.stats.intervals import Floats

LEAST_TO_FIT = 30
"""Labels below which no model is fitted."""
_PROBE_PENALTY = 30.0
"""In observations per direction: questions resemble each other too little for more trust in any one direction."""
_PRESENT = 0.9
"""Share of labels that must have a feature; where it is missing while serving, the request escalates."""


@dataclass(frozen=True, slots=True)
class TierModels:
    """The models, and the scores they give to labels."""

    models: tuple[Logistic | None, ...]

    def scores(self, labels: Sequence[Label]) -> Floats:
        """Log-odds, shape (n, tiers - 1); NaN where there is no score."""
        columns = [_scores_of(model, labels, tier) for tier, model in enumerate(self.models)]
        return np.column_stack(columns) if labels else np.empty((0, len(self.models)))


def is_no_worse(labels: Sequence[Label], tier: int) -> Floats:
    """1 where the tier's answer is at least as good as the strongest one's, else 0."""
    return np.array([float(label.quality[tier] >= label.quality[-1] - 1e-9) for label in labels])


def fit_tier_models(labels: Sequence[Label], rng: np.random.Generator) -> TierModels:
    """Fit a model for every tier but the last."""
    tiers = len(labels[0].quality) if labels else 2
    fitted = [_fit_tier(labels, tier, rng) for tier in range(tiers - 1)]
    return TierModels(tuple(one.model if one else None for one in fitted))


def cross_fitted_scores(labels: Sequence[Label], rng: np.random.Generator) -> Floats:
    """Scores of each label by models that have not seen it; shape as `TierModels.scores`."""
    tiers = range(len(labels[0].quality) - 1)
    return np.column_stack([_cross_fitted_tier(labels, tier, rng) for tier in tiers])


def usable_features(rows: Sequence[Mapping[str, float]]) -> tuple[str, ...]:
    """Features that nearly all rows have, as finite numbers, in a fixed order."""
    counts = Counter(name for row in rows for name, value in row.items() if np.isfinite(value))
    return tuple(sorted(name for name, count in counts.items() if count >= _PRESENT * len(rows)))


def with_outlook(labels: Sequence[Label], rng: np.random.Generator, *, embedder: str) -> tuple[Probe, list[Label]]:
    """A probe over the questions' vectors, and the labels with their cross-fitted outlook as one more feature."""
    vectors = np.array([label.vector for label in labels], dtype=np.float64)
    outcomes = is_no_worse(labels, 0)
    probe = fit_probe(vectors, outcomes, embedder=embedder, penalty=_PROBE_PENALTY)

    def predict(rest: npt.NDArray[np.intp], held: npt.NDArray[np.intp]) -> Floats:
        fold = fit_probe(vectors[rest], outcomes[rest], embedder=embedder, penalty=_PROBE_PENALTY)
        return vectors[held] @ np.array(fold.weights) + fold.intercept

    return probe, add_outlook(labels, cross_fitted(len(labels), rng, predict))


def add_outlook(labels: Sequence[Label], outlooks: Floats) -> list[Label]:
    """The labels with the outlook among the features of each answer and of the question."""
    return [
        replace(
            label,
            features=tuple({**features, OUTLOOK: float(outlook)} for features in label.features),
            question={**label.question, OUTLOOK: float(outlook)},
        )
        for label, outlook in zip(labels, outlooks, strict=True)
    ]


def _fit_tier(
    labels: Sequence[Label], tier: int, rng: np.random.Generator, penalty: float | None = None
) -> Fitted | None:
    """Vetoed answers never come to a decision, so they teach nothing about it."""
    usable = [label for label in labels if tier < len(label.features) and not _is_vetoed(label, tier)]
    names = usable_features([label.features[tier] for label in usable])
    whole = [label for label in usable if all(name in label.features[tier] for name in names)]
    if len(whole) < LEAST_TO_FIT or not names:
        return None
    rows = [label.features[tier] for label in whole]
    return fit_logistic(rows, is_no_worse(whole, tier), features=names, rng=rng, penalty=penalty)


def _cross_fitted_tier(labels: Sequence[Label], tier: int, rng: np.random.Generator) -> Floats:
    whole = _fit_tier(labels, tier, rng)

    def predict(rest: npt.NDArray[np.intp], held: npt.NDArray[np.intp]) -> Floats:
        fold = _fit_tier(picked(labels, rest), tier, rng, penalty=whole.penalty if whole else None)
        return _scores_of(fold.model if fold else None, picked(labels, held), tier)

    return cross_fitted(len(labels), rng, predict)


def _scores_of(model: Logistic | None, labels: Sequence[Label], tier: int) -> Floats:
    if model is None:
        return np.full(len(labels), np.nan)
    scored = [model.score(label.features[tier]) if tier < len(label.features) else None for label in labels]
    return np.array([np.nan if score is None else score for score in scored], dtype=np.float64)


def _is_vetoed(label: Label, tier: int) -> bool:
    return tier < len(label.vetoes) and label.vetoes[tier] is not None
