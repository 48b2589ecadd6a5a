"""Which shape an answer must have, and the request that asks for it.

Failure behaviour: a schema of the caller's that cannot be checked raises InvalidRequestError (400).
"""

from dataclasses import dataclass, replace
from functools import partial

from thriftgate.config.sections.output import OutputConfig
from thriftgate.output.requirement import Requirement, requirement
from thriftgate.schemas import Refusal, Schema, compile_schema, is_at_hand
from thriftgate.schemas.wanted import Wanted, offered_tools, tool_choice, wanted_by
from thriftgate.services.request.background import beside_loop
from thriftgate.services.request.reading import view_of, with_body
from thriftgate.types import ChatRequest
from thriftgate.wire.formats import FIELDS, with_format


@dataclass(frozen=True, slots=True)
class OutputStage:
    """Reads what a request's answers must be, for one route."""

    config: OutputConfig
    schema: Schema | None
    """The route's own."""

    @classmethod
    def of(cls, config: OutputConfig | None) -> "OutputStage | None":
        """The stage of a route; None where it has none."""
        if config is None:
            return None
        compiled = compile_schema(config.json_schema) if config.json_schema is not None else None
        assert not isinstance(compiled, Refusal), "the configuration was checked at the start"
        return cls(config, compiled)

    async def apply(self, request: ChatRequest) -> tuple[ChatRequest, Requirement | None]:
        """The request asking for the route's shape where the caller asks for none, and what its answer must be."""
        is_slow = view_of(request).is_heavy or _must_be_compiled(wanted_by(request.params))
        return await beside_loop(partial(self._applied, request), is_heavy=is_slow)

    def _applied(self, request: ChatRequest) -> tuple[ChatRequest, Requirement | None]:
        wanted = wanted_by(request.params)
        may_call = wanted is None or wanted.kind != "forced_tool"
        offered = offered_tools(request.params) if may_call and tool_choice(request.params) != "none" else {}
        required = requirement(wanted, route=self.schema, offered=offered)
        if required is None or required.source != "route" or self.config.json_schema is None:
            return request, required
        required = replace(required, name=self.config.name)
        view = view_of(request)
        field = FIELDS[view.dialect]
        asking = with_body(request, with_format(view, name=required.name, schema=self.config.json_schema))
        # A provider that does not know the field may be asked without it; never without what the caller put there.
        ours = frozenset[str]() if field in view.body else frozenset({field})
        return replace(asking, added=request.added | ours), required


def _must_be_compiled(wanted: Wanted | None) -> bool:
    return wanted is not None and wanted.schema is not None and not is_at_hand(wanted.schema)
