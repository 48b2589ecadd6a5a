"""Where the parts of a schema are, and what its references point to. Nothing is fetched or opened.

A reference may point anywhere inside the document: by JSON pointer, by anchor, or by the `$id` of a part. URIs are
names here, never addresses.

Failure behaviour: pure; a reference to elsewhere gives a `Refusal`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard, cast
from urllib.parse import unquote, urldefrag, urljoin

from thriftgate.schemas.refusal import Refusal, RefusalReason

ONE = frozenset({
    "additionalProperties", "unevaluatedProperties", "propertyNames", "contains", "unevaluatedItems",
    "additionalItems", "items", "not", "if", "then", "else",
})  # fmt: skip
"""Keywords whose value is one schema."""
SEVERAL = frozenset({"allOf", "anyOf", "oneOf", "prefixItems", "items"})
"""Keywords whose value is a list of schemas."""
NAMED = frozenset({"properties", "patternProperties", "dependentSchemas", "dependencies", "$defs", "definitions"})
"""Keywords whose value is an object of schemas."""
REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")

Part = dict[str, Any] | bool


def parts(schema: Mapping[str, Any]) -> Iterator[tuple[str, Part]]:
    """The schemas directly inside `schema`, each with its JSON pointer relative to it."""
    for keyword, value in schema.items():
        if keyword in NAMED and isinstance(value, dict):
            inner = ((escaped(name), part) for name, part in cast("dict[str, object]", value).items())
        elif keyword in SEVERAL and isinstance(value, list):
            inner = ((str(index), part) for index, part in enumerate(cast("list[object]", value)))
        else:
            if keyword in ONE and is_schema(value):
                yield f"/{keyword}", value
            continue
        for step, part in inner:
            if is_schema(part):
                yield f"/{keyword}/{step}", part


def is_schema(value: object) -> TypeGuard[Part]:
    """Whether a value can be a schema at all."""
    return isinstance(value, dict | bool)


def escaped(name: str) -> str:
    """A name as one step of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


class SchemaDocument:
    """A schema with all its parts by JSON pointer (`#`, `#/properties/a`) and the names they go by."""

    def __init__(self, root: dict[str, Any], *, max_parts: int) -> None:
        self.root = root
        self.parts: dict[str, Part] = {}
        self.is_too_large = False
        self._base: dict[str, str] = {}
        self._by_uri: dict[str, str] = {"": "#"}
        self._anchors: dict[tuple[str, str], str] = {}
        self._dynamic: dict[str, list[str]] = {}
        self._max_parts = max_parts
        self._add("#", root, "")

    def target(self, pointer: str, keyword: str, reference: object) -> str | Refusal:
        """The pointer of what `reference`, found in the part at `pointer`, means."""
        if not isinstance(reference, str):
            return Refusal(RefusalReason.BROKEN, pointer)
        base = self._base[pointer]
        uri, fragment = _split(base, reference)
        resource = self._by_uri.get(uri)
        if resource is None:
            return Refusal(RefusalReason.OUTSIDE, f"{pointer}/{keyword}")
        if fragment and not fragment.startswith("/"):
            found = self._anchors.get((uri, fragment))
        else:
            found = self._walk(resource, fragment)
        return found if found is not None else Refusal(RefusalReason.MISSING, f"{pointer}/{keyword}")

    def dynamic_targets(self, reference: object) -> list[str]:
        """Every part that a `$dynamicRef` or `$recursiveRef` may mean at run time, besides its plain target."""
        if not isinstance(reference, str):
            return []
        name = reference.rpartition("#")[2]
        return self._dynamic.get(name, [])

    def _add(self, pointer: str, part: Part, base: str) -> None:
        """Take in a part and everything inside it."""
        waiting: list[tuple[str, Part, str]] = [(pointer, part, base)]
        while waiting:
            where, schema, base = waiting.pop()
            if where in self.parts:
                continue
            if len(self.parts) >= self._max_parts:
                self.is_too_large = True
                return
            self.parts[where] = schema
            if isinstance(schema, bool):
                self._base[where] = base
                continue
            base = self._named(where, schema, base)
            waiting.extend((where + step, inner, base) for step, inner in parts(schema))

    def _named(self, where: str, schema: Mapping[str, Any], base: str) -> str:
        """Note the names of one part; the base URI for what is inside."""
        own = schema.get("$id")
        if isinstance(own, str):
            uri, fragment = _split(base, own)
            if fragment:
                self._anchors.setdefault((uri, fragment), where)
            if not own.startswith("#"):
                base = uri
                self._by_uri.setdefault(uri, where)
        self._base[where] = base
        for keyword in ("$anchor", "$dynamicAnchor"):
            name = schema.get(keyword)
            if isinstance(name, str):
                self._anchors.setdefault((base, name), where)
        name = schema.get("$dynamicAnchor")
        if isinstance(name, str):
            self._dynamic.setdefault(name, []).append(where)
        if schema.get("$recursiveAnchor") is True:
            self._dynamic.setdefault("", []).append(where)
        return base

    def _walk(self, resource: str, fragment: str) -> str | None:
        """Follow a JSON pointer through the document, also through keywords that no standard knows."""
        where, value = resource, cast("object", self.parts[resource])
        for step in fragment.split("/")[1:] if fragment else ():
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(value, dict) and name in value:
                value = cast("dict[str, object]", value)[name]
            elif isinstance(value, list) and name.isdecimal() and len(name) < 7 and int(name) < len(value):  # pyright: ignore[reportUnknownArgumentType]
                value = cast("list[object]", value)[int(name)]
            else:
                return None
            where += f"/{escaped(name)}"
        if not is_schema(value):
            return None
        if where not in self.parts:
            self._add(where, value, self._base[resource])
        return where if where in self.parts else None


def _split(base: str, reference: str) -> tuple[str, str]:
    """A reference as the URI of a resource and a fragment, both absolute; a URI that is none stays as it is."""
    if reference.startswith("#"):
        return base, unquote(reference[1:])
    try:
        uri, fragment = urldefrag(urljoin(base, reference))
    except ValueError:
        uri, _, fragment = reference.partition("#")
    return uri, unquote(fragment)
