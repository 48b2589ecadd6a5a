"""Rows of the ledger's tables as values, and back."""

from collections.abc import Iterator, Mapping
from typing import Any

from thriftgate.stores.postgres.connection.database import Row
from thriftgate.stores.postgres.connection.text import finite, from_json, from_text, to_json, to_jsonb, to_text
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
    SummaryRow,
    TierCall,
    Usage,
)

Values = tuple[object, ...]


def request_values(record: RequestRecord) -> Values:
    """The row of a request, in the order of `REQUEST_COLUMNS`."""
    caller = record.caller
    return (
        to_text(record.request_id),
        to_text(record.route),
        _optional(caller.key_hash),
        _optional(caller.key_alias),
        _optional(caller.user_id),
        _optional(caller.team_id),
        _optional(caller.team_alias),
        _optional(caller.session_id),
        [to_text(tag) for tag in caller.tags],
        record.started_at,
        _number(record.duration),
        finite(record.time_to_first_token),
        record.status.value,
        _optional(record.error),
        record.stream,
        record.decision.value,
        _optional(record.reason),
        _optional(record.tier),
        finite(record.confidence),
        finite(record.similarity),
        *_usage_values(record.usage),
        _number(record.cost_usd),
        _number(record.baseline_cost_usd),
        to_jsonb(record.signals),
        to_jsonb([_stage_fields(stage) for stage in record.stages]),
        None if record.prompt is None else to_jsonb(_prompt_fields(record.prompt)),
        record.coalesced,
        _optional(record.cache_entry_id),
        _optional(record.traceparent),
        to_jsonb(record.metadata),
        None if record.input is None else to_json(record.input),
        _optional(record.output),
        _optional(caller.end_user_id),
        record.usage.cache_write_tokens,
        record.usage.cache_write_1h_tokens,
    )


def call_values(record: RequestRecord) -> Iterator[Values]:
    """The rows of a request's calls, in the order of `CALL_COLUMNS`."""
    for position, call in enumerate(record.calls):
        yield (
            to_text(record.request_id),
            position,
            to_text(call.model),
            to_text(call.deployment),
            call.purpose.value,
            call.started_at,
            _number(call.duration),
            finite(call.time_to_first_token),
            *_usage_values(call.usage),
            _number(call.cost_usd),
            call.status.value,
            _optional(call.error),
            finite(call.confidence),
            finite(call.mean_logprob),
            finite(call.min_logprob),
            to_jsonb(call.parameters),
            to_jsonb(call.cost_parts),
            call.usage.cache_write_tokens,
            call.usage.cache_write_1h_tokens,
        )


def audit_values(audit: Audit) -> Values:
    """The row of an audit, in the order of `AUDIT_COLUMNS`."""
    return (
        to_text(audit.request_id),
        audit.kind.value,
        to_text(audit.tier or ""),
        to_text(audit.route),
        audit.judged_at,
        audit.is_acceptable,
        finite(audit.score),
        _number(audit.cost_usd),
        audit.holdout,
        to_jsonb(audit.details),
        finite(audit.asked_at),
        to_jsonb([_call_fields(call) for call in audit.calls]),
    )


def record_of(row: Row) -> RequestRecord:
    """The request of one row; its calls come as `calls`, a JSON array of their rows."""
    return RequestRecord(
        request_id=from_text(row["request_id"]),
        route=from_text(row["route"]),
        caller=_caller_of(row),
        started_at=row["started_at"],
        duration=row["duration"],
        time_to_first_token=row["time_to_first_token"],
        status=Status(row["status"]),
        error=_text(row["error"]),
        stream=row["stream"],
        decision=DecisionKind(row["decision"]),
        reason=_text(row["reason"]),
        tier=_text(row["tier"]),
        confidence=row["confidence"],
        similarity=row["similarity"],
        usage=_usage_of(row),
        cost_usd=row["cost_usd"],
        baseline_cost_usd=row["baseline_cost_usd"],
        calls=tuple(_call_of(call) for call in from_json(row["calls"] or "[]")),
        stages=tuple(Stage(**stage) for stage in from_json(row["stages"])),
        signals=from_json(row["signals"]),
        prompt=None if row["prompt"] is None else PromptRef(**from_json(row["prompt"])),
        coalesced=row["coalesced"],
        cache_entry_id=_text(row["cache_entry_id"]),
        traceparent=_text(row["traceparent"]),
        metadata=from_json(row["metadata"]),
        input=None if row["input"] is None else tuple(from_json(row["input"])),
        output=_text(row["output"]),
    )


