"""Which parts of a schema apply where, one level at a time: for a validator that sees a value as it is written.

Only what must hold is told: parts that depend on the rest of the value (`if`, `not`, `patternProperties`,
`unevaluatedProperties` …) are left to the check of the whole.

Failure behaviour: pure and total.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from thriftgate.schemas.checking import Schema
from thriftgate.schemas.references import SchemaDocument, escaped, is_schema
from thriftgate.schemas.refusal import Refusal

_NO_BOUND = 1 << 62


@dataclass(frozen=True, slots=True)
class _Part:
    """What of one part applies to the same value as the part itself."""

    every: tuple[str, ...]
    one_of: tuple[tuple[str, ...], ...]
    kinds: tuple[str, ...] | None


class Applying:
    """The parts of one schema, by JSON pointer."""

    def __init__(self, schema: Schema) -> None:
        self._document: SchemaDocument = schema.document
        self._is_2020 = schema.is_2020
        self._refs_stand_alone = schema.refs_stand_alone
        # Not `lru_cache`: of a method it would hold its object in a circle, with each stream's schema.
        self._known: dict[str, _Part] = {}

    def every(self, pointer: str) -> tuple[str, ...]:
        """Parts that the same value must fit too: of `$ref` and `allOf`."""
        return self._part(pointer).every

    def one_of(self, pointer: str) -> tuple[tuple[str, ...], ...]:
        """Groups of parts of which the same value must fit one."""
        return self._part(pointer).one_of

    def kinds(self, pointer: str) -> tuple[str, ...] | None:
        """The values of `type`; None when every kind is allowed."""
        return self._part(pointer).kinds

    def _part(self, pointer: str) -> "_Part":
        if pointer not in self._known:
            schema = self._own(pointer)
            self._known[pointer] = _Part(self._every(pointer, schema), _one_of(pointer, schema), _kinds(schema))
        return self._known[pointer]

    def below(self, pointer: str, step: str | int) -> list[str]:
        """Parts that the value at a key or index of this value must fit."""
        schema = self._own(pointer)
        found = _property(schema, step) if isinstance(step, str) else self._element(schema, step)
        return [f"{pointer}/{found}"] if found is not None else []

    def forbids(self, pointer: str) -> bool:
        """Whether no value at all fits."""
        return self._document.parts.get(pointer) is False

    def most_elements(self, pointer: str) -> int:
        """How many elements a list may have."""
        most = self._own(pointer).get("maxItems")
        return int(most) if isinstance(most, int | float) and not isinstance(most, bool) else _NO_BOUND

    def _own(self, pointer: str) -> Mapping[str, Any]:
        """The keywords of a part that count."""
        schema = self._document.parts.get(pointer)
        if not isinstance(schema, Mapping):
            return {}
        return {"$ref": schema["$ref"]} if self._refs_stand_alone and "$ref" in schema else schema

    def _every(self, pointer: str, schema: Mapping[str, Any]) -> tuple[str, ...]:
        found: list[str] = []
        if "$ref" in schema:
            target = self._document.target(pointer, "$ref", schema["$ref"])
            if not isinstance(target, Refusal):
                found.append(target)
        return (*found, *_listed(schema, pointer, "allOf"))

    def _element(self, schema: Mapping[str, Any], index: int) -> str | None:
        items: object = schema.get("items")
        first: object = schema.get("prefixItems") if self._is_2020 else items
        keyword, rest = ("prefixItems", "items") if self._is_2020 else ("items", "additionalItems")
        if isinstance(first, list):
            if index < len(cast("list[object]", first)):
                return f"{keyword}/{index}"
            return rest if is_schema(schema.get(rest)) else None
        return "items" if is_schema(items) else None


def _one_of(pointer: str, schema: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    groups = (tuple(_listed(schema, pointer, keyword)) for keyword in ("anyOf", "oneOf"))
    return tuple(group for group in groups if group)


def _kinds(schema: Mapping[str, Any]) -> tuple[str, ...] | None:
    kinds: object = schema.get("type")
    if isinstance(kinds, str):
        return (kinds,)
    if isinstance(kinds, list):
        return tuple(str(kind) for kind in cast("list[object]", kinds))
    return None


def _property(schema: Mapping[str, Any], name: str) -> str | None:
    named: object = schema.get("properties")
    if isinstance(named, Mapping) and name in named:
        return f"properties/{escaped(name)}"
    if "additionalProperties" in schema and "patternProperties" not in schema:
        return "additionalProperties"
    return None


def _listed(schema: Mapping[str, Any], pointer: str, keyword: str) -> list[str]:
    parts: object = schema.get(keyword)
    return (
        [f"{pointer}/{keyword}/{i}" for i in range(len(cast("list[object]", parts)))] if isinstance(parts, list) else []
    )
