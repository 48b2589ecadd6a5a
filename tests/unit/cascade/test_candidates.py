"""Candidates for the tests of a cascade: from the safest to the boldest, without a gap."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thriftgate.cascade.calibration.candidates import (
    _steps,  # pyright: ignore[reportPrivateUsage]
    accept_candidates,
    pareto,
    route_candidates,
    thresholds,
)
from thriftgate.cascade.calibration.policy import Replay, ThresholdPolicy

LARGE, SMALL = 5.0, 1.0


def setup(rng: np.random.Generator, *, n: int, tiers: int = 2) -> Replay:
    """A replay whose cheap answers are the better the higher their score."""
    scores = rng.normal(size=(n, tiers - 1))
    quality = np.column_stack([*(rng.random(n) < 1 / (1 + np.exp(-3 * column)) for column in scores.T), np.ones(n)])
    cost = np.tile([SMALL * (tier + 1) for tier in range(tiers - 1)] + [LARGE], (n, 1))
    return Replay(scores=scores, quality=quality.astype(float), cost_usd=cost, outlook=rng.normal(size=n))


@given(seed=st.integers(0, 10_000), n=st.integers(20, 300))
def test_no_rung_between_two_accepting_candidates_is_left_out(seed: int, n: int):
    replay = setup(np.random.default_rng(seed), n=n)
    replay = Replay(scores=replay.scores, quality=replay.quality, cost_usd=replay.cost_usd, outlook=np.full(n, np.nan))
    ladder = thresholds(replay.scores[:, 0], 60)
    rungs = [ladder.index(policy.accept_at[0]) for policy in accept_candidates(replay)]
    assert rungs[0] == 0
    assert all(abs(after - before) <= 1 for before, after in itertools.pairwise(rungs))


@settings(max_examples=12)
@given(seed=st.integers(0, 10_000))
def test_steps_on_several_ladders_are_small_on_each(seed: int):
    replay = setup(np.random.default_rng(seed), n=120, tiers=3)
    ladders = [thresholds(replay.scores[:, tier], 20) for tier in range(2)]
    policies = accept_candidates(replay)
    for before, after in itertools.pairwise(policies):
        for ladder, one, other in zip(ladders, before.accept_at, after.accept_at, strict=True):
            assert abs(ladder.index(one) - ladder.index(other)) <= 1


@given(seed=st.integers(0, 10_000))
def test_routes_by_the_question_alone_have_no_gap_either(seed: int):
    replay = setup(np.random.default_rng(seed), n=200)
    ladder = thresholds(replay.outlook, 60)
    policies = route_candidates(replay)
    assert all(policy.skip_below == policy.trust_above for policy in policies[1:])
    rungs = [ladder.index(policy.skip_below) for policy in policies]
    assert all(abs(after - before) <= 1 for before, after in itertools.pairwise(rungs))


def test_where_nothing_is_known_no_candidate_accepts_anything():
    nothing = np.full((40, 1), np.nan)
    replay = Replay(scores=nothing, quality=np.ones((40, 2)), cost_usd=np.ones((40, 2)), outlook=np.full(40, np.nan))
    assert {policy.accept_at for policy in accept_candidates(replay)} == {(np.inf,)}


def worse_the_more_is_accepted(n: int, cheaper: int) -> Replay:
    """Every cheap answer loses and saves as much as any other: each rung is a way to spend a little more."""
    scores = np.column_stack([np.arange(1.0, n + 1) for _ in range(cheaper)])
    return Replay(
        scores,
        np.column_stack([np.full((n, cheaper), 0.5), np.ones(n)]),
        np.column_stack([np.full((n, cheaper), 0.01), np.ones(n)]),
        np.arange(1.0, n + 1) / n,
    )


@pytest.mark.parametrize(("cheaper", "rungs"), [(1, 60), (2, 20), (3, 9)])
def test_sixty_thresholds_are_tried_of_one_tier_twenty_of_two_and_nine_of_more(cheaper: int, rungs: int):
    replay = worse_the_more_is_accepted(500, cheaper)
    found = accept_candidates(replay)
    assert found[0] == ThresholdPolicy((np.inf,) * cheaper, skip_below=np.inf)
    assert len({policy.accept_at[0] for policy in found}) == rungs + 1
    assert sorted({policy.accept_at[0] for policy in found}, reverse=True) == thresholds(replay.scores[:, 0], rungs)
    if cheaper == 1:
        assert len(found) == rungs + 2
        assert {policy.skip_below for policy in found[1:]} == {-np.inf}


def test_a_route_by_the_question_tries_sixty_thresholds_too():
    replay = worse_the_more_is_accepted(500, 1)
    found = route_candidates(replay)
    assert [policy.skip_below for policy in found[1:]] == thresholds(replay.outlook, 60)
    assert [policy.trust_above for policy in found[1:]] == [policy.skip_below for policy in found[1:]]
    assert {policy.accept_at for policy in found} == {(np.inf,)}


def test_between_two_candidates_all_ladders_are_climbed_down_together():
    ladders = [[np.inf, 4.0, 3.0, 2.0, 1.0], [np.inf, 0.2, 0.1]]
    assert _steps((np.inf, np.inf), (1.0, 0.1), ladders) == [(4.0, np.inf), (3.0, 0.2), (2.0, 0.1)]
    assert _steps((2.0, np.inf), (np.inf, 0.2), ladders) == [(3.0, np.inf), (4.0, 0.2)]
    assert _steps((3.0, 0.2), (3.0, 0.1), ladders) == []
    assert _steps((3.0, 0.2), (2.0, 0.1), ladders) == []


def test_of_two_candidates_that_cost_the_same_the_one_that_loses_less_is_kept():
    replay = Replay(
        np.array([[0.9], [0.5], [0.1]]), np.array([[1.0, 1.0], [0.0, 1.0], [0.0, 1.0]]),
        np.array([[0.0, 1.0], [0.5, 0.0], [0.0, 1.0]]), np.full(3, np.nan),
    )  # fmt: skip
    front = pareto([ThresholdPolicy((at,)) for at in (0.9, 0.5, 0.1, 2.0)], replay, loss="net")
    assert [policy.accept_at[0] for policy in front] == [np.inf, 0.9, 0.1]
