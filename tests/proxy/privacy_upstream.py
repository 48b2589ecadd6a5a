"""Providers of all three dialects that say back what they were told, cut anywhere."""

import json
import random
import re
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

Body = Mapping[str, Any]


class EchoUpstream:
    """Chat completions, messages and responses; remembers every byte that reached it."""

    def __init__(self, server: HTTPServer, seed: int = 7) -> None:
        self._draw = random.Random(seed)
        self._lock = threading.Lock()
        self.received: list[bytes] = []
        self.heads: list[str] = []
        """Addresses and headers of what was received."""
        self._base = server.url_for("/echo")
        self._answered: Body = {}
        """The whole answer that was given last to a request for responses; it is what a client may fetch by its id."""
        server.expect_request(re.compile(r"/echo/v1/responses/.+"), method="GET").respond_with_handler(
            lambda request: _json(self._answered)
        )
        for path, reply in (
            ("/v1/chat/completions", self._chat),
            ("/v1/messages", self._messages),
            ("/v1/responses", self._responses),
            ("/v1/messages/count_tokens", _counted),
            ("/v1/responses/input_tokens", _counted),
        ):
            server.expect_request(f"/echo{path}", method="POST").respond_with_handler(self._keeping(reply))

    @property
    def openai_url(self) -> str:
        return f"{self._base}/v1"

    @property
    def anthropic_url(self) -> str:
        return self._base

    def forget(self) -> None:
        with self._lock:
            self.received.clear()
            self.heads.clear()

    @property
    def seen(self) -> str:
        """All that was sent here, escapes decoded."""
        with self._lock:
            return "\n".join(json.dumps(json.loads(one), ensure_ascii=False) for one in self.received)

    def _keeping(self, reply: Any) -> Any:
        def handle(request: Request) -> Response:
            with self._lock:
                self.received.append(request.get_data())
                self.heads.append(f"{request.url}\n{request.headers}")
            return reply(json.loads(request.get_data()))

        return handle

    def _cut(self, text: str) -> Iterator[str]:
        at = 0
        while at < len(text):
            with self._lock:
                size = self._draw.choice([1, 2, 3, 5, 8, 40])
            yield text[at : at + size]
            at += size

    def _chat(self, body: Body) -> Response:
        text = said(body)
        wants_tool = bool(body.get("tools"))
        frame = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": body["model"]}
        usage = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
        call = {"id": "call_1", "type": "function", "function": {"name": "send", "arguments": arguments_of(text)}}
        if not body.get("stream"):
            message = {"role": "assistant", "content": None, "tool_calls": [call]} if wants_tool else {
                "role": "assistant", "content": text,
            }  # fmt: skip
            choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if wants_tool else "stop"}
            if body.get("logprobs") and not wants_tool:
                choice["logprobs"] = _sure(text)
            return _json({**frame, "object": "chat.completion", "choices": [choice], "usage": usage})
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        if wants_tool:
            head = {"index": 0, **call, "function": {"name": "send", "arguments": ""}}
            deltas.append({"tool_calls": [head]})
            pieces = self._cut(arguments_of(text))
            deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces]
        else:
            deltas += [{"content": piece} for piece in self._cut(text)]
        chunk = {**frame, "object": "chat.completion.chunk"}
        chunks = [
            {**chunk, "choices": [{
                "index": 0, "delta": one, "finish_reason": None,
                **({"logprobs": _sure(one["content"])} if body.get("logprobs") and one.get("content") else {}),
            }]}
            for one in deltas
        ]  # fmt: skip
        reason = "tool_calls" if wants_tool else "stop"
        chunks.append({**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        chunks.append({**chunk, "choices": [], "usage": usage})
        return _sse([*(f"data: {json.dumps(one)}\n\n" for one in chunks), "data: [DONE]\n\n"])

    def _messages(self, body: Body) -> Response:
        text = said(body)
        usage = {"input_tokens": 9, "output_tokens": 4}
        frame = {"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "stop_sequence": None}
        wants_tool = bool(body.get("tools"))
        block: dict[str, Any] = {"type": "text", "text": text}
        if wants_tool:
            block = {"type": "tool_use", "id": "toolu_1", "name": "send", "input": json.loads(arguments_of(text))}
        reason = "tool_use" if wants_tool else "end_turn"
        if not body.get("stream"):
            return _json({**frame, "content": [block], "stop_reason": reason, "usage": usage})
        started: dict[str, Any] = {**block, "text": ""} if not wants_tool else {**block, "input": {}}
        written = arguments_of(text) if wants_tool else text
        kind, name = ("input_json_delta", "partial_json") if wants_tool else ("text_delta", "text")
        events: list[dict[str, Any]] = [
            {"type": "message_start", "message": {**frame, "content": [], "stop_reason": None, "usage": usage}},
            {"type": "content_block_start", "index": 0, "content_block": started},
            *(
                {"type": "content_block_delta", "index": 0, "delta": {"type": kind, name: piece}}
                for piece in self._cut(written)
            ),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage},
            {"type": "message_stop"},
        ]
        return _sse([f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events])

    def _responses_call(self, body: Body, written: str) -> Response:
        """The same as a call of the tool: what an OpenAI model is asked for an Anthropic client with tools."""
        item: dict[str, Any] = {
            "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "send", "status": "completed",
            "arguments": written,
        }  # fmt: skip
        whole: dict[str, Any] = {
            "id": "resp_1", "object": "response", "created_at": 1_700_000_000, "status": "completed",
            "model": body["model"], "output": [item], "parallel_tool_calls": True, "tools": [], "tool_choice": "auto",
            "usage": {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13},
        }  # fmt: skip
        if not body.get("stream"):
            return _json(whole)
        at = {"item_id": "fc_1", "output_index": 0}
        begun: dict[str, Any] = {**whole, "status": "in_progress", "output": [], "usage": None}
        opened = {**item, "status": "in_progress", "arguments": ""}
        events: list[dict[str, Any]] = [
            {"type": "response.created", "response": begun},
            {"type": "response.output_item.added", "output_index": 0, "item": opened},
            *({"type": "response.function_call_arguments.delta", **at, "delta": piece} for piece in self._cut(written)),
            {"type": "response.function_call_arguments.done", **at, "arguments": written},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": whole},
        ]
        numbered = [{**event, "sequence_number": number} for number, event in enumerate(events)]
        return _sse([f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in numbered])

    def _responses(self, body: Body) -> Response:
        text = said(body)
        if body.get("tools"):
            return self._responses_call(body, arguments_of(text))
        usage = {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13}
        part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": []}
        item: dict[str, Any] = {
            "type": "message",
            "id": "msg_1",
            "status": "completed",
            "role": "assistant",
            "content": [part],
        }
        whole: dict[str, Any] = {
            "id": "resp_1", "object": "response", "created_at": 1_700_000_000, "status": "completed",
            "model": body["model"], "output": [item], "usage": usage, "parallel_tool_calls": True, "tools": [],
            "tool_choice": "auto",
        }  # fmt: skip
        if not body.get("stream"):
            self._answered = whole
            return _json(whole)
        at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
        begun: dict[str, Any] = {**whole, "status": "in_progress", "output": [], "usage": None}
        events: list[dict[str, Any]] = [
            {"type": "response.created", "response": begun},
            {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
            {"type": "response.content_part.added", **at, "part": {**part, "text": ""}},
            *({"type": "response.output_text.delta", **at, "delta": piece} for piece in self._cut(text)),
            {"type": "response.output_text.done", **at, "text": text},
            {"type": "response.content_part.done", **at, "part": part},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": whole},
        ]
        numbered = [{**event, "sequence_number": number} for number, event in enumerate(events)]
        return _sse([f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in numbered])


def _counted(body: Body) -> Response:
    return _json({"input_tokens": 7, "object": "response.input_tokens"})


def said(body: Body) -> str:
    """The last thing that the user said, in any dialect."""
    conversation = body.get("messages") or body.get("input")
    if isinstance(conversation, str):
        return conversation
    content: Any = conversation[-1].get("content") if conversation else ""
    if isinstance(content, str):
        return content
    parts: list[dict[str, Any]] = content or []
    return " ".join(str(part.get("text") or "") for part in parts)


def arguments_of(text: str) -> str:
    return json.dumps({"to": text, "nested": json.dumps({"again": [text]})})


def _sure(text: str) -> dict[str, Any]:
    """Log probabilities of a model that is certain, a token for each character."""
    return {"content": [{"token": one, "logprob": -0.01, "bytes": None, "top_logprobs": []} for one in text]}


def _json(body: Mapping[str, Any]) -> Response:
    return Response(json.dumps(body), 200, content_type="application/json")


def _sse(events: list[str]) -> Response:
    return Response("".join(events), 200, content_type="text/event-stream")
