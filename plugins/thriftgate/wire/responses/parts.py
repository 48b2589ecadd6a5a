"""Input items of Responses as turns. Source: OpenAI's API reference, "Create a model response", `input`.

Failure behaviour: pure and total.
"""

from collections.abc import Iterator

from thriftgate.wire.paths import Path, json_leaves
from thriftgate.wire.shapes import Json, items, mapping, text
from thriftgate.wire.turns import Attachment, Part, PartKind, Role, TextKind, TextPlace, Turn

_ROLES: dict[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_KINDS = {
    "input_text": PartKind.TEXT, "output_text": PartKind.TEXT, "text": PartKind.TEXT, "input_image": PartKind.IMAGE,
    "input_file": PartKind.FILE, "input_audio": PartKind.AUDIO, "refusal": PartKind.REFUSAL,
    "summary_text": PartKind.THINKING, "reasoning_text": PartKind.THINKING,
    "computer_screenshot": PartKind.IMAGE,
}  # fmt: skip
_ARGUMENTS = {"function_call": "arguments", "custom_tool_call": "input", "mcp_call": "arguments"}


def turn_of(raw: object, path: Path) -> Turn:
    """One item of the conversation as a turn; a call is the assistant's, its output the tool's."""
    item = mapping(raw)
    kind = text(item.get("type")) or "message"
    if kind == "message":
        role = _ROLES.get(text(item.get("role")), "user")
        return Turn(role, path, tuple(parts_of(item.get("content"), (*path, "content"))), raw)
    if kind.endswith("_output"):
        result = Part(PartKind.TOOL_RESULT, path, raw)
        output, where = item.get("output"), (*path, "output")
        inner = parts_of(output, where, in_tool_result=True)
        return Turn("tool", path, (result, *inner, *_screenshot(output, where)), raw)
    if kind.endswith("_call") or kind == "mcp_approval_request":
        return Turn("assistant", path, (_call(item, kind, path, raw),), raw)
    if kind == "reasoning":
        inner = [
            part for field in ("summary", "content") for part in parts_of(item.get(field), (*path, field))
        ]  # fmt: skip
        return Turn("assistant", path, (Part(PartKind.THINKING, path, raw), *inner), raw)
    return Turn("assistant", path, (Part(PartKind.OTHER, path, raw),), raw)


def parts_of(content: object, path: Path, *, in_tool_result: bool = False) -> Iterator[Part]:
    """The parts of a content, which is a text or a list of parts."""
    if isinstance(content, str):
        yield Part(PartKind.TEXT, path, content, content, path, in_tool_result)
    for place, raw in enumerate(items(content)):
        part, where = mapping(raw), (*path, place)
        kind = _KINDS.get(text(part.get("type")), PartKind.OTHER)
        name = "refusal" if kind is PartKind.REFUSAL else "text"
        if kind in (PartKind.TEXT, PartKind.REFUSAL, PartKind.THINKING) and isinstance(part.get(name), str):
            yield Part(kind, where, raw, part[name], (*where, name), in_tool_result)
        else:
            yield Part(kind, where, raw, in_tool_result=in_tool_result)


def texts_of(part: Part, spoken_as: TextKind) -> Iterator[TextPlace]:
    """The texts of one part: its own, or those inside a call's arguments."""
    if part.kind is PartKind.TOOL_CALL and part.text_path is not None:
        is_free = text(mapping(part.value).get("type")) == "custom_tool_call"
        leaves = [(part.text_path, part.text)] if is_free else json_leaves(part.text, part.text_path)
        for path, words in leaves:
            yield TextPlace(path, words, TextKind.TOOL_ARGUMENTS)
    elif part.text_path is not None:
        kind = TextKind.TOOL_RESULT if part.in_tool_result else spoken_as
        yield TextPlace(part.text_path, part.text, TextKind.THINKING if part.kind is PartKind.THINKING else kind)


def attachment_of(part: Part) -> Attachment:
    """Where the content of an image, a file or audio is."""
    fields = mapping(part.value)
    address = text(fields.get("image_url")) or text(fields.get("file_url"))
    inline = text(fields.get("file_data")) or text(mapping(fields.get("input_audio")).get("data"))
    if address and not address.startswith("data:"):
        return Attachment(part.kind, part.path, "url")
    if fields.get("file_id") and not address and not inline:
        return Attachment(part.kind, part.path, "file_id")
    content = address or inline
    media_type = content[5:100].partition(";")[0] if content.startswith("data:") else None
    return Attachment(part.kind, part.path, "inline", media_type, len(content))


def _call(item: Json, kind: str, path: Path, raw: object) -> Part:
    name = _ARGUMENTS.get(kind)
    if name is not None and isinstance(item.get(name), str):
        return Part(PartKind.TOOL_CALL, path, raw, item[name], (*path, name))
    return Part(PartKind.TOOL_CALL, path, raw)


def _screenshot(output: object, path: Path) -> list[Part]:
    is_image = mapping(output).get("type") == "computer_screenshot"
    return [Part(PartKind.IMAGE, path, output, in_tool_result=True)] if is_image else []
