"""How a route learns which answers may be served again, and keeps its promises while it does.

The model is a Bayesian logistic regression that starts from an artefact (pooled over domains) and follows the
route's verified outcomes; each entry adds its own offset (`Policy.entry_offset`). Most outcomes come from answers
that were far from being served, and no straight line through them is right for those that are: they count the less,
the more is known near the decision (`outcome_counts`), as long as they stay far by the weights that come of it. The
threshold is the lowest one at which three things hold of everything above it, errors being counted as verified
outcomes say (`odds`): the wrong answers expected in a window of requests stay under a budget (`max_error` of all
answers), those among the hits under another (`max_error_of_hits`), and no single answer is served on worse odds
than nine to one.

A tenant with enough requests of its own gets its own threshold by its own outcomes, where that is the stricter one.

Budgets are set below what the promises allow, so that chance rarely overruns them. A relaxed decision does without
that margin: the wrong answers that are *expected* stay within the promises, their number may be above by chance.

Failure behaviour: pure and deterministic; the same calls in the same order give the same state. Not thread-safe.
"""

import math
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from thriftgate.caching.artefact import CacheModel
from thriftgate.caching.decision import Decision, Hit, Miss, decide
from thriftgate.caching.entries import Neighbour, Observation
from thriftgate.caching.evidence import FEATURES
from thriftgate.caching.odds import Odds
from thriftgate.caching.policy import CONFIDENCE, TENANT, CachePolicy, moderated, values_of
from thriftgate.stats.logistic import Matrix, fit_odds

WINDOW = 10_000
"""Requests over which the threshold is set."""
KEPT_OBSERVATIONS = 5_000
_REFIT_EVERY = 50
_RETHRESHOLD_EVERY = 50
_FIRST_THRESHOLD_AT = 200
_HITS = 500
"""Hits over which `max_error_of_hits` is kept: among a few, one wrong answer is a large share."""
LEAST_ODDS = 0.9
"""Whatever the budgets allow, an answer is not served on worse odds than nine to one."""
NEAR_THE_DECISION = 0.8
"""Outcomes of a lower confidence are far from being served, where nothing is below nine to one."""
_ENOUGH_NEAR = 300
"""Outcomes near the decision up to which far ones count as much."""
_MOST_FITS = 3
FIRST_CHECKED = 100
"""Verified hits from which a route's confidences are believed without checking every one."""
_MOST_FIRST_CHECKS = 3
"""Times as many hits are checked at most, where the judge can often not tell."""
TENANT_REQUESTS = 500
"""Requests from which a tenant's own outcomes count for it."""
_TENANT_WINDOW = 1_000
_NO_MARGIN = 0.5
"""The risk of a relaxed decision: as many wrong answers are expected as the promises allow."""
_MOST_TENANTS = 64
"""The latest tenants; others are served by the route's threshold."""


class _Traffic:
    """What was asked lately, and how its verified outcomes went: of a route, or of one of its tenants."""

    def __init__(self, window: int) -> None:
        self.window: deque[Matrix | None] = deque(maxlen=window)
        self.requests = 0
        self.odds = Odds()
        self.threshold = 0.0
        self.relaxed = 0.0
        """The threshold without a margin for chance."""

    def count(self, row: Matrix | None) -> bool:
        """Note a request; says whether it is time to set the threshold again."""
        self.window.append(row)
        self.requests += 1
        return self.requests % _RETHRESHOLD_EVERY == 0


