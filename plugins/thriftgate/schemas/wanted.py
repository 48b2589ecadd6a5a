"""The shape that a request asks its answer to have: by `response_format`, or by one tool that must be called.

A client library that wants an object often forces a single tool instead of asking for JSON; its arguments are then the
answer, and nothing else about the call is an action.

Failure behaviour: pure and total; an odd field counts as absent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast


@dataclass(frozen=True, slots=True)
class Wanted:
    """The shape of an answer."""

    kind: Literal["json_object", "json_schema", "forced_tool"]
    schema: object = None
    """The JSON schema as the client sent it; None when any object will do."""
    name: str | None = None
    """The tool's name, or the schema's."""


def wanted_by(params: Mapping[str, Any]) -> Wanted | None:
    """What the parameters of a request (in OpenAI's names) ask for; None for free text or free use of tools."""
    return forced_tool(params) or _response_format(params)


def forced_tool(params: Mapping[str, Any]) -> Wanted | None:
    """The one tool that must be called: named in `tool_choice`, or the only one where a call is required."""
    schemas = offered_tools(params)
    choice: object = params.get("tool_choice")
    if (allowed := _allowed(choice)) is not None:
        schemas = {name: schema for name, schema in schemas.items() if name in allowed}
        choice = tool_choice(params)
    if choice is None and isinstance(params.get("function_call"), Mapping):
        choice = params["function_call"]
    word = choice
    if isinstance(choice, Mapping):
        chosen = cast("Mapping[str, Any]", choice)
        function: object = chosen.get("function")
        name: object = cast("Mapping[str, Any]", function).get("name") if isinstance(function, Mapping) else None
        name = name or chosen.get("name")
        if isinstance(name, str):
            return Wanted("forced_tool", schemas[name], name) if name in schemas else None
        word = chosen.get("type")
    if word in ("required", "any") and len(schemas) == 1:
        (name, schema), *_ = schemas.items()
        return Wanted("forced_tool", schema, name)
    return None


def _allowed(choice: object) -> set[str] | None:
    """The names that OpenAI's `allowed_tools` narrows the choice to; None for any other choice."""
    if not isinstance(choice, Mapping):
        return None
    fields = cast("Mapping[str, object]", choice)
    if fields.get("type") != "allowed_tools":
        return None
    inside = fields.get("allowed_tools")
    listed = cast("Mapping[str, object]", inside if isinstance(inside, Mapping) else fields).get("tools")
    return set(offered_tools({"tools": listed}))


def tool_choice(params: Mapping[str, Any]) -> object:
    """The word of `tool_choice`; for an object its `type`, which some providers also use for auto and none.

    Of OpenAI's `allowed_tools`, which only narrows the choice, its `mode`.
    """
    choice: object = params.get("tool_choice")
    if not isinstance(choice, Mapping):
        return choice
    fields = cast("Mapping[str, object]", choice)
    if fields.get("type") != "allowed_tools":
        return fields.get("type")
    inside = fields.get("allowed_tools")
    return cast("Mapping[str, object]", inside if isinstance(inside, Mapping) else fields).get("mode", "auto")


def offered_tools(params: Mapping[str, Any]) -> dict[str, object]:
    """The schema of each offered tool's arguments, by the tool's name; also of the old `functions`."""
    found: dict[str, object] = {}
    for field in ("tools", "functions"):
        listed: object = params.get(field)
        for one in cast("list[object]", listed) if isinstance(listed, list | tuple) else ():
            if not isinstance(one, Mapping):
                continue
            tool = cast("Mapping[str, Any]", one)
            function: object = tool.get("function")
            inner = cast("Mapping[str, Any]", function) if isinstance(function, Mapping) else tool
            name: object = inner.get("name")
            if name and isinstance(name, str):
                found[name] = inner.get("parameters") or inner.get("input_schema")
    return found


def asked_schemas(params: Mapping[str, Any]) -> list[object]:
    """Every JSON schema that an answer to the request may have to be checked with."""
    wanted = _response_format(params)
    asked = [*offered_tools(params).values(), wanted.schema if wanted else None]
    return [schema for schema in asked if schema is not None]


def _response_format(params: Mapping[str, Any]) -> Wanted | None:
    wanted: object = params.get("response_format")
    if not isinstance(wanted, Mapping):
        return None
    kind: object = cast("Mapping[str, Any]", wanted).get("type")
    if kind == "json_object":
        return Wanted("json_object")
    if kind != "json_schema":
        return None
    described: object = cast("Mapping[str, Any]", wanted).get("json_schema")
    if not isinstance(described, Mapping):
        return Wanted("json_object")
    named = cast("Mapping[str, Any]", described)
    name: object = named.get("name")
    return Wanted("json_schema", named.get("schema"), name if isinstance(name, str) else None)
