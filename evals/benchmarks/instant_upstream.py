"""A provider that answers at once: an OpenAI-compatible server too small to be the bottleneck.

python -m evals.benchmarks.instant_upstream --port 4099
"""

import argparse
import asyncio
import json
from contextlib import suppress

ANSWER = "Open the settings, choose your account, press the button at the bottom, and follow the link that we send you."
"""Twenty words, of which the model is sure."""


def completion() -> bytes:
    """The one answer there is, as an HTTP response."""
    words = ANSWER.split(" ")
    logprobs: list[dict[str, object]] = [
        {"token": word, "logprob": -0.01, "bytes": None, "top_logprobs": []} for word in words
    ]
    body = json.dumps(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 1,
            "model": "bench",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": ANSWER},
                    "finish_reason": "stop",
                    "logprobs": {"content": logprobs},
                }
            ],
            "usage": {"prompt_tokens": 30, "completion_tokens": len(words), "total_tokens": 30 + len(words)},
        }
    ).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


RESPONSE = completion()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every request of a connection with the same bytes."""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length:")
                ),
                0,
            )
            await reader.readexactly(length)
            writer.write(RESPONSE)
            await writer.drain()
    writer.close()


async def main(port: int) -> None:
    """Listen until the process is ended."""
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    asyncio.run(main(parser.parse_args().port))
