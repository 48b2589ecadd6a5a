"""What calibration plays on arrays is what serves: plan, thresholds and flow, one request after another."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.cascade.calibration.policy import Replay, ThresholdPolicy
from thriftgate.cascade.flow import Ask, Effect, Reply, Scored, Tier, cascade, play
from thriftgate.cascade.plan import Outlook, plan
from thriftgate.decisions import Reason
from thriftgate.types import Answer, ChatRequest, Choice

REQUEST = ChatRequest(request_id="r", route="support", messages=({"role": "user", "content": "Where is my parcel?"},))
# Few values, so that a score often stands at its threshold: equality is the common case where thresholds are quantiles.
LEVELS = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
SCORES = LEVELS | st.just(-math.inf)
"""Minus infinity: a veto, or no score at all."""


@dataclass(frozen=True)
class World:
    scores: list[list[float]]
    outlook: list[float]
    policy: ThresholdPolicy


@st.composite
def worlds(draw: st.DrawFn) -> World:
    judged = draw(st.integers(1, 3))
    n = draw(st.integers(1, 8))
    skip_below = draw(LEVELS | st.just(-math.inf))
    policy = ThresholdPolicy(
        accept_at=tuple(draw(st.lists(LEVELS | st.just(math.inf), min_size=judged, max_size=judged))),
        skip_below=skip_below,
        trust_above=draw(LEVELS | st.just(math.inf)),
    )
    rows = st.lists(SCORES, min_size=judged, max_size=judged)
    return World(
        scores=draw(st.lists(rows, min_size=n, max_size=n)),
        outlook=draw(st.lists(LEVELS | st.just(math.nan), min_size=n, max_size=n)),
        policy=policy,
    )


def served(policy: ThresholdPolicy, scores: list[float], outlook: float, *, is_vetoed: bool) -> tuple[int, list[int]]:
    """The tier whose answer one request gets, and those that were asked."""
    models = [str(number) for number in range(len(scores) + 1)]
    tiers = [Tier(name, level) for name, level in zip(models, [*policy.accept_at, None], strict=True)]
    chance = None if math.isnan(outlook) else outlook
    trust_above = None if math.isinf(policy.trust_above) else policy.trust_above
    planned = plan(REQUEST, tiers, outlook=Outlook(chance, policy.skip_below, trust_above))
    asked: list[int] = []

    def answered(effect: Effect) -> Reply:
        assert isinstance(effect, Ask), "no more evidence was to be asked for"
        asked.append(int(effect.tier.model))
        return Reply(Answer(choices=(Choice({"content": "42"}, "stop"),), model=effect.tier.model))

    def scored(answer: Answer, _second: Answer | None, _rating: float | None) -> Scored:
        value = scores[int(answer.model)]
        if not math.isinf(value):
            return Scored(value)
        return Scored(0.9, veto=Reason.EMPTY_ANSWER) if is_vetoed else Scored(None)

    outcome = play(cascade(planned.tiers, score=scored, reason=planned.reason), answered)
    return int(outcome.tier.model), asked


@given(worlds(), st.booleans())
def test_a_replay_gives_each_question_the_tier_and_the_cost_that_serving_does(world: World, is_vetoed: bool) -> None:
    n, tiers = len(world.scores), len(world.policy.accept_at) + 1
    prices = [10.0**place for place in range(tiers)]
    replay = Replay(
        scores=np.array(world.scores),
        quality=np.tile(np.arange(tiers, dtype=float), (n, 1)),
        cost_usd=np.tile(prices, (n, 1)),
        outlook=np.array(world.outlook),
    )
    played = replay.play(world.policy)
    for place, (scores, outlook) in enumerate(zip(world.scores, world.outlook, strict=True)):
        tier, asked = served(world.policy, scores, outlook, is_vetoed=is_vetoed)
        assert played.tier[place] == tier
        assert played.quality[place] == tier
        assert played.cost_usd[place] == pytest.approx(sum(prices[one] for one in asked))
