"""What a trace shows beside what Langfuse has fields for. Never a key's hash, and nothing that anybody said."""

from collections.abc import Mapping
from typing import Any

from thriftgate.tracing.identity import trace_id_of
from thriftgate.tracing.model import finite_number
from thriftgate.types import PromptRef, RequestRecord, TierCall


def request_facts(record: RequestRecord) -> Mapping[str, Any]:
    """What explains the decision."""
    caller = record.caller
    return {
        **record.metadata,
        "request_id": record.request_id,
        "decision": record.decision.value,
        "reason": record.reason,
        "tier": record.tier,
        "status": record.status.value,
        "stream": record.stream,
        "coalesced": record.coalesced,
        "confidence": record.confidence,
        "similarity": record.similarity,
        "cost_usd": finite_number(record.cost_usd),
        "baseline_cost_usd": finite_number(record.baseline_cost_usd),
        "saved_usd": finite_number(record.saved_usd),
        "usage_is_estimated": record.usage.is_estimated,
        "time_to_first_token": record.time_to_first_token,
        "cache_entry_id": record.cache_entry_id,
        "key_alias": caller.key_alias,
        "team": caller.team_alias or caller.team_id,
        "end_user": caller.end_user_id,
        **_reused(record),
        "client_tags": list(caller.tags) or None,
        "signals": dict(record.signals) or None,
        **_prompt_facts(record.prompt),
    }


def _reused(record: RequestRecord) -> Mapping[str, Any]:
    """Where a hit's answer was made, to go there."""
    request_id = record.metadata.get("reused_request_id")
    return {"reused_trace_id": trace_id_of(str(request_id))} if request_id else {}


def _prompt_facts(prompt: PromptRef | None) -> Mapping[str, Any]:
    if prompt is None:
        return {}
    return {
        "prompt": prompt.name,
        "prompt_variant": prompt.variant,
        "prompt_version": prompt.version,
        "experiment": prompt.experiment,
    }


def call_facts(call: TierCall) -> Mapping[str, Any]:
    """What explains one call."""
    return {
        "purpose": call.purpose.value,
        "tier": call.model,
        "confidence": call.confidence,
        "mean_logprob": call.mean_logprob,
        "min_logprob": call.min_logprob,
        "usage_is_estimated": call.usage.is_estimated,
    }
