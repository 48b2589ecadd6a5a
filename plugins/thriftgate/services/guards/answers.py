"""The texts of answers, whole or as events, told apart by their shape, so that whatever LiteLLM made of one is read.

Texts, refusals, spoken words, the arguments of calls and what tools gave back are looked at; what a model thought is
not.

Failure behaviour: pure and total.
"""

import json
from collections.abc import Iterator
from typing import Any

from thriftgate.wire.shapes import Json, items, mapping, objects, text

_UNSAID = ("reasoning", "audio.delta", "image")
"""Events of Responses that add thoughts or bytes."""
_GIVEN_BACK = ("text", "stdout", "stderr", "content", "title")


def said(answer: Json) -> str:
    """All that a whole answer says, one part a line."""
    return "\n".join(part for part in _parts(answer) if part)


class Spoken:
    """What each event of a stream adds to the answer.

    A part that comes whole, without having been written piece by piece, adds all of it.
    """

    def __init__(self) -> None:
        self._written: list[str] = []
        self._whole: set[str] = set()

    def added(self, event: Json) -> str:
        """What this event says that no earlier one did."""
        kind = text(event.get("type"))
        if kind.startswith("response."):
            return self._added_to_response(kind, event)
        found = [part for choice in objects(event.get("choices")) for part in _of_choice(choice, "delta")]
        if kind == "content_block_start":
            found += _of_block(mapping(event.get("content_block")))
        elif kind == "content_block_delta":
            delta = mapping(event.get("delta"))
            found += [text(delta.get("text")), text(delta.get("partial_json"))]
        elif kind == "message_start":
            found += _parts(mapping(event.get("message")))
        return "".join(found)

    def _added_to_response(self, kind: str, event: Json) -> str:
        if kind.endswith(".delta") and not any(name in kind for name in _UNSAID):
            self._written.append(text(event.get("delta")))
            return self._written[-1]
        found: list[str] = []
        if kind == "response.output_item.done":
            found = [*_of_item(mapping(event.get("item")))]
        elif "response" in event:
            found = [part for item in objects(mapping(event["response"]).get("output")) for part in _of_item(item)]
        # Only where something came whole: most events of a long stream do not, and joining costs all that was written.
        written = "".join(self._written) if found else ""
        if kind == "response.output_item.done":
            self._written.clear()
        new = [] if "".join(found) == written else [part for part in found if part not in self._whole]
        self._whole.update(found)
        return "\n".join(part for part in new if part)


def _parts(answer: Json) -> Iterator[str]:
    for choice in objects(answer.get("choices")):
        yield from _of_choice(choice, "message")
    for block in objects(answer.get("content")):
        yield from _of_block(block)
    for item in objects(answer.get("output")):
        yield from _of_item(item)


def _of_choice(choice: Json, field: str) -> Iterator[str]:
    message = mapping(choice.get(field))
    yield text(choice.get("text"))
    yield _content(message.get("content"))
    yield text(message.get("refusal"))
    yield text(mapping(message.get("audio")).get("transcript"))
    for call in objects(message.get("tool_calls")):
        yield text(mapping(call.get("function")).get("arguments"))
        yield text(mapping(call.get("custom")).get("input"))
    yield text(mapping(message.get("function_call")).get("arguments"))


def _of_block(block: Json) -> Iterator[str]:
    kind = text(block.get("type"))
    yield text(block.get("text"))
    if kind.endswith("tool_use") and block.get("input"):
        yield _written(block["input"])
    elif kind.endswith("tool_result"):
        yield _given_back(block.get("content"))


def _of_item(item: Json) -> Iterator[str]:
    kind = text(item.get("type"))
    if kind == "message":
        for part in objects(item.get("content")):
            yield text(part.get("text")) or text(part.get("refusal")) or text(part.get("transcript"))
        return
    for name in ("arguments", "input", "code", "output"):
        yield text(item.get(name))
    for name in ("action", "operation"):
        if mapping(item.get(name)):
            yield _written(item[name])
    for name in ("outputs", "results"):
        yield from (text(one.get("logs")) or text(one.get("text")) for one in objects(item.get(name)))


def _content(content: Any) -> str:
    return content if isinstance(content, str) else "\n".join(text(part.get("text")) for part in objects(content))


def _given_back(content: Any) -> str:
    """The words of a tool's result, in whatever shape, not deeper than a block in a block."""
    if isinstance(content, str):
        return content
    found: list[str] = []
    for one in items(content) or [content]:
        found += [text(mapping(one).get(name)) for name in _GIVEN_BACK]
        found.append(text(mapping(mapping(mapping(one).get("content")).get("source")).get("data")))
    return "\n".join(part for part in found if part)


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
