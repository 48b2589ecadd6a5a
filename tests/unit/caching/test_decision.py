import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thriftgate.caching.artefact import shipped
from thriftgate.caching.decision import Decision, Explore, Hit, Miss, MissReason, decide
from thriftgate.caching.entries import CacheEntry, Neighbour, Observation
from thriftgate.caching.evidence import FEATURES, Evidence, gather
from thriftgate.caching.grouping import answer_group
from thriftgate.caching.guards import Veto
from thriftgate.caching.learner import Learner, error_budget, threshold_for
from thriftgate.caching.policy import CONFIDENCE, SERVED, TENANT, FixedThreshold, Policy, values_of

ASKED = "How can I get my password back?"
SUPPORTERS = (
    "I forgot my password",
    "How do I recover the password?",
    "password lost, what now",
    "My password does not work any more",
    "Please help me to recover a password",
)


def entry(
    question: str, group: str = "", *, entry_id: str | None = None, outcomes: tuple[Observation, ...] = ()
) -> CacheEntry:
    return CacheEntry(
        entry_id=entry_id or question,
        scope="s",
        key=question,
        route="support",
        question=question,
        embedding=None,
        choices=(),
        model="small",
        created_at=0.0,
        expires_at=1.0,
        answer_group=group,
        outcomes=outcomes,
    )


def near(*found: tuple[str, str, float]) -> list[Neighbour]:
    return [Neighbour(entry(question, group), similarity) for question, group, similarity in found]


AGREEING = near(*((question, "password", 0.97 - 0.02 * i) for i, question in enumerate(SUPPORTERS))) + near(
    ("Where is my parcel?", "parcel", 0.3)
)
POLICY = Policy.of(shipped(), max_error=0.01)


def evidence(question: str, neighbours: Sequence[Neighbour]) -> dict[str, float]:
    found = gather(question, neighbours)
    assert isinstance(found, Evidence)
    return dict(zip(FEATURES, found.values, strict=True))


def observation(
    features: dict[str, float], *, is_correct: bool = True, source: str = "fresh_answer", entry_id: str = "e"
) -> Observation:
    return Observation(
        entry_id=entry_id,
        scope="s",
        route="support",
        similarity=features.get("similarity", 0.9),
        features=features,
        is_correct=is_correct,
        observed_at=0.0,
        source=source,
    )


# Evidence


def test_the_evidence_of_a_neighbourhood_that_agrees() -> None:
    found = evidence(ASKED, AGREEING)
    assert found["similarity"] == pytest.approx(0.97)
    assert found["margin"] == pytest.approx(0.67)
    assert found["support"] == pytest.approx(math.log(5))
    assert found["vote"] > 0.99
    assert found["density"] == pytest.approx(0.3)
    assert found["mean_gap"] == pytest.approx(0.65)
    assert found["overlap_gap"] > 0
    assert found["negation"] == 0


def test_the_group_with_more_weight_wins_over_the_nearest_entry() -> None:
    neighbours = near(("x one", "a", 0.9), ("y two", "b", 0.89), ("z three", "b", 0.88))
    found = gather("something else entirely", neighbours)
    assert isinstance(found, Evidence)
    assert found.candidate.entry.question == "y two"
    assert dict(zip(FEATURES, found.values, strict=True))["margin"] == pytest.approx(-0.01)


def test_a_vetoed_entry_gives_way_to_another_one_with_the_same_answer() -> None:
    neighbours = near(("Can I cancel order 5?", "cancel", 0.98), ("How do I cancel an order?", "cancel", 0.9))
    found = gather("Can I cancel order 7?", neighbours)
    assert found is Veto.NUMBERS  # 7 is not in the other one either, and the frame is the same
    found = gather("How could I cancel my order?", neighbours)
    assert isinstance(found, Evidence)
    assert found.candidate.entry.question == "How do I cancel an order?"


def test_a_replaced_word_is_vetoed_until_another_entry_with_this_answer_uses_it() -> None:
    asked = "I misplaced my blue card"
    assert gather(asked, near(("I lost my blue card", "lost", 0.97))) is Veto.SUBSTITUTION
    neighbours = near(("I lost my blue card", "lost", 0.97), ("My card is misplaced somewhere", "lost", 0.9))
    assert isinstance(gather(asked, neighbours), Evidence)
    elsewhere = near(("I lost my blue card", "lost", 0.97), ("My card is misplaced somewhere", "other", 0.8))
    assert gather(asked, elsewhere) is Veto.SUBSTITUTION


@st.composite
def neighbourhoods(draw: st.DrawFn) -> list[Neighbour]:
    similarities = sorted(draw(st.lists(st.floats(0, 1), max_size=8)), reverse=True)
    words = ["card", "pin", "lost", "not", "fee", "order", "7"]
    return [
        Neighbour(
            entry(
                " ".join(draw(st.lists(st.sampled_from(words), max_size=5))),
                draw(st.sampled_from("abc")),
                entry_id=str(i),
            ),
            similarity,
        )
        for i, similarity in enumerate(similarities)
    ]


@given(neighbourhoods(), st.text(max_size=20))
def test_evidence_is_always_finite_and_names_a_given_neighbour(neighbours: list[Neighbour], asked: str) -> None:
    found = gather(asked, neighbours)
    assert (found is None) == (not neighbours)
    if isinstance(found, Evidence):
        assert found.candidate in neighbours
        assert len(found.values) == len(FEATURES)
        assert all(map(math.isfinite, found.values))


# Decisions


