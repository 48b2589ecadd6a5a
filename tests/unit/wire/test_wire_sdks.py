"""What the providers' own SDKs make of a replay is what they make of the whole answer."""

import json
from typing import Any, cast

import openai
import pytest
from anthropic._models import construct_type as construct
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from openai._models import construct_type
from openai.lib.streaming.chat._completions import ChatCompletionStreamState
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from tests.wire_samples.dialects import ANSWERS, DialectSamples, request_id
from tests.wire_samples.samples import Body, Sample

from thriftgate.wire.dialects import replay, request_view
from thriftgate.wire.turns import Dialect

ASKS: dict[Dialect, Body] = {
    Dialect.CHAT: {"messages": [], "stream": True, "stream_options": {"include_usage": True}},
    Dialect.MESSAGES: {"messages": [], "stream": True},
    Dialect.RESPONSES: {"input": "x", "stream": True},
}
_SDKS = frozenset({"parsed", "parsed_arguments", "parsed_output", "object"})
_NOT_READ = {
    "content in parts", "filter results", "renamed finish", "unknown fields", "unknown item", "unknown block", "mcp",
    "context management",
}  # fmt: skip
"""Samples with what the SDK has no type for: of a stream it keeps none of it, whoever sends it."""


def read_whole(dialect: Dialect, body: Body) -> dict[str, Any]:
    if dialect is Dialect.MESSAGES:
        return cast("Any", construct(type_=Message, value=body)).to_dict(mode="json")
    kind: Any = ChatCompletion if dialect is Dialect.CHAT else Response
    return cast("Any", construct_type(type_=kind, value=body)).to_dict(mode="json")


def read_streamed(dialect: Dialect, events: list[Body]) -> dict[str, Any]:
    """What the SDK has when its stream has ended."""
    if dialect is Dialect.CHAT:
        state = ChatCompletionStreamState()
        for event in events:
            state.handle_chunk(cast("Any", construct_type(type_=ChatCompletionChunk, value=event)))
        return cast("Any", state)._ChatCompletionStreamState__current_completion_snapshot.to_dict(mode="json")
    if dialect is Dialect.MESSAGES:
        whole, pieces = None, dict[int, bytes]()
        for event in events:
            one = cast("Any", construct(type_=cast("Any", RawMessageStreamEvent), value=event))
            whole = accumulate_event(event=one, current_snapshot=whole, json_bufs=pieces)
        return cast("Any", whole).to_dict(mode="json")
    last: Any = None
    growing = ResponseStreamState(input_tools=openai.omit, text_format=openai.omit)
    for event in events:
        for told in growing.handle_event(
            cast("Any", construct_type(type_=cast("Any", ResponseStreamEvent), value=event))
        ):
            last = told
    return last.response.to_dict(mode="json")


def told(value: Any) -> Any:
    """Without what an SDK adds by itself, or leaves out: nothing, and what it has parsed."""
    if isinstance(value, dict):
        if value.get("type") in ("function", "custom"):  # a call's place in the stream
            value = {name: one for name, one in cast("dict[str, Any]", value).items() if name != "index"}
        fields = {name: told(one) for name, one in cast("dict[str, Any]", value).items() if name not in _SDKS}
        return {name: one for name, one in fields.items() if one is not None}
    return [told(one) for one in cast("list[Any]", value)] if isinstance(value, list) else value


READ = [(one, sample) for one, sample in ANSWERS if sample.name not in _NOT_READ]


@pytest.mark.parametrize(("one", "sample"), READ, ids=request_id)
def test_an_sdk_reads_a_replay_as_the_whole_answer(one: DialectSamples, sample: Sample) -> None:
    events = [dict(event) for event in replay(request_view(one.dialect, ASKS[one.dialect]), sample.body)]
    got, want = told(read_streamed(one.dialect, events)), told(read_whole(one.dialect, sample.body))
    assert json.dumps(got, indent=1, sort_keys=True) == json.dumps(want, indent=1, sort_keys=True)
