"""Which parts of a schema apply where, one level at a time: for a validator that sees a value as it is written.

Only what must hold is told: parts that depend on the rest of the value (`if`, `not`, `patternProperties`,
`unevaluatedProperties` …) are left to the check of the whole.

Failure behaviour: pure and total.
"""

from collections.abc import Mapping
from typing import Any, cast

from thriftgate.schemas.checking import Schema
from thriftgate.schemas.references import SchemaDocument, escaped, is_schema
from thriftgate.schemas.refusal import Refusal

_NO_BOUND = 1 << 62


class Applying:
    """The parts of one schema, by JSON pointer."""

    def __init__(self, schema: Schema) -> None:
        self._document: SchemaDocument = schema.document
        self._is_2020 = schema.is_2020
        self._refs_stand_alone = schema.refs_stand_alone
        # Not `lru_cache`: of a method it would hold its object in a circle, with each stream's schema.
        self._every: dict[str, tuple[str, ...]] = {}
        self._one_of: dict[str, tuple[tuple[str, ...], ...]] = {}
        self._kinds: dict[str, tuple[str, ...] | None] = {}

    def every(self, pointer: str) -> tuple[str, ...]:
        """Parts that the same value must fit too: of `$ref` and `allOf`."""
        if pointer not in self._every:
            self._every[pointer] = self._find_every(pointer)
        return self._every[pointer]

    def one_of(self, pointer: str) -> tuple[tuple[str, ...], ...]:
        """Groups of parts of which the same value must fit one."""
        if pointer not in self._one_of:
            self._one_of[pointer] = self._find_one_of(pointer)
        return self._one_of[pointer]

    def kinds(self, pointer: str) -> tuple[str, ...] | None:
        """The values of `type`; None when every kind is allowed."""
        if pointer not in self._kinds:
            self._kinds[pointer] = self._find_kinds(pointer)
        return self._kinds[pointer]

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

    def _find_every(self, pointer: str) -> tuple[str, ...]:
        schema = self._own(pointer)
        found: list[str] = []
        if "$ref" in schema:
            target = self._document.target(pointer, "$ref", schema["$ref"])
            if not isinstance(target, Refusal):
                found.append(target)
        return (*found, *_listed(schema, pointer, "allOf"))

    def _find_one_of(self, pointer: str) -> tuple[tuple[str, ...], ...]:
        schema = self._own(pointer)
        groups = (tuple(_listed(schema, pointer, keyword)) for keyword in ("anyOf", "oneOf"))
        return tuple(group for group in groups if group)

    def _find_kinds(self, pointer: str) -> tuple[str, ...] | None:
        kinds: object = self._own(pointer).get("type")
        if isinstance(kinds, str):
            return (kinds,)
        if isinstance(kinds, list):
            return tuple(str(kind) for kind in cast("list[object]", kinds))
        return None

    def _element(self, schema: Mapping[str, Any], index: int) -> str | None:
        items: object = schema.get("items")
        first: object = schema.get("prefixItems") if self._is_2020 else items
        keyword, rest = ("prefixItems", "items") if self._is_2020 else ("items", "additionalItems")
        if isinstance(first, list):
            if index < len(cast("list[object]", first)):
                return f"{keyword}/{index}"
            return rest if is_schema(schema.get(rest)) else None
        return "items" if is_schema(items) else None


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
