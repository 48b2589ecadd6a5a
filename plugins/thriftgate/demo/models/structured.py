"""Answers as JSON: any object for `json_object`, an instance of the client's schema for `json_schema`.

The filling is by the properties' names and types: the answer's text goes into the first property that is called
like one ("answer", "reply", "text" …), an enum gets the value that fits the entry best, the rest gets the smallest
value that is valid.

Failure behaviour: pure and total; a keyword that is not known here (`pattern`, `not`, `if` …) is ignored, so such a
schema may get an invalid answer, as with any model.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from thriftgate.demo.knowledge import Entry

_ANSWER_NAMES = frozenset(
    {"answer", "reply", "text", "message", "response", "content", "summary", "body", "explanation"}
)
_CONFIDENCE_NAMES = frozenset({"confidence", "certainty", "score", "probability"})
_AREA_NAMES = frozenset({"category", "area", "topic", "intent", "subject", "title", "department", "label"})
_SURE, _UNSURE = 0.95, 0.4
_DEEPEST = 6
"""Optional properties are left out below this depth, so that a recursive schema comes to its end."""
_NEVER_DEEPER = 40


def structured_text(text: str, entry: Entry | None, schema: Mapping[str, Any] | None, *, is_sure: bool) -> str:
    """The answer `text` as a JSON document, of `schema` where there is one."""
    filler = _Filler(text, entry, schema or {}, _SURE if is_sure else _UNSURE)
    if schema is None:
        value: Any = {"answer": text, "topic": entry.topic if entry else None, "confidence": filler.confidence}
    else:
        value = filler.fill(schema, name="answer", depth=0)
    return json.dumps(value, ensure_ascii=False)


class _Filler:
    def __init__(self, text: str, entry: Entry | None, root: Mapping[str, Any], confidence: float) -> None:
        self._text = text
        self._entry = entry
        self._root = root
        self.confidence = confidence

    def fill(self, schema: Mapping[str, Any], *, name: str, depth: int) -> Any:
        """A value that is valid under `schema`."""
        if depth > _NEVER_DEEPER:
            return None
        schema = self._resolve(schema)
        if "const" in schema:
            return schema["const"]
        if allowed := schema.get("enum"):
            return self._choose(cast("Sequence[Any]", allowed))
        match self._kind(schema):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, name, depth)
            case "string":
                return self._string(schema, name)
            case "number" | "integer" as kind:
                return self._number(schema, name, is_integer=kind == "integer")
            case "boolean":
                return self.confidence == _SURE
            case _:
                return None

    def _resolve(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Follow references inside the document, and take the first alternative."""
        for _ in range(_DEEPEST):
            if isinstance(schema.get("$ref"), str):
                schema = self._refer(str(schema["$ref"]))
            elif alternatives := schema.get("anyOf") or schema.get("oneOf"):
                schema = {**{k: v for k, v in schema.items() if k not in {"anyOf", "oneOf"}}, **alternatives[0]}
            elif parts := schema.get("allOf"):
                schema = {**{k: v for k, v in schema.items() if k != "allOf"}, **parts[0]}
            else:
                break
        return schema

    def _refer(self, reference: str) -> Mapping[str, Any]:
        target: Any = self._root
        for part in reference.removeprefix("#").strip("/").split("/"):
            if part:
                target = cast("Mapping[str, Any]", target).get(part, {})
        return target

    @staticmethod
    def _kind(schema: Mapping[str, Any]) -> str:
        kind: object = schema.get("type")
        if isinstance(kind, list):
            return str(cast("list[object]", kind)[0])
        return str(kind) if kind else "object" if "properties" in schema else "string"

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties: Mapping[str, Mapping[str, Any]] = schema.get("properties") or {}
        required: Sequence[str] = schema.get("required") or ()
        # A recursive schema ends where it may: optional properties stop at some depth.
        names = [name for name in properties if depth < _DEEPEST or name in required]
        return {name: self.fill(properties[name], name=name, depth=depth + 1) for name in names}

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        items: Mapping[str, Any] = schema.get("items") or {}
        count = int(schema.get("minItems") or 0)
        return [self.fill(items, name=name, depth=depth + 1) for _ in range(count)]

    def _string(self, schema: Mapping[str, Any], name: str) -> str:
        words: set[str] = set(re.split(r"[_\W]+", name.lower()))
        if words & _ANSWER_NAMES:
            value = self._text
        elif words & _AREA_NAMES and self._entry:
            value = self._entry.area
        else:
            value = self._entry.topic if self._entry else "unknown"
        value = value[: int(schema.get("maxLength") or len(value))]
        return value.ljust(int(schema.get("minLength") or 0), ".")

    def _number(self, schema: Mapping[str, Any], name: str, *, is_integer: bool) -> float:
        value = self.confidence if set(name.lower().split("_")) & _CONFIDENCE_NAMES else 1.0
        if is_integer:
            value = round(value)
        low, high = schema.get("minimum"), schema.get("maximum")
        value = value if high is None else min(value, high)
        return value if low is None else max(value, low)

    def _choose(self, allowed: Sequence[Any]) -> Any:
        """The allowed value that names the entry's area or topic; else "other" or the like; else the first."""
        hints = f"{self._entry.area} {self._entry.topic} {self._entry.question}".lower() if self._entry else ""
        for value in allowed:
            if isinstance(value, str) and value and value.lower().replace("_", " ").rstrip("s") in hints:
                return value
        others = [value for value in allowed if value in {"other", "unknown", "general"}]
        return others[0] if others else allowed[0]
