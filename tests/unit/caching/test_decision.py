import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cached_questions import AGREEING, ASKED, POLICY, SUPPORTERS, entry, evidence, near, observation

from thriftgate.caching.artefact import shipped
from thriftgate.caching.decision import Explore, Hit, Miss, MissReason, decide
from thriftgate.caching.differences.guards import Veto
from thriftgate.caching.entries import Neighbour
from thriftgate.caching.evidence import FEATURES, Evidence, gather
from thriftgate.caching.policy import CONFIDENCE, SERVED, CachePolicy, FixedThreshold

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


def test_groups_that_an_answer_joined_stand_together() -> None:
    apart = near(("x one", "a", 0.9), ("y two", "b", 0.89), ("z three", "c", 0.88))
    bridged = [*apart[:2], replace(apart[2], entry=replace(apart[2].entry, joined=("a", "b")))]
    assert isinstance(gather("something else entirely", apart), Veto), "three answers with a question each"
    found = gather("something else entirely", bridged)
    assert isinstance(found, Evidence)
    assert found.supporters == tuple(bridged)
    assert dict(zip(FEATURES, found.values, strict=True))["vote"] == pytest.approx(1)


def test_a_hit_names_the_near_answers_that_say_what_it_says() -> None:
    found = decide(ASKED, AGREEING, policy=POLICY, draw=1)
    assert isinstance(found, Hit)
    assert found.entry not in found.others
    assert {found.entry.entry_id, *(one.entry_id for one in found.others)} == {
        one.entry.entry_id for one in AGREEING if one.entry.group == found.entry.group
    }
    assert len(found.others) == 4


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
    assert not isinstance(decide(ASKED, AGREEING, policy=CachePolicy.of(shipped(), max_error=0), draw=0.5), Hit)


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
