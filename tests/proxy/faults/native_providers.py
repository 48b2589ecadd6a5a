"""Gemini's, Bedrock's and Ollama's own APIs, played: LiteLLM translates them, and their usage has other names."""

import json
import re
from base64 import b64encode
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from thriftgate.wire.streaming.event_stream import Frame

TEXT = "five whole words are here"
MODELS = {"gemini": "gemini-2.5-flash", "bedrock": "amazon.nova-pro-v1:0"}
GEMINI: dict[str, Any] = {
    "plain": {"promptTokenCount": 1000, "candidatesTokenCount": 400, "totalTokenCount": 1400},
    "cached and thought": {"promptTokenCount": 1000, "candidatesTokenCount": 400, "totalTokenCount": 1700,
                           "cachedContentTokenCount": 800, "thoughtsTokenCount": 300},
    "far too much": {"promptTokenCount": 10**15, "candidatesTokenCount": 4, "totalTokenCount": 10**15 + 4},
    "less than nothing": {"promptTokenCount": -1000, "candidatesTokenCount": -4, "totalTokenCount": -1004},
    "less than nothing read": {"promptTokenCount": 1000, "candidatesTokenCount": 4, "totalTokenCount": 1004,
                               "cachedContentTokenCount": -800},
    "more read than sent": {"promptTokenCount": 10, "candidatesTokenCount": 4, "totalTokenCount": 14,
                            "cachedContentTokenCount": 8_000_000},
    "texts": {"promptTokenCount": "10", "candidatesTokenCount": "4", "totalTokenCount": "14"},
    "nulls": {"promptTokenCount": None, "candidatesTokenCount": None, "totalTokenCount": None},
    "a list": [1], "an empty object": {}, "missing": None,
}  # fmt: skip
BEDROCK: dict[str, Any] = {
    "plain": {"inputTokens": 1000, "outputTokens": 400, "totalTokens": 1400},
    "cached": {"inputTokens": 100, "outputTokens": 400, "totalTokens": 1400, "cacheReadInputTokens": 800,
               "cacheWriteInputTokens": 100},
    "far too much": {"inputTokens": 10, "outputTokens": 10**15, "totalTokens": 10**15},
    "less than nothing": {"inputTokens": -1000, "outputTokens": -4, "totalTokens": -1004},
    "less than nothing read": {"inputTokens": 1000, "outputTokens": 4, "totalTokens": 1004,
                               "cacheReadInputTokens": -800},
    "texts": {"inputTokens": "10", "outputTokens": "4", "totalTokens": "14"},
    "nulls": {"inputTokens": None, "outputTokens": None, "totalTokens": None},
    "a list": [1], "an empty object": {}, "missing": None,
}  # fmt: skip
OLLAMA: dict[str, Any] = {
    "plain": (1000, 400), "far too much": (10, 10**15), "less than nothing": (-1000, -4), "texts": ("10", "4"),
    "nulls": (None, None), "a list": ([1], [1]), "missing": None,
}  # fmt: skip
REFUSALS = {
    "400": "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).",
    "429": "Resource has been exhausted.",
}
CLAUDE = {"input_tokens": 1000, "output_tokens": 400}
BELIEVED = {"plain", "cached", "cached and thought", "texts"}


