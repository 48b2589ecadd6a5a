"""Answers as streams and back: nothing is lost, however a provider cuts its chunks."""

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.services.request.answer_json import answer_from_json, answer_to_json
from thriftgate.services.request.chunks import AnswerAssembler, chunks_of, usage_object, usage_of
from thriftgate.types import Answer, Choice, Usage

# Letters, blanks of all kinds, and what JSON and terminals stumble over.
texts = st.text(st.one_of(st.characters(exclude_categories=()), st.sampled_from(" \n\t\u00a0\u2003")), max_size=60)
usages = st.builds(Usage, st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))


@st.composite
def tool_calls(draw: st.DrawFn) -> dict[str, Any]:
    function = {"name": draw(st.text("fgh_", min_size=1, max_size=6)), "arguments": draw(texts)}
    call: dict[str, Any] = {"id": draw(st.text("abc1", min_size=1, max_size=5)), "type": "function"}
    extra: dict[str, Any] = {"extra_content": {"signature": draw(texts)}} if draw(st.booleans()) else {}
    return {**call, "function": function, **extra}


@st.composite
def choices(draw: st.DrawFn) -> Choice:
    message: dict[str, Any] = {"role": "assistant", "content": draw(texts)}
    if calls := draw(st.lists(tool_calls(), max_size=3)):
        message |= {"tool_calls": calls, "content": draw(texts | st.none())}
    if reasoning := draw(texts):
        message["reasoning_content"] = reasoning
    tokens: list[Any] = draw(st.lists(st.tuples(texts, st.floats(-20, 0)), max_size=4)) if message["content"] else []
    logprobs: dict[str, Any] = {"content": [{"token": token, "logprob": logprob} for token, logprob in tokens]}
    finish_reason = draw(st.sampled_from(["stop", "length", "tool_calls", "content_filter"]))
    return Choice(message, finish_reason, logprobs if tokens else None)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    return Answer(
        choices=tuple(draw(st.lists(choices(), max_size=3))),
        model="small",
        deployment="fake/small",
        usage=draw(usages),
        cost_usd=draw(st.floats(0, 10)),
        provider_id=draw(st.none() | st.text("abc-", min_size=1)),
    )


def assemble(chunks: Sequence[Mapping[str, Any]], **known: Any) -> Answer:
    assembler = AnswerAssembler()
    for chunk in chunks:
        assembler.feed(chunk)
    defaults: dict[str, Any] = {"model": "small", "usage": Usage(), "cost_usd": 0.0}
    return assembler.answer(**(defaults | known))


@given(answers())
def test_a_replayed_answer_assembles_to_the_same_answer(answer: Answer) -> None:
    chunks: list[Mapping[str, Any]] = [
        {"id": answer.provider_id, "model": answer.deployment, "choices": [choice]} for choice in chunks_of(answer)
    ]
    again = assemble(chunks, usage=answer.usage, cost_usd=answer.cost_usd)
    assert again.choices == answer.choices
    if answer.choices:
        assert again == answer


@given(st.lists(answers(), min_size=2, max_size=2))
def test_choices_may_come_interleaved(pair: list[Answer]) -> None:
    both = Answer(choices=tuple(choice for answer in pair for choice in answer.choices[:1]), model="small")
    by_choice = [[chunk for chunk in chunks_of(both) if chunk["index"] == i] for i in range(len(both.choices))]
    mixed = [chunk for row in itertools.zip_longest(*by_choice) for chunk in row if chunk is not None]
    assert assemble([{"choices": [chunk]} for chunk in mixed]).choices == both.choices


@given(answers())
def test_a_replay_opens_with_the_role_and_ends_with_the_finish_reason(answer: Answer) -> None:
    for index, choice in enumerate(answer.choices):
        mine = [chunk for chunk in chunks_of(answer) if chunk["index"] == index]
        assert mine[0]["delta"]["role"] == "assistant"
        assert [chunk["finish_reason"] for chunk in mine[:-1]] == [None] * (len(mine) - 1)
        assert mine[-1] == {"index": index, "delta": {}, "finish_reason": choice.finish_reason}


