"""A tier whose provider would not get all of a request is not asked for it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import ask
from tests.route_setup import STRONG, UNSURE, Client, RouteSetup

from thriftgate.cascade.flow import Tier
from thriftgate.cascade.plan import Plan, without
from thriftgate.decisions import Reason
from thriftgate.errors import InvalidRequestError
from thriftgate.types import DecisionKind

MODELS = ["a", "b", "c"]


@pytest.mark.parametrize("stream", [False, True])
async def test_the_strong_tier_is_left_out_and_the_cheap_ones_answer_is_given(stream: bool) -> None:
    setup = RouteSetup()
    setup.completer.losing["large"] = ("stop_sequences",)
    setup.completer.enqueue("small", UNSURE)
    await (Client(setup.route).read(ask()) if stream else setup.answer(ask()))
    assert setup.completer.models == ["small"]
    assert (setup.record.decision, setup.record.reason) == (DecisionKind.ONLY_TIER, "tier_cannot_carry")


async def test_an_answer_that_is_unjudged_for_want_of_the_strong_tier_is_kept_for_nobody() -> None:
    setup = RouteSetup(cache={"immaterial": ["service_tier"]})
    setup.completer.standing["small"] = UNSURE
    setup.completer.losing["large"] = ("service_tier",)
    assert (await setup.answer(ask(params={"service_tier": "flex"}))).text == UNSURE.text
    assert await setup.entries() == []
    setup.completer.losing.clear()
    assert (await setup.answer(ask(request_id="other"))).text == STRONG.text


async def test_the_cheap_tier_is_left_out() -> None:
    setup = RouteSetup()
    setup.completer.losing["small"] = ("stop_sequences",)
    await setup.answer(ask())
    assert setup.completer.models == ["large"]
    assert setup.record.reason == "tier_cannot_carry"


@pytest.mark.parametrize("stream", [False, True])
async def test_where_no_tier_gets_it_the_client_is_told_what_it_is(stream: bool) -> None:
    setup = RouteSetup()
    setup.completer.losing |= {"small": ("tools[0].type", "top_k"), "large": ("messages[2].content[0].is_error",)}
    with pytest.raises(InvalidRequestError, match=r"would get 'messages\[2\]\.content\[0\]\.is_error'") as refused:
        await (Client(setup.route).read(ask()) if stream else setup.answer(ask()))
    assert refused.value.param == "messages[2].content[0].is_error"
    assert setup.completer.models == []


@given(st.integers(1, 3), st.sets(st.sampled_from(MODELS)), st.booleans())
def test_a_plan_asks_all_that_are_able_and_nobody_else(count: int, unable: set[str], only_strongest: bool) -> None:
    models = MODELS[:count]
    tiers = (*(Tier(model, math.inf) for model in models[:-1]), Tier(models[-1]))
    planned = Plan(tiers[-1:] if only_strongest else tiers, Reason.CASCADE)
    left = without(planned, unable, models)
    able = [model for model in models if model not in unable]
    if left is None:
        assert able == []
        return
    asked = [tier.model for tier in left.tiers]
    assert asked == ([able[-1]] if only_strongest else able)
    assert (left is planned) == (left.tiers == planned.tiers)