def native_deployments(base_url: str) -> list[dict[str, Any]]:
    calm: dict[str, Any] = {"api_key": "sk-none", "cooldown_time": 0, "num_retries": 0}
    at = {"aws_bedrock_runtime_endpoint": f"{base_url}/bedrock", "aws_region_name": "us-east-1"}
    return [
        {"model_name": "gemini-flash",
         "litellm_params": {"model": f"gemini/{MODELS['gemini']}", "api_base": f"{base_url}/gemini", **calm}},
        {"model_name": "bedrock-nova",
         "litellm_params": {"model": f"bedrock/converse/{MODELS['bedrock']}", **at, **calm}},
        {"model_name": "ollama-llama",
         "litellm_params": {"model": "ollama_chat/llama3", "api_base": f"{base_url}/ollama", **calm,
                            "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}},
        {"model_name": "bedrock-claude",
         "litellm_params": {"model": "bedrock/anthropic.claude-3-5-sonnet-20240620-v1:0", **at, **calm}},
    ]  # fmt: skip


def play_natives(server: HTTPServer, base_url: str) -> None:
    """Each counts in the way that the question names ("#far too much#"), ends so ("%SAFETY%"), or refuses ("!429!")."""
    path = base_url.removeprefix(server.url_for("")).strip("/")

    def gemini(request: Request) -> Response:
        if status := _named(request, "!"):
            told = {"error": {"code": int(status), "message": REFUSALS[status], "status": "X"}}
            headers = {"retry-after": "7"}
            return Response(json.dumps(told), int(status), content_type="application/json", headers=headers)
        return _gemini("stream" in request.path, GEMINI[_named(request, "#") or "plain"], _named(request, "%"))

    def bedrock(request: Request) -> Response:
        if "/invoke" in request.path:
            return _bedrock_claude("stream" in request.path)
        return _bedrock("stream" in request.path, BEDROCK[_named(request, "#")])

    def ollama(request: Request) -> Response:
        return _ollama(request, OLLAMA[_named(request, "#")])

    for provider, reply in (("gemini", gemini), ("bedrock", bedrock), ("ollama", ollama)):
        server.expect_request(re.compile(f"^/{path}/{provider}/.*"), method="POST").respond_with_handler(reply)


def _named(request: Request, mark: str) -> str:
    said = request.get_data(as_text=True).split(mark)
    return said[1] if len(said) > 2 else ""


def _gemini(is_stream: bool, usage: Any, ending: str) -> Response:
    counted = {} if usage is None else {"usageMetadata": usage}
    ended = {} if ending == "none" else {"finishReason": ending or "STOP"}
    said: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": [{"text": TEXT}]}}
    last: dict[str, Any] = {"candidates": [{**said, **ended}], **counted}
    if not is_stream:
        return Response(json.dumps(last), 200, content_type="application/json")
    last["candidates"][0]["content"] = {"role": "model", "parts": [{"text": ""}]}
    events = [f"data: {json.dumps(one)}\r\n\r\n" for one in ({"candidates": [said]}, last)]
    return Response("".join(events), 200, content_type="text/event-stream")


def _bedrock(is_stream: bool, usage: Any) -> Response:
    counted = {} if usage is None else {"usage": usage}
    message = {"role": "assistant", "content": [{"text": TEXT}]}
    if not is_stream:
        body = {"output": {"message": message}, "stopReason": "end_turn", **counted}
        return Response(json.dumps(body), 200, content_type="application/json")
    events: dict[str, Any] = {
        "messageStart": {"role": "assistant"},
        "contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": TEXT}},
        "contentBlockStop": {"contentBlockIndex": 0},
        "messageStop": {"stopReason": "end_turn"},
        "metadata": {"metrics": {"latencyMs": 5}, **counted},
    }
    frames = [framed(kind, json.dumps(body).encode()) for kind, body in events.items()]
    return Response(b"".join(frames), 200, content_type="application/vnd.amazon.eventstream")


def _ollama(request: Request, usage: Any) -> Response:
    counted = dict(zip(("prompt_eval_count", "eval_count"), usage or (), strict=False))
    is_stream = json.loads(request.get_data()).get("stream") is True
    words = [{"message": {"role": "assistant", "content": TEXT}, "done": False}] if is_stream else []
    last = {"message": {"role": "assistant", "content": "" if is_stream else TEXT}, "done": True, **counted}
    lines = "".join(f"{json.dumps({'model': 'llama3', **one})}\n" for one in (*words, last))
    return Response(lines, 200, content_type="application/x-ndjson" if is_stream else "application/json")


def _bedrock_claude(is_stream: bool) -> Response:
    """Anthropic's own messages in Bedrock's framing, as `/v1/messages` is sent on; counts what `CLAUDE` says."""
    message: dict[str, Any] = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": TEXT}], "stop_sequence": None, "usage": CLAUDE,
    }  # fmt: skip
    if not is_stream:
        return Response(json.dumps(message), 200, content_type="application/json")
    begun: dict[str, Any] = {**message, "content": [], "stop_reason": None, "usage": {**CLAUDE, "output_tokens": 1}}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": TEXT}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
         "usage": {"output_tokens": CLAUDE["output_tokens"]}},
        {"type": "message_stop"},
    ]  # fmt: skip
    chunks = [json.dumps({"bytes": b64encode(json.dumps(one).encode()).decode()}).encode() for one in events]
    framed_chunks = b"".join(framed("chunk", chunk) for chunk in chunks)
    return Response(framed_chunks, 200, content_type="application/vnd.amazon.eventstream")


def framed(kind: str, payload: bytes) -> bytes:
    """A message of Bedrock's event stream."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    told = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + len(value).to_bytes(2, "big") + value.encode()
        for name, value in headers.items()
    )
    return Frame(b"", told, b"").with_payload(payload)
