"""The adaptive limit: within its bounds, smaller under overload, back when that has passed."""

from dataclasses import replace
from math import inf

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


def test_usual_rises_by_a_256th_and_falls_by_an_eighth_and_lately_moves_by_an_eighth() -> None:
    state = after(ConcurrencyState(10.0), fine(0.0, running=1, duration=2.0))
    assert (state.usual, state.lately) == (2, 2)
    slower = after(state, fine(1.0, running=1, duration=4.0))
    assert (slower.usual, slower.lately) == (2 + 2 / 256, 2.25)
    faster = after(state, fine(1.0, running=1, duration=1.0))
    assert (faster.usual, faster.lately) == (1.875, 1.875)


def test_slowness_is_per_work_and_never_negative() -> None:
    assert after(ConcurrencyState(10.0), fine(0.0, running=1, duration=6.0, work=3.0)).usual == 2
    assert after(ConcurrencyState(10.0), fine(0.0, running=1, duration=-5.0)).usual == 0
    assert after(ConcurrencyState(10.0), fine(0.0, running=1, duration=1.0, work=0.0)).usual == pytest.approx(1e9)


def test_a_limit_is_raised_by_its_own_share_up_to_the_most() -> None:
    assert after(ConcurrencyState(4.0), fine(0.0, running=4)).limit == 4.25
    assert after(ConcurrencyState(4.0), fine(0.0, running=3)).limit == 4
    assert after(ConcurrencyState(0.5), fine(0.0, running=1)).limit == 1.5
    assert after(ConcurrencyState(49.99), fine(0.0, running=49)).limit == 50
    assert (ConcurrencyState(0.5).allowed, ConcurrencyState(2.9).allowed) == (1, 2)


@pytest.mark.parametrize(
    ("lately", "limit"),
    [
        # Twice as slow as usual is tolerated; beyond, the limit shrinks in proportion and to 0.7 at most.
        (2.0, 20 + 1 / 20), (2.5, 20 * 2 / 2.5), (4.0, 14.0),
    ],
)  # fmt: skip
def test_slowness_beyond_the_tolerance_shrinks_a_limit_in_proportion(lately: float, limit: float) -> None:
    state = ConcurrencyState(20.0, usual=1.0, lately=lately)
    # As slow as it was lately, so that only `usual` creeps: by a 256th of the difference.
    moved = adapt(replace(POLICY, tolerance=2.0 / (1 + (lately - 1) / 256)), state, fine(9.0, duration=lately))
    assert moved.limit == pytest.approx(limit)
    assert moved.shrunk_at == (9.0 if lately > 2 else -inf)


def test_what_began_as_the_limit_shrank_is_news_and_what_began_before_is_none() -> None:
    state = ConcurrencyState(20.0, usual=1.0, lately=9.0, shrunk_at=5.0)
    assert adapt(POLICY, state, CallOutcome(5.0, 14.0, 1.0, 1)).limit == 14
    assert adapt(POLICY, state, CallOutcome(4.9, 14.0, 1.0, 1)).limit == 20
    assert adapt(POLICY, state, CallOutcome(5.0, 6.0, 1.0, 1, is_overload=True)) == replace(
        state, limit=14.0, shrunk_at=6.0
    )
    assert adapt(POLICY, state, CallOutcome(4.9, 6.0, 1.0, 1, is_overload=True)) == state
    assert adapt(POLICY, replace(state, limit=2.5), CallOutcome(5.0, 6.0, 1.0, 1, is_overload=True)).limit == 2


def test_bounds_may_meet_and_the_usual_ones_are_told() -> None:
    assert ConcurrencyPolicy(least=1, most=1, tolerance=1.0).most == 1
    assert ConcurrencyPolicy() == ConcurrencyPolicy(least=1, most=1000, backoff=0.7, tolerance=2.0)
    assert CallOutcome(0.0, 1.0, 1.0, 1).is_overload is False
