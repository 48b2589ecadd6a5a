"""The ladder: one step at a time, with a gap between up and down, and back by itself."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.limits.ladder import LadderPolicy, LadderState, LadderStep, move

STEPS = tuple(step for step in LadderStep if step is not LadderStep.NORMAL)
POLICY = LadderPolicy(STEPS, climb_at=0.8, descend_at=0.4, climb_after=2, descend_after=10)
LOADS = st.lists(st.tuples(st.floats(0.05, 3), st.floats(0, 2)), max_size=150)
"""Seconds since the last look, and the load."""


def walked(state: LadderState, load: float, *, seconds: int, begin: float = 0.0) -> LadderState:
    for n in range(seconds + 1):
        state = move(POLICY, state, load=load, now=begin + n)
    return state


@given(LOADS)
def test_it_moves_one_step_at_a_time_and_never_twice_within_its_pause(looks: list[tuple[float, float]]) -> None:
    state, now, moves = LadderState(), 0.0, list[tuple[float, int]]()
    for pause, load in looks:
        now += pause
        moved = move(POLICY, state, load=load, now=now)
        assert abs(moved.height - state.height) <= 1
        if moved.height != state.height:
            assert load >= 0.8 if moved.height > state.height else load <= 0.4
            moves.append((now, moved.height - state.height))
        state = moved
    for (earlier, _), (later, direction) in pairwise(moves):
        assert later - earlier >= (2 if direction > 0 else 10) - 1e-9


def test_lasting_load_climbs_every_step_and_lasting_calm_returns_to_normal() -> None:
    state, seen = LadderState(), list[LadderStep]()
    for n in range(20):
        state = move(POLICY, state, load=1.0, now=float(n))
        if not seen or seen[-1] is not state.step(POLICY):
            seen.append(state.step(POLICY))
    assert seen == list(LadderStep)
    assert state.in_force(POLICY) == set(STEPS)
    state = walked(state, 0.1, seconds=200, begin=20.0)
    assert state == LadderState()
    assert state.step(POLICY) is LadderStep.NORMAL
    assert not state.in_force(POLICY)


def test_between_the_two_thresholds_it_stays() -> None:
    up = walked(LadderState(), 1.0, seconds=4)
    assert up.height == 2
    assert walked(up, 0.6, seconds=500, begin=5.0).height == 2


def test_a_short_peak_moves_nothing() -> None:
    state = move(POLICY, LadderState(), load=5.0, now=0.0)
    state = move(POLICY, state, load=0.5, now=1.0)
    state = move(POLICY, state, load=5.0, now=1.9)
    assert move(POLICY, state, load=5.0, now=3.0).height == 0
    assert move(POLICY, state, load=5.0, now=3.9).height == 1


def test_a_clock_set_back_does_not_freeze_it() -> None:
    state = move(POLICY, LadderState(), load=1.0, now=1000.0)
    state = move(POLICY, state, load=1.0, now=0.0)
    assert move(POLICY, state, load=1.0, now=2.0).height == 1


def test_a_ladder_shortened_by_a_reload_is_come_down_from_at_once() -> None:
    short = LadderPolicy((LadderStep.SHORTER,))
    assert move(short, LadderState(height=5), load=0.6, now=0.0).height == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"steps": (LadderStep.NORMAL,)},
        {"steps": (LadderStep.SHED, LadderStep.SHED)},
        {"steps": (), "climb_at": 0.4, "descend_at": 0.4},
        {"steps": (), "climb_after": -1.0},
        {"steps": (), "descend_after": -1.0},
        {"steps": (), "descend_at": -0.1},
    ],
)
def test_a_ladder_that_makes_no_sense_is_a_mistake(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"steps|descend"):
        LadderPolicy(**fields)  # pyright: ignore[reportArgumentType]


def test_a_ladder_may_move_at_once() -> None:
    at_once = LadderPolicy(STEPS, descend_at=0, climb_after=0, descend_after=0)
    up = move(at_once, LadderState(), load=0.9, now=0.0)
    assert up.height == 1
    assert move(at_once, up, load=0.0, now=1.0).height == 0


@pytest.mark.parametrize(("load", "height"), [(0.8, 2), (0.79, 1), (0.41, 1), (0.4, 0)])
def test_a_threshold_itself_moves_it_after_its_pause(load: float, height: int) -> None:
    at_first = LadderState(height=1)
    for pause, moved in ((1.9, 1), (2.0, max(1, height)), (9.9, max(1, height)), (10.0, height), (60.0, height)):
        began = move(POLICY, at_first, load=load, now=5.0)
        assert began.height == 1
        assert move(POLICY, began, load=load, now=5.0 + pause).height == moved


def test_the_next_step_counts_from_the_last_and_a_full_ladder_ends() -> None:
    up = walked(LadderState(), 1.0, seconds=2)
    assert up == LadderState(1, high_since=2.0)
    assert move(POLICY, up, load=1.0, now=3.9).height == 1
    assert move(POLICY, up, load=1.0, now=4.0) == LadderState(2, high_since=4.0)
    top = LadderState(len(STEPS), high_since=0.0)
    assert move(POLICY, top, load=1.0, now=99.0) == LadderState(len(STEPS))
    down = move(POLICY, LadderState(2, low_since=0.0), load=0.0, now=10.0)
    assert down == LadderState(1, low_since=10.0)
    assert move(POLICY, LadderState(), load=0.0, now=99.0) == LadderState()


def test_clocks_set_back_are_believed_on_the_way_down_too() -> None:
    state = move(POLICY, LadderState(1, low_since=1000.0), load=0.0, now=0.0)
    assert state == LadderState(1, low_since=0.0)
    assert move(POLICY, state, load=0.0, now=10.0).height == 0


def test_steps_are_in_force_up_to_the_height() -> None:
    assert LadderState(2).in_force(POLICY) == set(STEPS[:2])
    assert LadderState(2).step(POLICY) is STEPS[1]
    assert LadderState(1).step(POLICY) is STEPS[0]


def test_the_usual_ladder() -> None:
    usual = LadderPolicy(STEPS)
    assert (usual.climb_at, usual.descend_at, usual.climb_after, usual.descend_after) == (0.8, 0.4, 2, 10)
    assert LadderPolicy(STEPS, descend_at=0.0, climb_at=0.1, climb_after=0.0, descend_after=0.0).climb_at == 0.1
