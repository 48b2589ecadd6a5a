"""Questions unlike the labelled ones are told, and no more of the others than was allowed."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cascade_labels import artefact, labels

from thriftgate.cascade.artefact import StaleArtefactError, parse
from thriftgate.cascade.calibration.calibration import Promise, calibrate
from thriftgate.cascade.calibration.summary import (
    FEWEST,
    MOST_CENTRES,
    MOST_DISTANCES,
    centres_of,
    summary_of_questions,
)
from thriftgate.cascade.familiarity import Familiarity, QuestionSummary, conformal_p_value, decoded, encoded, shift_of
from thriftgate.stats import beta_binomial_tail

USUAL = 4.0
"""Logarithm of the characters of a usual question."""


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def around(place: int, n: int, rng: np.random.Generator, *, dimensions: int = 24) -> np.ndarray:
    """Unit vectors around one axis."""
    return unit(np.eye(dimensions)[place] + 0.15 * rng.normal(size=(n, dimensions)))


def summary(n: int = 400, *, seed: int = 0) -> QuestionSummary:
    rng = np.random.default_rng(seed)
    rows = np.concatenate([around(place, n // 4, rng) for place in range(4)])
    groups = [str(place) for place in range(len(rows))]
    found = summary_of_questions(rows, rng.normal(USUAL, 0.3, len(rows)), groups, rng, embedder="e")
    assert found is not None
    return found


@given(st.lists(st.floats(0, 2), min_size=2, max_size=60), st.floats(0.01, 0.5))
def test_of_exchangeable_questions_at_most_the_allowed_share_is_called_unfamiliar(distances: list[float], share: float):
    """Each of them in turn is the new one: exactly what conformal prediction promises, with nothing assumed."""
    called = 0
    for place, distance in enumerate(distances):
        others = sorted(distances[:place] + distances[place + 1 :])
        called += conformal_p_value(distance, others) <= share
    assert called <= math.floor(share * len(distances) + 1e-9)


@pytest.mark.parametrize(("centres", "dimensions"), [("", 2), ("AAA8AA==", 0), ("AAA8AA==", 3), ("AH4AAA==", 2)])
def test_centres_that_do_not_fit_their_dimensions_are_refused(centres: str, dimensions: int) -> None:
    assert decoded("AAA8AA==", 2).shape == (1, 2) if dimensions else True
    with pytest.raises(ValueError, match="do not fit"):
        decoded(centres, dimensions)


def test_usual_lengths_ascend() -> None:
    made = QuestionSummary(
        embedder="e", dimensions=2, centres=encoded(np.eye(2)), distances=(0.1,), usual_lengths=(2, 2)
    )
    assert Familiarity(made).summary is made
    with pytest.raises(ValueError, match="do not ascend"):
        Familiarity(replace(made, usual_lengths=(3, 2)))


@given(st.lists(st.floats(0, 2), min_size=1, max_size=40).map(sorted), st.floats(0, 2), st.floats(0, 2))
def test_the_farther_a_question_is_the_lower_its_p_value(held_out: list[float], one: float, other: float):
    near, far = sorted([one, other])
    assert 0 < conformal_p_value(far, held_out) <= conformal_p_value(near, held_out) <= 1


def test_a_distance_that_is_no_number_is_the_farthest():
    assert conformal_p_value(math.nan, [0.1, 0.2, 0.3]) == 0.25


@given(st.integers(1, 60), st.integers(1, 20), st.floats(0.5, 20), st.data())
def test_the_tail_is_the_sum_of_its_terms(n: int, a: int, b: float, data: st.DataObject):
    count = data.draw(st.integers(0, n))

    def term(x: int) -> float:
        beta = math.lgamma(x + a) + math.lgamma(n - x + b) - math.lgamma(n + a + b)
        return math.comb(n, x) * math.exp(beta - math.lgamma(a) - math.lgamma(b) + math.lgamma(a + b))

    exact = sum(term(x) for x in range(count, n + 1))
    found = beta_binomial_tail(count, n, a, b)
    assert found == pytest.approx(exact, rel=1e-6) if count > n * a / (a + b) else found == 1.0


def test_a_tail_of_no_such_count_is_refused():
    with pytest.raises(ValueError, match="no such count"):
        beta_binomial_tail(3, 2, 1.0, 1.0)


@given(st.integers(1, 400), st.integers(50, 1_000), st.data())
def test_more_unfamiliar_questions_never_look_more_like_chance(n: int, held_out: int, data: st.DataObject):
    fewer, more = sorted(data.draw(st.lists(st.integers(0, n), min_size=2, max_size=2)))
    low, high = (shift_of(count, n, share=0.02, held_out=held_out) for count in (fewer, more))
    assert high.p_value <= low.p_value + 1e-12


def test_a_shift_is_told_of_many_unfamiliar_questions_and_not_of_the_luck_of_few_labels():
    assert shift_of(120, 1_000, share=0.02, held_out=500).has_shifted
    assert not shift_of(22, 1_000, share=0.02, held_out=500).has_shifted
    # Of fifty labels the farthest alone decides: 6 % of all questions may well lie beyond it.
    assert not shift_of(60, 1_000, share=0.02, held_out=50).has_shifted
    assert shift_of(60, 1_000, share=0.02, held_out=1_000).has_shifted


def test_too_few_labels_and_no_questions_show_no_shift():
    assert not shift_of(10, 10, share=0.02, held_out=10).has_shifted
    empty = shift_of(0, 0, share=0.02, held_out=500)
    assert (empty.share, empty.has_shifted) == (0.0, False)


def test_a_false_alarm_of_the_shift_is_rarer_than_it_says():
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(4_000):
        limit = float(np.sort(rng.uniform(size=200))[-4])  # share 0.02 of 201: four ranks
        alarms += shift_of(int(rng.binomial(500, 1 - limit)), 500, share=0.02, held_out=200).has_shifted
    assert alarms <= 12  # 4 are expected at most; 13 or more have a chance of 0.03 %


def test_familiar_questions_pass_and_strange_ones_do_not():
    familiarity, rng = Familiarity(summary()), np.random.default_rng(9)
    same = [familiarity.p_value(row, USUAL) for place in range(4) for row in around(place, 200, rng)]
    strange = [familiarity.p_value(row, USUAL) for row in around(20, 200, rng)]
    assert np.mean([p is not None and p <= 0.02 for p in same]) < 0.05
    assert np.mean([p is not None and p <= 0.02 for p in strange]) > 0.95


def test_a_familiar_subject_at_an_unheard_of_length_is_unfamiliar():
    familiarity, rng = Familiarity(summary()), np.random.default_rng(9)
    rows = around(0, 200, rng)
    far = {
        length: float(np.mean([(familiarity.p_value(row, length) or 0) <= 0.02 for row in rows]))
        for length in (USUAL, USUAL + 3, USUAL - 3)
    }
    assert far[USUAL] < 0.05
    assert min(far[USUAL + 3], far[USUAL - 3]) > 0.95


@given(st.floats(USUAL, 20), st.floats(USUAL, 20))
def test_the_longer_than_usual_the_lower_the_p_value(one: float, other: float):
    familiarity = Familiarity(summary())
    row = around(0, 1, np.random.default_rng(1))[0]
    shorter, longer = (familiarity.p_value(row, length) or 0 for length in sorted([one, other]))
    assert 0 < longer <= shorter


def test_a_summary_without_lengths_ranks_by_the_vectors_alone():
    older = Familiarity(replace(summary(), usual_lengths=None))
    row = around(0, 1, np.random.default_rng(1))[0]
    assert older.p_value(row, USUAL) == older.p_value(row, 1e3)


def test_nothing_is_said_without_a_vector_or_with_one_of_another_length():
    familiarity = Familiarity(summary())
    assert familiarity.p_value(None, USUAL) is None
    assert familiarity.p_value(np.ones(3, dtype=np.float32), USUAL) is None
    not_finite = familiarity.p_value(np.full(24, np.nan, dtype=np.float32), USUAL)
    assert not_finite == 1 / (familiarity.summary.held_out + 1)


def test_a_summary_is_bounded_and_says_nothing_of_few_questions():
    rng = np.random.default_rng(2)
    rows = unit(rng.normal(size=(4_000, 8)))
    lengths = np.full(4_000, USUAL)
    found = summary_of_questions(rows, lengths, [str(place) for place in range(4_000)], rng, embedder="e")
    assert found is not None
    assert found.held_out == MOST_DISTANCES
    assert len(decoded(found.centres, 8)) == MOST_CENTRES
    few = [str(n) for n in range(FEWEST - 1)]
    assert summary_of_questions(rows[: FEWEST - 1], lengths[: FEWEST - 1], few, rng, embedder="e") is None
    assert summary_of_questions(rows[:500], lengths[:500], ["the same question"] * 500, rng, embedder="e") is None


@pytest.mark.parametrize(("n", "groups", "held_out"), [(120, 120, 60), (101, 101, 50), (120, 60, 60), (102, 3, 34)])
def test_half_of_the_groups_make_the_distances(n: int, groups: int, held_out: int):
    rng = np.random.default_rng(3)
    names = [str(place % groups) for place in range(n)]
    found = summary_of_questions(unit(rng.normal(size=(n, 8))), np.full(n, USUAL), names, rng, embedder="e")
    assert found is not None
    assert found.held_out == held_out


@given(st.integers(0, 5))
def test_centres_have_length_one_and_survive_their_encoding(seed: int):
    rng = np.random.default_rng(seed)
    centres = centres_of(unit(rng.normal(size=(80, 6))), rng)
    again = decoded(encoded(centres), 6)
    assert np.linalg.norm(again, axis=1) == pytest.approx(1.0, abs=5e-3)
    assert again == pytest.approx(centres, abs=1e-3)


def test_an_artefact_keeps_its_summary_and_loads_without_one():
    rng = np.random.default_rng(0)
    made = replace(artefact(calibrate(labels(400, rng), Promise(0.1), rng)), summary=summary())
    assert parse(made.dump()).summary == made.summary
    older = json.loads(made.dump())
    del older["summary"]
    assert parse(json.dumps(older)).summary is None


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2}, {"centres": "%%"}, {"centres": ""}, {"dimensions": 7}, {"distances": [0.2, 0.1]},
        {"distances": []}, {"usual_lengths": [3, 2]}, {"usual_lengths": [3]}, {"usual_lengths": [2, "nan"]},
    ],
    ids=lambda change: "-".join(map(str, *change.items())),
)  # fmt: skip
def test_a_damaged_summary_is_refused(change: dict[str, object]):
    rng = np.random.default_rng(0)
    made = replace(artefact(calibrate(labels(400, rng), Promise(0.1), rng)), summary=summary())
    content = json.loads(made.dump())
    content["summary"] |= change
    with pytest.raises(StaleArtefactError, match="damaged"):
        parse(json.dumps(content))
