"""A validator's objection as what was to be there, in words; quotes the schema only, never the value."""

import json
from collections.abc import Callable, Mapping
from typing import Any, cast

import jsonschema_rs

_LONGEST = 200
_KINDS = {"integer": "a whole number", "number": "a number", "string": "a string", "boolean": "true or false",
          "object": "an object", "array": "a list", "null": "null"}  # fmt: skip


def expected(kind: jsonschema_rs.ValidationErrorKind) -> str:
    """What the schema asks for at the place of an error."""
    details = cast("Mapping[str, Any]", kind.as_dict())
    worded = _WORDS.get(kind.name)
    return worded(details) if worded else f"does not fit `{kind.name}` of the JSON schema"


def _types(details: Mapping[str, Any]) -> str:
    names = [str(name) for name in details.get("types") or ()]
    return f"must be {' or '.join(_KINDS.get(name, name) for name in names)}"


def _required(details: Mapping[str, Any]) -> str:
    return f"must have `{_cut(str(details.get('property', '')).strip(chr(34)))}`"


def _bound(words: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda details: f"must {words} {_cut(_json(details.get('limit')))}"


def _count(words: str, what: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda details: f"must have {words} {_cut(_json(details.get('limit')))} {what}"


_WORDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "type": _types,
    "required": _required,
    "enum": lambda details: f"must be one of {_cut(_json(details.get('options')))}",
    "const": lambda details: f"must be {_cut(_json(details.get('expected_value')))}",
    "minimum": _bound("be at least"),
    "maximum": _bound("be at most"),
    "exclusiveMinimum": _bound("be more than"),
    "exclusiveMaximum": _bound("be less than"),
    "minLength": _count("at least", "characters"),
    "maxLength": _count("at most", "characters"),
    "minItems": _count("at least", "elements"),
    "maxItems": _count("at most", "elements"),
    "minProperties": _count("at least", "properties"),
    "maxProperties": _count("at most", "properties"),
    "uniqueItems": lambda details: "must not have equal elements",
    "pattern": lambda details: f"must match the pattern {_cut(str(details.get('pattern')))}",
    "multipleOf": lambda details: f"must be a multiple of {_cut(_json(details.get('multiple_of')))}",
    "additionalProperties": lambda details: "must have no property beside those of the JSON schema",
    "unevaluatedProperties": lambda details: "must have no property beside those of the JSON schema",
    "falseSchema": lambda details: "must not be there",
    "anyOf": lambda details: "must fit one of the alternatives of the JSON schema",
    "oneOfNotValid": lambda details: "must fit one of the alternatives of the JSON schema",
    "oneOfMultipleValid": lambda details: "must fit exactly one of the alternatives of the JSON schema",
    "contains": lambda details: "must have an element as the JSON schema asks for",
}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
