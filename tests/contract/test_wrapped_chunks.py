"""A chunk made after the one before is the one that LiteLLM makes, in all that can be seen of it."""

import inspect
from collections.abc import Sequence
from typing import Any, cast

import litellm
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litellm.litellm_core_utils.litellm_logging import Logging
from litellm.litellm_core_utils.streaming_handler import CustomStreamWrapper
from openai.types.chat import ChatCompletionChunk
from pydantic import BaseModel

from thriftgate.proxy.tiers.plain_chunks import plain_chunk
from thriftgate.proxy.tiers.wrapped_chunks import copy_wrapped_chunks, copying

pytestmark = pytest.mark.filterwarnings("ignore:Item .* using the `ReadOnly` qualifier:UserWarning")

THEIRS = inspect.unwrap(cast("Any", CustomStreamWrapper).chunk_creator)
MOMENTS = ("created", "created_at")
NOT_COMPARED = (
    "completion_stream",
    "logging_obj",
    "rules",
    "_ollama_response_ids",
    "_stream_created_time",
    "_thriftgate_words_before",
)
words = st.sampled_from(["a", "hello", " world", "hello", "…", "\n", ""]) | st.text(max_size=4)
plain = st.fixed_dictionaries({"content": words}, optional={"role": st.sampled_from(["assistant", None])})
odd = st.one_of(
    st.fixed_dictionaries({"content": st.none()}),
    st.fixed_dictionaries({"content": words | st.none(), "reasoning_content": words}),
    st.fixed_dictionaries({"refusal": words}),
    st.fixed_dictionaries({"content": words, "mood": words}),
    st.just({"tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "f", "arguments": "{}"}}]}),
)
choices = st.fixed_dictionaries(
    {"delta": plain | plain | plain | odd, "index": st.sampled_from([0, 0, 0, 1])},
    optional={"finish_reason": st.sampled_from([None, None, None, "stop", "length"]), "logprobs": st.none()},
)
odd_choices = st.sampled_from([None, "x", {"index": 0, "delta": "x"}, {"index": 0, "delta": None}])
chunks = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["c1", "c1", "c1", "c2", "", None]),
        "choices": st.one_of(st.tuples(choices), st.tuples(choices), st.lists(choices | odd_choices, max_size=2)).map(
            list
        ),
        "created": st.just(1),
        "model": st.sampled_from(["m", "m", "other"]),
        "object": st.just("chat.completion.chunk"),
    },
    optional={
        "obfuscation": words,
        "service_tier": st.sampled_from(["default", "flex"]),
        "system_fingerprint": st.sampled_from(["fp", None, "fp_ollama"]),
        "usage": st.sampled_from([None, {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}]),
    },
)


def words_of(*said: str, **more: Any) -> list[dict[str, Any]]:
    known = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return [{**known, "choices": [{"index": 0, "delta": {"content": one}}], **more} for one in said]


def wrapped(**params: Any) -> CustomStreamWrapper:
    log = Logging(
        model="m", messages=[{"role": "user", "content": "hi"}], stream=True, call_type="acompletion",
        start_time=cast("Any", None), litellm_call_id="1", function_id="1",
    )  # fmt: skip
    log.model_call_details = {"litellm_params": params, "custom_llm_provider": "openai"}
    return CustomStreamWrapper(iter(()), "m", log, "openai")


def passed(said: Sequence[dict[str, Any]], creator: Any, **params: Any) -> Any:
    """What a client is given, how the stream broke off, and all that the wrapper knows then."""
    wrapper, given, broken = wrapped(**params), list[Any](), ""
    for data in said:
        chunk = plain_chunk(data) or cast("Any", ChatCompletionChunk).construct(**data)
        try:
            made = creator(wrapper, chunk)
        except Exception as error:  # whatever LiteLLM raises must be raised here, too
            broken = f"{type(error).__name__} {error}"
            break
        given.append(seen(made))
        if made is not None:
            wrapper.chunks.append(made)
    known = {name: value for name, value in vars(wrapper).items() if name not in NOT_COMPARED}
    return given, broken, seen(known)


