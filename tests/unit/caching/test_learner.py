"""How a route learns what may be served again, and keeps its promises while it does."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2
from tests.cached_questions import AGREEING, ASKED, entry, evidence, observation

from thriftgate.caching.artefact import shipped
from thriftgate.caching.decision import Decision, Explore, Hit, Miss, MissReason
from thriftgate.caching.evidence import FEATURES
from thriftgate.caching.learner import Learner, error_budget, threshold_for
from thriftgate.caching.policy import CONFIDENCE, SERVED, TENANT, values_of


@given(st.integers(1, 100_000), st.floats(0.001, 0.2), st.floats(0.001, 0.2), st.floats(0.01, 0.3))
def test_the_budget_is_below_the_promise_and_grows_with_it(n: int, one: float, other: float, risk: float) -> None:
    low, high = sorted((one, other))
    assert (
        0 <= error_budget(n, max_error=low, risk=risk) <= error_budget(n, max_error=high, risk=risk) <= high * n + 1e-9
    )


@pytest.mark.parametrize(("n", "max_error"), [(500, 0.01), (3_000, 0.01), (10_000, 0.01), (2_000, 0.05)])
def test_a_spent_budget_keeps_the_promise_as_often_as_it_says(n: int, max_error: float) -> None:
    budget = error_budget(n, max_error=max_error, risk=0.05)
    wrong = np.random.default_rng(1).poisson(budget, 40_000)
    assert float(np.mean(wrong > max_error * n)) == pytest.approx(0.05, abs=0.01)


@given(st.lists(st.floats(0, 1), max_size=40), st.floats(0, 5), st.floats(0, 5))
def test_the_threshold_spends_no_more_than_the_budget_and_falls_with_it(
    confidences: list[float], one: float, other: float
) -> None:
    low, high = sorted((one, other))
    array = np.array(confidences, dtype=float)
    strict, loose = threshold_for(array, budget=low), threshold_for(array, budget=high)
    assert loose <= strict
    above = array[array > strict]
    assert float(np.sum(1 - above)) <= low + 1e-9


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(1, 5)), max_size=60), st.floats(0, 5), st.floats(0.005, 0.3),
    st.floats(0.005, 0.3),
)  # fmt: skip
def test_no_hit_is_served_on_worse_odds_than_nine_to_one_and_few_enough_of_them_are_wrong(
    answers: list[tuple[float, float]], budget: float, one: float, other: float
) -> None:
    confidences = np.array([confidence for confidence, _ in answers], dtype=float)
    errors = (1 - confidences) * np.array([factor for _, factor in answers], dtype=float)
    strict, loose = (
        threshold_for(confidences, budget=budget, errors=errors, max_error_of_hits=share)
        for share in sorted((one, other))
    )
    assert loose <= strict
    served = errors[confidences >= strict]
    assert (served <= 0.1 + 1e-9).all()
    assert float(served.sum()) <= min(budget, min(one, other) * len(served)) + 1e-9


def play(learner: Learner, *, requests: int, wrong_every: int = 0) -> list[Decision]:
    """Ask the same question again and again; every hit is checked."""
    decisions: list[Decision] = []
    for number in range(requests):
        decision = learner.decide(ASKED, AGREEING, draw=0.5)
        decisions.append(decision)
        if not isinstance(decision, Miss):
            is_correct = not wrong_every or number % wrong_every != 0
            learner.update(observation(dict(decision.features), is_correct=is_correct))
    return decisions


def hits(decisions: list[Decision]) -> int:
    return sum(isinstance(decision, Hit) for decision in decisions)


def test_what_is_always_right_is_always_served() -> None:
    learner = Learner(shipped(), max_error=0.01)
    assert hits(play(learner, requests=600)[200:]) > 380
    assert learner.inflation < 1.25


def test_what_is_often_wrong_is_served_no_more() -> None:
    learner = Learner(shipped(), max_error=0.01)
    assert hits(play(learner, requests=1_000, wrong_every=4)[600:]) == 0
    assert learner.inflation > 2


def test_the_first_hits_are_all_checked_until_enough_were_verified() -> None:
    learner = Learner(shipped(), max_error=0.01, first_checked=10)
    served = [decision for decision in play(learner, requests=40) if isinstance(decision, Hit)]
    assert [hit.must_be_checked for hit in served] == [True] * 10 + [False] * (len(served) - 10)


def test_where_the_judge_can_never_tell_the_first_checks_end_as_well() -> None:
    learner = Learner(shipped(), max_error=0.01, first_checked=10)
    checks = 0
    for _ in range(60):
        decision = learner.decide(ASKED, AGREEING, draw=0.5)
        if isinstance(decision, Hit) and decision.must_be_checked:
            learner.check_begun()
            checks += 1
    assert checks == 30


def test_hits_that_could_not_be_checked_are_no_first_checks() -> None:
    learner = Learner(shipped(), max_error=0.01, first_checked=10)
    decisions = [learner.decide(ASKED, AGREEING, draw=0.5) for _ in range(60)]
    assert all(one.must_be_checked for one in decisions if isinstance(one, Hit))
    assert learner.is_young


def test_a_tenant_whose_hits_are_wrong_gets_its_own_threshold_and_others_keep_theirs() -> None:
    learner = Learner(shipped(), max_error=0.2, max_error_of_hits=0.2, first_checked=0)
    for number in range(3_120):
        tenant = 1.0 + number % 6
        decision = learner.decide(ASKED, AGREEING, draw=0.5, tenant=tenant)
        if isinstance(decision, Hit):
            assert decision.features[TENANT] == tenant
            is_correct = number % 24 != 2  # a quarter of what tenant 3 is served
            learner.update(observation(dict(decision.features), is_correct=is_correct))
    assert learner.threshold_of(1.0) < 1
    assert learner.threshold_of(3.0) > learner.threshold_of(1.0)
    assert learner.threshold_of(99.0) == learner.policy.threshold


@settings(max_examples=15)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.booleans()), min_size=1, max_size=40),
    st.floats(0.003, 0.1), st.floats(0.005, 0.2),
)  # fmt: skip
def test_the_relaxed_threshold_is_never_the_stricter_one_and_what_is_below_it_is_not_served(
    asked: list[tuple[int, bool, bool]], max_error: float, max_error_of_hits: float
) -> None:
    learner = Learner(shipped(), max_error=max_error, max_error_of_hits=max_error_of_hits, first_checked=0)
    near = [AGREEING, AGREEING[:1], ()]
    for number in range(400):
        which, is_correct, is_learnt = asked[number % len(asked)]
        twin = learner.threshold_of(0.0, is_relaxed=True)
        assert twin <= learner.threshold_of(0.0)
        decision = learner.decide(ASKED, near[which], draw=0.0, is_relaxed=True)
        if isinstance(decision, Hit):
            assert decision.confidence is not None
            assert decision.confidence >= twin
        if is_learnt and not isinstance(decision, Miss):
            learner.update(observation(dict(decision.features), is_correct=is_correct))


def test_a_relaxed_decision_serves_what_the_margin_for_chance_holds_back_and_explores_nothing() -> None:
    learner = Learner(shipped(), max_error=0.05, max_error_of_hits=0.05, first_checked=0, explore=1.0)
    play(learner, requests=600, wrong_every=40)
    strict, relaxed = learner.threshold_of(0.0), learner.threshold_of(0.0, is_relaxed=True)
    assert relaxed < strict
    assert isinstance(learner.decide(ASKED, AGREEING, draw=0.0), Explore)
    assert isinstance(learner.decide(ASKED, AGREEING, draw=0.0, is_relaxed=True), Hit)


@given(st.integers(1, 100_000), st.floats(0.001, 0.2))
def test_without_a_margin_no_more_errors_are_expected_than_the_promise_allows(n: int, max_error: float) -> None:
    strict, relaxed = (error_budget(n, max_error=max_error, risk=risk) for risk in (0.05, 0.5))
    assert strict <= relaxed <= max_error * n + 1e-9


def test_learning_is_deterministic() -> None:
    one, other = (Learner(shipped(), max_error=0.01) for _ in range(2))
    assert play(one, requests=300, wrong_every=9) == play(other, requests=300, wrong_every=9)
    assert np.array_equal(one.policy.weights, other.policy.weights)


@settings(max_examples=15)
@given(st.integers(2, 30), st.floats(0.001, 0.1), st.floats(0.001, 0.1))
def test_a_stricter_promise_never_hits_more_in_the_same_state(wrong_every: int, one: float, other: float) -> None:
    features = evidence(ASKED, AGREEING)
    past = [observation(features, is_correct=number % wrong_every != 0) for number in range(120)]
    thresholds: list[float] = []
    for max_error in sorted((one, other)):
        learner = Learner(shipped(), max_error=max_error)
        learner.replay(past)
        for _ in range(200):
            learner.count(Explore(entry=entry("x"), similarity=0.9, confidence=0.9, features=features))
        thresholds.append(learner.policy.threshold)
    assert thresholds[0] >= thresholds[1]


def test_without_another_promise_a_twentieth_of_the_hits_may_be_wrong() -> None:
    features = evidence(ASKED, AGREEING[:1]) | {"similarity": 0.85}
    found: list[float] = []
    for of_hits in ({}, {"max_error_of_hits": 0.05}, {"max_error_of_hits": 0.1}):
        learner = Learner(shipped(), max_error=0.9, first_checked=0, **of_hits)
        for _ in range(400):
            learner.count(Explore(entry=entry("x"), similarity=0.85, confidence=None, features=features))
        found.append(learner.policy.threshold)
    assert found[0] == found[1] > found[2] > 0.9


def test_an_earlier_life_is_remembered() -> None:
    features = evidence(ASKED, AGREEING)
    learner = Learner(shipped(), max_error=0.01)
    learner.replay([observation(features, is_correct=False) for _ in range(60)])
    assert not isinstance(learner.decide(ASKED, AGREEING, draw=0.5), Hit)


def test_complaints_teach_but_do_not_measure() -> None:
    features = evidence(ASKED, AGREEING) | {SERVED: 1.0, CONFIDENCE: 0.99}
    learner = Learner(shipped(), max_error=0.01)
    before = learner.inflation
    learner.update(observation(features, is_correct=False, source="feedback"))
    assert learner.inflation == before
    learner.update(observation(features, is_correct=False))
    assert learner.inflation > before


def test_an_observation_without_evidence_is_ignored_by_the_learner() -> None:
    learner = Learner(shipped(), max_error=0.01)
    weights = learner.policy.weights
    learner.replay([observation({"similarity": 0.9})])
    assert np.array_equal(learner.policy.weights, weights)
    assert values_of(observation({"similarity": 0.9})) is None


def test_a_budget_is_the_mean_of_rare_events_that_keeps_the_promise() -> None:
    """Of the largest m with P(Poisson(m) > 100) at most 5 % the approximation is off by less than 0.1."""
    exact = float(chi2.ppf(0.05, 2 * 101)) / 2
    assert error_budget(10_000, max_error=0.01, risk=0.05) == pytest.approx(exact, abs=0.1)
    assert error_budget(10_000, max_error=0.01, risk=0.5) == pytest.approx(100)
    assert error_budget(100, max_error=0.001, risk=0.05) == pytest.approx(float(chi2.ppf(0.05, 2)) / 2, abs=0.05)
    assert error_budget(0, max_error=0.01, risk=0.05) == 0


@pytest.mark.parametrize(
    ("confidences", "errors", "budget", "of_hits", "threshold"),
    [
        ([0.99, 0.98, 0.97], None, 1.0, 1.0, 0.97), ([0.99, 0.98, 0.97], None, 0.031, 1.0, 0.98),
        ([0.99, 0.98, 0.97], None, 0.0, 1.0, math.inf), ([0.99, 0.90, 0.89], None, 9.0, 1.0, 0.9),
        # Equal confidences are served together, or not at all.
        ([0.99, 0.95, 0.95], None, 0.07, 1.0, 0.99), ([0.95, 0.95, 0.99], None, 0.12, 1.0, 0.95),
        # One of poor odds is served by no threshold, nor is what is less sure than it.
        ([0.99, 0.98, 0.97], [0.01, 0.2, 0.01], 9.0, 1.0, 0.99), ([0.98, 0.99], [0.02, 0.11], 9.0, 1.0, math.inf),
        ([], None, 1.0, 1.0, math.inf),
    ],
)  # fmt: skip
def test_a_threshold_is_the_lowest_that_the_budget_pays_for(
    confidences: list[float], errors: list[float] | None, budget: float, of_hits: float, threshold: float
) -> None:
    chances = None if errors is None else np.array(errors)
    assert threshold_for(np.array(confidences), budget=budget, errors=chances, max_error_of_hits=of_hits) == threshold


def test_of_the_hits_no_larger_share_is_expected_to_be_wrong_than_five_hundred_of_them_allow() -> None:
    share = error_budget(500, max_error=0.05, risk=0.05) / 500
    confidences = np.array([1.0, 1.0 - 1.9 * share, 1.0 - 2.2 * share])
    assert threshold_for(confidences, budget=9.0, max_error_of_hits=0.05) == confidences[1]
    assert threshold_for(confidences, budget=9.0, max_error_of_hits=0.05, risk=0.5) == confidences[2]


def answered(learner: Learner, n: int, *, tenant: float = 0.0, value: float = 0.0) -> None:
    """So many requests with the same evidence."""
    features = dict[str, float]((name, value) for name in FEATURES)
    explore = Explore(entry=entry("q"), similarity=0.9, confidence=0.5, features=features)
    for _ in range(n):
        learner.count(explore, tenant=tenant)


def test_a_threshold_is_first_set_after_two_hundred_requests_and_then_every_fifty() -> None:
    learner = Learner(shipped(), max_error=0.5, max_error_of_hits=0.5)
    first = learner.policy.threshold
    answered(learner, 199, value=0.97)
    assert learner.policy.threshold == first
    answered(learner, 1, value=0.97)
    second = learner.policy.threshold
    assert second != first
    answered(learner, 49, value=0.98)
    assert learner.policy.threshold == second
    answered(learner, 1, value=0.98)
    assert learner.policy.threshold <= second
    frozen = Learner(shipped(), max_error=0.0)
    answered(frozen, 300, value=0.97)
    assert frozen.policy.threshold == math.inf


def test_a_relaxed_threshold_is_lower_where_chance_costs_something() -> None:
    learner = Learner(shipped(), max_error=0.01, max_error_of_hits=0.5)
    for value in (0.8, 0.72, 0.64, 0.56):
        answered(learner, 50, value=value)
    assert learner.threshold_of(0.0, is_relaxed=True) < learner.threshold_of(0.0) == learner.policy.threshold


def test_where_nothing_was_near_nothing_is_served() -> None:
    learner = Learner(shipped(), max_error=0.5)
    for _ in range(200):
        learner.count(Miss(reason=MissReason.EMPTY))
    assert learner.policy.threshold == learner.threshold_of(0.0, is_relaxed=True) == math.inf


def test_a_tenant_has_its_own_threshold_from_five_hundred_requests_on_and_64_of_them_are_known() -> None:
    learner = Learner(shipped(), max_error=0.01)
    seen = {**evidence(ASKED, AGREEING), CONFIDENCE: 0.95, SERVED: 1.0, TENANT: 7.0}
    for _ in range(50):
        learner.update(observation(seen, is_correct=False))
    answered(learner, 499, tenant=7.0, value=0.9)
    assert learner.threshold_of(7.0) == learner.policy.threshold
    answered(learner, 1, tenant=7.0, value=0.9)
    assert learner.threshold_of(7.0) >= learner.policy.threshold
    assert learner.threshold_of(7.0) == math.inf
    assert learner.threshold_of(8.0) == learner.policy.threshold
    for other in range(100, 164):
        answered(learner, 1, tenant=float(other))
    assert learner.threshold_of(7.0) == learner.policy.threshold, "forgotten"


def test_a_model_is_fitted_after_fifty_outcomes_and_after_an_earlier_life() -> None:
    features = evidence(ASKED, AGREEING)
    learner, earlier = Learner(shipped(), max_error=0.01), Learner(shipped(), max_error=0.01)
    before = learner.policy.weights.tolist()
    for _ in range(49):
        learner.update(observation(features, is_correct=False))
    assert learner.policy.weights.tolist() == before
    learner.update(observation(features, is_correct=False))
    assert learner.policy.weights.tolist() != before
    earlier.replay([observation(features, is_correct=False)] * 50)
    assert earlier.policy.weights == pytest.approx(learner.policy.weights)
    none = Learner(shipped(), max_error=0.01)
    none.replay([])
    assert none.policy.weights.tolist() == before


def test_the_first_hundred_hits_are_checked_and_three_hundred_at_most() -> None:
    learner = Learner(shipped(), max_error=0.5, max_error_of_hits=0.5)
    checks: list[bool] = []
    for _ in range(301):
        decision = serve(learner)
        assert isinstance(decision, Hit)
        checks.append(decision.must_be_checked)
        learner.check_begun()
    assert checks == [True] * 300 + [False]
    known = Learner(shipped(), max_error=0.5, first_checked=2)
    for checked, is_young in ((0, True), (1, True), (2, False)):
        assert known.is_young is is_young, checked
        known.update(observation({**evidence(ASKED, AGREEING), CONFIDENCE: 0.99, SERVED: 1.0}))


def serve(learner: Learner) -> Decision:
    return learner.decide(ASKED, AGREEING, draw=0.5)


def test_a_decision_says_whose_it_is_and_a_relaxed_one_explores_nothing() -> None:
    learner = Learner(shipped(), max_error=0.5, explore=1.0)
    named = learner.decide(ASKED, AGREEING, draw=0.0, tenant=5.0)
    assert isinstance(named, Hit | Explore)
    assert named.features[TENANT] == 5.0
    unnamed = learner.decide(ASKED, AGREEING, draw=0.0)
    assert isinstance(unnamed, Hit | Explore)
    assert TENANT not in unnamed.features
    assert learner.policy.explore == 1
    assert isinstance(learner.decide(ASKED, AGREEING, draw=0.0, is_relaxed=True), Hit)
