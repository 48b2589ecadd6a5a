"""A whole chat completion → the chunks that OpenAI's own stream would have sent.

Failure behaviour: pure and total.
"""

from collections.abc import Iterator
from typing import Any

from thriftgate.wire.shapes import Body, Json, integer, items, mapping, objects
from thriftgate.wire.streaming.codec import fields_but, pieces

_GROWING = ("reasoning_content", "reasoning", "content", "refusal")
"""Texts that come in pieces, in this order."""


def replay(answer: Json, *, include_usage: bool = False) -> Iterator[Body]:
    """The chunks: of each choice the role, its texts in pieces, its tool calls and its finish reason; then the usage.

    `include_usage`: the client asked for it in `stream_options`; each chunk then has a null `usage` but the last.
    """
    frame: Body = {**fields_but(answer, ("choices", "usage")), "object": "chat.completion.chunk"}
    beside: Body = {"usage": None} if include_usage else {}
    for place, choice in enumerate(objects(answer.get("choices"))):
        index = integer(choice.get("index"))
        for piece in _choice(choice, place if index is None else index):
            yield {**frame, "choices": [piece], **beside}
    if include_usage and "usage" in answer:
        yield {**frame, "choices": [], "usage": answer["usage"]}


def _choice(choice: Json, index: int) -> Iterator[Body]:
    message = mapping(choice.get("message"))
    logprobs = _Logprobs(choice)
    extra = fields_but(choice, ("index", "message", "finish_reason", "logprobs"))

    def piece(delta: Json, **more: Any) -> Body:
        return {"index": index, "delta": delta, "finish_reason": None, **more}

    yield piece(_opening(message), **logprobs.nothing())
    for name in _GROWING:
        if isinstance(message.get(name), str):
            for words in pieces(message[name]):
                yield piece({name: words}, **(logprobs.take() if name == "content" else logprobs.nothing()))
    for delta in _calls(message):
        yield piece(delta, **logprobs.nothing())
    yield {**piece({}, **logprobs.take()), "finish_reason": choice.get("finish_reason"), **extra}


def _opening(message: Json) -> Body:
    """The first delta: role, what comes whole, and the beginnings of what comes in pieces.

    Thinking blocks come whole: OpenAI's SDK ends with an error where a list without numbers goes on in a second delta.
    """
    delta: Body = {"role": message.get("role", "assistant")}
    for name, value in message.items():
        if name in ("role", "tool_calls", "function_call"):
            continue
        if name in _GROWING and isinstance(value, str):
            delta[name] = ""
        else:
            delta[name] = value
    if message.get("tool_calls") is not None and not items(message["tool_calls"]):
        delta["tool_calls"] = message["tool_calls"]
    return delta


def _calls(message: Json) -> Iterator[Body]:
    for place, call in enumerate(objects(message.get("tool_calls"))):
        head, field, words = _split(call)
        yield {"tool_calls": [{"index": place, **head}]}
        for piece in pieces(words):
            yield {"tool_calls": [{"index": place, field: {_ARGUMENTS[field]: piece}}]}
    old = message.get("function_call")
    if mapping(old) and isinstance(mapping(old).get("arguments"), str):
        yield {"function_call": {**mapping(old), "arguments": ""}}
        for piece in pieces(mapping(old)["arguments"]):
            yield {"function_call": {"arguments": piece}}
    elif "function_call" in message:
        yield {"function_call": old}


_ARGUMENTS = {"function": "arguments", "custom": "input"}


def _split(call: Json) -> tuple[Json, str, str]:
    """A tool call without its arguments, and these."""
    for field, inner in _ARGUMENTS.items():
        words = mapping(call.get(field)).get(inner)
        if isinstance(words, str):
            return {**call, field: {**mapping(call[field]), inner: ""}}, field, words
    return call, "function", ""


class _Logprobs:
    """The log-probabilities of a choice, sent with the first piece of its text; a null where there are none."""

    def __init__(self, choice: Json) -> None:
        self._is_present = "logprobs" in choice
        self._value: Any = choice.get("logprobs")

    def nothing(self) -> Body:
        return {"logprobs": None} if self._is_present else {}

    def take(self) -> Body:
        value, self._value = self._value, None
        return {"logprobs": value} if self._is_present else {}