@given(texts)
def test_a_replayed_text_comes_in_pieces_of_few_words_and_none_is_empty(text: str) -> None:
    answer = Answer(choices=(Choice({"role": "assistant", "content": text}, "stop"),), model="small")
    pieces = [chunk["delta"]["content"] for chunk in chunks_of(answer) if chunk["delta"].get("content")]
    assert "".join(pieces) == text
    assert all(len(piece.split()) <= 4 for piece in pieces)
    assert len(pieces) <= len(re.findall(r"\S+", text)) / 4 + 1


def test_an_answer_of_a_million_blanks_is_replayed_at_once() -> None:
    blanks = " \n" * 500_000
    (piece,) = [
        chunk["delta"]["content"]
        for chunk in chunks_of(Answer(choices=(Choice({"content": blanks}, "stop"),), model="small"))
        if chunk["delta"].get("content")
    ]
    assert piece == blanks


def test_tool_calls_are_numbered_by_their_place_whatever_the_provider_said() -> None:
    calls = [
        {"index": 0, "id": name, "type": "function", "function": {"name": name, "arguments": "{}"}} for name in "ab"
    ]
    answer = Answer(choices=(Choice({"content": None, "tool_calls": calls}, "tool_calls"),), model="small")
    again = assemble([{"choices": [choice]} for choice in chunks_of(answer)])
    assert [call["id"] for call in again.tool_calls] == ["a", "b"]


def test_a_bare_tool_call_has_no_content_before_and_after() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    answer = Answer(choices=(Choice({"content": None, "tool_calls": [call]}, "tool_calls"),), model="small")
    first = next(chunks_of(answer))
    assert first["delta"]["content"] is None
    assert assemble([{"choices": [choice]} for choice in chunks_of(answer)]).choices[0].message["content"] is None


@given(arguments=texts, cuts=st.lists(st.integers(0, 60)), name_in=st.integers(0, 2), data=st.data())
def test_for_every_chunking_of_its_arguments_a_tool_call_is_the_same(
    arguments: str, cuts: list[int], name_in: int, data: st.DataObject
) -> None:
    bounds = [0, *sorted(min(cut, len(arguments)) for cut in cuts), len(arguments)]
    pieces = [arguments[start:end] for start, end in itertools.pairwise(bounds)]
    other = data.draw(st.integers(0, len(pieces)), label="where another call interrupts")
    deltas: list[dict[str, Any]] = [{"index": 1, "function": {"arguments": piece}} for piece in pieces]
    opening = {"index": 1, "id": "call-1", "type": "function", "function": {"name": "search", "arguments": ""}}
    # Some providers send id and name ahead, some with the first piece, some leave out what they have none of.
    deltas = [opening, *deltas] if name_in < 2 else [{**opening, "function": {"name": "search"}}, *deltas]
    interruption = {"index": 0, "id": "call-0", "function": {"name": "look", "arguments": "{}"}}
    deltas.insert(other, interruption)
    stream = [{"choices": [{"index": 0, "delta": {"tool_calls": [delta]}}]} for delta in deltas]
    found = assemble(stream).tool_calls
    assert [call["id"] for call in found] == ["call-0", "call-1"]
    assert found[1]["type"] == "function"
    assert found[1]["function"] == {"name": "search", "arguments": arguments}


@given(arguments=texts, cut=st.integers(0, 60))
def test_a_function_call_of_the_old_form_grows_like_a_tool_call(arguments: str, cut: int) -> None:
    deltas: list[dict[str, Any]] = [
        {"function_call": {"name": "search", "arguments": ""}, "content": None, "tool_calls": None},
        {"function_call": {"arguments": arguments[:cut]}},
        {"function_call": {"arguments": arguments[cut:]}},
        {"function_call": None},
    ]
    message = assemble([{"choices": [{"delta": delta}]} for delta in deltas]).choices[0].message
    assert message["function_call"] == {"name": "search", "arguments": arguments}


