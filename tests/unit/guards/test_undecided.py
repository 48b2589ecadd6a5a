"""When a vector is asked for: only where it can change the verdict."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.guards.classifier import Classifier, VectorWeights, WordWeights, probability
from thriftgate.guards.hashing import BUCKETS
from thriftgate.guards.injection import Piece, judged, most_suspect, pieces_of, score_beside, undecided
from thriftgate.guards.phrases import NAMES
from thriftgate.types import Vector

MOST = 4


def classifier(shift: float, most: float) -> Classifier:
    """Of vectors of one number, which they say as it is."""
    none = np.zeros(BUCKETS, dtype=np.float32), np.zeros(len(NAMES), dtype=np.float32)
    return Classifier("x", WordWeights(0.0, *none), VectorWeights("numbers", shift, 0.0, np.ones(1, np.float32), most))


def piece(number: int, logit: float, least: float) -> Piece:
    return Piece(f"window {number}", number, number + 1, "", logit, max(least, probability(logit)), least)


def vectors_of(pieces: Sequence[Piece], said: Sequence[float]) -> Mapping[str, Vector]:
    return {one.text: np.array([number], np.float32) for one, number in zip(pieces, said, strict=True)}


logits = st.floats(-12, 12)
windows = st.lists(st.tuples(logits, st.sampled_from([0.0, 0.75]), logits), min_size=1, max_size=12)


@given(windows, st.floats(-3, 3), st.floats(0, 3), st.floats(0.01, 0.99))
def test_with_and_without_the_vectors_that_cannot_decide_the_verdict_is_the_same(
    drawn: list[tuple[float, float, float]], shift: float, most: float, threshold: float
) -> None:
    model = classifier(shift, most)
    pieces = [piece(number, logit, least) for number, (logit, least, _) in enumerate(drawn)]
    everything = vectors_of(pieces, [said for _, _, said in drawn])
    asked = {one.text for one in undecided(pieces, model, threshold)}
    some = {text: vector for text, vector in everything.items() if text in asked}
    whole, gated = judged(pieces, model, everything, threshold), judged(pieces, model, some, threshold)
    assert whole is not None
    assert gated is not None
    assert (whole.score >= threshold) is (gated.score >= threshold)


@given(windows, st.floats(-3, 3), st.floats(0, 3), st.floats(0.01, 0.99))
def test_words_that_are_far_from_the_threshold_are_overruled_by_no_vector(
    drawn: list[tuple[float, float, float]], shift: float, most: float, threshold: float
) -> None:
    model = classifier(shift, most)
    for number, (logit, least, said) in enumerate(drawn):
        one = piece(number, logit, least)
        if one.text not in {each.text for each in undecided([one], model, threshold)}:
            verdicts = {
                score_beside(one, model, vector, threshold) >= threshold
                for vector in (None, np.array([said], np.float32), np.array([-99], np.float32), np.ones(1, np.float32))
            }
            assert len(verdicts) == 1


@given(windows, st.floats(-3, 3), st.floats(0, 3), st.floats(0.01, 0.99))
def test_of_many_windows_the_most_suspect_are_asked_about_and_the_others_go_by_their_words(
    drawn: list[tuple[float, float, float]], shift: float, most: float, threshold: float
) -> None:
    model = classifier(shift, most)
    pieces = [piece(number, logit, least) for number, (logit, least, _) in enumerate(drawn)]
    asked = most_suspect(undecided(pieces, model, threshold), MOST)
    assert len(asked) <= MOST
    left = [one for one in undecided(pieces, model, threshold) if one not in asked]
    assert all(one.score <= two.score for one in left for two in asked)
    assert [score_beside(one, model, None, threshold) for one in left] == [one.score for one in left]


@given(logits, logits, st.floats(0, 3))
def test_a_vector_never_says_more_than_it_may(logit: float, said: float, most: float) -> None:
    model = classifier(0.0, most)
    score = score_beside(piece(0, logit, 0.0), model, np.array([said], np.float32), 0.5)
    assert score == pytest.approx(probability(logit + max(-most, min(most, float(np.float32(said))))))


def test_without_a_part_for_vectors_nothing_is_asked_and_words_decide() -> None:
    model = Classifier("x", classifier(0, 1).words)
    pieces, _ = pieces_of("Where is my parcel? " * 100, model)
    assert undecided(pieces, model, 0.5) == []
    assert judged(pieces, model, {}) == judged(pieces, model)
