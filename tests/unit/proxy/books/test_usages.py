"""A provider's count as it comes in: what is put right in a stream, and what is left as it came."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

from thriftgate.proxy.books.usages import read_usage
from thriftgate.proxy.tiers.provider_answer import ProviderAnswer
from thriftgate.wire.dialects import assembler
from thriftgate.wire.shapes import MOST_TOKENS
from thriftgate.wire.streaming.sse import SseDecoder
from thriftgate.wire.turns import Dialect

BEGUN = {"input_tokens": 1000, "cache_read_input_tokens": 80, "output_tokens": 1}


class Pieces(httpx.AsyncByteStream):
    def __init__(self, said: bytes) -> None:
        self._said = said

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._said


async def streamed(*events: dict[str, Any]) -> tuple[list[Mapping[str, Any]], ProviderAnswer]:
    """The events as LiteLLM reads them."""
    said = "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events).encode()
    response = httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Pieces(said))
    answer = ProviderAnswer()
    read_usage(response, answer)
    read = b"".join([piece async for piece in response.aiter_bytes()])
    return [event.body for event in SseDecoder().feed(read) if event.body is not None], answer


@pytest.mark.parametrize(
    ("ended", "read"),
    [
        ({"output_tokens": 400}, {"output_tokens": 400}),
        ({"output_tokens": 400, "input_tokens": None}, {"output_tokens": 400}),
        ({"output_tokens": 400, "input_tokens": 0}, {"output_tokens": 400, "input_tokens": 1000}),
        ({"output_tokens": 0}, {"output_tokens": 1}),
        ({"output_tokens": 400, "cache_read_input_tokens": 0},
         {"output_tokens": 400, "cache_read_input_tokens": 80}),
        ({"output_tokens": 400, "input_tokens": 1200}, {"output_tokens": 400, "input_tokens": 1200}),
        ({"output_tokens": 400, "server_tool_use": {"web_search_requests": 2}},
         {"output_tokens": 400, "server_tool_use": {"web_search_requests": 2}}),
        ({}, {"output_tokens": 1}),
        (None, {"output_tokens": 1}),
    ],
)  # fmt: skip
async def test_the_end_of_a_stream_takes_back_nothing_that_its_beginning_counted(
    ended: dict[str, Any] | None, read: dict[str, int]
) -> None:
    message: dict[str, Any] = {"id": "m", "role": "assistant", "content": [], "usage": BEGUN}
    start = {"type": "message_start", "message": message}
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": ended}
    (first, last), answer = await streamed(start, end)
    assert first == start
    assert last["usage"] == read
    assert not answer.is_miscounted
    whole = assembler(Dialect.MESSAGES)
    for event in (first, last):
        whole.feed(event)
    assert whole.finish()["usage"] == {**BEGUN, **read}


async def test_a_stream_of_lines_of_json_is_handed_out_as_it_comes_and_its_count_is_bounded() -> None:
    """Ollama's: read whole first, its words would all come at the end."""
    said = [{"message": {"role": "assistant", "content": word}, "done": False} for word in ("a ", "b ")]
    end = {"message": {"role": "assistant", "content": ""}, "done": True, "prompt_eval_count": 10, "eval_count": 10**15}
    handed: list[Any] = []

    class Lines(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for place, line in enumerate((*said, end)):
                assert handed == said[:place]
                yield json.dumps(line).encode() + b"\n"

    response = httpx.Response(200, headers={"content-type": "application/x-ndjson"}, stream=Lines())
    answer = ProviderAnswer()
    read_usage(response, answer)
    async for piece in response.aiter_bytes():
        handed.append(json.loads(piece))  # noqa: PERF401  the stream looks at it meanwhile
    assert handed == [*said, {**end, "eval_count": MOST_TOKENS}]
    assert answer.is_miscounted