def test_neighbours_that_agree_are_a_hit_even_before_anything_was_learnt() -> None:
    decision = decide(ASKED, AGREEING, policy=POLICY, draw=0.5)
    assert isinstance(decision, Hit)
    assert decision.entry.question == SUPPORTERS[0]
    assert decision.confidence is not None
    assert decision.confidence >= POLICY.threshold
    assert decision.features[SERVED] == 1
    assert decision.features[CONFIDENCE] == decision.confidence
    assert set(FEATURES) <= set(decision.features)


def test_nothing_near_is_a_miss() -> None:
    assert decide(ASKED, [], policy=POLICY, draw=0.5) == Miss(reason=MissReason.EMPTY)


def test_a_veto_is_a_miss_that_names_its_guard() -> None:
    decision = decide("Can I not pay by card?", near(("Can I pay by card?", "a", 0.97)), policy=POLICY, draw=0.5)
    assert decision == Miss(reason=MissReason.GUARD, similarity=0.97, veto=Veto.NEGATION)


def test_neighbours_that_disagree_are_to_be_explored() -> None:
    neighbours = near(("card arrival time", "a", 0.8), ("card delivery estimate", "b", 0.79), ("tracking", "c", 0.78))
    decision = decide("when will it come", neighbours, policy=POLICY, draw=0.5)
    assert isinstance(decision, Explore)
    assert SERVED not in decision.features


def test_max_error_zero_serves_nothing() -> None:
    assert not isinstance(decide(ASKED, AGREEING, policy=Policy.of(shipped(), max_error=0), draw=0.5), Hit)


def test_exploration_takes_the_least_certain_hits_when_the_draw_says_so() -> None:
    confidence = POLICY.confidence(tuple(evidence(ASKED, AGREEING).values()))
    close = replace(POLICY, threshold=confidence - 1e-6, explore=0.3)
    assert isinstance(decide(ASKED, AGREEING, policy=close, draw=0.29), Explore)
    assert isinstance(decide(ASKED, AGREEING, policy=close, draw=0.31), Hit)
    sure = replace(POLICY, threshold=0.5, explore=1.0)
    assert isinstance(decide(ASKED, AGREEING, policy=sure, draw=0.0), Hit)


@given(neighbourhoods(), st.floats(0, 1, exclude_max=True))
def test_deciding_twice_gives_the_same(neighbours: list[Neighbour], draw: float) -> None:
    once = decide("lost card", neighbours, policy=POLICY, draw=draw)
    assert decide("lost card", list(neighbours), policy=POLICY, draw=draw) == once


@given(neighbourhoods(), st.floats(0.5, 1), st.floats(0.5, 1))
def test_a_higher_threshold_never_hits_more(neighbours: list[Neighbour], one: float, other: float) -> None:
    low, high = (replace(POLICY, threshold=value) for value in sorted((one, other)))
    if isinstance(decide("lost card", neighbours, policy=high, draw=0.5), Hit):
        assert isinstance(decide("lost card", neighbours, policy=low, draw=0.5), Hit)


def test_a_fixed_threshold_takes_the_nearest_unvetoed_entry() -> None:
    neighbours = near(("How do I not pay by card?", "a", 0.97), ("How do I pay by card?", "b", 0.9))
    asked = "How would I pay by card?"
    hit = decide(asked, neighbours, policy=FixedThreshold(0.85), draw=0.0)
    assert isinstance(hit, Hit)
    assert (hit.entry.question, hit.confidence) == ("How do I pay by card?", None)
    assert decide(asked, neighbours, policy=FixedThreshold(0.98), draw=0.0) == Miss(
        reason=MissReason.BELOW_THRESHOLD, similarity=0.97
    )
    assert isinstance(decide(asked, neighbours, policy=FixedThreshold(0.95), draw=0.0), Miss)
    assert decide(asked, [], policy=FixedThreshold(0.5), draw=0.0) == Miss(reason=MissReason.EMPTY)


# Entries


def test_wrong_outcomes_close_an_entry_and_right_ones_open_it() -> None:
    features = evidence(ASKED, AGREEING)
    values = tuple(features.values())
    plain = POLICY.confidence(values)
    wrong = tuple(observation(features, is_correct=False) for _ in range(2))
    right = tuple(observation(features) for _ in range(20))
    assert POLICY.confidence(values, wrong) < POLICY.threshold < plain <= POLICY.confidence(values, right)


@given(st.integers(0, 20), st.integers(0, 20))
def test_one_more_wrong_outcome_never_raises_an_entry(right: int, wrong: int) -> None:
    features = evidence(ASKED, AGREEING)
    outcomes = [observation(features)] * right + [observation(features, is_correct=False)] * wrong
    before = POLICY.entry_offset(outcomes)
    assert POLICY.entry_offset([*outcomes, observation(features, is_correct=False)]) < before + 1e-9


def test_a_complaint_without_evidence_still_counts() -> None:
    assert POLICY.entry_offset([observation({}, is_correct=False, source="feedback")]) < -0.5


# The learner


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
    decisions = [learner.decide(ASKED, AGREEING, draw=0.5) for _ in range(60)]
    assert sum(isinstance(one, Hit) and one.must_be_checked for one in decisions) == 30


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


# Answer groups


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], ""),
        ([("a", True)], "a"),
        ([("a", False)], ""),
        ([("a", True), ("a", False)], ""),
        ([("a", True), ("b", True), ("b", True)], "b"),
        ([("a", True), ("a", True), ("a", False)], "a"),
    ],
)
def test_a_new_entry_joins_the_group_that_most_comparisons_speak_for(
    verdicts: list[tuple[str, bool]], expected: str
) -> None:
    assert answer_group((entry(f"q{i}", group), agrees) for i, (group, agrees) in enumerate(verdicts)) == expected


def test_an_entry_without_a_group_is_one_by_itself() -> None:
    assert answer_group([(entry("q", entry_id="e7"), True)]) == "e7"
