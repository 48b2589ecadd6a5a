"""Fits the classifiers of `thriftgate.guards`: logistic regression, each source of equal weight."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from thriftgate.guards.classifier import WordWeights
from thriftgate.guards.hashing import BUCKETS

Rows = npt.NDArray[np.float64]
_VECTOR = 6.0
"""How strongly vectors count before regularisation."""


class Table:
    """Windows as rows of features."""

    def __init__(
        self,
        features: Sequence[tuple[Mapping[int, float], Sequence[float]]],
        vectors: npt.NDArray[np.float32] | None,
    ) -> None:
        counts = [len(words) for words, _ in features]
        columns = np.concatenate([np.fromiter(words.keys(), np.int64, len(words)) for words, _ in features])
        values = np.concatenate([np.fromiter(words.values(), np.float64, len(words)) for words, _ in features])
        indptr = np.concatenate([[0], np.cumsum(counts)])
        words = sparse.csr_matrix((values, columns, indptr), shape=(len(features), BUCKETS))
        phrases: Any = sparse.csr_matrix(np.array([one for _, one in features]))
        self.phrases = int(phrases.shape[1])
        self.matrix: Any = sparse.hstack([words, phrases], format="csr")
        self.vectors = vectors

    def fit(self, rows: npt.NDArray[np.int64], labels: Rows, weights: Rows, *, strength: float) -> "Fitted":
        """A model of some rows by words and phrases."""
        model: Any = LogisticRegression(C=strength, max_iter=80, tol=0.001, solver="lbfgs")
        model.fit(self.matrix[rows], labels[rows], sample_weight=weights[rows])
        return Fitted(np.asarray(model.coef_[0]), float(model.intercept_[0]), self.phrases)

    def fit_vectors(self, rows: npt.NDArray[np.int64], labels: Rows, weights: Rows, *, strength: float) -> "Spoken":
        """A model of some rows by their vectors alone."""
        assert self.vectors is not None, "a table without vectors"
        model: Any = LogisticRegression(C=strength, max_iter=300, tol=0.001, solver="lbfgs")
        model.fit(self.vectors[rows] * _VECTOR, labels[rows], sample_weight=weights[rows])
        return Spoken(np.asarray(model.coef_[0]) * _VECTOR, float(model.intercept_[0]), np.inf)


@dataclass(frozen=True)
class Spoken:
    """What vectors say: a linear model of them that never says more than `most`, either way."""

    row: Rows
    bias: float
    most: float

    def share(self, part: float, most: float) -> "Spoken":
        """A part of it, of at most `most` of its own logit."""
        return Spoken(part * self.row, part * self.bias, part * most)

    def logits(self, vectors: npt.NDArray[np.float32]) -> Rows:
        """Of every row."""
        return np.clip(vectors @ self.row + self.bias, -self.most, self.most)


@dataclass(frozen=True)
class Fitted:
    """A linear model of words and phrases over a table."""

    coefficients: Rows
    bias: float
    phrases: int

    def logits(self, table: Table) -> Rows:
        """Of every row."""
        return table.matrix @ self.coefficients + self.bias

    def weights(self, at: float) -> WordWeights:
        """As they are shipped: the logit `at` becomes a score of one half."""
        return WordWeights(
            bias=self.bias - at,
            words=self.coefficients[:BUCKETS].astype(np.float32),
            phrases=self.coefficients[BUCKETS:].astype(np.float32),
        )


def balanced(sources: Sequence[str], labels: Rows, importance: Mapping[str, float]) -> Rows:
    """Weights so that each source counts alike, or by its importance, and both classes too."""
    names = np.array(sources)
    weights = np.ones(len(names))
    for name in set(sources):
        at = names == name
        weights[at] = importance.get(name, 1.0) / at.sum() ** 0.3
    for label in (0.0, 1.0):
        at = labels == label
        weights[at] *= len(names) / 2 / weights[at].sum()
    return weights
