"""How a route learns which answers may be served again, and keeps its promise while it does.

The model is a Bayesian logistic regression that starts from an artefact (pooled over domains) and follows the
route's verified outcomes; each entry adds its own offset (`Policy.entry_offset`). The threshold is the lowest one
at which the wrong answers expected in a window of requests stay under a budget (`error_budget`).

Failure behaviour: pure and deterministic; the same calls in the same order give the same state. Not thread-safe.
"""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np

from thriftgate.caching.artefact import Artefact
from thriftgate.caching.decision import Decision, Miss, decide
from thriftgate.caching.entries import Neighbour, Observation
from thriftgate.caching.evidence import FEATURES
from thriftgate.caching.logistic import Matrix, fit_logistic
from thriftgate.caching.policy import CONFIDENCE, SERVED, Policy, moderated, values_of

WINDOW = 10_000
"""Requests over which the threshold is set."""
KEPT_OBSERVATIONS = 5_000
_REFIT_EVERY = 50
_RETHRESHOLD_EVERY = 50
_FIRST_THRESHOLD_AT = 200
_LOWEST_THRESHOLD = 0.8
"""Whatever the budget allows, an answer is not served on worse odds than four to one."""
_CALIBRATED_UNTIL_SHOWN = 5.0
"""The confidences are believed as firmly as if so many expected errors among checked hits had come true."""


class Learner:
    """The state of one route in one worker.

    Args:
        artefact: Where to start.
        max_error: The largest share of all answers that may be wrong because of a semantic hit.
        explore: Share of the least certain hits that go upstream instead; see `Policy.explore`.
        risk: Probability with which the budget may be overrun by chance alone.
    """

    def __init__(self, artefact: Artefact, *, max_error: float, explore: float = 0.0, risk: float = 0.05) -> None:
        self._prior = Policy.of(artefact, max_error=max_error)
        self._precision = artefact.prior_precision
        self._max_error = max_error
        self._risk = risk
        self._policy = replace(self._prior, explore=explore)
        self._rows: deque[Matrix] = deque(maxlen=KEPT_OBSERVATIONS)
        self._labels: deque[float] = deque(maxlen=KEPT_OBSERVATIONS)
        self._since_fit = 0
        self._window: deque[Matrix | None] = deque(maxlen=WINDOW)
        self._requests = 0
        self._credit = 0
        self._expected_wrong = 0.0
        self._seen_wrong = 0.0

    @property
    def policy(self) -> Policy:
        """What the next decision is made by."""
        return self._policy

    @property
    def inflation(self) -> float:
        """By how much more often hits are wrong than their confidences say, from the checked ones; at least 1.

        It multiplies every expected error, and is held near 1 until many hits were checked: one wrong hit among a
        few is no news at a promise of 1 %.
        """
        wrong = self._seen_wrong + _CALIBRATED_UNTIL_SHOWN
        return max(1.0, wrong / (self._expected_wrong + _CALIBRATED_UNTIL_SHOWN))

    def decide(self, question: str, neighbours: Sequence[Neighbour], *, draw: float) -> Decision:
        """`decision.decide` by the current policy, counted towards the budget. `draw` is uniform in [0, 1)."""
        decision = decide(question, neighbours, policy=self._policy, draw=draw)
        self.count(decision)
        return decision

    def count(self, decision: Decision) -> None:
        """Take note of one answered request."""
        row = None
        if not isinstance(decision, Miss):
            row = self._policy.row([decision.features[name] for name in FEATURES])
        self._window.append(row)
        self._requests += 1
        if self._requests % _RETHRESHOLD_EVERY == 0:
            self._set_threshold()

    def update(self, observation: Observation) -> None:
        """Learn from one verified outcome."""
        self._remember(observation)
        if self._since_fit >= _REFIT_EVERY:
            self._fit()

    def replay(self, observations: Iterable[Observation]) -> None:
        """Learn from the outcomes of an earlier life, oldest first; they also stand for requests answered then."""
        before = len(self._rows)
        for observation in observations:
            self._remember(observation)
        self._credit += len(self._rows) - before
        self._fit()

    def _remember(self, observation: Observation) -> None:
        values = values_of(observation)
        if values is None:
            return
        self._rows.append(self._prior.row(values))
        self._labels.append(float(observation.is_correct))
        self._since_fit += 1
        # Complaints are no random sample of the hits: they teach the model, but do not measure it.
        if observation.features.get(SERVED) and observation.source != "feedback":
            self._expected_wrong += 1 - observation.features.get(CONFIDENCE, 1.0)
            self._seen_wrong += 1 - float(observation.is_correct)

    def _fit(self) -> None:
        """The most probable weights after everything seen. About 3 ms for 5,000 observations."""
        self._since_fit = 0
        if not self._rows:
            return
        weights, covariance = fit_logistic(
            np.array(self._rows),
            np.array(self._labels),
            centre=self._prior.weights,
            precision=self._precision,
            start=self._policy.weights,
        )
        self._policy = replace(self._policy, weights=weights, covariance=covariance)

    def _set_threshold(self) -> None:
        if self._requests < _FIRST_THRESHOLD_AT or self._max_error == 0:
            return
        rows = [row for row in self._window if row is not None]
        requests = len(self._window)
        total = min(requests + self._credit, WINDOW)
        budget = error_budget(total, max_error=self._max_error, risk=self._risk) / total * requests
        confidences = np.zeros(0)
        if rows:
            matrix = np.array(rows)
            variances = np.einsum("ij,jk,ik->i", matrix, self._policy.covariance, matrix, optimize=True)
            confidences = moderated(matrix @ self._policy.weights, variances)
        threshold = threshold_for(confidences, budget=budget, inflation=self.inflation)
        self._policy = replace(self._policy, threshold=threshold)


def error_budget(requests: int, *, max_error: float, risk: float) -> float:
    """How many wrong answers may be *expected* in so many requests, so that their number keeps the promise.

    The largest m for which more than max_error * requests wrong answers happen with probability at most `risk`.
    Wrong answers are many rare events, so their number is taken as Poisson with mean m, whose quantile is that of
    a chi-squared variable (Wilson and Hilferty 1931 approximate it to within 0.1 here).
    """
    allowed = math.floor(max_error * requests) + 1
    z = NormalDist().inv_cdf(1 - risk)
    root = 1 - 1 / (9 * allowed) - z / (3 * math.sqrt(allowed))
    return min(allowed * max(root, 0.0) ** 3, max_error * requests)


def threshold_for(confidences: Matrix, *, budget: float, inflation: float = 1.0) -> float:
    """The lowest confidence at which the expected errors of everything above it stay within `budget`."""
    ranked = np.sort(confidences)[::-1]
    affordable = int(np.searchsorted(np.cumsum((1 - ranked) * inflation), budget, side="right"))
    if affordable == 0:
        return math.inf
    return max(_LOWEST_THRESHOLD, float(ranked[affordable - 1]))
