"""What comes in from a provider is made believable in whatever pieces it comes, and otherwise left as it is."""

import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.proxy.books.usages import mended_body, read_usage
from thriftgate.proxy.tiers.provider_answer import ProviderAnswer
from thriftgate.wire.streaming.event_stream import Frame, Frames
from thriftgate.wire.streaming.sse import SseDecoder

CHUNKS: list[dict[str, Any]] = [
    {"choices": [{"index": 0, "delta": {"content": 'he said "usage": 5 ü😀'}}], "usage": None},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": -4}},
]
EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": {"content": [], "usage": {"input_tokens": 0, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "five words"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 0}},
]


def stream(events: list[dict[str, Any]], end: str = "\n\n") -> bytes:
    return "".join(f"data: {json.dumps(one, ensure_ascii=False)}{end}" for one in events).encode()


def cut(raw: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(raw) + 1) for place in places), len(raw)]
    return [raw[start:end] for start, end in pairwise(bounds)]


class Pieces(httpx.AsyncByteStream):
    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


async def read(pieces: list[bytes], kind: str, answer: ProviderAnswer) -> bytes:
    response = httpx.Response(200, headers={"content-type": kind}, stream=Pieces(pieces))
    read_usage(response, answer)
    return await response.aread()


def events_of(raw: bytes) -> list[Any]:
    decoder = SseDecoder()
    return [event.body for event in [*decoder.feed(raw), *decoder.flush()]]


PLACES = st.lists(st.integers(0, 10_000), max_size=12)


@given(PLACES, st.sampled_from(["\n\n", "\r\n\r\n", "\r\r"]))
async def test_a_stream_is_read_the_same_in_whatever_pieces_it_comes(places: list[int], end: str) -> None:
    answer = ProviderAnswer()
    mended = events_of(await read(cut(stream(CHUNKS, end), places), "text/event-stream", answer))
    assert mended == [*CHUNKS[:2], {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 0}}]
    assert answer.is_miscounted


@given(PLACES)
async def test_a_stream_that_counts_nothing_says_what_a_tokenizer_counts(places: list[int]) -> None:
    answer = ProviderAnswer()
    answer.estimate = lambda said: (20, len(said.split()))
    mended = events_of(await read(cut(stream(EVENTS), places), "text/event-stream; charset=utf-8", answer))
    assert mended[:-1] == EVENTS[:-1]
    assert mended[-1]["usage"] == {"input_tokens": 20, "output_tokens": 2}
    assert answer.is_miscounted


@given(PLACES)
async def test_what_can_be_believed_is_the_very_bytes(places: list[int]) -> None:
    answer = ProviderAnswer()
    usage = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
    raw = stream([*CHUNKS[:2], {"choices": [], "usage": usage}]) + b"data: [DONE]\n\n: a comment"
    assert await read(cut(raw, places), "text/event-stream", answer) == raw
    whole = json.dumps({"choices": [{"message": {"content": "x"}}], "usage": usage}, indent=3).encode()
    assert await read(cut(whole, places), "application/json", answer) == whole
    assert mended_body(whole, answer) is whole
    assert not answer.is_miscounted


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"null", b'{"data": [], "usage": 5}', b"\xff\xfe", b'{"choices": 5}']
)
async def test_what_is_no_answer_is_passed_on_as_it_came(raw: bytes) -> None:
    assert await read([raw], "application/json", ProviderAnswer()) == raw
    assert await read([b"data: " + raw + b"\n\n"], "text/event-stream", ProviderAnswer()) == b"data: " + raw + b"\n\n"


async def test_an_answer_that_counts_nothing_is_counted_by_all_that_it_says() -> None:
    answer = ProviderAnswer()
    said: list[str] = []

    def estimate(text: str) -> tuple[int, int]:
        said.append(text)
        return 20, 3

    answer.estimate = estimate
    call = {"id": "c", "type": "function", "function": {"name": "find", "arguments": '{"a":1}'}}
    body = {"choices": [{"message": {"content": "One."}}, {"message": {"content": None, "tool_calls": [call]}}]}
    mended = json.loads(mended_body(json.dumps(body).encode(), answer))
    assert mended == {**body, "usage": {"prompt_tokens": 20, "completion_tokens": 3, "total_tokens": 23}}
    assert said == ['One.find{"a":1}']


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\r\r"])
async def test_a_line_is_handed_on_as_soon_as_its_end_has_come(end: str) -> None:
    first, *others = (stream([chunk], end) for chunk in CHUNKS)
    response = httpx.Response(
        200, headers={"content-type": "text/event-stream"}, stream=Pieces([first[:20], first[20:], *others])
    )
    read_usage(response, ProviderAnswer())
    found = [piece async for piece in response.aiter_bytes()]
    assert found[0] == first
    assert len(found) == len(CHUNKS)


@pytest.mark.parametrize("n_pieces", [1, 7])
async def test_anthropic_s_events_in_bedrock_s_messages_that_count_nothing_are_counted_by_what_they_say(
    n_pieces: int,
) -> None:
    answer = ProviderAnswer()
    answer.estimate = lambda said: (20, len(said.split()))
    frames = (
        Frame(b"", b"", b"").with_payload(
            json.dumps({"bytes": b64encode(json.dumps(event).encode()).decode()}).encode()
        )
        for event in EVENTS
    )
    raw = b"".join(frames)
    size = len(raw) // n_pieces + 1
    pieces = [raw[start : start + size] for start in range(0, len(raw), size)]
    mended = Frames().feed(await read(pieces, "application/vnd.amazon.eventstream", answer))
    *_, last = (json.loads(b64decode(json.loads(frame.payload)["bytes"])) for frame in mended)
    assert last["usage"] == {"input_tokens": 20, "output_tokens": 2}
    assert answer.is_miscounted
