"""The token bucket against a model that counts every moment, and what clocks may do to it."""

from fractions import Fraction
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.limits.bucket import BucketState, Deny, Grant, TokenBucket

ARRIVALS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12)), max_size=60)
"""Tenths of a second since the one before, and tickets."""


@given(ARRIVALS, st.integers(1, 20), st.integers(1, 30))
def test_a_bucket_grants_exactly_what_a_model_of_exact_numbers_grants(
    arrivals: list[tuple[int, int]], capacity: int, refill: int
) -> None:
    bucket, state = TokenBucket(capacity, refill), None
    level, now = Fraction(capacity), Fraction(0)
    for pause, n in arrivals:
        now += Fraction(pause, 8)  # eighths, which floats hold exactly
        level = min(Fraction(capacity), level + Fraction(pause, 8) * refill)
        verdict, state = bucket.take(n, now=float(now), state=state)
        assert isinstance(verdict, Grant) == (n <= level)
        if n <= level:
            level -= n
            assert verdict == Grant(float(level))


@given(ARRIVALS, st.floats(0.5, 50), st.floats(0.01, 100))
def test_no_stretch_of_time_is_granted_more_than_its_capacity_and_refill(
    arrivals: list[tuple[int, int]], capacity: float, refill: float
) -> None:
    bucket, state, now = TokenBucket(capacity, refill), None, 1_700_000_000.0
    grants: list[tuple[float, float]] = []
    for pause, n in arrivals:
        now += pause / 10
        verdict, state = bucket.take(n, now=now, state=state)
        if isinstance(verdict, Grant):
            grants.append((now, n))
    for first, (begin, _) in enumerate(grants):
        total = 0.0
        for end, n in grants[first:]:
            total += n
            assert total <= capacity + refill * (end - begin) + 1e-6


@given(st.floats(0.1, 1e6), st.floats(1.0, 2.6e6), st.floats(0.01, 1), st.floats(-10, 1))
def test_whoever_waits_as_long_as_told_is_granted(capacity: float, full_in: float, share: float, level: float) -> None:
    """Buckets that are full again after a second to a month."""
    bucket, now = TokenBucket(capacity, capacity / full_in), 1_700_000_000.0
    state = BucketState(level * capacity, now)
    verdict, state = bucket.take(share * capacity, now=now, state=state)
    if isinstance(verdict, Deny):
        verdict, _ = bucket.take(share * capacity, now=now + verdict.retry_after, state=state)
    assert isinstance(verdict, Grant)


def test_a_denied_request_takes_nothing() -> None:
    bucket = TokenBucket(10, 1)
    _, state = bucket.take(8, now=0.0, state=None)
    verdict, state = bucket.take(3, now=0.0, state=state)
    assert isinstance(verdict, Deny)
    assert verdict.retry_after == pytest.approx(1.0, abs=0.01)
    assert bucket.take(2, now=0.0, state=state)[0] == Grant(0.0)


def test_more_than_the_capacity_is_never_granted() -> None:
    assert TokenBucket(10, 1).take(11, now=0.0, state=None)[0] == Deny(inf)


def test_what_was_used_beyond_a_reservation_is_owed_and_what_was_not_used_comes_back() -> None:
    bucket = TokenBucket(10, 1)
    _, state = bucket.take(4, now=0.0, state=None)
    state = bucket.settle(8, now=0.0, state=state)
    assert state.tickets == -2
    verdict, _ = bucket.take(1, now=0.0, state=state)
    assert isinstance(verdict, Deny)
    assert verdict.retry_after == pytest.approx(3.0, abs=0.01)
    state = bucket.settle(-20, now=0.0, state=state)
    assert state.tickets == 10, "never more than it holds"


def test_a_clock_a_little_behind_is_waited_for_and_one_that_was_set_back_is_believed() -> None:
    bucket = TokenBucket(10, 1)
    _, state = bucket.take(10, now=1000.0, state=None)
    _, state = bucket.take(1, now=999.5, state=state)
    assert state == BucketState(0.0, 1000.0), "another server's clock: nothing is refilled twice"
    _, state = bucket.take(1, now=100.0, state=state)
    assert state == BucketState(0.0, 100.0)
    assert bucket.take(1, now=101.0, state=state)[0] == Grant(0.0), "it does not stand still for 900 seconds"


def test_a_clock_set_ahead_fills_a_bucket_and_no_more() -> None:
    bucket = TokenBucket(10, 1)
    _, state = bucket.take(10, now=0.0, state=None)
    assert bucket.take(10, now=1e9, state=state)[0] == Grant(0.0)


def test_a_smaller_capacity_after_a_reload_is_kept_at_once() -> None:
    _, state = TokenBucket(100, 1).take(1, now=0.0, state=None)
    assert TokenBucket(10, 1).at(0.0, state).tickets == 10


@pytest.mark.parametrize(("capacity", "refill"), [(0, 1), (1, 0), (-1, 1), (1, float("nan"))])
def test_a_bucket_without_capacity_or_refill_is_a_mistake(capacity: float, refill: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        TokenBucket(capacity, refill)


def test_a_bucket_says_when_it_is_full_again() -> None:
    assert TokenBucket(10, 2).full_after(4) == 3.0
    assert TokenBucket(10, 2).full_after(10) == 0.0


def test_a_clock_exactly_a_second_behind_is_still_waited_for() -> None:
    bucket, state = TokenBucket(10, 1), BucketState(4.0, 100.0)
    assert bucket.at(99.0, state) == state
    assert bucket.at(98.9, state) == BucketState(4.0, 98.9)
    assert bucket.at(100.0, state) == state
    assert bucket.at(99.5, BucketState(12.0, 100.0)).tickets == 10


def test_all_that_a_bucket_holds_may_be_asked_for_and_takes_a_thousandth_of_a_second_longer_than_it_fills() -> None:
    bucket, empty = TokenBucket(10, 4), BucketState(0.0, 0.0)
    assert bucket.take(10, now=0.0, state=empty)[0] == Deny(2.501)
    assert bucket.take(10.1, now=0.0, state=empty)[0] == Deny(inf)
    assert bucket.full_after(12) == 0
