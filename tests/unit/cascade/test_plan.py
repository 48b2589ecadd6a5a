from typing import Any

import pytest

from thriftgate.cascade.flow import Tier
from thriftgate.cascade.plan import plan
from thriftgate.types import ChatRequest

TIERS = (Tier("small", 0.7), Tier("large"))
TOOL = {"type": "function", "function": {"name": "get_order", "parameters": {"type": "object"}}}


def request(*messages: dict[str, Any], **params: Any) -> ChatRequest:
    return ChatRequest(
        request_id="r", route="support", messages=messages or ({"role": "user", "content": "hi"},), params=params
    )


def test_a_plain_question_goes_through_the_cascade():
    assert plan(request(), TIERS) == plan(request(), TIERS, tools="cascade")
    assert plan(request(), TIERS).tiers == TIERS
    assert plan(request(), TIERS).reason == "cascade"


def test_one_tier_is_no_cascade():
    assert plan(request(tools=[TOOL]), TIERS[1:]).reason == "only_tier"


OTHER = {"type": "function", "function": {"name": "cancel_order"}}
NAMED = {"type": "function", "function": {"name": "get_order"}}
RESULT: tuple[dict[str, Any], ...] = (
    {"role": "assistant", "tool_calls": []},
    {"role": "tool", "tool_call_id": "1", "content": "shipped"},
)


@pytest.mark.parametrize(
    ("asked", "reason", "reason_when_cascading"),
    [
        (request(tools=[TOOL, OTHER], tool_choice="required"), "tool_required", "tool_required"),
        (request(tools=[TOOL, OTHER], tool_choice={"type": "any"}), "tool_required", "tool_required"),
        (request(tools=[OTHER], tool_choice=NAMED), "tool_required", "tool_required"),
        (request(functions=[{"name": "g"}], function_call={"name": "f"}), "tool_required", "tool_required"),
        # One forced tool is structured output.
        (request(tools=[TOOL], tool_choice="required"), "cascade", "cascade"),
        (request(tools=[TOOL, OTHER], tool_choice=NAMED), "cascade", "cascade"),
        (request(tools=[TOOL], tool_choice={"type": "any"}), "cascade", "cascade"),
        (request(tools=[TOOL], tool_choice={"type": "tool", "name": "get_order"}), "cascade", "cascade"),
        (request(functions=[{"name": "f"}], function_call={"name": "f"}), "cascade", "cascade"),
        (request(*RESULT, tools=[TOOL], tool_choice=NAMED), "tool_result", "cascade"),
        (request(tools=[TOOL]), "tools_offered", "cascade"),
        (request(tools=[TOOL], tool_choice="auto"), "tools_offered", "cascade"),
        (request(tools=[TOOL], tool_choice={"type": "auto"}), "tools_offered", "cascade"),
        (request(functions=[{"name": "f"}]), "tools_offered", "cascade"),
        (request(tools=[TOOL], tool_choice="none"), "cascade", "cascade"),
        (request(tools=[TOOL], tool_choice={"type": "none"}), "cascade", "cascade"),
        (request(tools=[]), "cascade", "cascade"),
        (request(*RESULT), "tool_result", "cascade"),
    ],
)
def test_turns_with_tools_go_to_the_strong_tier(asked: ChatRequest, reason: str, reason_when_cascading: str):
    strict, loose = plan(asked, TIERS), plan(asked, TIERS, tools="cascade")
    assert strict.reason == reason
    assert strict.tiers == (TIERS if reason == "cascade" else TIERS[1:])
    assert loose.reason == reason_when_cascading
    assert loose.tiers == (TIERS if reason_when_cascading == "cascade" else TIERS[1:])


def test_a_route_without_tiers_is_refused():
    with pytest.raises(ValueError, match="at least one tier"):
        plan(request(), ())
