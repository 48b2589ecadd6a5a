"""What a played provider was asked, and whole answers in the dialect it was asked in."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from thriftgate.wire.dialects import replay, request_view
from thriftgate.wire.streaming.sse import encode
from thriftgate.wire.turns import Dialect

DIALECTS: Mapping[str, Dialect] = {
    "/v1/chat/completions": Dialect.CHAT,
    "/v1/messages": Dialect.MESSAGES,
    "/v1/responses": Dialect.RESPONSES,
}
"""The endpoints of the providers: Anthropic's is `/v1/messages`, the others are OpenAI's."""


class Asked(dict[str, Any]):
    """The body of a request, with the dialect of the endpoint that it came to and the headers it came with."""

    def __init__(self, body: Mapping[str, Any], dialect: Dialect, headers: Mapping[str, str]) -> None:
        super().__init__(body)
        self.dialect = dialect
        self.headers = {name.lower(): value for name, value in headers.items()}

    @property
    def prompt(self) -> Any:
        """The conversation, under whatever name the dialect has it."""
        return self["input"] if self.dialect is Dialect.RESPONSES else self["messages"]


def message(asked: Asked, content: Sequence[Mapping[str, Any]], *, stop_reason: str = "end_turn") -> dict[str, Any]:
    """A whole message of Anthropic's; 10 tokens in, 4 out."""
    usage = {"input_tokens": 10, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 4,
             "service_tier": "standard"}  # fmt: skip
    return {"id": "msg_up", "type": "message", "role": "assistant", "model": asked["model"], "content": list(content),
            "stop_reason": stop_reason, "stop_sequence": None, "usage": usage}  # fmt: skip


def response(asked: Asked, output: Sequence[Mapping[str, Any]], *, status: str = "completed") -> dict[str, Any]:
    """A whole response of OpenAI's; 10 tokens in, 4 out."""
    usage = {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 4,
             "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 14}  # fmt: skip
    return {
        "id": "resp_up", "object": "response", "created_at": 1_700_000_000, "status": status, "background": False,
        "error": None, "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "instructions": asked.get("instructions"), "max_output_tokens": asked.get("max_output_tokens"),
        "model": asked["model"], "output": list(output), "parallel_tool_calls": True, "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None}, "store": True, "temperature": 1.0,
        "text": {"format": {"type": "text"}}, "tool_choice": asked.get("tool_choice", "auto"),
        "tools": asked.get("tools", []), "top_p": 1.0, "truncation": "disabled", "usage": usage, "user": None,
        "metadata": asked.get("metadata") or {},
    }  # fmt: skip


def says_natively(
    asked: Asked, text: str, logprobs: Sequence[Mapping[str, Any]], *, finish_reason: str = "stop"
) -> dict[str, Any]:
    """A whole answer of some text, in Anthropic's or in Responses' form."""
    is_cut = finish_reason == "length"
    if asked.dialect is Dialect.MESSAGES:
        return message(asked, [{"type": "text", "text": text}], stop_reason="max_tokens" if is_cut else "end_turn")
    wants_logprobs = "message.output_text.logprobs" in (asked.get("include") or ())
    part = {
        "type": "output_text",
        "text": text,
        "annotations": [],
        "logprobs": list(logprobs) if wants_logprobs else [],
    }
    status = "incomplete" if is_cut else "completed"
    said = {"id": "msg_up", "type": "message", "role": "assistant", "status": status, "content": [part]}
    return response(asked, [said], status=status)


def calls_natively(asked: Asked, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A whole answer that asks for one tool call, in Anthropic's or in Responses' form."""
    if asked.dialect is Dialect.MESSAGES:
        use = {"type": "tool_use", "id": "toolu_1", "name": name, "input": dict(arguments)}
        return message(asked, [use], stop_reason="tool_use")
    call = {"id": "fc_1", "type": "function_call", "status": "completed", "call_id": "call_1", "name": name,
            "arguments": json.dumps(arguments)}  # fmt: skip
    return response(asked, [call])


def error_of(asked: Asked, status: int, text: str, code: str | None = None) -> dict[str, Any]:
    """An error as the dialect's provider words it."""
    if asked.dialect is not Dialect.MESSAGES:
        return {"error": {"message": text, "type": "server_error", "code": code, "param": None}}
    kinds = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error",
             429: "rate_limit_error", 529: "overloaded_error"}  # fmt: skip
    return {"type": "error", "error": {"type": kinds.get(status, "api_error"), "message": text}}


def streamed(asked: Asked, answer: Mapping[str, Any]) -> Iterator[bytes]:
    """A whole answer as the provider would have streamed it, an event a piece."""
    for event in replay(request_view(asked.dialect, asked), answer):
        yield encode(asked.dialect, event)
    if asked.dialect is Dialect.CHAT:
        yield b"data: [DONE]\n\n"
