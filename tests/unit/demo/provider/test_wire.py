"""Tokens, limits, bodies, chunks and faults: the provider without its HTTP."""

import json
import math
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from thriftgate.demo.models.engine import MODELS, DraftReply, Manner
from thriftgate.demo.provider.faults import Faults, FaultTable, Pace
from thriftgate.demo.provider.logprobs import draw_logprobs, logprobs_object
from thriftgate.demo.provider.rendering import Completion, body, completion_of
from thriftgate.demo.provider.stream import DONE, events
from thriftgate.demo.request import CONTEXT_WINDOW, CompletionCall, parse_call
from thriftgate.demo.tokens import count_prompt_tokens, tokenize
from thriftgate.errors import RequestRejectedError

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=120)


def call(**params: Any) -> CompletionCall:
    messages = [{"role": "user", "content": "Hello"}]
    return parse_call({"model": "demo-small", "messages": messages, **params}, MODELS)


def completion(texts: list[str], **params: Any) -> Completion:
    replies = [DraftReply(text, 0.1, Manner.RIGHT, seed) for seed, text in enumerate(texts)]
    return completion_of(call(n=len(texts), **params), replies, completion_id="chatcmpl-demo-1", created=7)


def chunks_of(answer: Completion, *, with_usage: bool = False) -> list[dict[str, Any]]:
    raw = [event for event, _ in events(answer, with_usage=with_usage)]
    assert raw[-1] == DONE
    return [json.loads(event.removeprefix(b"data: ")) for event in raw[:-1]]


@given(TEXTS)
def test_the_tokens_of_a_text_are_the_text(text: str):
    tokens = tokenize(text)
    assert "".join(tokens) == text
    assert all(tokens)


def test_tokens_follow_the_stated_rule():
    assert tokenize("Pay $12,500 now") == ["Pay", " $", "12", ",", "500", " now"]
    assert tokenize("international") == ["intern", "ationa", "l"]


def test_a_prompt_is_counted_by_the_stated_rule():
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Hi there"}]
    assert count_prompt_tokens(messages) == 3 + 4 + 2
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    parts = [{"role": "user", "content": [{"type": "text", "text": "Hi there"}, image]}]
    assert count_prompt_tokens(parts) == 3 + 4 + 2 + 85
    assert count_prompt_tokens(messages, [{"type": "function"}]) == 3 + 4 + 2 + len(tokenize('[{"type":"function"}]'))


@given(TEXTS, st.integers(1, 40))
def test_a_token_limit_cuts_and_says_so(text: str, limit: int):
    (choice,) = completion([text], max_tokens=limit).choices
    full = tokenize(text)
    assert list(choice.tokens) == full[:limit]
    assert choice.finish_reason == ("length" if len(full) > limit else "stop")
    assert choice.completion_tokens == len(choice.tokens)


def test_the_smaller_limit_counts():
    assert call(max_tokens=9, max_completion_tokens=4).token_limit == 4


@pytest.mark.parametrize(("stop", "text"), [("days", "14 "), (["x", "14"], ""), ("", "14 days"), (None, "14 days")])
def test_an_answer_ends_before_a_stop_sequence(stop: Any, text: str):
    (choice,) = completion(["14 days"], stop=stop).choices
    assert (choice.text, choice.finish_reason) == (text, "stop")


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_the_chunks_of_a_stream_are_the_whole_answer(texts: list[str]):
    answer = completion(texts, logprobs=True, top_logprobs=2)
    said = [""] * len(texts)
    reasons: list[Any] = [None] * len(texts)
    logprobs: list[list[Any]] = [[] for _ in texts]
    for chunk in chunks_of(answer):
        for choice in chunk["choices"]:
            said[choice["index"]] += choice["delta"].get("content") or ""
            reasons[choice["index"]] = choice["finish_reason"] or reasons[choice["index"]]
            logprobs[choice["index"]].extend(choice["logprobs"]["content"] if choice["logprobs"] else [])
    whole = body(answer)
    assert said == texts
    for choice in whole["choices"]:
        assert choice["finish_reason"] == reasons[choice["index"]]
        assert (choice["logprobs"] or {"content": []})["content"] == logprobs[choice["index"]]


