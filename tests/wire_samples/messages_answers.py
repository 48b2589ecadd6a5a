"""Whole messages of Anthropic's, and the events that the provider would stream for each, cut anywhere."""

import json
from collections.abc import Iterator
from typing import Any

from tests.wire_samples.chat_answers import Cut
from tests.wire_samples.samples import Body, named

USAGE: Body = {
    "input_tokens": 20, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 50, "output_tokens": 33,
    "cache_creation": {"ephemeral_5m_input_tokens": 40, "ephemeral_1h_input_tokens": 60}, "service_tier": "standard",
}  # fmt: skip


def message(*content: Body, stop_reason: Any = "end_turn", usage: Any = USAGE, **more: Any) -> Body:
    return {
        "id": "msg_01Aa", "type": "message", "role": "assistant", "model": "claude-haiku-4-5-20251001",
        "content": list(content), "stop_reason": stop_reason, "stop_sequence": None, "usage": usage, **more,
    }  # fmt: skip


def words(text: str, **more: Any) -> Body:
    return {"type": "text", "text": text, **more}


def use(name: str, given: Body, kind: str = "tool_use") -> Body:
    return {"type": kind, "id": f"toolu_{name}", "name": name, "input": given}


def thought(text: str, signature: str) -> Body:
    return {"type": "thinking", "thinking": text, "signature": signature}


CITATION: Body = {
    "type": "char_location", "cited_text": "apples are red", "document_index": 0, "document_title": "Fruit",
    "start_char_index": 0, "end_char_index": 14,
}  # fmt: skip
FOUND: Body = {
    "type": "web_search_tool_result", "tool_use_id": "toolu_web_search",
    "content": [{"type": "web_search_result", "url": "https://example.com", "title": "A", "encrypted_content": "eA==",
                 "page_age": None}],
}  # fmt: skip

MESSAGES_ANSWERS = named(
    {
        "text": message(words("Lima is the capital of Peru.")),
        "blanks": message(words("  a  b\n\n\tc \n")),
        "unicode": message(words("Grüße 😀 a\u0301 漢字漢字")),
        "nothing": message(),
        "empty text": message(words("")),
        "null citations": message(words("Lima.", citations=None)),
        "two texts": message(words("One. "), words("Two.")),
        "max tokens": message(words("Lima is"), stop_reason="max_tokens"),
        "stop sequence": message(words("Lima"), stop_reason="stop_sequence") | {"stop_sequence": "END"},
        "refusal": message(stop_reason="refusal", stop_details={
            "type": "refusal", "category": "cyber", "explanation": "Not this."}),
        "pause": message(words("On it"), stop_reason="pause_turn"),
        "tool use": message(use("weather", {"city": "Lima", "days": [1, 2.5, None, True]}), stop_reason="tool_use"),
        "text and tools": message(words("I look."), use("weather", {"city": "Lim\u00e1"}), use("time", {}),
                                  stop_reason="tool_use"),
        "thinking": message(thought("Peru's capital is … Lima.", "c2lnMQ=="), words("Lima.")),
        "two thoughts": message(thought("First.", "c2lnMQ=="), thought("", "c2lnMg=="), words("Lima.")),
        "redacted": message({"type": "redacted_thinking", "data": "b3BhcXVl"}, words("Lima.")),
        "thought and tool": message(thought("I need it.", "c2ln"), use("weather", {"city": "Lima"}),
                                    stop_reason="tool_use"),
        "citations": message(words("Apples are "), words("red", citations=[CITATION, {**CITATION, "x": 1}])),
        "no citations": message(words("Apples", citations=[])),
        "web search": message(use("web_search", {"query": "Lima"}, "server_tool_use"), FOUND, words("Nothing new."),
                              usage={**USAGE, "server_tool_use": {"web_search_requests": 1}}),
        "mcp": message(use("kb", {"q": "x"}, "mcp_tool_use"),
                       {"type": "mcp_tool_result", "tool_use_id": "toolu_kb", "is_error": False,
                        "content": [words("y")]}),
        "container": message(words("Done."), container={"id": "container_1", "expires_at": "2026-01-01T00:00:00Z"}),
        "no container": message(words("Done."), container=None),
        "thinking tokens": message(words("Hi"), usage={**USAGE, "output_tokens_details": {"thinking_tokens": 12}}),
        "no caches": message(words("Hi"), usage={"input_tokens": 5, "output_tokens": 0}),
        "context management": message(words("Hi"), context_management={"applied_edits": []}),
        "unknown block": message({"type": "hologram", "data": "x"}, words("Hi")),
        "unknown fields": message(words("Hi", brand_new=1), other={"a": None}),
    }
)  # fmt: skip


def messages_stream(whole: Body, cut: Cut) -> Iterator[Body]:
    """The events of a provider that plays Anthropic, pings in between."""
    start: Body = {**whole, "content": list[Body](), "stop_reason": None, "stop_sequence": None}
    ends: Body = {"stop_reason": whole["stop_reason"], "stop_sequence": whole["stop_sequence"]}
    for name in ("stop_details", "container"):
        if name in whole:
            start.pop(name)
            ends[name] = whole[name]
    late = start.pop("context_management", None)
    start["usage"] = {**whole["usage"], "output_tokens": 1}
    yield {"type": "message_start", "message": start}
    yield {"type": "ping"}
    for index, block in enumerate(whole["content"]):
        shell, deltas = _block(block, cut)
        yield {"type": "content_block_start", "index": index, "content_block": shell}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
        yield {"type": "ping"}
    usage = {name: value for name, value in whole["usage"].items() if name not in ("cache_creation", "service_tier")}
    more: Body = {} if late is None else {"context_management": late}
    yield {"type": "message_delta", "delta": ends, "usage": usage, **more}
    yield {"type": "message_stop"}


def _block(block: Body, cut: Cut) -> tuple[Body, list[Body]]:
    if block["type"] == "text":
        citations = block.get("citations")
        shell: Body = {**block, "text": "", **({"citations": list[Body]()} if citations else {})}
        deltas: list[Body] = [{"type": "text_delta", "text": piece} for piece in cut(block["text"])]
        return shell, deltas + [{"type": "citations_delta", "citation": one} for one in citations or ()]
    if block["type"] == "thinking":
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in cut(block["thinking"])]
        return {**block, "thinking": "", "signature": ""}, [
            *deltas, {"type": "signature_delta", "signature": block["signature"]},
        ]  # fmt: skip
    if block["type"].endswith("tool_use"):
        written = json.dumps(block["input"], separators=(",", ":")) if block["input"] else ""
        return {**block, "input": {}}, [
            {"type": "input_json_delta", "partial_json": piece} for piece in ["", *cut(written)]
        ]
    return block, []