def test_a_field_that_is_null_in_every_delta_is_no_field() -> None:
    delta = {"content": "yes", "function_call": None, "tool_calls": None, "audio": None, "refusal": None}
    message = assemble([{"choices": [{"delta": delta}]}]).choices[0].message
    assert message == {"role": "assistant", "content": "yes"}


def test_unknown_fields_are_joined_appended_or_replaced_by_their_kind() -> None:
    deltas: list[dict[str, Any]] = [
        {"reasoning_content": "let me ", "annotations": [1], "provider": {"a": 1}},
        {"reasoning_content": "think", "annotations": [2], "provider": {"b": 2}},
    ]
    message = assemble([{"choices": [{"delta": delta}]} for delta in deltas]).choices[0].message
    assert (message["reasoning_content"], message["annotations"]) == ("let me think", [1, 2])
    assert message["provider"] == {"b": 2}


def test_all_that_a_model_wrote_is_counted_also_its_thoughts_and_arguments() -> None:
    assembler = AnswerAssembler()
    for delta in (
        {"reasoning_content": "hmm "},
        {"content": "yes "},
        {"refusal": "no "},
        {"tool_calls": [{"index": 0, "function": {"name": "f ", "arguments": "{x} "}}]},
        {"function_call": {"name": "g ", "arguments": "{y}"}},
    ):
        assembler.feed({"choices": [{"delta": delta}]})
    assert sorted(assembler.generated.split()) == ["f", "g", "hmm", "no", "yes", "{x}", "{y}"]
    assert assembler.text == "yes "


def test_a_stream_is_complete_when_every_choice_has_its_finish_reason() -> None:
    assembler = AnswerAssembler()
    assert not assembler.is_complete
    assembler.feed({"choices": [{"index": 0, "delta": {"content": "a"}}, {"index": 1, "delta": {"content": "b"}}]})
    assembler.feed({"choices": [{"index": 1, "delta": {}, "finish_reason": "stop"}]})
    assert not assembler.is_complete
    assembler.feed({"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]})
    assert assembler.is_complete
    answer = assembler.answer(model="small", usage=Usage(), cost_usd=0.0)
    assert [(choice.text, choice.finish_reason) for choice in answer.choices] == [("a", "length"), ("b", "stop")]


def test_the_first_id_and_model_and_the_last_usage_count() -> None:
    assembler = AnswerAssembler()
    assembler.feed({"id": "x", "model": "gpt", "usage": {"prompt_tokens": 1, "completion_tokens": 1}, "choices": None})
    assembler.feed({"id": "y", "model": "other", "usage": None})
    assembler.feed({"usage": {"prompt_tokens": 5, "completion_tokens": 7}})
    assert (assembler.provider_id, assembler.deployment) == ("x", "gpt")
    assert assembler.usage == Usage(5, 7)


@given(usages)
def test_usage_survives_openai_s_shape(usage: Usage) -> None:
    assert usage_of(usage_object(usage)) == usage
    assert usage_object(usage)["total_tokens"] == usage.total_tokens


@pytest.mark.parametrize("raw", [None, {}, {"total_tokens": 5}, {"prompt_tokens": None, "completion_tokens": None}])
def test_no_usage_is_not_a_usage_of_nothing(raw: Mapping[str, Any] | None) -> None:
    assert usage_of(raw) is None


def test_details_that_a_provider_leaves_out_are_zero() -> None:
    raw: dict[str, Any] = {
        "prompt_tokens": 3,
        "completion_tokens": None,
        "prompt_tokens_details": None,
        "completion_tokens_details": {},
    }
    assert usage_of(raw) == Usage(3, 0)


@given(answers())
def test_an_answer_survives_its_way_through_json(answer: Answer) -> None:
    text = json.dumps(answer_to_json(answer))
    assert answer_from_json(json.loads(text)) == answer


def test_what_is_no_answer_is_not_read_as_one() -> None:
    with pytest.raises(KeyError):
        answer_from_json({"choices": []})
    with pytest.raises(TypeError):
        answer_from_json({**answer_to_json(Answer(choices=(), model="small")), "usage": {"tokens": 1}})
