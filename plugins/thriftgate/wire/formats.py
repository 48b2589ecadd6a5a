"""The shape that an answer must have, written into a request of any dialect; and asking once more for it.

Failure behaviour: pure. Bodies are new; what is not owned here is shared with the body looked at.
"""

from collections.abc import Sequence
from typing import Any

from thriftgate.wire.request import RequestView
from thriftgate.wire.shapes import Body, Json, items, mapping, objects, text
from thriftgate.wire.turns import Dialect

FIELDS = {Dialect.CHAT: "response_format", Dialect.RESPONSES: "text", Dialect.MESSAGES: "output_config"}
"""The field of the body that says which shape an answer must have."""
_PLACES = ("response_format", "text.format", "output_config.format", "output_format")
_NONE: Json = {}
_KEPT_BLOCKS = frozenset({"thinking", "redacted_thinking", "text", "tool_use"})


def is_of_format(path: str) -> bool:
    """Whether a place of a request, as it is told, is of the shape that its answer must have."""
    return path.startswith(_PLACES)


def with_format(view: RequestView, *, name: str, schema: Json) -> Body:
    """The body asking its provider for JSON of a schema, in place of what it asked for before."""
    if view.dialect is Dialect.CHAT:
        wanted: Body = {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}
        return view.with_fields({"response_format": wanted})
    if view.dialect is Dialect.RESPONSES:
        wanted = {"type": "json_schema", "name": name, "schema": schema}
        return view.with_fields({"text": {**mapping(view.body.get("text")), "format": wanted}})
    wanted = {"type": "json_schema", "schema": schema}
    fields: Body = {"output_config": {**mapping(view.body.get("output_config")), "format": wanted}}
    return view.with_fields({**fields, "output_format": None})


def without_format(view: RequestView) -> Body:
    """The body asking for text of any shape."""
    field = FIELDS[view.dialect]
    if view.dialect is Dialect.CHAT:
        return view.with_fields({field: None})
    left = {key: value for key, value in mapping(view.body.get(field)).items() if key != "format"}
    return view.with_fields({field: left or None, "output_format": None})


def with_objection(view: RequestView, answer: Json, words: str, *, tool: str | None, choice: int = 0) -> Body:
    """The body of the next turn: what was answered, and what is wrong with it.

    Where the answer is the call of a `tool`, the objection is that call's result. `choice` is the place of the one that
    is objected to.
    """
    field = view.turns_field
    if choice:
        answer = {**answer, "choices": objects(answer.get("choices"))[choice:]}
    turns: list[Any] = [*_as_turns(view.body.get(field)), *_DIALECTS[view.dialect](answer, words, tool)]
    return {**view.body, field: turns}


def delta_of(dialect: Dialect, event: Json, *, of_tool: bool) -> str:
    """What an event adds to the answer: to the first choice's text, or to the arguments of its tool call."""
    if dialect is Dialect.CHAT:
        choice = next((one for one in objects(event.get("choices")) if not one.get("index")), _NONE)
        delta = mapping(choice.get("delta"))
        if not of_tool:
            return text(delta.get("content"))
        calls = [one for one in objects(delta.get("tool_calls")) if not one.get("index")]
        called = [*(mapping(one.get("function")) for one in calls), mapping(delta.get("function_call"))]
        return "".join(text(function.get("arguments")) for function in called)
    kind = event.get("type")
    if dialect is Dialect.RESPONSES:
        wanted = "response.function_call_arguments.delta" if of_tool else "response.output_text.delta"
        return text(event.get("delta")) if kind == wanted else ""
    if kind != "content_block_delta":
        return ""
    return text(mapping(event.get("delta")).get("partial_json" if of_tool else "text"))


def has_call(dialect: Dialect, event: Json) -> bool:
    """Whether an event begins a call of a client's tool, or goes on with one."""
    if dialect is Dialect.CHAT:
        deltas = (mapping(choice.get("delta")) for choice in objects(event.get("choices")))
        return any(delta.get("tool_calls") or delta.get("function_call") for delta in deltas)
    if dialect is Dialect.RESPONSES:
        return mapping(event.get("item")).get("type") == "function_call"
    return mapping(event.get("content_block")).get("type") == "tool_use"


def _as_turns(given: object) -> Sequence[Any]:
    return [{"role": "user", "content": given}] if isinstance(given, str) else items(given)


def _chat(answer: Json, words: str, tool: str | None) -> list[Body]:
    said = next((mapping(choice.get("message")) for choice in objects(answer.get("choices"))), _NONE)
    calls = objects(said.get("tool_calls"))
    if tool is not None and calls:
        kept: Body = {"role": "assistant", "content": said.get("content"), "tool_calls": calls}
        # Anthropic's API takes no call back without the thoughts behind it; those of a closed stream are unsigned.
        thoughts = [one for one in objects(said.get("thinking_blocks")) if one.get("signature") or one.get("data")]
        if thoughts:
            kept["thinking_blocks"] = thoughts
        return [kept, *({"role": "tool", "tool_call_id": text(call.get("id")), "content": words} for call in calls)]
    old = mapping(said.get("function_call"))
    if tool is not None and old.get("name"):
        made: Body = {"role": "assistant", "content": said.get("content"), "function_call": {**old}}
        return [made, {"role": "function", "name": old["name"], "content": words}]
    spoken: list[Body] = [{"role": "assistant", "content": said["content"]}] if said.get("content") else []
    return [*spoken, {"role": "user", "content": words}]


def _messages(answer: Json, words: str, tool: str | None) -> list[Body]:
    blocks = [block for block in objects(answer.get("content")) if block.get("type") in _KEPT_BLOCKS]
    if answer.get("stop_reason") is None:
        blocks = [block for block in blocks if block.get("type") == "text"]  # a thought without its signature
    blocks = [block for block in blocks if block.get("type") != "text" or text(block.get("text")).strip()]
    calls = [block for block in blocks if block.get("type") == "tool_use"]
    spoken: list[Body] = [{"role": "assistant", "content": blocks}] if blocks else []
    if not calls:
        return [*spoken, {"role": "user", "content": words}]
    results = [{"type": "tool_result", "tool_use_id": text(call.get("id")), "content": words} for call in calls]
    return [*spoken, {"role": "user", "content": results}]


def _responses(answer: Json, words: str, tool: str | None) -> list[Body]:
    output = objects(answer.get("output"))
    calls = [item for item in output if item.get("type") == "function_call"]
    if tool is not None and calls:
        found: list[Body] = []
        for call in calls:
            made = {name: call[name] for name in ("type", "call_id", "name", "arguments") if name in call}
            found += [made, {"type": "function_call_output", "call_id": text(call.get("call_id")), "output": words}]
        return found
    parts = [part for item in output if item.get("type") == "message" for part in objects(item.get("content"))]
    said = "".join(text(part.get("text")) for part in parts)
    spoken: list[Body] = [{"role": "assistant", "content": said}] if said else []
    return [*spoken, {"role": "user", "content": words}]


_DIALECTS = {Dialect.CHAT: _chat, Dialect.MESSAGES: _messages, Dialect.RESPONSES: _responses}