def seen(value: Any) -> Any:
    """All of a chunk, in its order, but the moment it was made and ids that LiteLLM made up."""
    if isinstance(value, BaseModel):
        fields = [(name, seen(one)) for name, one in vars(value).items() if name not in MOMENTS]
        extra = [(name, seen(one)) for name, one in (value.model_extra or {}).items()]
        private = {name: seen(one) for name, one in (value.__pydantic_private__ or {}).items()}
        return type(value), fields, extra, private, value.model_fields_set
    if isinstance(value, dict):
        named = cast("dict[str, Any]", value)
        return [(name, seen(one)) for name, one in named.items() if name not in MOMENTS]
    if isinstance(value, list):
        return [seen(one) for one in cast("list[Any]", value)]
    return "made up" if isinstance(value, str) and value.startswith("chatcmpl-") else value


@given(st.lists(chunks, max_size=9), st.booleans())
def test_a_stream_has_the_chunks_that_litellm_makes(said: list[dict[str, Any]], merge: bool) -> None:
    params = {"merge_reasoning_content_in_choices": merge}
    assert passed(said, copying(THEIRS), **params) == passed(said, THEIRS, **params)


@given(
    st.lists(words, min_size=2, max_size=12), st.sampled_from([{}, {"obfuscation": "xyz"}, {"service_tier": "flex"}])
)
def test_a_stream_of_words_has_the_chunks_that_litellm_makes(said: list[str], more: dict[str, Any]) -> None:
    end: dict[str, Any] = {"id": "c1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    data = [*words_of(*said, **more), end]
    assert passed(data, copying(THEIRS)) == passed(data, THEIRS)


@pytest.mark.parametrize("fingerprint", ["fp", "fp_ollama"])
def test_a_fingerprint_that_litellm_knows_changes_nothing(fingerprint: str) -> None:
    data = words_of(*"abcdef", system_fingerprint=fingerprint)
    assert passed(data, copying(THEIRS)) == passed(data, THEIRS)


def test_words_that_come_again_and_again_are_counted_as_litellm_counts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litellm, "REPEATED_STREAMING_CHUNK_LIMIT", 4)
    told = [passed(words_of("one", *["again"] * 9), creator) for creator in (copying(THEIRS), THEIRS)]
    assert told[0] == told[1]
    assert "repeating the same chunk" in told[0][1]


def test_litellm_makes_the_first_two_chunks_of_words_and_no_other() -> None:
    asked: list[Any] = []

    def noted(wrapper: CustomStreamWrapper, chunk: Any) -> Any:
        asked.append(chunk)
        return THEIRS(wrapper, chunk)

    given = passed(words_of(*"abcdefgh"), copying(noted))[0]
    assert len(asked) == 2
    assert len(given) == 8


@pytest.mark.parametrize("fingerprint", ["fp", "fp_ollama"])
def test_no_two_chunks_share_what_can_be_changed(fingerprint: str) -> None:
    wrapper, create = wrapped(), copying(THEIRS)
    made: list[Any] = []
    for data in words_of(*"abcdef", system_fingerprint=fingerprint):
        made.append(create(wrapper, plain_chunk(data)))
        wrapper.chunks.append(made[-1])
        for one in made:
            one.hidden_params["mood"] = one.choices[0].delta.content
            one.choices[0].delta.mood = one.choices[0].delta.content
            one.choices[0].mood, one.mood = "good", one.choices[0].delta.content
            if one.provider_specific_fields is not None:
                one.provider_specific_fields["mood"] = one.choices[0].delta.content
    assert [one.choices[0].delta.content for one in made] == list("abcdef")
    assert [one.hidden_params["mood"] for one in made] == list("abcdef")
    assert [one.choices[0].delta.mood for one in made] == list("abcdef")
    fields = [one.provider_specific_fields for one in made]
    assert fields == [None] * 6 or [one["mood"] for one in fields] == list("abcdef")
    fresh = create(wrapper, plain_chunk(words_of("g")[0]))
    assert not hasattr(fresh, "mood")
    assert not hasattr(fresh.choices[0].delta, "mood")
    assert "mood" not in fresh.hidden_params


def test_installed_twice_it_is_there_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CustomStreamWrapper, "chunk_creator", THEIRS)
    copy_wrapped_chunks()
    once = cast("Any", CustomStreamWrapper).chunk_creator
    copy_wrapped_chunks()
    assert cast("Any", CustomStreamWrapper).chunk_creator is once
    assert inspect.unwrap(once) is THEIRS
