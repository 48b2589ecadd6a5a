"""What is wrong with an answer whatever its confidence, and what it says of itself."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from tests.unit.cascade.evidence import said

from thriftgate.cascade.signals import (
    SignalEvidence,
    self_report,
    tools,
    validity,
)
from thriftgate.types import ChatRequest, Choice


@pytest.mark.parametrize(
    ("answer", "params", "missing"),
    [
        ("It is 12.", {"tool_choice": "any"}, True),
        ("It is 12.", {"tool_choice": "auto"}, False),
        ("It is 12.", {"tool_choice": {"type": "function", "function": {"name": "get_order"}}}, True),
        ("It is 12.", {"tool_choice": {"type": "any"}}, True),
        # Some providers say also in an object that a call is free, or forbidden.
        ("It is 12.", {"tool_choice": {"type": "auto"}}, False),
        ("It is 12.", {"tool_choice": {"type": "none"}}, False),
        # OpenAI's way to narrow a choice, in chat completions and in Responses.
        ("It is 12.", {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto"}}}, False),
        ("It is 12.", {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required"}}}, True),
        ("It is 12.", {"tool_choice": {"type": "allowed_tools", "mode": "auto"}}, False),
        ("Let me check.", {"tool_choice": {"type": "auto"}}, True),
        ("Let me check.", {"tool_choice": {"type": "none"}}, False),
        ("<tool_call>", {}, True),
        ('{"function": "getUser", "parameters": {}}', {}, True),
        ('{"tool": "other", "input": {}}', {}, False),
        ("Use GETUSER.", {}, True), ("You could search.", {}, False),
        ("." * 288 + "let me check", {}, True), ("." * 289 + "let me check", {}, False),
    ],
)  # fmt: skip
def test_a_call_is_missing_where_it_was_forced_announced_or_written_out(
    answer: str, params: dict[str, Any], missing: bool
) -> None:
    offered = [{"type": "function", "function": {"name": name}} for name in ("get_order", "getUser", "search")]
    seen = said(answer, "?", tools=offered, **params)
    assert tools.is_tool_missing(seen) is missing
    assert tools.measure(seen) == {"tool_wrong": 0.0, "tool_missing": float(missing)}


@pytest.mark.parametrize(
    ("function", "wrong"),
    [
        ({"name": "look", "arguments": None}, None), ({"name": "look", "arguments": ""}, None),
        ({"name": "look", "arguments": "{}"}, None),
        ({"name": "look", "arguments": {"a": 1}}, "tool_arguments_invalid"),
        ({"name": "look", "arguments": "3"}, "tool_arguments_invalid"), ({"arguments": "{}"}, "tool_unknown"),
        (None, "tool_unknown"),
        ({"name": "strict", "arguments": '{"id": 1}'}, None),
        ({"name": "strict", "arguments": "{}"}, "tool_arguments_invalid"),
    ],
)  # fmt: skip
def test_the_arguments_of_a_call_are_an_object_that_fits(function: Mapping[str, Any] | None, wrong: str | None) -> None:
    strict = {"name": "strict", "parameters": {"type": "object", "required": ["id"]}}
    params = {"tools": [{"function": {"name": "look"}}, {"function": strict}]}
    request = ChatRequest(request_id="r", route="s", messages=(), params=params)
    fine = {"function": {"name": "look"}}
    seen = SignalEvidence(request, Choice({"role": "assistant", "tool_calls": [fine, {"function": function}]}, "stop"))
    assert tools.objection(seen) == wrong
    assert tools.measure(seen) == {"tool_wrong": float(wrong is not None), "tool_missing": 0.0}


@pytest.mark.parametrize(
    ("message", "finish", "params", "objection"),
    list[tuple[dict[str, Any], str | None, dict[str, Any], str | None]]([
        ({"content": "x"}, "stop", {}, None),
        ({"content": "x"}, "tool_calls", {}, "unfinished"), ({"content": "x"}, "function_call", {}, "unfinished"),
        ({"content": "x", "tool_calls": [{}]}, "tool_calls", {}, None),
        ({"content": "x", "function_call": {"name": "f"}}, "function_call", {}, None),
        ({"content": None, "function_call": {"name": "f", "arguments": "{}"}}, "stop", {}, None),
        ({"content": "x"}, None, {}, "unfinished"), ({"content": "x"}, "error", {}, "unfinished"),
        ({"content": "x"}, "length", {}, "cut_off"), ({"content": "x"}, "length", {"max_completion_tokens": 3}, None),
        ({"content": "x"}, "length", {"max_tokens": None}, "cut_off"),
        ({"content": ""}, "length", {"max_tokens": 3}, "empty_answer"),
        ({"content": "", "audio": {"data": "…"}}, "stop", {}, None), ({"content": "", "images": [1]}, "stop", {}, None),
        ({"content": "", "media": [1]}, "stop", {}, None), ({"content": "", "images": []}, "stop", {}, "empty_answer"),
        ({"content": "", "tool_calls": [{}]}, "error", {}, "unfinished"),
        ({"content": "", "tool_calls": [{}]}, "stop", {"response_format": {"type": "json_object"}}, None),
    ]),
)  # fmt: skip
def test_an_answer_is_whole_and_of_the_kind_that_was_asked_for(
    message: Mapping[str, Any], finish: str | None, params: dict[str, Any], objection: str | None
) -> None:
    request = ChatRequest(request_id="r", route="s", messages=(), params=params)
    seen = SignalEvidence(request, Choice({"role": "assistant", **message}, finish))
    assert validity.objection(seen) == objection
    assert validity.measure(seen) == {"invalid": float(objection is not None)}


def test_a_forced_tools_schema_is_not_asked_of_what_is_no_call() -> None:
    forced: dict[str, Any] = {
        "tools": [{"function": {"name": "look", "parameters": {"type": "object"}}}],
        "tool_choice": "required",
    }
    assert validity.objection(said("It is 12.", "?", **forced)) is None


@pytest.mark.parametrize(
    ("stated", "unit", "confidence"),
    [
        ("very low", None, 0.1), (" LOW ", None, 0.25), ("medium", None, 0.5), ("moderate", None, 0.5),
        ("high", None, 0.8), ("very high", None, 0.95), ("70 %", None, 0.7), ("0.5", None, 0.5), ("0.5%", None, 0.005),
        (8, "/10", 0.8), (8, "/ 10", 0.8), (11, "/10", None), (1, "%", 0.01), (1.01, None, 0.0101), (100, None, 1.0),
        (-0.1, None, None), (101, None, None), (None, None, None), ([1], None, None), (True, None, None),
    ],
)  # fmt: skip
def test_a_confidence_in_a_models_own_words(stated: object, unit: str | None, confidence: float | None) -> None:
    assert self_report.as_confidence(stated, unit=unit) == (confidence and pytest.approx(confidence))


def test_a_confidence_line_stands_in_the_last_400_characters_and_of_the_fields_the_first_counts() -> None:
    line = "Confidence: 80%"
    assert self_report.measure(said(line + "." * (400 - len(line)))) == {"self_confidence": 0.8}
    assert self_report.measure(said(line + "." * (402 - len(line)))) is None
    both = json.dumps({"score": 0.1, "probability": 0.2, "confidence_score": 0.3, "certainty": 0.4, "confidence": 0.5})
    assert self_report.measure(said(both)) == {"self_confidence": 0.5}
