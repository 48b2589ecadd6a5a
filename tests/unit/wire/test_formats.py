"""The shape of an answer in a request, objections, and answers with another text: in each dialect."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.wire.dialects import answer_view, replay, request_view
from thriftgate.wire.formats import delta_of, with_format, with_objection, without_format
from thriftgate.wire.rewording import reworded, with_arguments
from thriftgate.wire.turns import Dialect

SCHEMA = {"type": "object"}
REQUESTS: dict[Dialect, dict[str, Any]] = {
    Dialect.CHAT: {"messages": [{"role": "user", "content": "hi"}], "response_format": {"type": "json_object"}},
    Dialect.MESSAGES: {
        "messages": [{"role": "user", "content": "hi"}], "max_tokens": 9, "output_config": {"effort": "low"},
    },
    Dialect.RESPONSES: {"input": "hi", "text": {"verbosity": "low"}},
}  # fmt: skip


def said(dialect: Dialect, words: str) -> dict[str, Any]:
    if dialect is Dialect.CHAT:
        return {"choices": [{"index": 0, "message": {"role": "assistant", "content": words}, "finish_reason": "stop"}]}
    if dialect is Dialect.MESSAGES:
        return {"content": [{"type": "text", "text": words}], "stop_reason": "end_turn", "role": "assistant"}
    part: dict[str, Any] = {"type": "output_text", "text": words, "annotations": [], "logprobs": []}
    item: dict[str, Any] = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    return {"status": "completed", "output": [item]}


def called(dialect: Dialect, *arguments: dict[str, Any]) -> dict[str, Any]:
    texts = [json.dumps(one) for one in arguments]
    if dialect is Dialect.CHAT:
        calls = [{"id": f"c{n}", "type": "function", "function": {"name": "plan", "arguments": text}}
                 for n, text in enumerate(texts, 1)]  # fmt: skip
        message = {"role": "assistant", "content": None, "tool_calls": calls}
        return {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    if dialect is Dialect.MESSAGES:
        uses = [{"type": "tool_use", "id": f"c{n}", "name": "plan", "input": one}
                for n, one in enumerate(arguments, 1)]  # fmt: skip
        return {"content": uses, "stop_reason": "tool_use", "role": "assistant"}
    calls = [{"id": f"f{n}", "type": "function_call", "call_id": f"c{n}", "name": "plan", "arguments": text,
              "status": "completed"} for n, text in enumerate(texts, 1)]  # fmt: skip
    return {"status": "completed", "output": calls}


@pytest.mark.parametrize("dialect", list(Dialect))
def test_a_shape_is_written_where_the_dialect_has_it_and_taken_out_again(dialect: Dialect) -> None:
    view = request_view(dialect, REQUESTS[dialect])
    asking = view.reread(with_format(view, name="trip", schema=SCHEMA))
    assert asking.answer_format is not None
    assert asking.answer_format.schema == SCHEMA
    assert asking.question == "hi"
    without = view.reread(without_format(asking))
    assert without.answer_format is None
    assert without.body.get("output_config") == REQUESTS[dialect].get("output_config")
    assert without.body.get("text") == REQUESTS[dialect].get("text")


@pytest.mark.parametrize("dialect", list(Dialect))
def test_an_objection_follows_the_answer_it_objects_to(dialect: Dialect) -> None:
    view = request_view(dialect, REQUESTS[dialect])
    again = view.reread(with_objection(view, said(dialect, "no JSON"), "once more", tool=None))
    assert [(turn.role, turn.text) for turn in again.turns] == [
        ("user", "hi"), ("assistant", "no JSON"), ("user", "once more"),
    ]  # fmt: skip


@pytest.mark.parametrize("dialect", list(Dialect))
def test_an_objection_to_a_call_is_its_result(dialect: Dialect) -> None:
    view = request_view(dialect, REQUESTS[dialect])
    again = view.reread(with_objection(view, called(dialect, {"days": "three"}), "once more", tool="plan"))
    assert again.turns[-1].role == "tool"
    assert "once more" in json.dumps(again.turns[-1].value)
    assert "c1" in json.dumps(again.turns[-1].value)


def test_a_call_that_is_objected_to_goes_back_with_the_signed_thoughts_that_led_to_it() -> None:
    """Anthropic's API refuses a call without them where thinking is on: nothing was asked for again."""
    signed: dict[str, Any] = {"type": "thinking", "thinking": "hm", "signature": "s"}
    answer = called(Dialect.CHAT, {"days": "three"})
    message = answer["choices"][0]["message"]
    for thoughts, kept in (
        ([signed, {"type": "redacted_thinking", "data": "d"}], 2),
        ([{**signed, "signature": ""}], 0),
    ):
        thinking = {**answer, "choices": [{"message": {**message, "thinking_blocks": thoughts}}]}
        view = request_view(Dialect.CHAT, REQUESTS[Dialect.CHAT])
        turn = with_objection(view, thinking, "once more", tool="plan")["messages"][-2]
        assert turn.get("thinking_blocks", []) == thoughts[:kept]