class Learner:
    """The state of one route in one worker.

    Args:
        artefact: Where to start.
        max_error: The largest share of all answers that may be wrong because of a semantic hit.
        max_error_of_hits: The largest share of the semantic hits that may be wrong.
        first_checked: So many hits are verified before any is served unchecked.
        explore: Share of the least certain hits that go upstream instead; see `Policy.explore`.
        risk: Probability with which a budget may be overrun by chance alone.
    """

    def __init__(
        self,
        artefact: CacheModel,
        *,
        max_error: float,
        max_error_of_hits: float = 0.05,
        first_checked: int = FIRST_CHECKED,
        explore: float = 0.0,
        risk: float = 0.05,
    ) -> None:
        self._prior = CachePolicy.of(artefact, max_error=max_error)
        self._precision = artefact.prior_precision
        self._max_error = max_error
        self._of_hits = max_error_of_hits
        self._first_checked = first_checked
        self._risk = risk
        self._policy = replace(self._prior, explore=explore)
        self._relaxed = self._policy.threshold
        self._rows: deque[Matrix] = deque(maxlen=KEPT_OBSERVATIONS)
        self._labels: deque[float] = deque(maxlen=KEPT_OBSERVATIONS)
        self._confidences: deque[float] = deque(maxlen=KEPT_OBSERVATIONS)
        self._since_fit = 0
        self._all = _Traffic(WINDOW)
        self._tenants: OrderedDict[float, _Traffic] = OrderedDict()
        self._credit = 0
        self._first_checks = 0

    @property
    def policy(self) -> CachePolicy:
        """What the next decision is made by, of a tenant that asks little."""
        return self._policy

    @property
    def inflation(self) -> float:
        """By how much more often hits are wrong than their confidences say, from the checked ones; at least 1.

        It multiplies every expected error, and is held near 1 until some hits were checked: one wrong hit among a
        few is no news at a promise of 1 %.
        """
        return self._all.odds.inflation

    @property
    def is_young(self) -> bool:
        """Whether so few hits were verified that each one still is; where no verdict comes, three times as many are."""
        enough = self._all.odds.checked >= self._first_checked
        return not enough and self._first_checks < _MOST_FIRST_CHECKS * self._first_checked

    def threshold_of(self, tenant: float, *, is_relaxed: bool = False) -> float:
        """The confidence from which a tenant's hits are served; relaxed: without a margin for chance."""
        own = self._tenants.get(tenant)
        if is_relaxed:
            return self._relaxed if own is None else max(self._relaxed, own.relaxed)
        return self._policy.threshold if own is None else max(self._policy.threshold, own.threshold)

    def decide(
        self,
        question: str,
        neighbours: Sequence[Neighbour],
        *,
        draw: float,
        tenant: float = 0.0,
        is_relaxed: bool = False,
    ) -> Decision:
        """`decision.decide` by the current policy, counted towards the budgets.

        `draw` is uniform in [0, 1); `tenant` is a number that stands for who asks, 0 for nobody in particular. A
        relaxed decision has no margin for chance, and sends no hit upstream to find out more.
        """
        explore = 0.0 if is_relaxed else self._policy.explore
        policy = replace(self._policy, threshold=self.threshold_of(tenant, is_relaxed=is_relaxed), explore=explore)
        decision = decide(question, neighbours, policy=policy, draw=draw)
        self.count(decision, tenant=tenant)
        if isinstance(decision, Miss):
            return decision
        if isinstance(decision, Hit) and self.is_young:
            decision = replace(decision, must_be_checked=True)
        return replace(decision, features={**decision.features, TENANT: tenant}) if tenant else decision

    def count(self, decision: Decision, *, tenant: float = 0.0) -> None:
        """Take note of one answered request."""
        row = None
        if not isinstance(decision, Miss):
            row = self._policy.row([decision.features[name] for name in FEATURES])
        if self._all.count(row) and self._all.requests >= _FIRST_THRESHOLD_AT and self._max_error > 0:
            total = min(len(self._all.window) + self._credit, WINDOW)
            threshold, self._relaxed = self._lowest(self._all, total)
            self._policy = replace(self._policy, threshold=threshold)
        if tenant:
            own = self._traffic_of(tenant)
            if own.count(row) and own.requests >= TENANT_REQUESTS and self._max_error > 0:
                own.threshold, own.relaxed = self._lowest(own, len(own.window))

    def check_begun(self) -> None:
        """A hit that must be checked will be: only such a one counts, not what the budget had no room for."""
        self._first_checks += 1

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
        # Of earlier versions it is not known; most outcomes are far.
        self._confidences.append(observation.features.get(CONFIDENCE, 0.0))
        self._since_fit += 1
        self._all.odds.add(observation)
        tenant = observation.features.get(TENANT, 0.0)
        if tenant:
            self._traffic_of(tenant).odds.add(observation)

    def _traffic_of(self, tenant: float) -> _Traffic:
        own = self._tenants.get(tenant)
        if own is None:
            own = self._tenants[tenant] = _Traffic(_TENANT_WINDOW)
            while len(self._tenants) > _MOST_TENANTS:
                self._tenants.popitem(last=False)
        self._tenants.move_to_end(tenant)
        return own

    def _fit(self) -> None:
        """The most probable weights after everything seen. About 3 ms for 5,000 observations, thrice that at most.

        What was far from being served and would be near it by these weights counts in full: else many sure answers
        would make doubtful ones sure that are known to be wrong.
        """
        self._since_fit = 0
        if not self._rows:
            return
        rows, labels, decided = np.array(self._rows), np.array(self._labels), np.array(self._confidences)
        for _ in range(_MOST_FITS):
            weights, covariance = fit_odds(
                rows,
                labels,
                centre=self._prior.weights,
                precision=self._precision,
                start=self._policy.weights,
                counts=outcome_counts(decided),
            )
            self._policy = replace(self._policy, weights=weights, covariance=covariance)
            nearer = (decided < NEAR_THE_DECISION) & (self._confidences_of(rows) >= NEAR_THE_DECISION)
            if not nearer.any():
                break
            decided = np.where(nearer, NEAR_THE_DECISION, decided)

    def _confidences_of(self, rows: Matrix) -> Matrix:
        """By the current weights, in the order of the rows."""
        variances = np.einsum("ij,jk,ik->i", rows, self._policy.covariance, rows, optimize=True)
        return moderated(rows @ self._policy.weights, variances)

    def _lowest(self, traffic: _Traffic, total: int) -> tuple[float, float]:
        """The lowest thresholds that keep the promises, with and without a margin for chance.

        `total` requests share the budget of the window.
        """
        rows = [row for row in traffic.window if row is not None]
        if not rows:
            return math.inf, math.inf
        confidences = self._confidences_of(np.array(rows))
        errors = np.maximum(self._all.odds.errors(confidences), traffic.odds.errors(confidences))
        share = len(traffic.window) / total

        def threshold(risk: float) -> float:
            budget = error_budget(total, max_error=self._max_error, risk=risk) * share
            return threshold_for(confidences, budget=budget, errors=errors, max_error_of_hits=self._of_hits, risk=risk)

        return threshold(self._risk), threshold(max(self._risk, _NO_MARGIN))


