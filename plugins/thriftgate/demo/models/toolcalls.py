"""When a demo model calls a tool, with which arguments, and how it tells the result.

Failure behaviour: pure and total. A tool result that is no JSON object is told as it stands; a field that the
result lacks is left out of the telling.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from thriftgate.demo.knowledge import Entry, ToolHint
from thriftgate.demo.request import NamedTool, ToolSpec
from thriftgate.demo.tokens import IDENTIFIER, content_text

EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_NUMBER = re.compile(r"(?<![\w-])\d+(?:\.\d+)?(?![\w-])")
_REASON = re.compile(r"\b(?:because|since|as)\s+(.+?)[.!?]?$", re.IGNORECASE | re.DOTALL)
_FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A call the model makes; with `ask_back`, the question it asks instead because an argument is missing."""

    name: str
    arguments: Mapping[str, Any]
    is_forced: bool
    ask_back: str | None = None

    @property
    def arguments_json(self) -> str:
        """The arguments as the model writes them."""
        return json.dumps(self.arguments, ensure_ascii=False)

    def is_wanted(self, *, forgets: bool) -> bool:
        """Whether the call is made by a model that may forget its tools; a forced one cannot be forgotten."""
        return self.is_forced or not forgets


def choose_call(
    tools: Sequence[ToolSpec], choice: str | NamedTool, entry: Entry | None, question: str
) -> PlannedCall | None:
    """The call that `question` needs; None when it needs none or the right tool was not sent."""
    if not tools or choice == "none":
        return None
    if isinstance(choice, NamedTool):
        tool = next(tool for tool in tools if tool.function.name == choice.function.name)
        return _call(tool, None, question, is_forced=True)
    hint = entry.tool if entry else None
    if choice == "required":
        wanted = hint.name if hint else question
        return _call(max(tools, key=lambda tool: _likeness(tool, wanted)), hint, question, is_forced=True)
    if hint is None:
        return None
    tool = max(tools, key=lambda tool: _likeness(tool, hint.name))
    return _call(tool, hint, question, is_forced=False) if _names_agree(tool.function.name, hint.name) else None


def tell_result(messages: Sequence[Mapping[str, Any]], entry: Entry | None) -> str:
    """The answer after the tools have run: one sentence or two for each result at the end of the conversation."""
    calls: dict[str, Mapping[str, Any]] = {
        str(call.get("id")): call.get("function") or {} for message in messages for call in _calls(message)
    }
    told: list[str] = []
    for message in _trailing_results(messages):
        function: Mapping[str, Any] = calls.get(str(message.get("tool_call_id")), {})
        arguments = _json_object(str(function.get("arguments") or ""))
        told.append(_tell(str(function.get("name") or ""), arguments, content_text(message), entry))
    return " ".join(told)


def _call(tool: ToolSpec, hint: ToolHint | None, question: str, *, is_forced: bool) -> PlannedCall:
    schema = tool.function.parameters
    properties: Mapping[str, Mapping[str, Any]] = schema.get("properties") or {}
    required: Sequence[str] = schema.get("required") or ()
    arguments: dict[str, Any] = {}
    missing: list[str] = []
    for name, property_schema in properties.items():
        value = _find_argument(name, property_schema, question)
        if value is not None:
            arguments[name] = value
        elif is_forced and name in required:
            arguments[name] = _placeholder(property_schema)
        elif name in required or (hint and any(_names_agree(name, need) for need in hint.needs)):
            missing.append(name.replace("_", " "))
    ask_back = None
    if missing and not is_forced:
        ask_back = f"I can look into that for you. Could you tell me the {' and the '.join(missing)} first?"
    return PlannedCall(tool.function.name, arguments, is_forced, ask_back)


def _find_argument(name: str, schema: Mapping[str, Any], text: str) -> Any:
    if allowed := schema.get("enum"):
        return _find_choice(cast("Sequence[Any]", allowed), schema, text)
    kind = schema.get("type", "string")
    if kind in {"integer", "number"}:
        found = _NUMBER.search(text)
        return None if found is None else int(float(found[0])) if kind == "integer" else float(found[0])
    if kind != "string":
        return None
    words: set[str] = set(name.lower().split("_"))
    if words & {"email", "mail", "address"} and (found := EMAIL.search(text)):
        return found[0]
    if words & {"date", "day"}:
        return found[0] if (found := _DATE.search(text)) else None
    if words & {"id", "number", "order", "tracking", "invoice"}:
        return found[0].lstrip("#") if (found := IDENTIFIER.search(text)) else None
    if words & {"reason", "why", "note"}:
        return found[1] if (found := _REASON.search(text)) else None
    return text if words & {"query", "question", "text", "topic"} else None


def _find_choice(allowed: Sequence[Any], schema: Mapping[str, Any], text: str) -> Any:
    said = text.lower()
    for value in allowed:
        if re.search(rf"\b{re.escape(str(value).lower().replace('_', ' '))}\b", said):
            return value
    return schema.get("default")


def _placeholder(schema: Mapping[str, Any]) -> Any:
    if allowed := schema.get("enum"):
        return allowed[0]
    empty: dict[str, Any] = {"integer": 0, "number": 0.0, "boolean": False, "array": [], "object": {}}
    return empty.get(str(schema.get("type", "string")), "unknown")


def _likeness(tool: ToolSpec, wanted: str) -> float:
    """How many of the wanted words the tool's name and description have; the name counts double."""
    words = _words(wanted)
    in_name, in_description = words & _words(tool.function.name), words & _words(tool.function.description)
    return len(in_name) * 2 + len(in_description)


def _names_agree(name: str, other: str) -> bool:
    """At least half of the shorter name's words return in the other one, verbs like "get" aside."""
    one, two = _words(name) - _IDLE, _words(other) - _IDLE
    return bool(one and two) and 2 * len(one & two) >= min(len(one), len(two))


_IDLE = frozenset({"get", "fetch", "lookup", "look", "find", "do", "make", "the", "up"})


def _words(text: str) -> set[str]:
    return {word.lower().removesuffix("s") for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", text)}


def _calls(message: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return message.get("tool_calls") or ()


def _trailing_results(messages: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    first = len(messages)
    while first and messages[first - 1].get("role") == "tool":
        first -= 1
    yield from messages[first:]


def _json_object(text: str) -> dict[str, Any]:
    try:
        value: object = json.loads(text)
    except ValueError:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _tell(name: str, arguments: Mapping[str, Any], content: str, entry: Entry | None) -> str:
    result = _json_object(content)
    if not result:
        return f"Here is what I found: {content.strip()}" if content.strip() else "The lookup came back empty."
    if error := result.get("error"):
        return f"I am sorry, that did not work: {error}. A colleague can help you at help@brindlebox.example."
    fields = {**arguments, **result}
    hint = entry.tool if entry else None
    if hint and _names_agree(name, hint.name) and set(_FIELD.findall(hint.report)) <= fields.keys():
        return _FIELD.sub(lambda match: _spell(fields[match[1]]), hint.report)
    listed = "; ".join(f"{key.replace('_', ' ')}: {_spell(value)}" for key, value in result.items())
    return f"Here is what I found: {listed}."


def _spell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(_spell, cast("list[object]", value))) if isinstance(value, list) else str(value)
