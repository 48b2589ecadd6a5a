"""A whole response → the events that OpenAI's own stream would have sent.

Failure behaviour: pure and total.
"""

from collections.abc import Callable, Iterator
from typing import Any

from thriftgate.wire.shapes import Body, Json, items, mapping, text
from thriftgate.wire.streaming.codec import pieces

_UNKNOWN_YET: Body = {
    "status": "in_progress", "output": [], "usage": None, "error": None, "incomplete_details": None,
    "completed_at": None,
}  # fmt: skip
_STAGES: dict[str, tuple[str, ...]] = {
    "web_search_call": ("in_progress", "searching", "completed"),
    "file_search_call": ("in_progress", "searching", "completed"),
    "image_generation_call": ("in_progress", "generating", "completed"),
    "mcp_list_tools": ("in_progress", "completed"),
}
"""Tools of the provider that only tell how far they are."""
_STRINGS = {
    "function_call": ("arguments", "response.function_call_arguments"),
    "custom_tool_call": ("input", "response.custom_tool_call_input"),
    "mcp_call": ("arguments", "response.mcp_call_arguments"),
    "code_interpreter_call": ("code", "response.code_interpreter_call_code"),
}
_PARTS = {
    "output_text": ("response.output_text", "text"),
    "refusal": ("response.refusal", "refusal"),
    "reasoning_text": ("response.reasoning_text", "text"),
}


def replay(answer: Json) -> Iterator[Body]:
    """The events, numbered: the response without its end, each item in pieces, the whole response."""
    for number, event in enumerate(_events(answer)):
        yield {**event, "sequence_number": number}


def _events(answer: Json) -> Iterator[Body]:
    begun = {**answer, **{name: value for name, value in _UNKNOWN_YET.items() if name in answer}}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, raw in enumerate(items(answer.get("output"))):
        item = mapping(raw)
        yield {"type": "response.output_item.added", "output_index": index, "item": _shell(item)}
        where: Body = {"item_id": item.get("id"), "output_index": index}
        for event in _WRITERS.get(text(item.get("type")), _nothing)(item):
            yield {**event, **where}
        yield {"type": "response.output_item.done", "output_index": index, "item": raw}
    status = answer.get("status")
    ends = status if status in ("completed", "incomplete", "failed", "cancelled") else "completed"
    yield {"type": f"response.{ends}", "response": {**answer}}


def _shell(item: Json) -> Body:
    """An item as it is when it begins."""
    shell: Body = dict(item)
    if "status" in shell:
        shell["status"] = "in_progress"
    kind = text(item.get("type"))
    if kind in _STRINGS and isinstance(shell.get(_STRINGS[kind][0]), str):
        shell[_STRINGS[kind][0]] = ""
    lists = ("content", "summary", "tools") if kind in ("message", "reasoning") else ("tools",)
    shell.update({name: list[Any]() for name in lists if isinstance(shell.get(name), list)})
    shell.update({name: None for name in ("result", "output", "outputs") if name in shell})
    return shell


def _message(item: Json) -> Iterator[Body]:
    for index, raw in enumerate(items(item.get("content"))):
        yield from _part(mapping(raw), {"content_index": index})


def _part(part: Json, where: Json) -> Iterator[Body]:
    stem, name = _PARTS.get(text(part.get("type")), ("", ""))
    if not isinstance(part.get(name), str):
        yield {"type": "response.content_part.added", **where, "part": part}
        yield {"type": "response.content_part.done", **where, "part": part}
        return
    empty: Body = {field: list[Any]() for field in ("annotations", "logprobs") if isinstance(part.get(field), list)}
    yield {"type": "response.content_part.added", **where, "part": {**part, name: "", **empty}}
    logprobs: Any = part.get("logprobs")
    is_text = stem == "response.output_text"
    for place, words in enumerate(pieces(part[name])):
        told: Body = {"logprobs": list(items(logprobs)) if place == 0 else []} if is_text else {}
        yield {"type": f"{stem}.delta", **where, "delta": words, **told}
    for place, annotation in enumerate(items(part.get("annotations"))):
        added = {"annotation_index": place, "annotation": annotation}
        yield {"type": "response.output_text.annotation.added", **where, **added}
    told = {"logprobs": list(items(logprobs))} if is_text else {}
    yield {"type": f"{stem}.done", **where, name: part[name], **told}
    yield {"type": "response.content_part.done", **where, "part": part}


def _reasoning(item: Json) -> Iterator[Body]:
    for index, raw in enumerate(items(item.get("summary"))):
        part, where = mapping(raw), {"summary_index": index}
        words = text(part.get("text"))
        yield {"type": "response.reasoning_summary_part.added", **where, "part": {**part, "text": ""}}
        for piece in pieces(words):
            yield {"type": "response.reasoning_summary_text.delta", **where, "delta": piece}
        yield {"type": "response.reasoning_summary_text.done", **where, "text": words}
        yield {"type": "response.reasoning_summary_part.done", **where, "part": part}
    yield from _message(item)


def _string(item: Json) -> Iterator[Body]:
    kind = text(item.get("type"))
    name, stem = _STRINGS[kind]
    if kind != "function_call" and kind != "custom_tool_call":
        yield {"type": f"response.{kind}.in_progress"}
    if isinstance(item.get(name), str):
        for words in pieces(item[name]):
            yield {"type": f"{stem}.delta", "delta": words}
        yield {"type": f"{stem}.done", name: item[name]}
    if kind == "code_interpreter_call":
        yield {"type": "response.code_interpreter_call.interpreting"}
    if kind not in ("function_call", "custom_tool_call"):
        yield {"type": f"response.{kind}.{'failed' if item.get('status') == 'failed' else 'completed'}"}


def _staged(item: Json) -> Iterator[Body]:
    kind = text(item.get("type"))
    for stage in _STAGES[kind]:
        yield {"type": f"response.{kind}.{stage}"}


def _nothing(item: Json) -> Iterator[Body]:
    del item
    yield from ()


_WRITERS: dict[str, Callable[[Json], Iterator[Body]]] = {
    "message": _message,
    "reasoning": _reasoning,
    **dict.fromkeys(_STRINGS, _string),
    **dict.fromkeys(_STAGES, _staged),
}
