"""Chunks built here are those that OpenAI's SDK builds, in all that can be seen of them."""

from typing import Any, cast

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionChunk
from pydantic import BaseModel

from thriftgate.proxy.tiers.plain_chunks import build_plain_chunks, plain_chunk

texts = st.text(max_size=8)
plain_deltas = st.fixed_dictionaries(
    {}, optional={"role": st.sampled_from(["assistant", "robot", None]), "content": texts | st.none(), "refusal": texts}
)
odd_deltas = st.fixed_dictionaries(
    {},
    optional={
        "content": st.integers() | texts,
        "reasoning_content": texts,
        "tool_calls": st.just([{"index": 0, "id": "call_1", "function": {"name": "f", "arguments": "{}"}}]),
    },
)
finishes = st.sampled_from(["stop", "length", "eos", None])


def chunks(deltas: st.SearchStrategy[Any], **more: Any) -> st.SearchStrategy[dict[str, Any]]:
    choice = st.fixed_dictionaries(
        {"index": st.integers(0, 3)}, optional={"delta": deltas, "finish_reason": finishes, "logprobs": st.none()}
    )
    known = {"id": texts, "object": texts, "created": st.integers(), "model": texts, "choices": st.lists(choice)}
    optional = {"system_fingerprint": texts | st.none(), "service_tier": texts, "usage": st.none(), **more}
    return st.fixed_dictionaries({}, optional={**known, **optional})


def by_the_sdk(data: dict[str, Any]) -> ChatCompletionChunk:
    return cast("Any", ChatCompletionChunk).construct(**data)


def seen(value: Any) -> Any:
    """All of a chunk, in its order."""
    if isinstance(value, BaseModel):
        fields = [(name, seen(one)) for name, one in vars(value).items()]
        return type(value), fields, value.model_fields_set, value.model_extra, value.__pydantic_private__
    return [seen(one) for one in cast("list[Any]", value)] if isinstance(value, list) else value


@given(chunks(plain_deltas, obfuscation=texts))
def test_a_plain_chunk_is_the_sdks_own(data: dict[str, Any]) -> None:
    made = plain_chunk(data)

    assert made is not None
    assert seen(made) == seen(by_the_sdk(data))
    assert made.model_dump_json() == by_the_sdk(data).model_dump_json()
    assert repr(made) == repr(by_the_sdk(data))


@given(chunks(plain_deltas | odd_deltas, usage=st.just({"prompt_tokens": 1}), created=st.text(), mood=texts))
def test_any_chunk_is_the_sdks_own_or_is_left_to_it(data: dict[str, Any]) -> None:
    made = plain_chunk(data)

    assert made is None or seen(made) == seen(by_the_sdk(data))


def test_no_two_chunks_share_what_can_be_changed() -> None:
    one, other = (by_here({"id": "1", "choices": [{"index": 0, "delta": {"content": "a"}}]}) for _ in range(2))

    one.id, one.choices[0].delta.content = "2", "b"
    cast("Any", one).mood = "good"

    assert (other.id, other.choices[0].delta.content, other.model_extra) == ("1", "a", {})
    assert by_here({}).choices is None


def by_here(data: dict[str, Any]) -> ChatCompletionChunk:
    made = plain_chunk(data)
    assert made is not None
    return made


@pytest.mark.parametrize("data", [None, [], "text", {"error": {"message": "no"}}, {"choices": [None]}])
def test_what_is_no_chunk_is_left_to_the_sdk(data: object) -> None:
    assert plain_chunk(data) is None


async def test_the_sdk_reads_a_stream_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AsyncOpenAI, "_process_response_data", AsyncOpenAI._process_response_data)  # pyright: ignore[reportPrivateUsage]
    build_plain_chunks()
    build_plain_chunks()
    words = b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"hello"}}]}\n\ndata: {"usage":{}}\n\n'
    answer = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=words + b"data: [DONE]\n\n")
    transport = httpx.MockTransport(lambda _: answer)
    http: Any = httpx.AsyncClient(transport=transport)
    client = AsyncOpenAI(api_key="none", base_url="http://here", http_client=http)

    stream = await client.chat.completions.create(model="m", messages=[], stream=True)
    got = [chunk async for chunk in stream]

    assert [type(chunk) for chunk in got] == [ChatCompletionChunk] * 2
    assert (got[0].choices[0].delta.content, got[1].choices) == ("hello", None)
