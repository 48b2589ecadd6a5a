"""Requests for the tests of traces: one of every kind, and what arrives as OTLP, read back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from thriftgate.tracing import attributes as names
from thriftgate.types import (
    Audit,
    AuditKind,
    Caller,
    CallPurpose,
    DecisionKind,
    PromptRef,
    RequestRecord,
    Stage,
    Status,
    TierCall,
    Usage,
)

NOW = 1_700_000_000.0
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
CALLER = Caller(
    key_hash="hash-of-a-key",
    key_alias="app",
    user_id="ada",
    team_id="t-1",
    team_alias="acme",
    session_id="s-1",
    tags=("beta",),
)
SMALL = TierCall(
    model="small",
    deployment="openai/mini",
    started_at=NOW + 0.02,
    duration=0.3,
    usage=Usage(100, 20, 40, 5),
    cost_usd=0.001,
    confidence=0.4,
    mean_logprob=-0.7,
    min_logprob=-3.5,
    parameters={"temperature": 0.2, "max_tokens": 50},
)
LARGE = TierCall(
    model="large",
    deployment="anthropic/big",
    started_at=NOW + 0.35,
    duration=0.9,
    time_to_first_token=0.25,
    usage=Usage(100, 30),
    cost_usd=0.02,
    cost_parts={"input": 0.012, "output": 0.008},
)
ESCALATED = RequestRecord(
    request_id="req-1",
    route="support",
    caller=CALLER,
    started_at=NOW,
    duration=1.3,
    time_to_first_token=0.6,
    stream=True,
    decision=DecisionKind.ESCALATED,
    reason="below_threshold",
    tier="large",
    confidence=0.9,
    usage=Usage(100, 30),
    cost_usd=0.021,
    baseline_cost_usd=0.02,
    calls=(SMALL, LARGE),
    stages=(
        Stage(name="prompt", started_at=NOW, duration=0.01),
        Stage(name="cascade", started_at=NOW + 0.01, duration=1.25, attributes={"tier": "large"}),
    ),
    signals={"mean_logprob": -0.7},
    prompt=PromptRef(name="desk", variant="concise", version="abc123", experiment="tone"),
)
ACCEPTED = replace(
    ESCALATED,
    request_id="req-2",
    decision=DecisionKind.ACCEPTED,
    reason=None,
    tier="small",
    stream=False,
    time_to_first_token=None,
    calls=(replace(SMALL, confidence=0.95),),
    cost_usd=0.001,
)
SEMANTIC_HIT = replace(
    ACCEPTED,
    request_id="req-3",
    decision=DecisionKind.SEMANTIC_HIT,
    similarity=0.97,
    confidence=0.99,
    usage=Usage(),
    calls=(),
    cost_usd=0.0,
    stages=(Stage(name="cache", started_at=NOW, duration=0.01, attributes={"outcome": "semantic_hit"}),),
    cache_entry_id="e-1",
)
EXACT_HIT = replace(SEMANTIC_HIT, request_id="req-4", decision=DecisionKind.EXACT_HIT, similarity=1.0, confidence=1.0)
COALESCED = replace(EXACT_HIT, request_id="req-5", reason="coalesced", coalesced=True, cache_entry_id=None)
FAILED = replace(
    ESCALATED,
    request_id="req-6",
    status=Status.FAILED,
    error="AllTiersFailedError 502",
    decision=DecisionKind.FAILED,
    tier=None,
    confidence=None,
    usage=Usage(),
    cost_usd=0.0,
    baseline_cost_usd=0.0,
    calls=(
        replace(SMALL, status=Status.FAILED, error="TierFailedError 500", usage=Usage(), cost_usd=0.0),
        replace(LARGE, status=Status.FAILED, error="TierFailedError 503", usage=Usage(), cost_usd=0.0),
    ),
)
CANCELLED = replace(
    ESCALATED,
    request_id="req-7",
    status=Status.CANCELLED,
    error="GeneratorExit",
    calls=(SMALL, replace(LARGE, status=Status.CANCELLED, error="GeneratorExit")),
)
REFUSED = RequestRecord(
    request_id="req-8",
    route="support",
    caller=CALLER,
    started_at=NOW,
    duration=0.002,
    status=Status.FAILED,
    error="RateLimitError 429",
    decision=DecisionKind.FAILED,
    reason="refused_at_the_edge",
)
SAID = replace(
    ACCEPTED,
    request_id="req-9",
    input=({"role": "user", "content": "my mail is ada@example.com"},),
    output="noted, ada@example.com",
    calls=(
        replace(SMALL, input=({"role": "user", "content": "my mail is ada@example.com"},), output="ada@example.com"),
    ),
)
SECOND_SAMPLE = replace(
    ACCEPTED,
    request_id="req-10",
    traceparent=TRACEPARENT,
    calls=(SMALL, replace(SMALL, purpose=CallPurpose.SECOND_SAMPLE, started_at=NOW + 0.4)),
    cost_usd=0.002,
)
EVERY_KIND = (
    ESCALATED, ACCEPTED, SEMANTIC_HIT, EXACT_HIT, COALESCED, FAILED, CANCELLED, REFUSED, SAID, SECOND_SAMPLE,
)  # fmt: skip
AUDIT = Audit(
    request_id="req-2",
    kind=AuditKind.CASCADE,
    route="support",
    tier="small",
    judged_at=NOW + 5,
    is_acceptable=True,
    score=0.95,
    cost_usd=0.02,
    holdout=True,
    calls=(
        replace(LARGE, purpose=CallPurpose.AUDIT, time_to_first_token=None, cost_usd=0.018, cost_parts={}),
        replace(SMALL, model="judge", purpose=CallPurpose.JUDGE, started_at=NOW + 3, cost_usd=0.002, confidence=None),
    ),
    asked_at=NOW,
    caller=CALLER,
)


@dataclass(frozen=True)
class SeenSpan:
    """A span as it came over the wire."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    started_at: float
    ended_at: float
    status: str
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def kind(self) -> str:
        return self.attributes[names.TYPE]

    @property
    def level(self) -> str:
        return self.attributes[names.LEVEL]

    def about(self, name: str) -> Any:
        """One value of the observation's metadata."""
        return self.attributes.get(names.METADATA + name)

    def parsed(self, name: str) -> Any:
        """An attribute that holds JSON."""
        return json.loads(self.attributes[name])


def decode(body: bytes) -> list[SeenSpan]:
    """The spans of one OTLP request."""
    request = ExportTraceServiceRequest.FromString(body)
    return [
        _seen(span) for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans
    ]


def _seen(span: trace_pb2.Span) -> SeenSpan:
    return SeenSpan(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        name=span.name,
        started_at=span.start_time_unix_nano / 1e9,
        ended_at=span.end_time_unix_nano / 1e9,
        status=trace_pb2.Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
        attributes={attribute.key: _value(attribute.value) for attribute in span.attributes},
    )


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return tuple(_value(part) for part in value.array_value.values)
    return None if kind is None else getattr(value, kind)
