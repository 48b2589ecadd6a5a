"""Spans as OTLP: the protobuf that `POST …/v1/traces` takes.

Encoded by hand from finished values, in isolation from the process's own OpenTelemetry: LiteLLM and others may have
a global tracer, and neither sees our spans nor sends us theirs.
"""

from collections.abc import Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from thriftgate.tracing.model import Attribute, Span
from thriftgate.types import Status

SERVICE = "thriftgate"
SCOPE = "langfuse-sdk-thriftgate"
"""Langfuse repeats every attribute in the metadata, unless the scope begins like that of its own SDK."""
_NANOSECONDS = 1_000_000_000
_LATEST = 2**63 - 1


def encode_spans(spans: Sequence[Span], *, release: str | None = None, public_key: str | None = None) -> bytes:
    """One `ExportTraceServiceRequest` with all spans; `public_key` is that of the project they go to.

    Langfuse takes spans of a scope like its own only with the key of the project beside it.
    """
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.append(_attribute("service.name", SERVICE))
    if release:
        resource.resource.attributes.append(_attribute("service.version", release))
    scope = resource.scope_spans.add()
    scope.scope.name = SCOPE if public_key else SERVICE
    if public_key:
        scope.scope.attributes.append(_attribute("public_key", public_key))
    for span in spans:
        _fill(scope.spans.add(), span)
    return request.SerializeToString()


def _fill(target: trace_pb2.Span, span: Span) -> None:
    target.trace_id = bytes.fromhex(span.trace_id)
    target.span_id = bytes.fromhex(span.span_id)
    if span.parent_id:
        target.parent_span_id = bytes.fromhex(span.parent_id)
    target.name = _text(span.name)
    target.kind = trace_pb2.Span.SPAN_KIND_INTERNAL
    target.start_time_unix_nano = _nanoseconds(span.started_at)
    target.end_time_unix_nano = max(_nanoseconds(span.ended_at), target.start_time_unix_nano)
    target.attributes.extend(_attribute(name, value) for name, value in span.attributes.items())
    if span.status is Status.FAILED:
        target.status.code = trace_pb2.Status.STATUS_CODE_ERROR
    elif span.status is Status.OK:
        target.status.code = trace_pb2.Status.STATUS_CODE_OK


def _attribute(name: str, value: Attribute) -> KeyValue:
    attribute = KeyValue(key=_text(name))
    _set(attribute.value, value)
    return attribute


def _set(target: AnyValue, value: Attribute) -> None:
    if isinstance(value, str):
        target.string_value = _text(value)
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int):
        if -_LATEST <= value <= _LATEST:
            target.int_value = value
        else:
            target.string_value = str(value)  # protobuf's integers end at 64 bits
    elif isinstance(value, float):
        target.double_value = value
    else:
        for part in value:
            _set(target.array_value.values.add(), part)


def _text(text: str) -> str:
    """Without lone surrogates, which JSON can carry and UTF-8 cannot."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _nanoseconds(at: float) -> int:
    return min(max(0, round(at * _NANOSECONDS)), _LATEST)