def audit_of(row: Row) -> Audit:
    """The audit of one row."""
    return Audit(
        request_id=from_text(row["request_id"]),
        kind=AuditKind(row["kind"]),
        route=from_text(row["route"]),
        tier=from_text(row["tier"]) or None,
        judged_at=row["judged_at"],
        is_acceptable=row["is_acceptable"],
        score=row["score"],
        cost_usd=row["cost_usd"],
        holdout=row["holdout"],
        details=from_json(row["details"]),
        calls=tuple(_call_of(call) for call in from_json(row["calls"] or "[]")),
        asked_at=row["started_at"] if row["asked_at"] is None else row["asked_at"],
        caller=_caller_of(row),
        traceparent=_text(row["traceparent"]),
    )


def summary_of(row: Row) -> SummaryRow:
    """One group's sums."""
    return SummaryRow(
        group=_text(row["name"]),
        label=_text(row["label"]),
        requests=row["requests"],
        failures=row["failures"],
        decisions={kind: row[kind.value] for kind in DecisionKind if row.get(kind.value)},
        usage=_usage_of(row),
        cost_usd=row["cost_usd"],
        baseline_cost_usd=row["baseline_cost_usd"],
        checking_cost_usd=row["checking_cost_usd"],
        duration_p50=row["duration_p50"],
        duration_p95=row["duration_p95"],
        last_at=row.get("last_at"),
    )


def _call_of(call: Mapping[str, Any]) -> TierCall:
    return TierCall(
        model=from_text(call["model"]),
        deployment=from_text(call["deployment"]),
        purpose=CallPurpose(call["purpose"]),
        started_at=call["started_at"],
        duration=call["duration"],
        time_to_first_token=call["time_to_first_token"],
        usage=_usage_of(call),
        cost_usd=call["cost_usd"],
        status=Status(call["status"]),
        error=_text(call["error"]),
        confidence=call["confidence"],
        mean_logprob=call["mean_logprob"],
        min_logprob=call["min_logprob"],
        parameters=_parsed(call["parameters"]),
        cost_parts=_parsed(call["cost_parts"]),
    )


def _call_fields(call: TierCall) -> Mapping[str, Any]:
    """A call inside another row, in the names of its own columns; without what was said."""
    return {
        "model": to_text(call.model),
        "deployment": to_text(call.deployment),
        "purpose": call.purpose.value,
        "started_at": call.started_at,
        "duration": _number(call.duration),
        "time_to_first_token": finite(call.time_to_first_token),
        "prompt_tokens": call.usage.prompt_tokens,
        "completion_tokens": call.usage.completion_tokens,
        "cached_tokens": call.usage.cached_tokens,
        "reasoning_tokens": call.usage.reasoning_tokens,
        "is_estimated": call.usage.is_estimated,
        "cost_usd": _number(call.cost_usd),
        "status": call.status.value,
        "error": _optional(call.error),
        "confidence": finite(call.confidence),
        "mean_logprob": finite(call.mean_logprob),
        "min_logprob": finite(call.min_logprob),
        "parameters": call.parameters,
        "cost_parts": call.cost_parts,
        "cache_write_tokens": call.usage.cache_write_tokens,
        "cache_write_1h_tokens": call.usage.cache_write_1h_tokens,
    }


def _caller_of(row: Row) -> Caller:
    return Caller(
        key_hash=_text(row["key_hash"]),
        key_alias=_text(row["key_alias"]),
        user_id=_text(row["user_id"]),
        end_user_id=_text(row["end_user_id"]),
        team_id=_text(row["team_id"]),
        team_alias=_text(row["team_alias"]),
        session_id=_text(row["session_id"]),
        tags=tuple(from_text(tag) for tag in row["tags"] or ()),
    )


def _usage_values(usage: Usage) -> Values:
    return (
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.cached_tokens,
        usage.reasoning_tokens,
        usage.is_estimated,
    )


def _usage_of(row: Row) -> Usage:
    return Usage(
        row["prompt_tokens"],
        row["completion_tokens"],
        row["cached_tokens"],
        row["reasoning_tokens"],
        row["is_estimated"],
        # The calls of an audit were kept without them once.
        row.get("cache_write_tokens") or 0,
        row.get("cache_write_1h_tokens") or 0,
    )


def _stage_fields(stage: Stage) -> Mapping[str, Any]:
    return {
        "name": stage.name,
        "started_at": stage.started_at,
        "duration": stage.duration,
        "attributes": stage.attributes,
    }


def _prompt_fields(prompt: PromptRef) -> Mapping[str, Any]:
    return {
        "name": prompt.name,
        "variant": prompt.variant,
        "version": prompt.version,
        "experiment": prompt.experiment,
    }


def _parsed(stored: Any) -> Mapping[str, Any]:
    """A JSON column that came inside another JSON value, and so is parsed already."""
    return stored or {}


def _number(number: float) -> float:
    """One price that is no number must not make every sum it enters none."""
    return finite(number) or 0.0


def _optional(text: str | None) -> str | None:
    return None if text is None else to_text(text)


def _text(stored: str | None) -> str | None:
    return None if stored is None else from_text(stored)
