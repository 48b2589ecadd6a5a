"""Content blocks of Anthropic's messages as the parts of a turn. Source: Anthropic's API reference, "Create a Message".

Failure behaviour: pure and total.
"""

from collections.abc import Iterator
from typing import Any

from thriftgate.wire.paths import Path, string_leaves
from thriftgate.wire.shapes import Json, items, mapping, text, text_or_none
from thriftgate.wire.turns import Attachment, Part, PartKind, TextKind, TextPlace

_KINDS = {
    "text": PartKind.TEXT, "image": PartKind.IMAGE, "document": PartKind.DOCUMENT, "thinking": PartKind.THINKING,
    "redacted_thinking": PartKind.THINKING, "tool_use": PartKind.TOOL_CALL, "server_tool_use": PartKind.TOOL_CALL,
    "mcp_tool_use": PartKind.TOOL_CALL, "search_result": PartKind.DOCUMENT, "container_upload": PartKind.FILE,
}  # fmt: skip
_TEXTS = {"text": "text", "thinking": "thinking"}


def kind_of(block: Json) -> PartKind:
    """What a block is; every `…tool_result`, whoever ran the tool, is a tool's result."""
    kind = text(block.get("type"))
    if kind.endswith("tool_result"):
        return PartKind.TOOL_RESULT
    return _KINDS.get(kind, PartKind.OTHER)


def parts_of(content: object, path: Path, *, in_tool_result: bool = False) -> Iterator[Part]:
    """The parts of a content, which is a text or a list of blocks; those inside a tool's result follow it."""
    if isinstance(content, str):
        yield Part(PartKind.TEXT, path, content, content, path, in_tool_result)
    for place, raw in enumerate(items(content)):
        block, where = mapping(raw), (*path, place)
        kind, name = kind_of(block), _TEXTS.get(text(block.get("type")))
        if name is not None and isinstance(block.get(name), str):
            yield Part(kind, where, raw, block[name], (*where, name), in_tool_result)
        else:
            yield Part(kind, where, raw, in_tool_result=in_tool_result)
        if kind is PartKind.TOOL_RESULT:
            yield from parts_of(block.get("content"), (*where, "content"), in_tool_result=True)


def texts_of(part: Part, spoken_as: TextKind) -> Iterator[TextPlace]:
    """The texts of one part: its own, or those inside a call's arguments or a document."""
    if part.text_path is not None:
        kind = TextKind.TOOL_RESULT if part.in_tool_result else spoken_as
        yield TextPlace(part.text_path, part.text, TextKind.THINKING if part.kind is PartKind.THINKING else kind)
    elif part.kind is PartKind.TOOL_CALL:
        for path, words in string_leaves(mapping(part.value).get("input"), (*part.path, "input")):
            yield TextPlace(path, words, TextKind.TOOL_ARGUMENTS)
    elif part.kind is PartKind.DOCUMENT:
        for path, words in _document_texts(mapping(part.value), part.path):
            yield TextPlace(path, words, TextKind.DOCUMENT)


def _document_texts(block: Json, path: Path) -> Iterator[tuple[Path, str]]:
    source = mapping(block.get("source"))
    if source.get("type") == "text" and isinstance(source.get("data"), str):
        yield (*path, "source", "data"), source["data"]
    for part in parts_of(source.get("content"), (*path, "source", "content")):
        if part.text_path is not None:
            yield part.text_path, part.text
    for name in ("title", "context"):
        if isinstance(block.get(name), str):
            yield (*path, name), block[name]
    for part in parts_of(block.get("content"), (*path, "content")):
        if part.text_path is not None:
            yield part.text_path, part.text


def attachment_of(part: Part) -> Attachment:
    """Where the content of an image, document or file is."""
    block = mapping(part.value)
    source: Any = mapping(block.get("source"))
    media_type = text_or_none(source.get("media_type"))
    if block.get("file_id") or source.get("type") == "file":
        return Attachment(part.kind, part.path, "file_id", media_type)
    if source.get("type") == "url":
        return Attachment(part.kind, part.path, "url", media_type)
    return Attachment(part.kind, part.path, "inline", media_type, len(text(source.get("data"))))
