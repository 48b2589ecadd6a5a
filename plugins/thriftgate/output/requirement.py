"""Which schema an answer must fit, the caller's or else the route's, and how a model is asked for it.

Failure behaviour: pure; a caller's schema that cannot be checked raises InvalidRequestError (400), and says why.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from thriftgate.errors import InvalidRequestError
from thriftgate.schemas import Refusal, Schema, compile_schema
from thriftgate.schemas.wanted import Wanted

Source = Literal["caller", "route"]
_NONE: Mapping[str, object] = {}
ANY_OBJECT = "Answer with one JSON object and nothing else: no code fence, no text before or after it."
"""How a model is asked for JSON of any shape where its provider has no field for that."""


class CallableTools:
    """Tools that a model may call; the schema of one's arguments is compiled when it is called, for few of many are."""

    def __init__(self, offered: Mapping[str, object] = _NONE) -> None:
        self._offered = offered
        self._called: dict[str, Schema | None] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._offered

    def __bool__(self) -> bool:
        return bool(self._offered)

    def schema(self, name: str) -> Schema | None:
        """The schema of a call's arguments; None: any JSON object, also where a schema cannot be checked."""
        if name not in self._called:
            given = self._offered[name]
            schema = compile_schema(given) if given is not None else None
            self._called[name] = None if isinstance(schema, Refusal) else schema
        return self._called[name]

    @property
    def names(self) -> frozenset[str]:
        """The names of properties of the tools that were called."""
        called = tuple(self._called.values())
        return frozenset[str]().union(*(schema.names for schema in called if schema is not None))


@dataclass(frozen=True, slots=True)
class Requirement:
    """The shape of the answer to one request."""

    source: Source
    schema: Schema | None
    """None: any JSON object."""
    name: str = "answer"
    tool: str | None = None
    """The tool whose arguments are the answer; None when the answer's text is."""
    calls: CallableTools = field(default_factory=CallableTools)
    """Tools that the model may call."""
    is_free_text: bool = False
    """What is said in words may have any shape, and calls alone are checked."""

    @property
    def names(self) -> frozenset[str]:
        """The names of properties in its schemas, which may be told to whoever sent them."""
        return self.calls.names if self.schema is None else self.calls.names | self.schema.names

    def of_call(self, name: str) -> "Requirement | None":
        """What the arguments of a call must be; None for a tool that was not offered."""
        if name == self.tool:
            return self
        return Requirement("caller", self.calls.schema(name), name, tool=name) if name in self.calls else None


def requirement(
    wanted: Wanted | None, *, route: Schema | None = None, offered: Mapping[str, object] = _NONE
) -> Requirement | None:
    """What applies to a request; None for free text.

    A caller's own schema goes before the route's; a caller who wants just any object gets the route's. `offered` are
    the schemas of tools that the model may call. A schema of these that cannot be checked asks for a JSON object.
    Raises InvalidRequestError for a schema of the caller that is refused.
    """
    found = _required(wanted, route)
    if not offered or (found is not None and found.tool is not None):
        return found
    calls = CallableTools(offered)
    return replace(found, calls=calls) if found else Requirement("caller", None, calls=calls, is_free_text=True)


def _required(wanted: Wanted | None, route: Schema | None) -> Requirement | None:
    if wanted is not None and wanted.schema is not None:
        schema = compile_schema(wanted.schema)
        if isinstance(schema, Refusal):
            param = "tools" if wanted.kind == "forced_tool" else "response_format"
            raise InvalidRequestError(schema.words, code="invalid_json_schema", param=param)
        return _of(wanted, schema, "caller")
    if wanted is not None and wanted.kind == "forced_tool":
        return _of(wanted, None, "caller")
    if route is not None:
        return Requirement("route", route)
    return _of(wanted, None, "caller") if wanted is not None else None


def _of(wanted: Wanted, schema: Schema | None, source: Source) -> Requirement:
    tool = wanted.name if wanted.kind == "forced_tool" else None
    return Requirement(source, schema, wanted.name or "answer", tool)


def response_format(requirement: Requirement) -> dict[str, Any]:
    """The parameter `response_format` in OpenAI's form, for a tier that has it."""
    if requirement.schema is None:
        return {"type": "json_object"}
    return {
        "type": "json_schema",
        "json_schema": {"name": requirement.name, "schema": requirement.schema.document.root},
    }


def in_words(requirement: Requirement) -> str:
    """A system text for a tier without a native form."""
    if requirement.schema is None:
        return ANY_OBJECT
    schema = json.dumps(requirement.schema.document.root, ensure_ascii=False)
    return (
        "Answer with one JSON value and nothing else: no code fence, no text before or after it. "
        f"It must be valid under this JSON schema:\n{schema}"
    )


def once_more(objection: str, *, is_call: bool = False) -> str:
    """A user's text after an answer that cannot be used, or the result of a call that was not made."""
    if is_call:
        return (
            f"This was not called: {objection}. "
            "Call it again with the complete arguments as JSON, keeping all that was right."
        )
    return (
        f"That answer cannot be used: {objection}. "
        "Answer again with the complete JSON and nothing else, keeping all that was right."
    )
