"""The texts of answers, whole or as events, told apart by their shape, so that whatever LiteLLM made of one is read.

Texts, refusals and the arguments of tool calls are looked at; what a model thought is not.

Failure behaviour: pure and total.
"""

import json
from typing import Any

from thriftgate.wire.shapes import Json, mapping, objects, text


def said(answer: Json) -> str:
    """All that a whole answer says, one part a line."""
    found: list[str] = []
    for choice in objects(answer.get("choices")):
        message = mapping(choice.get("message"))
        found += [text(choice.get("text")), _content(message.get("content")), text(message.get("refusal"))]
        for call in objects(message.get("tool_calls")):
            found.append(text(mapping(call.get("function")).get("arguments")))
        found.append(text(mapping(message.get("function_call")).get("arguments")))
    for block in objects(answer.get("content")):
        found.append(text(block.get("text")))
        if block.get("type") == "tool_use":
            found.append(_written(block.get("input")))
    for item in objects(answer.get("output")):
        found.append(text(item.get("arguments")))
        found += [text(part.get("text")) or text(part.get("refusal")) for part in objects(item.get("content"))
                  if item.get("type") == "message"]  # fmt: skip
    return "\n".join(part for part in found if part)


def added(event: Json) -> str:
    """What an event adds to the answer."""
    found: list[str] = []
    for choice in objects(event.get("choices")):
        delta = mapping(choice.get("delta"))
        found += [text(choice.get("text")), text(delta.get("content")), text(delta.get("refusal"))]
        found += [text(mapping(call.get("function")).get("arguments")) for call in objects(delta.get("tool_calls"))]
    kind = text(event.get("type"))
    if kind == "content_block_delta":
        delta = mapping(event.get("delta"))
        found += [text(delta.get("text")), text(delta.get("partial_json"))]
    elif kind.endswith(("output_text.delta", "refusal.delta", "function_call_arguments.delta")):
        found.append(text(event.get("delta")))
    return "".join(found)


def _content(content: Any) -> str:
    return content if isinstance(content, str) else "\n".join(text(part.get("text")) for part in objects(content))


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
