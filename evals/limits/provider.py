"""A provider whose answers take as long as the trace says: OpenAI's two APIs for the live run.

A question carries how many tokens its answer has, in words ("my case is two one one, …"), which the gateway does not
know to read. An answer takes `FIXED_SECONDS` and `SECONDS_PER_TOKEN` for each token, whole or as a stream of `CHUNKS`
chunks; its text is 60 words whatever its tokens are. One answer in `UNSURE_EVERY` has low log-probabilities.

python -m evals.limits.provider --port 4099
"""

import argparse
import asyncio
import json
import re
from contextlib import suppress
from itertools import count
from random import Random
from typing import Any

from aiohttp import web
from evals.limits.trace import FIXED_SECONDS, SECONDS_PER_TOKEN

CHUNKS, WORDS, UNSURE_EVERY = 20, 60, 10
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_CASE = re.compile(rf"my case is ((?:(?:{'|'.join(_DIGITS)}) ?)+),")
_TEXT = (
    "open the settings choose your account press button at bottom and follow link that we send you then wait for an "
    "email with new code enter it on page which asks if parcel invoice refund was lost call us or write to support"
)
_VOCABULARY = _TEXT.split()


Event = dict[str, Any]


def seconds_of(tokens: int) -> float:
    """How long an answer of so many tokens takes."""
    return FIXED_SECONDS + SECONDS_PER_TOKEN * tokens


def case(tokens: int, number: int) -> str:
    """How a question says how long its answer is; `number` makes it a question of its own."""
    words = [" ".join(_DIGITS[int(digit)] for digit in str(one)) for one in (tokens, number)]
    return f"my case is {words[0]}, {words[1]}."


def tokens_of(asked: Event) -> int:
    """What the question says its answer's length is; 100 where it says nothing, as in a health check."""
    turns = asked.get("messages") or asked.get("input") or ""
    found = _CASE.findall(json.dumps(turns[-1] if isinstance(turns, list) else turns))
    return int("".join(str(_DIGITS.index(word)) for word in found[-1].split())) if found else 100


def chat(asked: Event, number: int, words: list[str], tokens: int) -> tuple[Event, list[Event]]:
    """An answer of chat completions, whole and as events."""
    common = {"id": f"chatcmpl-{number}", "created": 1, "model": asked["model"]}
    usage = {"prompt_tokens": 300, "completion_tokens": tokens, "total_tokens": 300 + tokens}
    logprob = -2.0 if number % UNSURE_EVERY == 0 else -0.01
    choice: Event = {"index": 0, "message": {"role": "assistant", "content": " ".join(words)}, "finish_reason": "stop"}
    if asked.get("logprobs"):
        seen: list[Event] = [{"token": word, "logprob": logprob, "bytes": None, "top_logprobs": []} for word in words]
        choice["logprobs"] = {"content": seen}
    whole = {**common, "object": "chat.completion", "choices": [choice], "usage": usage}

    def event(choices: list[Event], **more: Any) -> Event:
        return {**common, "object": "chat.completion.chunk", "choices": choices, **more}

    deltas = [{"role": "assistant", "content": f"{piece} "} for piece in _pieces(words)]
    events = [event([{"index": 0, "delta": delta, "finish_reason": None}]) for delta in deltas]
    ending = [event([{"index": 0, "delta": {}, "finish_reason": "stop"}]), event([], usage=usage)]
    return whole, [*events, *ending]


def responses(asked: Event, number: int, words: list[str], tokens: int) -> tuple[Event, list[Event]]:
    """An answer of the Responses API, whole and as events."""
    part: Event = {"type": "output_text", "text": " ".join(words), "annotations": []}
    item: Event = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [part]}
    whole: Event = {
        "id": f"resp_{number}", "object": "response", "created_at": 1, "status": "completed", "model": asked["model"],
        "output": [item], "parallel_tool_calls": True, "tools": [], "tool_choice": "auto",
        "usage": {"input_tokens": 300, "output_tokens": tokens, "total_tokens": 300 + tokens},
    }  # fmt: skip
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    begun: Event = {**whole, "status": "in_progress", "output": [], "usage": None}
    deltas = [{"type": "response.output_text.delta", **at, "delta": piece} for piece in _pieces(words, " ")]
    events: list[Event] = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {"type": "response.content_part.added", **at, "part": {**part, "text": ""}},
        *deltas,
        {"type": "response.output_text.done", **at, "text": part["text"]},
        {"type": "response.content_part.done", **at, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    ]
    return whole, [{**event, "sequence_number": place} for place, event in enumerate(events)]


def _pieces(words: list[str], joined_by: str = "") -> list[str]:
    size = WORDS // CHUNKS
    cut = [words[first : first + size] for first in range(0, len(words), size)]
    return [(joined_by if number else "") + " ".join(piece) for number, piece in enumerate(cut)]


class Provider:
    """Answers each request as long as its question says."""

    def __init__(self) -> None:
        self._numbers = count(1)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One call of either API."""
        asked: Event = json.loads(await request.read())
        is_chat, number, tokens = request.path.endswith("/completions"), next(self._numbers), tokens_of(asked)
        words = [*Random(number).choices(_VOCABULARY, k=WORDS - 1), f"{number}."]
        whole, events = (chat if is_chat else responses)(asked, number, words, tokens)
        await asyncio.sleep(FIXED_SECONDS)
        left = seconds_of(tokens) - FIXED_SECONDS
        if not asked.get("stream"):
            await asyncio.sleep(left)
            return web.json_response(whole)
        answer = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await answer.prepare(request)
        with suppress(ConnectionError):
            for event in events:
                name = "" if is_chat else f"event: {event['type']}\n"
                await answer.write(f"{name}data: {json.dumps(event)}\n\n".encode())
                await asyncio.sleep(left / len(events))
            if is_chat:
                await answer.write(b"data: [DONE]\n\n")
            await answer.write_eof()
        return answer


def main(port: int) -> None:
    """Serve until the process is ended."""
    app, provider = web.Application(client_max_size=10_000_000), Provider()
    app.router.add_post("/v1/chat/completions", provider.serve)
    app.router.add_post("/v1/responses", provider.serve)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    main(parser.parse_args().port)
