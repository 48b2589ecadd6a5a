"""Whether confidences come true, and how long a kept answer does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.caching.ageing import ageing_of
from thriftgate.caching.entries import Observation
from thriftgate.caching.odds import Odds
from thriftgate.caching.policy import CONFIDENCE, SERVED

outcomes = st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.booleans()), max_size=60)


def seen(confidence: float, *, is_correct: bool, served: bool = True, source: str = "fresh_answer") -> Observation:
    features = {CONFIDENCE: confidence} | ({SERVED: 1.0} if served else {})
    return Observation(
        entry_id="e", scope="s", route="r", similarity=0.9, features=features, is_correct=is_correct, observed_at=0,
        source=source,
    )  # fmt: skip


@given(outcomes, st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_errors_are_never_fewer_than_the_confidences_say(
    past: list[tuple[float, bool, bool]], confidences: list[float]
) -> None:
    odds = Odds()
    for confidence, is_correct, served in past:
        odds.add(seen(confidence, is_correct=is_correct, served=served))
    array = np.array(confidences)
    assert (odds.errors(array) >= 1 - array - 1e-12).all()
    assert odds.checked == sum(served for _, _, served in past)


@given(outcomes, st.floats(0.8, 0.999), st.booleans())
def test_one_more_wrong_outcome_never_lowers_an_error(
    past: list[tuple[float, bool, bool]], confidence: float, served: bool
) -> None:
    one, other = Odds(), Odds()
    for odds in (one, other):
        for chance, is_correct, was_served in past:
            odds.add(seen(chance, is_correct=is_correct, served=was_served))
    other.add(seen(confidence, is_correct=False, served=served))
    levels = np.array([0.5, 0.85, 0.93, 0.97, 0.99])
    assert (other.errors(levels) >= one.errors(levels) - 1e-12).all()


def test_what_was_only_nearly_served_counts_at_its_own_level_of_confidence() -> None:
    odds = Odds()
    for number in range(50):
        odds.add(seen(0.92, is_correct=number % 5 != 0, served=False))
    low, high = odds.errors(np.array([0.92, 0.99])).tolist()
    assert low == pytest.approx(0.08 * 15 / 9)
    assert high == pytest.approx(0.01)
    assert odds.inflation == 1


def test_complaints_and_outcomes_without_a_confidence_measure_nothing() -> None:
    odds = Odds()
    odds.add(seen(0.99, is_correct=False, source="feedback"))
    odds.add(Observation(entry_id="e", scope="s", route="r", similarity=1, is_correct=False, observed_at=0))
    assert (odds.inflation, odds.checked) == (1, 0)


@given(st.lists(st.tuples(st.floats(0, 1e6), st.booleans()), max_size=50))
def test_the_rate_of_change_lies_in_its_interval_and_no_change_gives_no_advice(
    checks: list[tuple[float, bool]],
) -> None:
    found = ageing_of(checks)
    rate, ttl = found.per_day, found.longest_ttl(0.05)
    if found.seconds < 1:
        assert rate is None
        assert ttl is None
        return
    assert rate is not None
    assert rate.low <= rate.estimate <= rate.high
    assert (ttl is None) == (found.changed == 0)


def test_answers_that_change_daily_are_kept_so_long_that_half_the_promise_is_out_of_date() -> None:
    found = ageing_of([(86_400.0, number % 2 == 0) for number in range(100)])
    rate, ttl = found.per_day, found.longest_ttl(0.05)
    assert rate is not None
    assert rate.estimate == pytest.approx(0.5)
    assert ttl == pytest.approx(0.05 / 0.5 * 86_400)
