"""Fits the classifiers of `thriftgate.guards`: sparse logistic regression, each source of equal weight."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from thriftgate.guards.classifier import LinearWeights
from thriftgate.guards.hashing import BUCKETS

Rows = npt.NDArray[np.float64]
_PHRASES, _VECTOR = 1.0, 6.0
"""How strongly phrases and vectors count before regularisation, against words of length 1."""


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
        phrases: Any = sparse.csr_matrix(np.array([one for _, one in features]) * _PHRASES)
        self.phrases = int(phrases.shape[1])
        self.matrix: Any = sparse.hstack([words, phrases], format="csr")
        self.vectors = None if vectors is None else vectors * _VECTOR

    def fit(self, rows: npt.NDArray[np.int64], labels: Rows, weights: Rows, *, strength: float) -> "Fitted":
        """A model of some rows."""
        model: Any = LogisticRegression(C=strength, max_iter=80, tol=0.001, solver="lbfgs")
        model.fit(self.matrix[rows], labels[rows], sample_weight=weights[rows])
        return Fitted(np.asarray(model.coef_[0]), float(model.intercept_[0]), self.phrases)

    def fit_vectors(
        self, rows: npt.NDArray[np.int64], labels: Rows, weights: Rows, *, strength: float
    ) -> tuple[Rows, float]:
        """The coefficients and the bias of a model of some rows by their vectors alone."""
        assert self.vectors is not None, "a table without vectors"
        model: Any = LogisticRegression(C=strength, max_iter=80, tol=0.001, solver="lbfgs")
        model.fit(self.vectors[rows], labels[rows], sample_weight=weights[rows])
        return np.asarray(model.coef_[0]), float(model.intercept_[0])


class Fitted:
    """A linear model over a table."""

    def __init__(self, coefficients: Rows, bias: float, phrases: int, vector: Rows | None = None) -> None:
        self.coefficients = coefficients
        self.bias = bias
        self._phrases = phrases
        self._vector = vector

    def beside(self, vector: Rows, bias: float, share: float) -> "Fitted":
        """This model with a part of the logit of one by vectors added to its own."""
        return Fitted(self.coefficients, self.bias + share * bias, self._phrases, share * vector)

    def logits(self, table: Table) -> Rows:
        """Of every row."""
        logits: Rows = table.matrix @ self.coefficients + self.bias
        if self._vector is not None and table.vectors is not None:
            logits = logits + table.vectors @ self._vector
        return logits

    def weights(self, at: float) -> LinearWeights:
        """As they are shipped: the logit `at` becomes a score of one half."""
        return LinearWeights(
            bias=self.bias - at,
            words=self.coefficients[:BUCKETS].astype(np.float32),
            phrases=(self.coefficients[BUCKETS:] * _PHRASES).astype(np.float32),
            vector=None if self._vector is None else (self._vector * _VECTOR).astype(np.float32),
            threshold=0.5,
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
