"""A completion as server-sent events: `chat.completion.chunk` objects, a token each, then `[DONE]`.

Failure behaviour: pure; the caller paces the events and may stop anywhere.
"""

import json
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from thriftgate.demo.provider.logprobs import logprobs_object
from thriftgate.demo.provider.rendering import LABEL, Completion, RenderedChoice

DONE = b"data: [DONE]\n\n"


def events(completion: Completion, *, with_usage: bool) -> Iterator[tuple[bytes, bool]]:
    """The stream's events in order, each with whether it carries a token (and so takes a token's time).

    The choices of an `n` > 1 request take turns. With usage, every chunk has the field `usage`, null but in the
    last one, whose `choices` are empty.
    """
    writer = _Writer(completion, with_usage=with_usage)
    for index, choice in enumerate(completion.choices):
        yield writer.chunk(index, _opening(choice)), False
    for place, turn in enumerate(zip_longest(*(choice.tokens for choice in completion.choices))):
        for index, token in enumerate(turn):
            if token is not None:
                yield writer.token(index, place, token), True
    for index, choice in enumerate(completion.choices):
        yield writer.chunk(index, {}, choice.finish_reason), False
    if with_usage:
        yield writer.usage(), False
    yield DONE, False


class _Writer:
    """Encodes chunks; what they all share is encoded once, for a stream has dozens of them."""

    def __init__(self, completion: Completion, *, with_usage: bool) -> None:
        self._completion = completion
        shared = {
            "id": completion.id,
            "object": "chat.completion.chunk",
            "created": completion.created,
            "model": completion.model,
            "system_fingerprint": LABEL,
        }
        self._head = b"data: " + json.dumps(shared).encode()[:-1] + b', "choices": ['
        self._tail = b'], "usage": null}\n\n' if with_usage else b"]}\n\n"

    def chunk(
        self,
        index: int,
        delta: dict[str, Any],
        finish_reason: str | None = None,
        logprobs: dict[str, Any] | None = None,
    ) -> bytes:
        """One event with one choice's delta."""
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        return self._head + json.dumps(choice, ensure_ascii=False).encode() + self._tail

    def token(self, index: int, place: int, token: str) -> bytes:
        """One event with one token of a choice."""
        choice = self._completion.choices[index]
        if choice.tool_name:
            return self.chunk(index, {"tool_calls": [{"index": 0, "function": {"arguments": token}}]})
        logprobs = None
        if choice.logprobs:
            logprobs = logprobs_object([token], [choice.logprobs[place]], top=self._completion.top_logprobs)
        return self.chunk(index, {"content": token}, None, logprobs)

    def usage(self) -> bytes:
        """The last chunk."""
        return self._head + b'], "usage": ' + json.dumps(self._completion.usage).encode() + b"}\n\n"


def _opening(choice: RenderedChoice) -> dict[str, Any]:
    if not choice.tool_name:
        return {"role": "assistant", "content": "", "refusal": None}
    function = {"name": choice.tool_name, "arguments": ""}
    call = {"index": 0, "id": choice.tool_call_id, "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call]}
