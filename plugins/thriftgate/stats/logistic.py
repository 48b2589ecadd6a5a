"""Logistic regression with a normal prior: the one fit behind calibration, learning and entry offsets.

Failure behaviour: pure; converges from everywhere, because a Newton step that does not improve is halved.
"""

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]

_MOST_STEPS = 30
_MOST_HALVINGS = 30
_CONVERGED = 1e-7


def fit_odds(
    rows: Matrix,
    labels: Matrix,
    *,
    centre: Matrix,
    precision: Matrix | float,
    start: Matrix | None = None,
    offsets: Matrix | float = 0.0,
    counts: Matrix | float = 1.0,
) -> tuple[Matrix, Matrix]:
    """The most probable weights, and their covariance (Laplace's approximation).

    `rows`: shape (n, d); `labels`: 0 or 1; the prior is normal around `centre` (d) with variance 1 / `precision`
    for each weight (d, or one for all); `offsets` are added to the logits; each row stands for `counts` observations,
    which need not be whole numbers (n, or one for all).
    """
    weights = centre if start is None else start
    loss = _loss(rows, labels, weights, centre, precision, offsets, counts)
    for _ in range(_MOST_STEPS):
        p = sigmoid(rows @ weights + offsets)
        gradient = rows.T @ (counts * (p - labels)) + precision * (weights - centre)
        step = np.linalg.solve(_hessian(rows, counts * p * (1 - p), precision), gradient)
        for _ in range(_MOST_HALVINGS):
            candidate = weights - step
            improved = _loss(rows, labels, candidate, centre, precision, offsets, counts)
            if improved <= loss:
                break
            step = step / 2
        else:
            break
        weights, loss = candidate, improved
        if float(np.max(np.abs(step))) < _CONVERGED:
            break
    p = sigmoid(rows @ weights + offsets)
    hessian = _hessian(rows, counts * p * (1 - p), precision)
    covariance: Matrix = np.array(np.linalg.inv(hessian), dtype=float)
    return weights, covariance


def sigmoid(logit: Matrix) -> Matrix:
    """The logistic function, safe for large logits."""
    return 1 / (1 + np.exp(-np.clip(logit, -40, 40)))


def _hessian(rows: Matrix, variances: Matrix, precision: Matrix | float) -> Matrix:
    return (rows * variances[:, None]).T @ rows + precision * np.eye(rows.shape[1])


def _loss(
    rows: Matrix, labels: Matrix, weights: Matrix, centre: Matrix, precision: Matrix | float,
    offsets: Matrix | float, counts: Matrix | float,
) -> float:  # fmt: skip
    """The negative logarithm of the posterior, up to a constant."""
    logits = rows @ weights + offsets
    away = weights - centre
    return float(np.sum(counts * (np.logaddexp(0, logits) - labels * logits))) + float(np.sum(precision * away**2)) / 2
