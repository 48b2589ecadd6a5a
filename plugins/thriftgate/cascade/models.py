"""The two small models behind a confidence: a logistic one over signals, and a map from its score to a probability.

Both are plain numbers that live in the artefact; serving needs no library. A score is a log-odds; a confidence is
the calibrated probability that the answer is no worse than the strongest tier's.

Failure behaviour: a feature that is missing or not finite makes the score None, which escalates.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from thriftgate.types import Vector

OUTLOOK = "embedding_outlook"
"""The feature that a probe makes of the question's embedding."""
_FARTHEST = 6.0
"""Standard deviations beyond which a feature counts no further: one freak value must not decide alone."""
_PLATT_SHARE = 0.01
"""Isotonic regression has flat steps; this much of a smooth curve keeps the order of scores inside them."""


@dataclass(frozen=True, slots=True)
class Logistic:
    """Log-odds as a weighted sum of standardised features."""

    features: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float

    def score(self, features: Mapping[str, float]) -> float | None:
        """The log-odds; None when a feature is missing or not finite."""
        total = self.intercept
        for name, mean, scale, weight in zip(self.features, self.means, self.scales, self.weights, strict=True):
            value = features.get(name)
            if value is None or not math.isfinite(value):
                return None
            total += weight * max(-_FARTHEST, min(_FARTHEST, (value - mean) / scale))
        return total

    def contributions(self, features: Mapping[str, float]) -> dict[str, float]:
        """What each feature adds to the log-odds, for explanations; features that are missing are left out."""
        return {
            name: weight * max(-_FARTHEST, min(_FARTHEST, (features[name] - mean) / scale))
            for name, mean, scale, weight in zip(self.features, self.means, self.scales, self.weights, strict=True)
            if name in features
        }


@dataclass(frozen=True, slots=True)
class Calibrator:
    """A strictly increasing map from scores to probabilities: isotonic between `knots`, with a little Platt."""

    slope: float
    intercept: float
    knots: tuple[float, ...] = ()
    """Scores at the centres of isotonic blocks, ascending; empty with few labels: Platt scaling alone."""
    values: tuple[float, ...] = ()
    """The probability at each knot, never descending."""

    def confidence(self, score: float) -> float:
        """The probability in [0, 1]; a higher score never gets a lower one."""
        smooth = probability_of(self.slope * score + self.intercept)
        if not self.knots:
            return smooth
        return (1 - _PLATT_SHARE) * self._step(score) + _PLATT_SHARE * smooth

    def _step(self, score: float) -> float:
        place = bisect_right(self.knots, score)
        if place == 0:
            return self.values[0]
        if place == len(self.knots):
            return self.values[-1]
        low, high = self.knots[place - 1], self.knots[place]
        return self.values[place - 1] + (score - low) / (high - low) * (self.values[place] - self.values[place - 1])


@dataclass(frozen=True, slots=True)
class Confidence:
    """Features to confidence: a logistic model and its calibration."""

    model: Logistic
    calibrator: Calibrator

    def of(self, features: Mapping[str, float]) -> float | None:
        """The calibrated confidence; None when a feature is missing."""
        score = self.model.score(features)
        return None if score is None else self.calibrator.confidence(score)


@dataclass(frozen=True, slots=True)
class Probe:
    """A linear reading of the question's embedding: how well did the cheap model do on questions like this?"""

    embedder: str
    """Fingerprint of the embedder; vectors of another one mean nothing."""
    weights: tuple[float, ...]
    intercept: float

    def outlook(self, vector: Vector) -> float:
        """The log-odds read from the vector. Raises ValueError for a vector of another length."""
        return self.intercept + float(np.dot(vector, self.weights))


def probability_of(log_odds: float) -> float:
    """Probability of log-odds, without overflow."""
    if log_odds >= 0:
        return 1 / (1 + math.exp(-min(log_odds, 700.0)))
    grown = math.exp(max(log_odds, -700.0))
    return grown / (1 + grown)
