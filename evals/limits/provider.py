"""A provider whose answers take as long as the trace says: an OpenAI-compatible server for the live run.

A question carries how many tokens its answer has ("ticket T-<tokens>-…"), which the gateway does not know to read. An
answer takes `FIXED_SECONDS` and `SECONDS_PER_TOKEN` for each token, whole or as a stream of `CHUNKS` chunks; its text
is 60 words whatever its tokens are. One answer in `UNSURE_EVERY` has low log-probabilities.

python -m evals.limits.provider --port 4099
"""

import argparse
import asyncio
import json
import re
from contextlib import suppress
from random import Random
from typing import Any

from evals.limits.trace import FIXED_SECONDS, SECONDS_PER_TOKEN

CHUNKS, WORDS, UNSURE_EVERY = 20, 60, 10
_TICKET = re.compile(r"T-(\d{1,5})-")
_TEXT = (
    "open the settings choose your account press button at bottom and follow link that we send you then wait for an "
    "email with new code enter it on page which asks if parcel invoice refund was lost call us or write to support"
)
_VOCABULARY = _TEXT.split()


def seconds_of(tokens: int) -> float:
    """How long an answer of so many tokens takes."""
    return FIXED_SECONDS + SECONDS_PER_TOKEN * tokens


def tokens_of(messages: list[dict[str, Any]]) -> int:
    """What the question says its answer's length is; 100 where it says nothing, as in a health check."""
    found = _TICKET.findall(json.dumps(messages[-1]))
    return int(found[-1]) if found else 100


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, numbers: list[int]) -> None:
    """Answer the requests of a connection, one after the other."""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = (line.lower() for line in head.split(b"\r\n"))
            length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), 0)
            asked: dict[str, Any] = json.loads(await reader.readexactly(length))
            numbers[0] += 1
            await _answer(writer, asked, numbers[0])
    writer.close()


async def _answer(writer: asyncio.StreamWriter, asked: dict[str, Any], number: int) -> None:
    words = [*Random(number).choices(_VOCABULARY, k=WORDS - 1), f"{number}."]
    tokens = tokens_of(asked["messages"])
    usage = {"prompt_tokens": 300, "completion_tokens": tokens, "total_tokens": 300 + tokens}
    common = {"id": f"chatcmpl-{number}", "created": 1, "model": asked["model"]}
    await asyncio.sleep(FIXED_SECONDS)
    if not asked.get("stream"):
        await asyncio.sleep(seconds_of(tokens) - FIXED_SECONDS)
        logprob = -2.0 if number % UNSURE_EVERY == 0 else -0.01
        seen: list[dict[str, Any]] = [
            {"token": word, "logprob": logprob, "bytes": None, "top_logprobs": []} for word in words
        ]
        message = {"role": "assistant", "content": " ".join(words)}
        choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": "stop"}
        if asked.get("logprobs"):
            choice["logprobs"] = {"content": seen}
        body = json.dumps({**common, "object": "chat.completion", "choices": [choice], "usage": usage}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body))
        writer.write(body)
        await writer.drain()
        return
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    size = WORDS // CHUNKS
    for first in range(0, WORDS, size):
        delta = {"role": "assistant", "content": " ".join(words[first : first + size]) + " "}
        await _send(writer, common, [{"index": 0, "delta": delta, "finish_reason": None}])
        await asyncio.sleep((seconds_of(tokens) - FIXED_SECONDS) / CHUNKS)
    await _send(writer, common, [{"index": 0, "delta": {}, "finish_reason": "stop"}])
    await _send(writer, common, [], usage=usage)
    done = b"data: [DONE]\n\n"
    writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(done), done))
    await writer.drain()


async def _send(writer: asyncio.StreamWriter, common: dict[str, Any], choices: list[Any], **more: Any) -> None:
    event = {**common, "object": "chat.completion.chunk", "choices": choices, **more}
    data = f"data: {json.dumps(event)}\n\n".encode()
    writer.write(b"%x\r\n%s\r\n" % (len(data), data))
    await writer.drain()


async def main(port: int) -> None:
    """Listen until the process is ended."""
    numbers = [0]
    server = await asyncio.start_server(
        lambda reader, writer: serve(reader, writer, numbers), "127.0.0.1", port, backlog=1024
    )
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    asyncio.run(main(parser.parse_args().port))