def outcome_counts(confidences: Matrix) -> Matrix:
    """For how many observations each outcome counts, by the confidence it was decided with: 1, or less where it is far.

    A route that has few outcomes near the decision needs the far ones, to learn at all that its questions are unlike
    those of the artefact.
    """
    near = confidences >= NEAR_THE_DECISION
    return np.where(near, 1.0, min(1.0, _ENOUGH_NEAR / max(1, int(near.sum()))))


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


def threshold_for(
    confidences: Matrix,
    *,
    budget: float,
    errors: Matrix | None = None,
    max_error_of_hits: float = 1.0,
    risk: float = 0.05,
) -> float:
    """The lowest confidence from which all promises are kept; infinity where nothing can be served.

    `errors` is the chance that each answer is wrong (default: 1 - confidence). Everything from the threshold on has
    expected errors within `budget`, few enough for the share `max_error_of_hits` of its own number, and no answer
    above the threshold has a higher chance of an error than `LEAST_ODDS` leaves.
    """
    chances = 1 - confidences if errors is None else errors
    order = np.argsort(-confidences, kind="stable")
    ranked, chance = confidences[order], chances[order]
    expected = np.cumsum(chance)
    kept = (expected <= budget) & (np.maximum.accumulate(chance) <= 1 - LEAST_ODDS)
    kept &= expected <= _hit_budget(max_error_of_hits, risk) * np.arange(1, len(ranked) + 1)
    # Equal confidences are served together.
    kept &= np.append(np.diff(ranked) != 0, True)
    affordable = np.flatnonzero(kept)
    return float(ranked[affordable[-1]]) if len(affordable) else math.inf


@lru_cache(maxsize=16)
def _hit_budget(max_error: float, risk: float) -> float:
    """The share of hits that may be expected to be wrong, so that of `_HITS` no more than `max_error` are."""
    return error_budget(_HITS, max_error=max_error, risk=risk) / _HITS
