"""Each field of each dialect, for providers of another: it arrives under their name for it, or is refused by name."""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest
from tests.proxy.conftest import GatewayProcess
from tests.proxy.faults.conftest import GPT, OPUS, ask, error_of
from tests.proxy.upstream import says

from thriftgate.output.requirement import ANY_OBJECT

pytestmark = pytest.mark.xdist_group("proxy-faults")

Expected = str | Mapping[str, Any]
"""A 400 that names this place, or these fields of what arrives; None: the field does not arrive."""
VLLM, OPENAI, THINKS, CLAUDE = "otherone", "one", "thinksone", "claudeone"
"""A provider of chat completions; OpenAI with a model that nobody knows, and with one that thinks; Anthropic."""
ASKED = {VLLM: "other-large", OPENAI: "o-large", THINKS: GPT, CLAUDE: OPUS}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
IN_WORDS = {"output_format": None, "system": [{"type": "text", "text": ANY_OBJECT}]}
WANTED = {"type": "json_schema", "schema": SCHEMA}
TOOL = {"name": "w", "input_schema": SCHEMA}
FUNCTION = {"type": "function", "name": "w", "parameters": SCHEMA}
CHAT_FUNCTION = {"name": "w", "parameters": SCHEMA}
CHAT_TOOL = {"type": "function", "function": CHAT_FUNCTION}
MARK = {"type": "ephemeral"}
LEFT_OUT = {"function": {"name": "w", "strict": None}}
"""LiteLLM takes it out for vLLM, of which not every version takes it."""
BUDGET = {"type": "enabled", "budget_tokens": 2000}


def chosen(kind: str, *, alone: bool = True, **more: Any) -> dict[str, Any]:
    return {"tools": [TOOL], "tool_choice": {"type": kind, **more, "disable_parallel_tool_use": alone}}


def called(choice: Any) -> dict[str, Any]:
    return {"tools": [CHAT_TOOL], "tool_choice": choice}


