"""The rule a decision is made by, as an immutable value: weights, their uncertainty, and a threshold.

Failure behaviour: pure. `FixedThreshold` promises nothing; `CachePolicy` is as good as its confidences are calibrated.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thriftgate.caching.artefact import CacheModel
from thriftgate.caching.entries import Observation
from thriftgate.caching.evidence import FEATURES
from thriftgate.stats.logistic import Matrix, fit_odds, sigmoid

SERVED = "served"
"""Name in `Observation.features`: 1 when the observation is about an answer that was served."""
CONFIDENCE = "confidence"
"""Name in `Observation.features`: the confidence at the time of the decision."""
TENANT = "tenant"
"""Name in `Observation.features`: a number that stands for who asked (`CacheScope.tenant`)."""


@dataclass(frozen=True, slots=True)
class FixedThreshold:
    """Serve the nearest entry that no guard objects to, from this similarity on."""

    min_similarity: float


@dataclass(frozen=True, slots=True, eq=False)
class CachePolicy:
    """Serve an answer whose confidence reaches the threshold."""

    mean: Matrix
    scale: Matrix
    weights: Matrix
    """Shape (1 + features,), the intercept first."""
    covariance: Matrix
    """How unsure the weights are; shape (1 + features, 1 + features)."""
    entry_variance: float
    threshold: float
    explore: float = 0.0
    """Share of the hits nearest to the threshold that go upstream instead, to be compared."""

    @staticmethod
    def of(artefact: CacheModel, *, max_error: float) -> "CachePolicy":
        """The policy of a route that has seen nothing yet; with `max_error` 0 it serves nothing."""
        table = [[values[name] for name in FEATURES] for values in (artefact.mean, artefact.scale, artefact.weights)]
        return CachePolicy(
            np.array(table[0]),
            np.array(table[1]),
            np.array([artefact.intercept, *table[2]]),
            np.eye(len(FEATURES) + 1) / artefact.prior_precision,
            artefact.entry_variance,
            artefact.threshold if max_error > 0 else math.inf,
        )

    def row(self, values: Sequence[float]) -> Matrix:
        """The standardised features with a leading 1."""
        row = np.ones(len(values) + 1)
        row[1:] = (np.asarray(values) - self.mean) / self.scale
        return row

    def confidence(self, values: Sequence[float], outcomes: Sequence[Observation] = ()) -> float:
        """Probability that the answer is right, given its evidence and the entry's own verified outcomes. 15 µs."""
        row = self.row(values)
        logit = float(row @ self.weights) + (self.entry_offset(outcomes) if outcomes else 0.0)
        return float(moderated(np.array(logit), np.array(row @ self.covariance @ row)))

    def entry_offset(self, outcomes: Sequence[Observation]) -> float:
        """How much better or worse this entry did than its evidence promised, in log-odds.

        The mode of a Bayesian logistic model with an offset for each entry, normal around 0 with
        `entry_variance`: an entry without outcomes is like all others, and one with many has its own boundary.
        """
        if not outcomes or self.entry_variance == 0:
            return 0.0
        expected = np.array([self._logit_of(outcome) for outcome in outcomes])
        is_correct = np.array([float(outcome.is_correct) for outcome in outcomes])
        offset, _ = fit_odds(
            np.ones((len(outcomes), 1)),
            is_correct,
            centre=np.zeros(1),
            precision=1 / self.entry_variance,
            offsets=expected,
        )
        return float(offset[0])

    def _logit_of(self, outcome: Observation) -> float:
        """What the evidence of an outcome promised; without evidence, what it takes to be served."""
        values = values_of(outcome)
        if values is None:
            bounded = min(max(self.threshold, 0.5), 0.999)
            return math.log(bounded / (1 - bounded))
        return float(self.row(values) @ self.weights)


def values_of(observation: Observation) -> tuple[float, ...] | None:
    """The evidence an observation was made with, in the order of `FEATURES`; None when any of it is missing."""
    values = tuple(observation.features.get(name, math.nan) for name in FEATURES)
    return None if any(math.isnan(value) for value in values) else values


def moderated(logit: Matrix, variance: Matrix) -> Matrix:
    """The probability averaged over the uncertainty of the logit (MacKay 1992): unsure weights pull towards 1/2."""
    return sigmoid(logit / np.sqrt(1 + np.pi * variance / 8))
