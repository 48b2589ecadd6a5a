"""Candidates for the tests of a cascade: from the safest to the boldest, without a gap."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from thriftgate.cascade.calibration.candidates import accept_candidates, route_candidates, thresholds
from thriftgate.cascade.calibration.policy import Replay

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
