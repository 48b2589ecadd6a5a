"""What of a Responses request LiteLLM's adapter loses on the way to a tier that does not speak this dialect.

Read from LiteLLM 1.108's `responses/litellm_completion_transformation`: to be read again when the locked version
changes.

Failure behaviour: pure and total.
"""

from collections.abc import Iterator
from typing import Any

from thriftgate.wire.identity import IMMATERIAL_FIELDS
from thriftgate.wire.paths import Path
from thriftgate.wire.responses.request import ResponsesRequestView
from thriftgate.wire.shapes import Json, items, mapping, text
from thriftgate.wire.turns import MEDIA, SPEAKERS, Dialect, Part, PartKind, Turn, rules_of_all

_CARRIED = frozenset(
    {
        "include", "input", "instructions", "max_output_tokens", "parallel_tool_calls", "reasoning", "temperature",
        "text", "tool_choice", "tools", "top_p", "top_logprobs", "truncation", "background",
    }
) | IMMATERIAL_FIELDS[Dialect.RESPONSES]  # fmt: skip
_CARRIED_ITEMS = frozenset(
    {
        "", "message", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output",
        "reasoning",
    }
)  # fmt: skip
_CARRIED_PARTS = frozenset(
    {"input_text", "output_text", "text", "input_image", "input_file", "summary_text", "reasoning_text"}
)
_CARRIED_INCLUDES = frozenset({"reasoning.encrypted_content"})
_CARRIED_TOOLS = frozenset({"function", "custom", "namespace"})
_CARRIED_TOOL_FIELDS = frozenset(
    {
        "type", "name", "description", "parameters", "strict", "format", "tools", "cache_control", "defer_loading",
        "allowed_callers", "input_examples", "eager_input_streaming",
    }
)  # fmt: skip
_CARRIED_FORMATS = (None, "text", "json_object", "json_schema")
_CARRIED_CHOICES = (None, "", "auto", "none", "required")
_NOTHING: tuple[Any, ...] = (None, [], {})
"""Values with which nothing is lost."""


def lost(view: ResponsesRequestView, target: Dialect) -> Iterator[Path]:
    """The places that a tier of the other dialect would never see."""
    yield from _lost_fields(view)
    for turn in view.turns:
        yield from _lost_in_turn(turn, target)
    for tool in view.tools:
        yield from _lost_of_tool(tool.path, tool.value, target)


def _lost_of_tool(path: Path, tool: Json, target: Dialect) -> Iterator[Path]:
    if text(tool.get("type")) not in _CARRIED_TOOLS:
        yield (*path, "type")
    elif mapping(tool.get("format")).get("type") == "grammar":
        yield (*path, "format")
    elif not text(tool.get("name")):
        yield (*path, "name")
    else:
        unknown = (name for name, value in tool.items() if value not in _NOTHING and name not in _CARRIED_TOOL_FIELDS)
        yield from ((*path, name) for name in unknown)
        if target is Dialect.MESSAGES:
            yield from ((*path, "parameters", name) for name in rules_of_all(mapping(tool.get("parameters"))))
        if tool.get("type") == "namespace":
            for place, inner in enumerate(items(tool.get("tools"))):
                yield from _lost_of_tool((*path, "tools", place), mapping(inner), target)


def _lost_fields(view: ResponsesRequestView) -> Iterator[Path]:
    body = view.body
    yield from ((name,) for name, value in body.items() if value not in _NOTHING and name not in _CARRIED)
    for place, name in enumerate(items(body.get("include"))):
        if not isinstance(name, str) or name not in _CARRIED_INCLUDES:
            yield ("include", place)
    for name, harmless in (("top_logprobs", 0), ("truncation", "disabled"), ("background", False)):
        if body.get(name) is not None and body[name] != harmless:
            yield (name,)
    told = mapping(body.get("text")).items()
    yield from (("text", name) for name, value in told if name != "format" and value not in _NOTHING)
    if mapping(mapping(body.get("text")).get("format")).get("type") not in _CARRIED_FORMATS:
        yield ("text", "format")
    choice = mapping(body.get("tool_choice"))
    named = body.get("tool_choice")
    if choice.get("type") not in ("function", "custom") if choice else named not in _CARRIED_CHOICES:
        yield ("tool_choice",)


def _lost_in_turn(turn: Turn, target: Dialect) -> Iterator[Path]:
    item = mapping(turn.value)
    kind = text(item.get("type"))
    if item and kind not in _CARRIED_ITEMS:
        yield (*turn.path, "type")
        return
    seal = text(item.get("encrypted_content"))
    # LiteLLM keeps another provider's thoughts there as a list of JSON; OpenAI's own only OpenAI can read.
    if kind == "reasoning" and seal and not seal.startswith("["):
        yield (*turn.path, "encrypted_content")
    for part in turn.parts:
        if target is Dialect.MESSAGES and part.kind in MEDIA and turn.role in SPEAKERS:
            yield (*part.path, "type")
        elif part.path not in (turn.path, part.text_path):
            yield from _lost_in_part(part)


def _lost_in_part(part: Part) -> Iterator[Path]:
    fields = mapping(part.value)
    kind = text(fields.get("type"))
    if kind not in _CARRIED_PARTS or (part.in_tool_result and part.kind is PartKind.FILE):
        yield (*part.path, "type")
        return
    for name in ("file_id", "file_url"):
        if fields.get(name):
            yield (*part.path, name)
