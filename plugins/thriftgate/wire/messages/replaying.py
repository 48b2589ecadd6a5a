"""A whole message → the events that Anthropic's own stream would have sent.

Failure behaviour: pure and total.
"""

import json
from collections.abc import Iterator
from typing import Any

from thriftgate.wire.shapes import Body, Json, items, mapping
from thriftgate.wire.streaming.codec import fields_but, pieces

_ENDING = ("stop_reason", "stop_sequence", "stop_details", "container", "context_management")
"""Fields that are only known at the end."""
_COUNTED_AT_END = (
    "input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens", "server_tool_use",
    "output_tokens_details",
)  # fmt: skip


def replay(answer: Json) -> Iterator[Body]:
    """The events: the message without its end, each block in pieces, stop reason and usage, the end."""
    usage = answer.get("usage")
    start: Body = {**answer, "content": []}
    for name in _ENDING:
        if name in start:
            start[name] = None
    if mapping(usage).get("output_tokens") is not None:
        start["usage"] = {**mapping(usage), "output_tokens": 1}
    yield {"type": "message_start", "message": start}
    for index, block in enumerate(items(answer.get("content"))):
        shell, deltas = _taken_apart(mapping(block))
        yield {"type": "content_block_start", "index": index, "content_block": shell}
        if index == 0:
            yield {"type": "ping"}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield _message_delta(answer, mapping(usage))
    yield {"type": "message_stop"}


def _message_delta(answer: Json, usage: Json) -> Body:
    delta: Body = {name: answer.get(name) for name in ("stop_reason", "stop_sequence") if name in answer}
    for name in ("stop_details", "container"):
        if answer.get(name) is not None:
            delta[name] = answer[name]
    counted = {name: usage[name] for name in _COUNTED_AT_END if usage.get(name) is not None}
    event: Body = {"type": "message_delta", "delta": delta, "usage": counted}
    if answer.get("context_management") is not None:
        event["context_management"] = answer["context_management"]
    return event


def _taken_apart(block: Json) -> tuple[Json, list[Body]]:
    """A block as it starts, and the deltas that complete it; what has no deltas starts whole."""
    match block.get("type"):
        case "text" if isinstance(block.get("text"), str):
            return _text(block)
        case "thinking" if isinstance(block.get("thinking"), str) and isinstance(block.get("signature", ""), str):
            return _thinking(block)
        case "tool_use" | "server_tool_use" | "mcp_tool_use" if isinstance(block.get("input"), dict):
            return _tool_use(block)
        case _:
            return block, []


def _text(block: Json) -> tuple[Json, list[Body]]:
    shell: Body = {**block, "text": ""}
    deltas: list[Body] = [{"type": "text_delta", "text": words} for words in pieces(block["text"])]
    cited: Any = block.get("citations")
    if items(cited):
        shell["citations"] = []
        # Anthropic cites before the text that is cited ends; where exactly is not in the whole answer.
        deltas[:0] = [{"type": "citations_delta", "citation": citation} for citation in items(cited)]
    return shell, deltas


def _thinking(block: Json) -> tuple[Json, list[Body]]:
    deltas: list[Body] = [{"type": "thinking_delta", "thinking": words} for words in pieces(block["thinking"])]
    if "signature" not in block:
        return {**block, "thinking": ""}, deltas
    return {**block, "thinking": "", "signature": ""}, [
        *deltas,
        {"type": "signature_delta", "signature": block["signature"]},
    ]


def _tool_use(block: Json) -> tuple[Json, list[Body]]:
    written = json.dumps(block["input"], ensure_ascii=False) if block["input"] else ""
    deltas = [{"type": "input_json_delta", "partial_json": words} for words in ("", *pieces(written))]
    return {**fields_but(block, ("input",)), "input": {}}, deltas
