"""A provider that answers at once: an OpenAI-compatible server too small to be the bottleneck.

Every answer is another one of 80 words, whole with the log-probabilities of its words or as a stream of 80 chunks, so
that whoever compares, embeds or keeps answers has something to do.

python -m evals.benchmarks.instant_upstream --port 4099
"""

import argparse
import asyncio
import json
from contextlib import suppress
from itertools import count
from random import Random
from typing import Any

WORDS = 80
_SENTENCE = (
    "open the settings choose your account press button at bottom and follow link that we send you then wait for an "
    "email with new code enter it on page which asks if parcel invoice refund was lost call us or write to support "
    "within fourteen days of delivery keep receipt because warehouse needs number before money can be returned"
)
_VOCABULARY = _SENTENCE.split()
"""Words of a support desk: answers share most of them, as real ones do."""
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Answers:
    """An endless supply of answers that differ."""

    def __init__(self) -> None:
        self._number = count(1)

    def words(self) -> list[str]:
        """The next answer."""
        number = next(self._number)
        return [*Random(number).choices(_VOCABULARY, k=WORDS - 1), f"{number}."]


def whole(words: list[str]) -> bytes:
    """An answer as one HTTP response."""
    text = " ".join(words)
    logprobs: list[dict[str, Any]] = [
        {"token": word, "logprob": -0.01, "bytes": None, "top_logprobs": []} for word in words
    ]
    choice: dict[str, Any] = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": "stop",
        "logprobs": {"content": logprobs},
    }
    body = json.dumps({**_common("chat.completion"), "choices": [choice], "usage": _USAGE}).encode()
    return _HEAD + str(len(body)).encode() + b"\r\n\r\n" + body


def streamed(words: list[str], *, with_usage: bool) -> bytes:
    """An answer as one HTTP response of a chunk for each word."""
    head = _common("chat.completion.chunk")

    def event(delta: dict[str, str], finish: str | None = None) -> str:
        return json.dumps({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    events = [
        event({"role": "assistant", "content": words[0]}),
        *(event({"content": f" {word}"}) for word in words[1:]),
    ]
    events.append(event({}, "stop"))
    if with_usage:
        events.append(json.dumps({**head, "choices": [], "usage": _USAGE}))
    parts = [f"data: {data}\n\n".encode() for data in [*events, "[DONE]"]]
    return _STREAM_HEAD + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


_USAGE = {"prompt_tokens": 30, "completion_tokens": WORDS, "total_tokens": 30 + WORDS}


def _common(kind: str) -> dict[str, object]:
    return {"id": "chatcmpl-bench", "object": kind, "created": 1, "model": "bench"}


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: Answers) -> None:
    """Answer the requests of a connection, one after the other."""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = (line.lower() for line in head.split(b"\r\n"))
            length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), 0)
            asked: dict[str, Any] = json.loads(await reader.readexactly(length))
            words = answers.words()
            if asked.get("stream"):
                options: dict[str, Any] = asked.get("stream_options") or {}
                usage = bool(options.get("include_usage"))
                writer.write(streamed(words, with_usage=usage))
            else:
                writer.write(whole(words))
            await writer.drain()
    writer.close()


async def main(port: int) -> None:
    """Listen until the process is ended."""
    answers = Answers()
    server = await asyncio.start_server(lambda reader, writer: serve(reader, writer, answers), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    asyncio.run(main(parser.parse_args().port))