MESSAGES: dict[str, tuple[dict[str, Any], dict[str, Expected]]] = {
    "one call of any": (chosen("auto"), {
        VLLM: {"tool_choice": "auto", "parallel_tool_calls": False},
        OPENAI: {"tool_choice": "auto", "parallel_tool_calls": False}}),
    "one call at least": (chosen("any"), {
        VLLM: {"tool_choice": "required", "parallel_tool_calls": False},
        OPENAI: {"tool_choice": "required", "parallel_tool_calls": False}}),
    "one call of a named": (chosen("tool", name="w"), {
        VLLM: {"tool_choice": {"type": "function", "function": {"name": "w"}}, "parallel_tool_calls": False},
        OPENAI: {"tool_choice": {"type": "function", "name": "w"}, "parallel_tool_calls": False}}),
    "several calls": (chosen("auto", alone=False), {
        VLLM: {"tool_choice": "auto", "parallel_tool_calls": None}}),
    "no call": ({"tools": [TOOL], "tool_choice": {"type": "none"}}, {
        VLLM: {"tool_choice": "none"}, OPENAI: {"tool_choice": "none"}}),
    "one call of none": ({"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}, {
        VLLM: {"parallel_tool_calls": None}}),
    "top_k": ({"top_k": 3}, {VLLM: {"top_k": 3}, OPENAI: "top_k", THINKS: "top_k"}),
    "effort": ({"output_config": {"effort": "high"}}, {
        VLLM: {"reasoning_effort": "high"}, OPENAI: "output_config.effort", THINKS: {"reasoning": {"effort": "high"}}}),
    "effort and a budget": ({"output_config": {"effort": "high"}, "thinking": BUDGET, "max_tokens": 3000}, {
        VLLM: {"reasoning_effort": "high"}, THINKS: {"reasoning": {"effort": "high"}}}),
    "effort without a thought": ({"output_config": {"effort": "high"}, "thinking": {"type": "disabled"}}, {
        VLLM: "output_config.effort", THINKS: "output_config.effort"}),
    "effort and adaptive": ({"output_config": {"effort": "low"}, "thinking": {"type": "adaptive"}}, {
        VLLM: {"reasoning_effort": "low"}, THINKS: {"reasoning": {"effort": "low"}}}),
    "adaptive": ({"thinking": {"type": "adaptive"}}, {
        VLLM: {"reasoning_effort": "medium"}, THINKS: {"reasoning": {"effort": "medium"}},
        OPENAI: "reasoning.effort"}),
    "a budget": ({"thinking": BUDGET, "max_tokens": 3000}, {
        VLLM: {"reasoning_effort": "low"}, THINKS: {"reasoning": {"effort": "low"}}, OPENAI: "reasoning.effort"}),
    "no thought": ({"thinking": {"type": "disabled"}}, {
        VLLM: {"reasoning_effort": "none"}, THINKS: {"reasoning": {"effort": "none"}}, OPENAI: {"reasoning": None}}),
    "stop": ({"stop_sequences": ["END"]}, {VLLM: {"stop": ["END"]}, OPENAI: "stop_sequences"}),
    "limit": ({"max_tokens": 70}, {VLLM: {"max_tokens": 70}, OPENAI: {"max_output_tokens": 70}}),
    "who asks": ({"metadata": {"user_id": "u-1"}}, {OPENAI: {"user": "u-1"}}),
    "standard tier": ({"service_tier": "standard_only"}, {
        VLLM: {"service_tier": "default"}, OPENAI: {"service_tier": "default"}}),
    "any tier": ({"service_tier": "auto"}, {VLLM: {"service_tier": "auto"}, OPENAI: {"service_tier": "auto"}}),
    "schema": ({"output_config": {"format": WANTED}}, {
        VLLM: {"response_format": {"json_schema": {"schema": SCHEMA}}},
        OPENAI: {"text": {"format": {"type": "json_schema", "schema": SCHEMA}}}}),
    "schema of old": ({"output_format": WANTED}, {
        VLLM: {"response_format": {"json_schema": {"schema": SCHEMA}}},
        OPENAI: {"text": {"format": {"type": "json_schema", "schema": SCHEMA}}}}),
    "no schema": ({"output_config": {"format": {"type": "json_object"}}}, {
        VLLM: "output_config.format", OPENAI: "output_config.format"}),
    "no schema of old": ({"output_format": {"type": "json_object"}}, {
        VLLM: "output_format", OPENAI: "output_format"}),
    "strict tool": ({"tools": [{**TOOL, "strict": True}]}, {
        VLLM: {"tools": [LEFT_OUT]}, OPENAI: {"tools": [{"strict": True}]}}),
    "marked tool": ({"tools": [{**TOOL, "cache_control": MARK}]}, {
        VLLM: {"tools": [{"cache_control": None}]}, OPENAI: {"tools": [{"cache_control": None}]}}),
}  # fmt: skip
CHAT: dict[str, tuple[dict[str, Any], dict[str, Expected]]] = {
    "one call": ({"tools": [CHAT_TOOL], "parallel_tool_calls": False}, {
        CLAUDE: {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        VLLM: {"parallel_tool_calls": False}, OPENAI: {"parallel_tool_calls": False}}),
    "one call at least": ({**called("required"), "parallel_tool_calls": False}, {
        CLAUDE: {"tool_choice": {"type": "any", "disable_parallel_tool_use": True}}}),
    "auto": (called("auto"), {CLAUDE: {"tool_choice": {"type": "auto"}}}),
    "none": (called("none"), {CLAUDE: {"tool_choice": {"type": "none"}}}),
    "named": (called({"type": "function", "function": {"name": "w"}}), {
        CLAUDE: {"tool_choice": {"type": "tool", "name": "w"}}}),
    "effort": ({"reasoning_effort": "low", "max_tokens": 3000}, {
        CLAUDE: {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
        VLLM: {"reasoning_effort": "low"}, THINKS: {"reasoning_effort": "low"}}),
    "no effort": ({"reasoning_effort": "none"}, {CLAUDE: {"thinking": None}, VLLM: {"reasoning_effort": "none"}}),
    "a budget": ({"thinking": BUDGET, "max_tokens": 3000}, {CLAUDE: {"thinking": BUDGET}}),
    "adaptive": ({"thinking": {"type": "adaptive"}}, {CLAUDE: {"thinking": {"type": "adaptive"}}}),
    "no thought": ({"thinking": {"type": "disabled"}}, {CLAUDE: {"thinking": {"type": "disabled"}}}),
    "a stop": ({"stop": "END"}, {CLAUDE: {"stop_sequences": ["END"]}, VLLM: {"stop": "END"}}),
    "stops": ({"stop": ["A", "B"]}, {CLAUDE: {"stop_sequences": ["A", "B"]}}),
    "limit": ({"max_completion_tokens": 70}, {CLAUDE: {"max_tokens": 70}, VLLM: {"max_completion_tokens": 70}}),
    "user": ({"user": "u-1"}, {CLAUDE: {"metadata": {"user_id": "u-1"}}, THINKS: {"user": "u-1"}}),
    "who asks": ({"safety_identifier": "s-1"}, {
        CLAUDE: {"metadata": {"user_id": "s-1"}, "safety_identifier": None}, OPENAI: {"safety_identifier": "s-1"}}),
    "standard tier": ({"service_tier": "default"}, {
        CLAUDE: {"service_tier": "standard_only"}, OPENAI: {"service_tier": "default"}}),
    "another tier": ({"service_tier": "flex"}, {CLAUDE: "service_tier", OPENAI: {"service_tier": "flex"}}),
    "schema": ({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}}, {
        CLAUDE: {"output_format": WANTED}, VLLM: {"response_format": {"json_schema": {"schema": SCHEMA}}}}),
    "any object": ({"response_format": {"type": "json_object"}}, {
        CLAUDE: IN_WORDS, VLLM: {"response_format": {"type": "json_object"}}}),
    "text": ({"response_format": {"type": "text"}}, {CLAUDE: {"output_format": None}}),
    "strict tool": ({"tools": [{**CHAT_TOOL, "function": {**CHAT_FUNCTION, "strict": True}}]}, {
        CLAUDE: {"tools": [{"name": "w", "strict": True}]}, VLLM: {"tools": [LEFT_OUT]},
        OPENAI: {"tools": [{"function": {"strict": True}}]}}),
    "marked tool": ({"tools": [{**CHAT_TOOL, "cache_control": MARK}]}, {CLAUDE: {"tools": [{"cache_control": MARK}]}}),
    "top_k": ({"top_k": 3}, {CLAUDE: {"top_k": 3}, VLLM: {"top_k": 3}}),
    "hints": ({"prompt_cache_key": "k", "store": True}, {CLAUDE: {"prompt_cache_key": None, "store": None}}),
    "nothing": ({"logprobs": False, "presence_penalty": 0, "frequency_penalty": 0.0, "logit_bias": {}}, {
        CLAUDE: {"logprobs": None, "presence_penalty": None}}),
    "a penalty": ({"presence_penalty": 0.5}, {CLAUDE: "presence_penalty"}),
}  # fmt: skip
RESPONSES: dict[str, tuple[dict[str, Any], dict[str, Expected]]] = {
    "one call": ({"tools": [FUNCTION], "parallel_tool_calls": False}, {
        CLAUDE: {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        OPENAI: {"parallel_tool_calls": False}}),
    "required": ({"tools": [FUNCTION], "tool_choice": "required"}, {CLAUDE: {"tool_choice": {"type": "any"}}}),
    "none": ({"tools": [FUNCTION], "tool_choice": "none"}, {CLAUDE: {"tool_choice": {"type": "none"}}}),
    "named": ({"tools": [FUNCTION], "tool_choice": {"type": "function", "name": "w"}}, {
        CLAUDE: {"tool_choice": {"type": "tool", "name": "w"}}}),
    "effort": ({"reasoning": {"effort": "low", "summary": "auto"}, "max_output_tokens": 3000}, {
        CLAUDE: {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
        THINKS: {"reasoning": {"effort": "low", "summary": "auto"}}}),
    "no effort": ({"reasoning": {"effort": "none"}}, {CLAUDE: {"thinking": None}}),
    "limit": ({"max_output_tokens": 70}, {CLAUDE: {"max_tokens": 70}, OPENAI: {"max_output_tokens": 70}}),
    "user": ({"user": "u-1"}, {CLAUDE: {"metadata": {"user_id": "u-1"}}}),
    "who asks": ({"safety_identifier": "s-1"}, {
        CLAUDE: {"metadata": {"user_id": "s-1"}}, OPENAI: {"safety_identifier": "s-1"}}),
    "standard tier": ({"service_tier": "default"}, {CLAUDE: {"service_tier": "standard_only"}}),
    "another tier": ({"service_tier": "priority"}, {CLAUDE: "service_tier", OPENAI: {"service_tier": "priority"}}),
    "schema": ({"text": {"format": {"name": "x", **WANTED}}}, {
        CLAUDE: {"output_format": WANTED}, OPENAI: {"text": {"format": {"name": "x", **WANTED}}}}),
    "any object": ({"text": {"format": {"type": "json_object"}}}, {
        CLAUDE: IN_WORDS, OPENAI: {"text": {"format": {"type": "json_object"}}}}),
    "strict tool": ({"tools": [{**FUNCTION, "strict": True}]}, {
        CLAUDE: {"tools": [{"name": "w", "strict": True}]}, OPENAI: {"tools": [{"strict": True}]}}),
    "hints": ({"prompt_cache_key": "k", "store": True}, {CLAUDE: {"prompt_cache_key": None, "store": None}}),
}  # fmt: skip
ROWS = [
    pytest.param(dialect, fields, route, expected, id=f"{dialect}-{name}-{route}")
    for dialect, table in (("messages", MESSAGES), ("chat", CHAT), ("responses", RESPONSES))
    for name, (fields, targets) in table.items()
    for route, expected in targets.items()
]
IS_SLOW = os.environ.get("THRIFTGATE_TEST_SLOW") == "1"
STREAMED = [
    pytest.param(place % 2 == 1 if each == 0 else place % 2 == 0, *row.values, id=f"{row.id}-{each}")
    for place, row in enumerate(ROWS)
    for each in range(2 if IS_SLOW else 1)
]
"""Each row whole or streamed, in turn; where there is time, both."""


@pytest.mark.parametrize(("stream", "dialect", "fields", "route", "expected"), STREAMED)
def test_a_field_arrives_or_is_refused_by_name(
    gateway: GatewayProcess, stream: bool, dialect: str, fields: dict[str, Any], route: str, expected: Expected
) -> None:
    gateway.upstream.on(ASKED[route], says("Fine."))
    response = ask(gateway, dialect, route, stream=stream, **fields)
    if isinstance(expected, str):
        assert response.status_code == 400, response.text
        assert expected in error_of(response)["message"]
        assert gateway.upstream.asked(ASKED[route]) == []
        return
    assert response.status_code == 200, response.text
    (asked,) = gateway.upstream.asked(ASKED[route])
    assert _differences(expected, asked) == []


@pytest.mark.parametrize("stream", [False, True])
def test_each_tier_of_a_mixed_route_gets_what_it_understands(gateway: GatewayProcess, stream: bool) -> None:
    gateway.upstream.on("other-large", says("Well?", logprob=-9))
    gateway.upstream.on(OPUS, says("Fine."))
    sent = {**chosen("any"), "top_k": 3, "output_config": {"effort": "high"}, "stop_sequences": ["END"]}
    response = ask(gateway, "messages", "vllmfirst", stream=stream, **sent)
    assert response.status_code == 200, response.text
    (cheap,) = gateway.upstream.asked("other-large")
    ours = {"tool_choice": "required", "parallel_tool_calls": False, "top_k": 3, "reasoning_effort": "high"}
    assert _differences({**ours, "stop": ["END"], "output_config": None}, cheap) == []
    (strong,) = gateway.upstream.asked(OPUS)
    assert _differences({**sent, "parallel_tool_calls": None, "reasoning_effort": None}, strong) == []


def _differences(expected: object, found: object, place: str = "") -> Sequence[str]:
    """Where what arrived is not what was expected; a None is expected to be absent."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        fields, got = cast("Mapping[str, Any]", expected), cast("Mapping[str, Any]", found)
        return [one for name in fields for one in _differences(fields[name], got.get(name), f"{place}.{name}")]
    if isinstance(expected, list) and isinstance(found, list):
        pairs = zip(cast("list[Any]", expected), cast("list[Any]", found), strict=True)
        return [one for at, (want, got) in enumerate(pairs) for one in _differences(want, got, f"{place}[{at}]")]
    return [] if expected == found else [f"{place}: {json.dumps(found)} instead of {json.dumps(expected)}"]
