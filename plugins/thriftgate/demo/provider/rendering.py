"""From what a model says to what the wire carries: token limits, stop sequences, finish reasons, bodies.

Failure behaviour: pure and total.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from thriftgate.demo.models.engine import DraftReply
from thriftgate.demo.provider.logprobs import draw_logprobs, logprobs_object
from thriftgate.demo.request import CompletionCall
from thriftgate.demo.tokens import tokenize

LABEL = "thriftgate-demo"
"""`system_fingerprint` of every answer: nobody shall take this for a real model."""
_CALL_OVERHEAD = 4
"""Tokens that a tool call costs besides its name and arguments."""


@dataclass(frozen=True, slots=True)
class RenderedChoice:
    """One choice, cut to the request's limits. `tokens` are the content's, or the arguments' of a tool call."""

    tokens: tuple[str, ...]
    finish_reason: str
    completion_tokens: int
    logprobs: tuple[float, ...] = ()
    """Empty unless the request asked for them."""
    tool_name: str = ""
    tool_call_id: str = ""

    @property
    def text(self) -> str:
        """The tokens joined."""
        return "".join(self.tokens)


@dataclass(frozen=True, slots=True)
class Completion:
    """Everything about one answered request."""

    id: str
    created: int
    model: str
    choices: tuple[RenderedChoice, ...]
    prompt_tokens: int
    top_logprobs: int

    @property
    def completion_tokens(self) -> int:
        """Over all choices."""
        return sum(choice.completion_tokens for choice in self.choices)

    @property
    def usage(self) -> dict[str, Any]:
        """OpenAI's usage object."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        }


def completion_of(
    call: CompletionCall, replies: Sequence[DraftReply], *, completion_id: str, created: int
) -> Completion:
    """Cut the replies to the request's limits; `created` in seconds since the epoch."""
    return Completion(
        id=completion_id,
        created=created,
        model=call.model,
        choices=tuple(_render_choice(call, reply) for reply in replies),
        prompt_tokens=call.count_prompt_tokens(),
        top_logprobs=call.top_logprobs,
    )


def body(completion: Completion) -> dict[str, Any]:
    """The `chat.completion` object."""
    return {
        "id": completion.id,
        "object": "chat.completion",
        "created": completion.created,
        "model": completion.model,
        "system_fingerprint": LABEL,
        "choices": [_choice_body(completion, index) for index in range(len(completion.choices))],
        "usage": completion.usage,
    }


def _render_choice(call: CompletionCall, reply: DraftReply) -> RenderedChoice:
    if reply.tool_call is not None:
        arguments = tuple(tokenize(reply.tool_call.arguments_json))
        return RenderedChoice(
            tokens=arguments,
            finish_reason="tool_calls",
            completion_tokens=len(arguments) + len(tokenize(reply.tool_call.name)) + _CALL_OVERHEAD,
            tool_name=reply.tool_call.name,
            tool_call_id=f"call_{reply.seed:016x}",
        )
    tokens = tokenize(_stop_at(reply.text, call.stop))
    finish_reason = "stop"
    if call.token_limit is not None and len(tokens) > call.token_limit:
        tokens, finish_reason = tokens[: call.token_limit], "length"
    values: tuple[float, ...] = ()
    if call.logprobs:
        rng = Random(reply.seed)
        values = tuple(draw_logprobs(tokens, doubt=reply.doubt, rng=rng))
    return RenderedChoice(tuple(tokens), finish_reason, len(tokens), values)


def _stop_at(text: str, stops: Sequence[str]) -> str:
    """The text up to the first stop sequence, which is left out."""
    ends = [place for stop in stops if (place := text.find(stop)) >= 0]
    return text[: min(ends)] if ends else text


def _choice_body(completion: Completion, index: int) -> dict[str, Any]:
    choice = completion.choices[index]
    message: dict[str, Any] = {"role": "assistant", "content": choice.text, "refusal": None}
    if choice.tool_name:
        function = {"name": choice.tool_name, "arguments": choice.text}
        message["content"] = None
        message["tool_calls"] = [{"id": choice.tool_call_id, "type": "function", "function": function}]
    has_logprobs = bool(choice.logprobs)
    return {
        "index": index,
        "message": message,
        "logprobs": logprobs_object(choice.tokens, choice.logprobs, top=completion.top_logprobs)
        if has_logprobs
        else None,
        "finish_reason": choice.finish_reason,
    }