@pytest.mark.parametrize("dialect", list(Dialect))
@given(words=st.text(min_size=1))
def test_an_answer_says_its_other_text_and_nothing_else_changes(dialect: Dialect, words: str) -> None:
    before = said(dialect, "before")
    after = reworded(dialect, before, {0: words})
    assert answer_view(dialect, after).text == words
    assert reworded(dialect, after, {0: "before"}) == before


@pytest.mark.parametrize("dialect", list(Dialect))
def test_each_call_gets_its_own_other_arguments_and_the_others_stay(dialect: Dialect) -> None:
    before = called(dialect, {"days": "3"}, {"days": "4"}, {"days": 5})
    after = with_arguments(dialect, before, {0: {0: '{"days": 3}', 1: '{"days": 4}'}})
    calls = answer_view(dialect, after).tool_calls
    assert [json.loads(call.arguments) for call in calls] == [{"days": 3}, {"days": 4}, {"days": 5}]
    assert {call.name for call in calls} == {"plan"}
    assert with_arguments(dialect, before, {0: {}}) == before


def test_what_is_no_object_is_no_choice_and_no_call() -> None:
    answer = called(Dialect.CHAT, {"days": "3"})
    calls = answer["choices"][0]["message"]["tool_calls"]
    calls.insert(0, None)
    broken = {"choices": [None, *answer["choices"]]}
    (_, choice) = with_arguments(Dialect.CHAT, broken, {0: {0: '{"days": 3}'}})["choices"]
    assert [call and call["function"]["arguments"] for call in choice["message"]["tool_calls"]] == [None, '{"days": 3}']
    broken = {"choices": [None, *said(Dialect.CHAT, "before")["choices"]]}
    assert reworded(Dialect.CHAT, broken, {0: "after"})["choices"] == [None, *said(Dialect.CHAT, "after")["choices"]]


@pytest.mark.parametrize("dialect", list(Dialect))
def test_the_deltas_of_a_stream_are_the_text_and_the_arguments(dialect: Dialect) -> None:
    view = request_view(dialect, REQUESTS[dialect])
    text = '{"city": "Bern on the river Aare", "days": 3}'
    events = list(replay(view, said(dialect, text)))
    assert "".join(delta_of(dialect, event, of_tool=False) for event in events) == text
    assert "".join(delta_of(dialect, event, of_tool=True) for event in events) == ""
    events = list(replay(view, called(dialect, {"days": 3})))
    assert json.loads("".join(delta_of(dialect, event, of_tool=True) for event in events)) == {"days": 3}


def test_the_deltas_of_a_call_of_old_are_its_arguments() -> None:
    message = {"role": "assistant", "content": None, "function_call": {"name": "plan", "arguments": '{"days": 3}'}}
    answer = {"choices": [{"index": 0, "message": message, "finish_reason": "function_call"}]}
    events = replay(request_view(Dialect.CHAT, REQUESTS[Dialect.CHAT]), answer)
    assert "".join(delta_of(Dialect.CHAT, event, of_tool=True) for event in events) == '{"days": 3}'
