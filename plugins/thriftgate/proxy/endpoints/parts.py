"""What stands inside a request's messages, tools and formats: only its types, and only where every provider agrees.

LiteLLM and the providers' adapters take them for granted and trip over anything else, some of them after several
attempts. Kinds of parts that are not known here pass, whatever they hold.

Failure behaviour: raises InvalidRequestError (HTTP 400), which names the place and never quotes what was said.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from thriftgate.errors import InvalidRequestError

Fields = Mapping[str, object]
_Test = Callable[[object], bool]


def must_be(path: str, expected: str) -> InvalidRequestError:
    """What a client is told of a value that is not what it must be; `expected` in words."""
    return InvalidRequestError(f"'{path}' must be {expected}", param=path)


def is_text(value: object) -> bool:
    """Whether it is a text."""
    return isinstance(value, str)


def is_json_object(value: object) -> bool:
    """Whether it is a JSON object."""
    return isinstance(value, Mapping)


def _is_text_or_object(value: object) -> bool:
    return isinstance(value, str | Mapping)


def _is_schema(value: object) -> bool:
    return isinstance(value, bool | Mapping)


_TEXT = (is_text, "a text")
_OBJECT = (is_json_object, "an object")
_EITHER = (_is_text_or_object, "a text or an object")
_SCHEMA = (_is_schema, "a JSON schema")

_REQUIRED: Mapping[str, Mapping[str, tuple[_Test, str]]] = {
    "text": {"text": _TEXT},
    "input_text": {"text": _TEXT},
    "output_text": {"text": _TEXT},
    "refusal": {"refusal": _TEXT},
    "image_url": {"image_url": _EITHER},
    "input_audio": {"input_audio": _OBJECT},
    "file": {"file": _OBJECT},
    "image": {"source": _OBJECT},
    "document": {"source": _OBJECT},
    "thinking": {"thinking": _TEXT},
    "tool_use": {"id": _TEXT, "name": _TEXT, "input": _OBJECT},
    "tool_result": {"tool_use_id": _TEXT},
}
"""What the parts and blocks of each kind must have."""
_ELSEWHERE = frozenset({"image", "document", "file"})
"""Kinds that other providers write with other fields."""


def check_content(content: object, path: str) -> None:
    """A message's content: a text, or parts, each of which says its kind."""
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise must_be(path, "a text or a list of parts, each with a 'type'")
    for index, part in enumerate(cast("list[object]", content)):
        # To ask whether something is a Mapping takes ten times as long, and there may be very many.
        kind = cast("Fields", part).get("type") if isinstance(part, dict | Mapping) else None
        if not isinstance(kind, str):
            raise must_be(path, "a text or a list of parts, each with a 'type'")
        fields = cast("Fields", part)
        for name, (is_fine, expected) in _REQUIRED.get(kind, {}).items():
            may_lack = name not in fields and kind in _ELSEWHERE
            if not may_lack and not is_fine(fields.get(name)):
                raise must_be(f"{path}[{index}].{name}", expected)
        if kind == "image_url":
            address = fields["image_url"]
            if isinstance(address, Mapping) and not is_text(cast("Fields", address).get("url")):
                raise must_be(f"{path}[{index}].image_url.url", "a text")
        if kind == "tool_result" and fields.get("content") is not None:
            check_content(fields["content"], f"{path}[{index}].content")


def check_calls(message: Fields, path: str) -> None:
    """The tool calls that an assistant's message of OpenAI's holds."""
    for index, call in enumerate(_objects(message.get("tool_calls"), f"{path}.tool_calls")):
        where = f"{path}.tool_calls[{index}].function"
        function = call.get("function")
        if function is None:
            continue  # of a kind that is not known here
        fields = _object(function, where)
        for name in ("name", "arguments"):
            if not is_text(fields.get(name)):
                raise must_be(f"{where}.{name}", "a text")


def check_items(items: object) -> None:
    """The input of a Responses request where it is a list."""
    if not isinstance(items, list):
        return
    for index, item in enumerate(cast("list[object]", items)):
        path = f"input[{index}]"
        fields = _object(item, path)
        if fields.get("type", "message") != "message":
            continue
        if not is_text(fields.get("role")):
            raise must_be(f"{path}.role", "a text")
        check_content(fields.get("content"), f"{path}.content")


def check_tools(body: Mapping[str, Any]) -> None:
    """Each tool's name and the schema of its arguments, in any dialect."""
    for index, tool in enumerate(_objects(body.get("tools"), "tools")):
        path = f"tools[{index}]"
        if not isinstance(tool.get("type"), str | None):
            raise must_be(f"{path}.type", "a text")
        function: Fields = {}
        if tool.get("function") is not None:
            function = _object(tool["function"], f"{path}.function")
            if not is_text(function.get("name")):
                raise must_be(f"{path}.function.name", "a text")
        for name, value in (
            (f"{path}.function.parameters", function.get("parameters")),
            (f"{path}.parameters", tool.get("parameters")),
            (f"{path}.input_schema", tool.get("input_schema")),
        ):
            if not isinstance(value, Mapping | None):
                raise must_be(name, "a JSON schema")


def check_formats(body: Mapping[str, Any]) -> None:
    """Which form the answer shall have, in any dialect."""
    wanted: object = body.get("response_format")
    if isinstance(wanted, Mapping):
        _check_format(cast("Fields", wanted), "response_format", "json_schema")
    for field in ("text", "output_config"):
        holder: object = body.get(field)
        if isinstance(holder, Mapping) and cast("Fields", holder).get("format") is not None:
            _check_format(_object(cast("Fields", holder)["format"], f"{field}.format"), f"{field}.format", "")
    if isinstance(body.get("output_format"), Mapping):
        _check_format(cast("Fields", body["output_format"]), "output_format", "")


def _check_format(wanted: Fields, path: str, inside: str) -> None:
    if not is_text(wanted.get("type")):
        raise must_be(f"{path}.type", "a text")
    if wanted["type"] != "json_schema":
        return
    fields = _object(wanted.get(inside), f"{path}.{inside}") if inside else wanted
    schema = fields.get("schema")
    if schema is not None and not _SCHEMA[0](schema):
        raise must_be(f"{path}.{inside}.schema" if inside else f"{path}.schema", _SCHEMA[1])


def _objects(value: object, path: str) -> Sequence[Fields]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise must_be(path, "a list of objects")
    return [_object(one, f"{path}[{index}]") for index, one in enumerate(cast("list[object]", value))]


def _object(value: object, path: str) -> Fields:
    if not isinstance(value, Mapping):
        raise must_be(path, "an object")
    return cast("Fields", value)
