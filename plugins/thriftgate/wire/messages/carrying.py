"""What of a messages request LiteLLM's adapters lose on the way to a tier that does not speak this dialect.

Read from LiteLLM 1.108's `llms/anthropic/pass_through/adapters` and `responses_adapters`: to be read again when the
locked version changes (`tests/contract` names the version).

Failure behaviour: pure and total.
"""

from collections.abc import Iterator
from typing import Any

from thriftgate.wire.abilities import Ability
from thriftgate.wire.counterparts import effort_is_carried, wants_one_call
from thriftgate.wire.identity import IMMATERIAL_FIELDS
from thriftgate.wire.messages.request import MessagesRequestView
from thriftgate.wire.paths import Path
from thriftgate.wire.shapes import Json, mapping, text
from thriftgate.wire.turns import MEDIA, SPEAKERS, Dialect, Part, PartKind

_CARRIED = frozenset(
    {
        "max_tokens", "messages", "output_config", "output_format", "stop_sequences", "system", "temperature",
        "thinking", "tool_choice", "tools", "top_p", "cache_control",
    }
) | IMMATERIAL_FIELDS[Dialect.MESSAGES]  # fmt: skip
_CARRIED_BLOCKS = frozenset({"text", "image", "document", "thinking", "redacted_thinking", "tool_use", "tool_result"})
_CARRIED_IN_RESULTS = frozenset({"text", "image", "document"})
_CARRIED_SOURCES = frozenset({"base64", "url"})
_ABOUT_A_DOCUMENT = ("title", "context")
_CARRIED_TOOL_FIELDS = frozenset(
    {"name", "description", "input_schema", "type", "cache_control", "strict", "eager_input_streaming"}
)
_TRANSLATED = "litellm_encrypted_reasoning:"
"""How LiteLLM signs a thought of another provider; only Anthropic can check a signature of Anthropic's."""
_NOTHING: tuple[Any, ...] = (None, [], {})
"""Values with which nothing is lost."""


def lost(view: MessagesRequestView, target: Dialect, takes: frozenset[Ability]) -> Iterator[Path]:
    """The places that a tier of the other dialect would never see; `takes`: what its provider takes of them."""
    yield from _lost_fields(view, target, takes)
    for turn in view.turns:
        for part in turn.parts:
            if part.kind in MEDIA and turn.role in SPEAKERS:
                yield (*part.path, "type")
            elif part.path != part.text_path:
                yield from _lost_in_block(part, target)
    for tool in view.tools:
        fields = tool.value
        if tool.path[0] == "mcp_servers":
            continue  # lost with its field
        if text(fields.get("type")) not in ("", "custom"):
            yield (*tool.path, "type")
        else:
            yield from ((*tool.path, name) for name in _said(fields) if name not in _CARRIED_TOOL_FIELDS)


def _lost_fields(view: MessagesRequestView, target: Dialect, takes: frozenset[Ability]) -> Iterator[Path]:
    body = view.body
    carried = _CARRIED - {"stop_sequences"} if target is Dialect.RESPONSES else _CARRIED
    if Ability.TOP_K in takes:
        carried |= {"top_k"}
    yield from ((name,) for name, value in body.items() if value not in _NOTHING and name not in carried)
    if wants_one_call(body) and Ability.ONE_CALL not in takes:
        yield ("tool_choice", "disable_parallel_tool_use")
    for name, value in mapping(body.get("output_config")).items():
        if value is None or (name == "effort" and effort_is_carried(body, takes)):
            continue
        if name != "format" or not _is_schema(value):
            yield ("output_config", name)
    if body.get("output_format") is not None and not _is_schema(body["output_format"]):
        yield ("output_format",)
    if view.headers.get("anthropic-beta"):
        yield ("headers", "anthropic-beta")


def _said(tool: Json) -> list[str]:
    """The fields of a tool that say something."""
    return [name for name, value in tool.items() if value is not False and value not in _NOTHING]


def _is_schema(value: object) -> bool:
    wanted = mapping(value)
    return wanted.get("type") == "json_schema" and bool(wanted.get("schema"))


def _lost_in_block(part: Part, target: Dialect) -> Iterator[Path]:
    block = mapping(part.value)
    kind = text(block.get("type"))
    if kind not in (_CARRIED_IN_RESULTS if part.in_tool_result else _CARRIED_BLOCKS):
        yield (*part.path, "type")
    elif kind == "tool_result" and block.get("is_error"):
        yield (*part.path, "is_error")
    elif part.kind is PartKind.THINKING and _is_signed(block):
        yield (*part.path, "signature" if kind == "thinking" else "data")
    elif kind == "image" and (source := text(mapping(block.get("source")).get("type"))) not in _CARRIED_SOURCES:
        yield (*part.path, "source", *(["file_id"] if source == "file" else ()))
    elif kind == "document":
        yield from _lost_of_document(part.path, block, target)


def _lost_of_document(path: Path, block: Json, target: Dialect) -> Iterator[Path]:
    """Its bytes or address are carried, as a file to Responses and as an image to chat completions; no text is."""
    source = text(mapping(block.get("source")).get("type"))
    if source not in _CARRIED_SOURCES:
        yield (*path, "type")
        return
    for name in _ABOUT_A_DOCUMENT:
        is_its_name = name == "title" and source == "base64" and target is Dialect.RESPONSES
        if block.get(name) and not is_its_name:
            yield (*path, name)
    if mapping(block.get("citations")).get("enabled") is True:
        yield (*path, "citations")


def _is_signed(block: Json) -> bool:
    seal = text(block.get("signature")) or text(block.get("data"))
    return bool(seal) and not seal.startswith(_TRANSLATED)
