"""One model per cheaper tier: from what its signals saw to the chance that its answer is no worse.

Confidences are calibrated on cross-fitted scores, so no label judges its own model.

Failure behaviour: a tier whose labels share no feature, or are too few, gets no model; its answers are never accepted.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from thriftgate.cascade.calibration.fit import cross_fitted, fit_calibrator, fit_logistic, fit_probe, picked
from thriftgate.cascade.calibration.labels import Label
from thriftgate.cascade.calibration.policy import as_loss
from thriftgate.cascade.cost_weight import CostWeight, choose_cost_weight, fit_cost_weight
from thriftgate.cascade.models import OUTLOOK, Confidence, Logistic, Probe
from thriftgate.stats.intervals import Floats

LEAST_TO_FIT = 30
"""Labels below which no model is fitted."""
_PROBE_PENALTY = 30.0
"""In observations per direction: questions resemble each other too little for more trust in any one direction."""
_PRESENT = 0.9
"""Share of labels that must have a feature; where it is missing while serving, the request escalates."""


Questions = Sequence[Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class TierModel:
    """How one tier's answers are judged, and weighed by cost."""

    confidence: Confidence
    cost_weight: CostWeight

    def weighed(self, features: Mapping[str, float]) -> float | None:
        """The confidence weighed by cost; None when features are missing."""
        confidence = self.confidence.of(features)
        return None if confidence is None else self.cost_weight.weigh(confidence, features)


@dataclass(frozen=True, slots=True)
class TierModels:
    """One model per tier but the last; None where there was nothing to learn."""

    models: tuple[TierModel | None, ...]

    def scores(self, labels: Sequence[Label]) -> Floats:
        """Weighed confidences, shape (n, tiers - 1); NaN where there is none."""
        scores = np.full((len(labels), len(self.models)), np.nan)
        for tier, model in enumerate(self.models):
            if model is not None:
                weights = (model.weighed(features) for features in _rows(labels, tier))
                scores[:, tier] = [np.nan if weight is None else weight for weight in weights]
        return scores


def is_no_worse(labels: Sequence[Label], tier: int) -> Floats:
    """1 where the tier's answer is at least as good as the strongest one's, else 0."""
    return np.array([float(label.quality[tier] >= label.quality[-1] - 1e-9) for label in labels])


def losses_of(labels: Sequence[Label], tier: int, loss: str) -> Floats:
    """What is lost when the tier's answer is given instead of the strongest one's."""
    return as_loss(np.array([label.quality[-1] - label.quality[tier] for label in labels], dtype=np.float64), loss)


def fit_tier_models(
    labels: Sequence[Label], rng: np.random.Generator, *, limit: float, loss: str
) -> tuple[TierModels, Floats]:
    """A model for every tier but the last, and the labels' weighed confidences.

    The confidences, shape (n, tiers - 1), are cross-fitted: each is by models that have not seen its label.
    """
    cheaper = (len(labels[0].quality) if labels else 2) - 1
    fitted = [_fit_tier(labels, tier, rng, limit, loss) for tier in range(cheaper)]
    scores = np.column_stack([scores for _, scores in fitted]) if labels else np.empty((0, cheaper))
    return TierModels(tuple(model for model, _ in fitted)), scores


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
    labels: Sequence[Label], tier: int, rng: np.random.Generator, limit: float, loss: str
) -> tuple[TierModel | None, Floats]:
    """The tier's model and its cross-fitted, weighed confidences; vetoed answers teach nothing, they never count."""
    scores = np.full(len(labels), np.nan)
    rows = _rows(labels, tier)
    known = [place for place, label in enumerate(labels) if tier < len(label.features) and not _is_vetoed(label, tier)]
    names = usable_features([rows[place] for place in known])
    places = np.array([place for place in known if all(name in rows[place] for name in names)], dtype=np.intp)
    if len(places) < LEAST_TO_FIT or not names:
        return None, scores
    whole, outcomes = picked(rows, places), is_no_worse(labels, tier)[places]
    fitted = fit_logistic(whole, outcomes, features=names, rng=rng)

    def predict(rest: npt.NDArray[np.intp], held: npt.NDArray[np.intp]) -> Floats:
        fold = fit_logistic(picked(whole, rest), outcomes[rest], features=names, rng=rng, penalty=fitted.penalty)
        return log_odds(fold.model, picked(whole, held))

    raw = cross_fitted(len(places), rng, predict)
    calibrator = fit_calibrator(raw, outcomes)
    confidences = [calibrator.confidence(score) for score in raw.tolist()]
    costs = [label.cost_usd[-1] for label in picked(labels, places)]
    lost = losses_of(labels, tier, loss)[places]
    cost_weight, weighed = choose_cost_weight(
        fit_cost_weight(whole, costs), whole, confidences, lost, costs, limit=limit
    )
    scores[places] = weighed
    return TierModel(Confidence(fitted.model, calibrator), cost_weight), scores


def log_odds(model: Logistic, rows: Sequence[Mapping[str, float]]) -> Floats:
    """Scores per row; NaN where features are missing."""
    found = [model.score(row) for row in rows]
    return np.array([np.nan if score is None else score for score in found], dtype=np.float64)


def _rows(labels: Sequence[Label], tier: int) -> list[Mapping[str, float]]:
    """The features of a tier's answers; empty where there are none."""
    return [label.features[tier] if tier < len(label.features) else {} for label in labels]


def _is_vetoed(label: Label, tier: int) -> bool:
    return tier < len(label.vetoes) and label.vetoes[tier] is not None


def fit_outlook(questions: Questions, outcomes: Floats, rng: np.random.Generator) -> tuple[Confidence, Floats] | None:
    """A calibrated model over the questions' features, and its cross-fitted outlook on each of them.

    None when there are too few questions, no features, or only one kind of outcome.
    """
    names = usable_features(questions)
    if len(questions) < LEAST_TO_FIT or not names or not 0 < outcomes.mean() < 1:
        return None
    whole = [i for i, question in enumerate(questions) if all(name in question for name in names)]
    rows, target = [questions[i] for i in whole], outcomes[whole]
    fitted = fit_logistic(rows, target, features=names, rng=rng)

    def predict(rest: npt.NDArray[np.intp], held: npt.NDArray[np.intp]) -> Floats:
        fold = fit_logistic(picked(rows, rest), target[rest], features=names, rng=rng, penalty=fitted.penalty)
        return log_odds(fold.model, picked(rows, held))

    scores = np.nan_to_num(cross_fitted(len(rows), rng, predict))
    confidence = Confidence(fitted.model, fit_calibrator(scores, target))
    outlook = np.full(len(questions), np.nan)
    outlook[whole] = [confidence.calibrator.confidence(score) for score in scores.tolist()]
    return confidence, outlook


def outlooks(confidence: Confidence | None, questions: Questions, cost_weight: CostWeight | None = None) -> Floats:
    """The outlook on each question, weighed by cost where there is a weight; NaN without a model or features."""
    chances = [None if confidence is None else confidence.of(question) for question in questions]
    found = np.array([np.nan if chance is None else chance for chance in chances], dtype=np.float64)
    return found if cost_weight is None else weighed_all(found, questions, cost_weight)


def weighed_all(outlook: Floats, questions: Questions, cost_weight: CostWeight) -> Floats:
    """Outlooks weighed by what each question would cost at the strongest tier."""
    return np.array([cost_weight.weigh(chance, one) for chance, one in zip(outlook.tolist(), questions, strict=True)])
