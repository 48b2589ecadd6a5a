"""For how many observations an outcome counts, by how near the decision it was."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cached_questions import AGREEING, ASKED, evidence, observation

from thriftgate.caching.artefact import shipped
from thriftgate.caching.evidence import FEATURES
from thriftgate.caching.learner import Learner, outcome_counts
from thriftgate.caching.policy import CONFIDENCE


@given(st.lists(st.floats(0, 1), max_size=40), st.integers(0, 900))
def test_outcomes_near_the_decision_count_whole_and_far_ones_the_less_the_more_near_ones_there_are(
    confidences: list[float], sure: int
) -> None:
    seen = np.array([*confidences, *[0.9] * sure], dtype=float)
    counts, is_near = outcome_counts(seen), seen >= 0.8
    assert (counts[is_near] == 1).all()
    assert (counts[~is_near] == min(1, 300 / max(1, int(is_near.sum())))).all()
    more = outcome_counts(np.append(seen, 0.9))[:-1]
    assert (more <= counts).all()
    assert (more > 0).all()


@pytest.mark.parametrize("near", [0, 400])
def test_what_was_far_from_being_served_teaches_less_once_enough_is_known_near_it(near: int) -> None:
    sure, doubtful = evidence(ASKED, AGREEING), evidence(ASKED, AGREEING[:1])
    found: list[float] = []
    for confidence in (0.79, 0.8):
        learner = Learner(shipped(), max_error=0.01)
        wrong = [observation({**doubtful, CONFIDENCE: confidence}, is_correct=False)] * 100
        learner.replay([*[observation({**sure, CONFIDENCE: 0.95})] * near, *wrong])
        found.append(learner.policy.confidence([doubtful[name] for name in FEATURES]))
    assert (found[0] > found[1]) is (near > 0)


def test_outcomes_of_unknown_confidence_take_nothing_from_those_that_were_far() -> None:
    sure, doubtful = evidence(ASKED, AGREEING), evidence(ASKED, AGREEING[:1])
    found: list[float] = []
    for known in ({}, {CONFIDENCE: 0.5}):
        learner = Learner(shipped(), max_error=0.01)
        wrong = [observation({**doubtful, CONFIDENCE: 0.5}, is_correct=False)] * 50
        learner.replay([*[observation({**doubtful, **known}, is_correct=False)] * 400, *wrong])
        learner.replay([observation({**sure, CONFIDENCE: 0.95})] * 400)
        found.append(learner.policy.confidence([doubtful[name] for name in FEATURES]))
    assert found[0] == pytest.approx(found[1])


def test_many_sure_answers_do_not_make_doubtful_ones_sure_that_are_known_to_be_wrong() -> None:
    sure = evidence(ASKED, AGREEING)
    doubtful = {**sure, "similarity": sure["similarity"] - 0.03}
    learner = Learner(shipped(), max_error=0.01)
    wrong = [observation({**doubtful, CONFIDENCE: 0.7}, is_correct=number % 5 > 1) for number in range(500)]
    learner.replay([*wrong, *[observation({**sure, CONFIDENCE: 0.97})] * 1_000])
    assert learner.policy.confidence([doubtful[name] for name in FEATURES]) < 0.9
