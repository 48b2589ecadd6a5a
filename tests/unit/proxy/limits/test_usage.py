"""Tokens read off an answer on its way out, however it is cut into pieces."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.limits.estimate import TokenEstimate
from thriftgate.proxy.limits.usage import UsageReader

CHAT: dict[str, Any] = {"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}}
MESSAGES: dict[str, Any] = {
    "type": "message",
    "usage": {"input_tokens": 7, "cache_read_input_tokens": 5, "output_tokens": 5},
}
RESPONSES: dict[str, Any] = {
    "object": "response",
    "usage": {"input_tokens": 12, "input_tokens_details": {"cached_tokens": 10}, "output_tokens": 5},
}


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(b"event: x\ndata: " + json.dumps(event).encode() + b"\n\n" for event in events)


STREAMS = {
    "chat": sse({"choices": [{"delta": {"content": "a"}}]}, {"choices": [{"delta": {"content": "b"}}]}, CHAT),
    "messages": sse(
        {
            "type": "message_start",
            "message": {"usage": {"input_tokens": 7, "cache_read_input_tokens": 5, "output_tokens": 1}},
        },
        {"type": "content_block_delta", "delta": {"text": 'no "usage": {"output_tokens": 999}'}},
        {"type": "message_delta", "usage": {"output_tokens": 5}},
    ),
    "responses": sse(
        {"type": "response.output_text.delta", "delta": "usage"},
        {"type": "response.completed", "response": RESPONSES},
    ),
}


@pytest.mark.parametrize("body", [CHAT, MESSAGES, RESPONSES], ids=["chat", "messages", "responses"])
def test_a_whole_answer_of_each_api_says_what_it_used(body: dict[str, Any]) -> None:
    reader, text = UsageReader(is_stream=False), json.dumps(body).encode()
    for chunk in (text[:9], text[9:]):
        reader.feed(chunk)
    assert reader.found() == TokenEstimate(12, 5)
    assert reader.found() == TokenEstimate(12, 5)


@given(st.sampled_from(sorted(STREAMS)), st.lists(st.integers(0, 600), max_size=12))
def test_a_stream_says_the_same_wherever_it_is_cut(name: str, cuts: list[int]) -> None:
    reader, text = UsageReader(is_stream=True), STREAMS[name]
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    for begin, end in pairwise(places):
        reader.feed(text[begin:end])
    assert reader.found() == TokenEstimate(12, 5)


def test_events_are_counted_where_nothing_is_said() -> None:
    reader = UsageReader(is_stream=True)
    reader.feed(sse(*({"choices": [{"delta": {"content": "x"}}]} for _ in range(7))))
    assert reader.events == 7
    assert reader.found() is None


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b'"usage"', b'{"usage": 5}', b'{"usage": {"prompt_tokens": "many"}}',
        b'{"usage": {"prompt_tokens": -4}}', b'{"usage": {"prompt_tokens": true}}', b'{"usage"',
        b'{"message": [{"usage": 1}]}', b"\xff\xfe" + b'"usage"',
        b'{"choices": [{"message": {"tool_calls": [{"usage": {"prompt_tokens": 7}}]}}]}',
    ],
)  # fmt: skip
def test_what_says_nothing_of_usage_is_not_known(body: bytes) -> None:
    for is_stream in (False, True):
        reader = UsageReader(is_stream=is_stream)
        reader.feed(b"data: " + body + b"\n\n" if is_stream else body)
        assert reader.found() is None


@given(st.lists(st.binary(max_size=60), max_size=8), st.booleans())
def test_any_bytes_are_read_without_an_error(chunks: list[bytes], is_stream: bool) -> None:
    reader = UsageReader(is_stream=is_stream)
    for chunk in chunks:
        reader.feed(chunk)
    reader.found()


def test_a_body_or_an_event_too_long_is_let_pass_unread() -> None:
    reader = UsageReader(is_stream=False)
    for _ in range(5):
        reader.feed(b"x" * 1024 * 1024)
    assert reader.found() is None
    stream = UsageReader(is_stream=True)
    for _ in range(40):
        stream.feed(b"x" * 10_000)
    stream.feed(b"\n\n" + STREAMS["chat"])
    assert stream.found() == TokenEstimate(12, 5)