def test_usage_comes_last_and_only_when_wanted():
    answer = completion(["one two three"])
    chunks = chunks_of(answer, with_usage=True)
    assert [chunk["usage"] for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == body(answer)["usage"]
    assert all("usage" not in chunk for chunk in chunks_of(answer))


def test_every_body_and_chunk_is_labelled():
    answer = completion(["one"])
    assert body(answer)["system_fingerprint"] == "thriftgate-demo"
    assert {chunk["system_fingerprint"] for chunk in chunks_of(answer)} == {"thriftgate-demo"}


@given(TEXTS.filter(bool), st.floats(0.001, 3), st.integers(0, 20), st.integers())
def test_logprobs_are_those_of_a_distribution(text: str, doubt: float, top: int, seed: int):
    tokens = tokenize(text)
    values = draw_logprobs(tokens, doubt=doubt, rng=Random(seed))
    content = logprobs_object(tokens, values, top=top)["content"]
    assert [bytes(entry["bytes"]).decode() for entry in content] == tokens
    for entry, value in zip(content, values, strict=True):
        likeliest = entry["top_logprobs"]
        assert len(likeliest) == top
        assert sum(math.exp(other["logprob"]) for other in likeliest) < 1.0 + 1e-4
        assert [other["logprob"] for other in likeliest] == sorted((o["logprob"] for o in likeliest), reverse=True)
        assert not top or value in [other["logprob"] for other in likeliest if other["token"] == entry["token"]]
        assert len({other["token"] for other in likeliest}) == top


def asking(**params: Any) -> dict[str, Any]:
    return {"model": "demo-small", "messages": [{"role": "user", "content": "a secret"}], **params}


BAD: list[tuple[Any, str | None, int]] = [
    ([], None, 400),
    ({"messages": [{"role": "user", "content": "x"}]}, "model", 400),
    ({"model": "gpt-5", "messages": [{"role": "user", "content": "x"}]}, "model", 404),
    ({"model": "demo-small"}, "messages", 400),
    ({"model": "demo-small", "messages": []}, "messages", 400),
    ({"model": "demo-small", "messages": "hello"}, "messages", 400),
    ({"model": "demo-small", "messages": [{"role": "robot", "content": "x"}]}, "messages", 400),
    ({"model": "demo-small", "messages": [{"role": "user"}]}, "messages", 400),
    ({"model": "demo-small", "messages": [{"role": "user", "content": 5}]}, "messages", 400),
    ({"model": "demo-small", "messages": [{"role": "tool", "tool_call_id": "c", "content": "x"}]}, "messages", 400),
    (asking(temperature=3), "temperature", 400),
    (asking(top_p=-1), "top_p", 400),
    (asking(n=0), "n", 400),
    (asking(max_tokens=0), "max_tokens", 400),
    (asking(stop=["a", "b", "c", "d", "e"]), "stop", 400),
    (asking(top_logprobs=5), None, 400),
    (asking(logprobs=True, top_logprobs=21), "top_logprobs", 400),
    (asking(tool_choice="required"), None, 400),
    (asking(tool_choice={"type": "function", "function": {"name": "nope"}}), None, 400),
    (asking(tools=[{"type": "function", "function": {"name": "not a name"}}]), "tools.0.function.name", 400),
    (asking(response_format={"type": "json_schema"}), "response_format", 400),
    (asking(stream="maybe"), "stream", 400),
]


@pytest.mark.parametrize(("raw", "param", "status"), BAD)
def test_bad_input_is_refused_by_the_name_of_the_parameter(raw: Any, param: str | None, status: int):
    with pytest.raises(RequestRejectedError) as refused:
        parse_call(raw, MODELS)
    assert (refused.value.param, refused.value.status_code) == (param, status)
    assert "a secret" not in refused.value.message


def test_a_prompt_that_is_too_long_is_refused():
    message = {"role": "user", "content": "word " * CONTEXT_WINDOW}
    with pytest.raises(RequestRejectedError) as refused:
        parse_call({"model": "demo-small", "messages": [message]}, MODELS)
    assert refused.value.code == "context_length_exceeded"


def test_null_means_the_default_and_unknown_parameters_are_ignored():
    parsed = call(
        tools=None, stop=None, response_format=None, n=None, logprobs=None, tool_choice=None, metadata={"a": 1}
    )
    assert (parsed.tools, parsed.stop, parsed.n, parsed.logprobs, parsed.tool_choice) == ([], [], 1, False, "auto")


@given(st.floats(0, 1), st.floats(0, 1), st.integers())
def test_faults_come_as_often_as_they_should(error_rate: float, rate_limit_rate: float, seed: int):
    board, rng = FaultTable(Faults(error_rate=error_rate, rate_limit_rate=rate_limit_rate, retry_after=3)), Random(seed)
    drawn = [board.draw("demo-small", rng) for _ in range(400)]
    errors = sum(failure is not None and failure.status == 500 for failure in drawn) / 400
    limited = sum(failure is not None and failure.status == 429 and failure.retry_after == 3 for failure in drawn) / 400
    assert abs(errors - error_rate) < 0.16
    assert abs(limited - (1 - error_rate) * rate_limit_rate) < 0.16


def test_a_fault_of_one_model_leaves_the_others_alone():
    board = FaultTable(Faults())
    board.set("demo-large", Faults(error_rate=1.0, error_status=503))
    outage = board.draw("demo-large", Random(1))
    assert outage is not None
    assert outage.status == 503
    assert board.draw("demo-large-backup", Random(1)) is None
    board.set(None, Faults())
    assert board.draw("demo-large", Random(1)) is None


def test_a_rate_that_is_no_share_is_refused():
    with pytest.raises(ValidationError):
        Faults(error_rate=1.5)


def test_a_provider_without_latency_does_not_wait_and_one_with_it_repeats_itself():
    assert Pace(0.0, 0.0, 0.5).delays(100, 2.5, Random(1)) == (0.0, 0.0)
    pace = Pace(0.2, 0.01, 0.3)
    assert pace.delays(100, 2.5, Random(1)) == pace.delays(100, 2.5, Random(1))
    assert Pace(0.2, 0.01, 0.0).delays(100, 2.5, Random(1)) == pytest.approx((0.5, 0.025))
