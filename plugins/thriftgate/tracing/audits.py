"""The trace of an audit: what the gateway paid to check itself, beside the request that it checked.

    audit: support                           evaluator   the verdict, and which request it is about
    ├── audit: large                         generation  the strongest tier's answer, to compare with
    └── judge: judge                         generation

It is a trace of its own, so that a request's cost stays what the request cost, and the project's total is the
gateway's bill. It has the team's tag like the request, and the tag `audit` beside it. The request's id and trace stand
in its metadata, and its own trace in that of the score.
"""

from collections.abc import Mapping

from thriftgate.tracing import attributes as names
from thriftgate.tracing.identity import seeded_trace_id, span_id_of, trace_id_of
from thriftgate.tracing.model import Attribute, Span, finite_number
from thriftgate.tracing.spans import call_attributes, call_name, call_type, level_of, team_tag, who_and_where
from thriftgate.types import Audit, AuditKind, Status, TierCall, Usage

TAG = "audit"
_NOTHING = 1e-12
_EARLIER = "audit"
"""The model of an audit whose calls were not kept: releases before this one kept only their sum."""


def audit_trace_id(audit: Audit) -> str:
    """32 hex digits: always the same for the same verdict."""
    return seeded_trace_id("/".join(_path(audit)))


def spans_of_audit(audit: Audit, *, environment: str = "default", release: str | None = None) -> tuple[Span, ...]:
    """The trace of what an audit cost, the root first; none for a verdict that cost nothing, such as a user's word."""
    if audit.kind is AuditKind.FEEDBACK or not (audit.calls or finite_number(audit.cost_usd) > _NOTHING):
        return ()
    trace_id, path = audit_trace_id(audit), _path(audit)
    root_id = span_id_of(*path)
    common: dict[str, Attribute] = {
        names.TRACE_NAME: f"audit: {audit.route}",
        names.TAGS: (team_tag(audit.caller), TAG),
        **who_and_where(audit.caller, environment, release),
        **names.metadata(
            {"route": audit.route, "request_id": audit.request_id, "kind": audit.kind.value},
            prefix=names.TRACE_METADATA,
        ),
    }
    # A session shows what a customer saw.
    common.pop(names.SESSION_ID, None)
    begun = min((call.started_at for call in audit.calls), default=audit.judged_at)
    ended = max((call.started_at + finite_number(call.duration) for call in audit.calls), default=audit.judged_at)
    root = Span(
        trace_id=trace_id,
        span_id=root_id,
        parent_id=None,
        name=f"audit: {audit.route}",
        started_at=begun,
        ended_at=max(begun, ended),
        attributes={
            **common,
            names.TYPE: "evaluator",
            names.LEVEL: "DEFAULT",
            names.IS_ROOT: True,
            **_unexplained(audit),
            **names.metadata(
                {
                    "request_id": audit.request_id,
                    "request_trace_id": trace_id_of(audit.request_id, audit.traceparent),
                    "kind": audit.kind.value,
                    "tier": audit.tier,
                    "is_acceptable": audit.is_acceptable,
                    "decided_with": audit.score,
                    "cost_usd": finite_number(audit.cost_usd),
                }
            ),
        },
    )
    return (
        root,
        *(_call(place, call, trace_id, root_id, path, common) for place, call in enumerate(audit.calls)),
    )


def _call(
    place: int, call: TierCall, trace_id: str, root_id: str, path: tuple[str, ...], common: Mapping[str, Attribute]
) -> Span:
    about: dict[str, Attribute] = {names.TYPE: call_type(call), names.LEVEL: level_of(call.status, call.error)}
    if call.status is not Status.OK:
        about[names.STATUS_MESSAGE] = call.error or call.status.value
    return Span(
        trace_id=trace_id,
        span_id=span_id_of(*path, "call", place),
        parent_id=root_id,
        name=call_name(call),
        started_at=call.started_at,
        ended_at=call.started_at + max(0.0, finite_number(call.duration)),
        status=call.status,
        attributes={**common, **about, **call_attributes(call)},
    )


def _path(audit: Audit) -> tuple[str, ...]:
    return (audit.request_id, "audit", audit.kind.value, audit.tier or "")


def _unexplained(audit: Audit) -> Mapping[str, Attribute]:
    rest = finite_number(audit.cost_usd) - sum(finite_number(call.cost_usd) for call in audit.calls)
    if rest <= _NOTHING:
        return {}
    return {
        names.MODEL: _EARLIER,
        names.USAGE: names.usage_details(Usage()),
        names.COST: names.cost_details(rest),
    }
