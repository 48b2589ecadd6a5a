"""Which schema an answer must fit: the caller's, else the route's.

Failure behaviour: pure; a caller's schema that cannot be checked raises InvalidRequestError (400), and says why.
"""

from dataclasses import dataclass
from typing import Literal

from thriftgate.errors import InvalidRequestError
from thriftgate.schemas import Refusal, Schema, compile_schema
from thriftgate.schemas.wanted import Wanted

Source = Literal["caller", "route"]


@dataclass(frozen=True, slots=True)
class Requirement:
    """The shape of the answer to one request."""

    source: Source
    schema: Schema | None
    """None: any JSON object."""
    name: str = "answer"
    tool: str | None = None
    """The tool whose arguments are the answer; None when the answer's text is."""


def requirement(wanted: Wanted | None, *, route: Schema | None = None) -> Requirement | None:
    """What applies to a request; None for free text.

    A caller's own schema goes before the route's; a caller who wants just any object gets the route's.
    Raises InvalidRequestError for a schema of the caller that is refused.
    """
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
