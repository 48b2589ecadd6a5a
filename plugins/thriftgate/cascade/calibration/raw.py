"""A score that nobody has fitted: signals with a sign that was known before any label, added up.

A few hundred labels are too few to weigh twenty signals, and those that teach prove nothing. Equal weights on signals
whose direction is known lose little against fitted ones (Dawes 1979), and where nothing is learnt every label tests:
thresholds are quantiles of the scores, which no outcome has touched, so that the tests are exact.

Failure behaviour: a tier whose answers have none of these signals gets no model; its answers are never accepted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from thriftgate.cascade.calibration.candidates import thresholds
from thriftgate.cascade.calibration.fit import fit_calibrator, picked
from thriftgate.cascade.calibration.labels import Label
from thriftgate.cascade.calibration.policy import Replay, ThresholdPolicy
from thriftgate.cascade.calibration.tier_models import (
    LEAST_TO_FIT,
    TierModel,
    TierModels,
    is_no_worse,
    log_odds,
    usable_features,
)
from thriftgate.cascade.cost_weight import CostWeight
from thriftgate.cascade.models import Confidence, Logistic
from thriftgate.stats.intervals import Floats

FAMILIES: Sequence[Mapping[str, float]] = (
    {"logprob_mean": 1.0, "logprob_min": 1.0, "logprob_q10": 1.0},
    {"margin_min": 1.0, "margin_q10": 1.0},
    {"self_confidence": 1.0},
    {"judge_score": 1.0},
    {"agreement": 2.0, "word_overlap": 1.0},
)
"""Direct evidence of how sure the answer is; each family counts once, however many numbers it has."""
WORDING: Mapping[str, float] = {
    "refusal": -1.0,
    "ignorance": -1.0,
    "hedges": -1.0,
    "corrections": -1.0,
    "sums_wrong": -1.0,
    "repetition": -1.0,
    "answer_length": -1.0,
    "question_length": -1.0,
    "concludes": 1.0,
    "ends_cleanly": 1.0,
}
"""What long, hedged or broken answers have in common; used where there is no direct evidence, which it would blur."""
_RUNGS = 60


def has_direct_evidence(labels: Sequence[Label]) -> bool:
    """Whether every cheaper tier's answers bring log-probabilities, by which a sum of signals orders them well.

    On texts alone, and on agreement, the fitted score proved more at 800 labels already (evals/cascade).
    """
    if not labels:
        return False
    tiers = range(len(labels[0].quality) - 1)
    return all("logprob_mean" in usable_features(_rows(labels, tier)) for tier in tiers)


def raw_weights(names: Sequence[str]) -> dict[str, float]:
    """The weight of each of these features that has a known sign."""
    weights: dict[str, float] = {}
    has_evidence = any(name in names for family in FAMILIES for name in family)
    for family in FAMILIES if has_evidence else (WORDING,):
        present = {name: sign for name, sign in family.items() if name in names}
        size = sum(abs(sign) for sign in present.values())
        weights |= {name: sign / size for name, sign in present.items()}
    return weights


def raw_tier_models(labels: Sequence[Label]) -> tuple[TierModels, Floats]:
    """The unfitted model of every tier but the last, and the labels' confidences, shape (n, tiers - 1).

    Only the map from scores to the confidences that are shown is fitted. It rises strictly, so that it changes neither
    the order of the answers nor what a threshold at a quantile accepts.
    """
    cheaper = (len(labels[0].quality) if labels else 2) - 1
    models: list[TierModel | None] = []
    scores = np.full((len(labels), cheaper), np.nan)
    for tier in range(cheaper):
        rows = _rows(labels, tier)
        known = np.array([place for place, row in enumerate(rows) if row], dtype=np.intp)
        seen = picked(rows, known)
        model = _raw_model(seen) if len(known) >= LEAST_TO_FIT else None
        if model is None:
            models.append(None)
            continue
        odds = log_odds(model, seen)
        usable = np.isfinite(odds)
        fitted = fit_calibrator(odds[usable], is_no_worse(picked(labels, known[usable]), tier))
        confidence = Confidence(model, replace(fitted, knots=(), values=()))
        models.append(TierModel(confidence, CostWeight()))
        scores[known, tier] = [confidence.of(row) if fine else np.nan for row, fine in zip(seen, usable, strict=True)]
    return TierModels(tuple(models)), scores


def raw_candidates(replay: Replay) -> list[ThresholdPolicy]:
    """Thresholds at quantiles of the scores, strict to loose, at the same quantile on every tier."""
    ladders = [thresholds(scores, _RUNGS) for scores in replay.scores.T]
    longest = max(len(ladder) for ladder in ladders)
    # Shorter ladders end earlier: the last rung accepts all that has a score.
    rungs = [tuple(ladder[min(place, len(ladder) - 1)] for ladder in ladders) for place in range(longest)]
    return [ThresholdPolicy(rung) for rung in rungs]


def _rows(labels: Sequence[Label], tier: int) -> list[Mapping[str, float]]:
    """The features of a tier's answers; empty where there are none."""
    return [label.features[tier] if tier < len(label.features) else {} for label in labels]


def _raw_model(rows: Sequence[Mapping[str, float]]) -> Logistic | None:
    weights = raw_weights(usable_features(rows))
    matrix = np.array([[row.get(name, np.nan) for name in weights] for row in rows], dtype=np.float64)
    if not weights:
        return None
    scales = np.nanstd(matrix, axis=0)
    varies = [place for place, scale in enumerate(scales) if scale > 1e-9]
    if not varies:
        return None
    names = [list(weights)[place] for place in varies]
    return Logistic(
        features=tuple(names),
        means=tuple(float(np.nanmean(matrix[:, place])) for place in varies),
        scales=tuple(float(scales[place]) for place in varies),
        weights=tuple(weights[name] for name in names),
        intercept=0.0,
    )
