"""The adaptive limit: within its bounds, smaller under overload, back when that has passed."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.limits.concurrency import CallOutcome, ConcurrencyPolicy, ConcurrencyState, adapt

POLICY = ConcurrencyPolicy(least=2, most=50)


def fine(now: float, *, running: int = 100, duration: float = 1.0, work: float = 1.0) -> CallOutcome:
    return CallOutcome(now - duration, now, work, running)


def after(state: ConcurrencyState, *outcomes: CallOutcome) -> ConcurrencyState:
    for outcome in outcomes:
        state = adapt(POLICY, state, outcome)
    return state


@given(
    st.lists(st.tuples(st.floats(0.001, 60), st.floats(0.1, 1e5), st.integers(1, 80), st.booleans()), max_size=80),
    st.integers(2, 50),
)
def test_whatever_happens_the_limit_stays_within_its_bounds(
    outcomes: list[tuple[float, float, int, bool]], start: int
) -> None:
    state = ConcurrencyState(start)
    for now, (duration, work, running, is_overload) in enumerate(outcomes):
        state = adapt(POLICY, state, CallOutcome(now - duration, now, work, running, is_overload))
        assert POLICY.least <= state.allowed <= POLICY.most


def test_a_limits_worth_of_good_answers_raises_it_by_one() -> None:
    state = after(ConcurrencyState(10.0), *(fine(float(n)) for n in range(11)))
    assert state.allowed == 11


def test_a_limit_that_nobody_reaches_stays() -> None:
    assert after(ConcurrencyState(10.0), *(fine(float(n), running=9) for n in range(50))).limit == 10


def test_one_overload_shrinks_it_once_for_all_that_were_under_way() -> None:
    refusals = [CallOutcome(0.0, 5.0 + n / 10, 1.0, 10, is_overload=True) for n in range(8)]
    state = after(ConcurrencyState(20.0), *refusals)
    assert state.limit == pytest.approx(14)
    later = after(state, CallOutcome(6.0, 7.0, 1.0, 10, is_overload=True))
    assert later.limit == pytest.approx(14 * 0.7)


def test_answers_that_become_slow_shrink_it_and_it_recovers_when_they_are_fast_again() -> None:
    usual = after(ConcurrencyState(20.0), *(fine(float(n), running=1) for n in range(50)))
    slow = after(usual, *(fine(100.0 + n, duration=5.0) for n in range(30)))
    assert slow.limit < 15
    well = after(slow, *(fine(200.0 + n, duration=1.0) for n in range(400)))
    assert well.limit > 20


def test_a_long_answer_is_not_a_slow_one() -> None:
    usual = after(ConcurrencyState(20.0), *(fine(float(n), running=1) for n in range(50)))
    assert after(usual, *(fine(100.0 + 20 * n, duration=20.0, work=20.0) for n in range(30))).limit > 20


def test_what_is_slow_for_good_becomes_usual() -> None:
    state = after(ConcurrencyState(20.0), *(fine(float(n)) for n in range(50)))
    slowed = replace(after(state, *(fine(100.0 + n, duration=3.0) for n in range(3000))), limit=5.0)
    assert after(slowed, *(fine(4000.0 + n, duration=3.0) for n in range(50))).limit > 5


@pytest.mark.parametrize(
    "fields", [{"least": 0}, {"least": 9, "most": 8}, {"backoff": 1.0}, {"backoff": 0.0}, {"tolerance": 0.5}]
)
def test_bounds_that_make_no_sense_are_a_mistake(fields: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="least"):
        ConcurrencyPolicy(**fields)  # pyright: ignore[reportArgumentType]
