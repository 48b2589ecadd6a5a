"""The judgements and the money of a request, as numbers that Langfuse can chart by user, team, route and version.

confidence         P(the given answer is acceptable), by the cascade or the cache, before it was given
similarity         of the question to the cached one, for semantic hits
saved_usd          what the request cost less than the baseline; negative where it cost more
net_saved_usd      the same, and for an audit what it cost as a negative number: its sum is what was saved, net
decision           how the request was answered, as a word: its counts are the shares of hits and escalations
quality            audit: was the answer that the client got as good as the strongest tier's
rejected_was_good  audit: would the cheaper answer that nobody got have done
quality_cache      audit: was the cached answer right for this question
audit_cost_usd     what finding that out cost
feedback           what the user said

Every score carries the time of its request, not of its sending: sent again it moves nothing, and it never falls on
another day than before, which Langfuse would keep as a second score.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from thriftgate.tracing.audits import audit_trace_id
from thriftgate.tracing.identity import span_id_of, trace_id_of
from thriftgate.tracing.model import Score, finite_number
from thriftgate.types import Audit, AuditKind, DecisionKind, RequestRecord, Status

CONFIDENCE = "confidence"
SIMILARITY = "similarity"
SAVED = "saved_usd"
NET_SAVED = "net_saved_usd"
DECISION = "decision"
QUALITY = "quality"
REJECTED_WAS_GOOD = "rejected_was_good"
QUALITY_CACHE = "quality_cache"
AUDIT_COST = "audit_cost_usd"
FEEDBACK = "feedback"
NAMES = (
    CONFIDENCE, SIMILARITY, SAVED, NET_SAVED, DECISION, QUALITY, REJECTED_WAS_GOOD, QUALITY_CACHE, AUDIT_COST, FEEDBACK,
)  # fmt: skip
"""Every score that is sent."""


def scores_of(record: RequestRecord, *, environment: str = "default") -> tuple[Score, ...]:
    """What was known of the request's quality and money when it was answered."""
    # Also of a request that was not answered: what it had cost by then is to be taken off.
    saved = finite_number(record.saved_usd) if record.status is Status.OK or record.saved_usd else None
    values: Mapping[str, float | str | None] = {
        CONFIDENCE: record.confidence,
        # An exact hit is similar by definition; its 1.0 would only blur the average.
        SIMILARITY: record.similarity if record.decision is DecisionKind.SEMANTIC_HIT else None,
        SAVED: saved,
        NET_SAVED: saved,
        DECISION: record.decision.value,
    }
    about = {
        "route": record.route,
        "decision": record.decision.value,
        "tier": record.tier,
        "status": None if record.status is Status.OK else record.status.value,
        "prompt_version": record.prompt.version if record.prompt else None,
    }
    return tuple(
        Score(
            score_id=_score_id(record.request_id, name),
            trace_id=trace_id_of(record.request_id, record.traceparent),
            name=name,
            value=value if isinstance(value, str) else finite_number(value),
            at=record.started_at,
            data_type="CATEGORICAL" if isinstance(value, str) else "NUMERIC",
            environment=environment,
            metadata={key: told for key, told in about.items() if told is not None},
        )
        for name, value in values.items()
        if value is not None
    )


def scores_of_audit(audit: Audit, *, environment: str = "default") -> tuple[Score, ...]:
    """The verdict as a score of 1 or 0, unless the judge could not tell, and what it cost."""
    return tuple(_scores_of_audit(audit, environment))


def _scores_of_audit(audit: Audit, environment: str) -> Iterator[Score]:
    trace_id = trace_id_of(audit.request_id, audit.traceparent)
    at = audit.judged_at if audit.asked_at is None else audit.asked_at
    about = {"route": audit.route, "tier": audit.tier, "decided_with": audit.score, "holdout": audit.holdout}
    name = quality_name(audit)
    if name is not None and audit.is_acceptable is not None:
        yield Score(
            # By the verdict's kind and tier: a later one replaces it.
            score_id=_score_id(audit.request_id, audit.kind.value, audit.tier or ""),
            trace_id=trace_id,
            name=name,
            value=1.0 if audit.is_acceptable else 0.0,
            at=at,
            data_type="BOOLEAN",
            environment=environment,
            metadata=about,
        )
    cost = finite_number(audit.cost_usd)
    if audit.kind is AuditKind.FEEDBACK or cost <= 0:
        return
    priced: Mapping[str, Any] = {**about, "kind": audit.kind.value, "audit_trace_id": audit_trace_id(audit)}
    for name, value in ((AUDIT_COST, cost), (NET_SAVED, -cost)):
        yield Score(
            score_id=_score_id(audit.request_id, name, audit.kind.value, audit.tier or ""),
            trace_id=trace_id,
            name=name,
            value=value,
            at=at,
            environment=environment,
            metadata=priced,
        )


def quality_name(audit: Audit) -> str | None:
    """What the verdict is a score of; None for one about an answer that only the cache had."""
    if audit.kind is AuditKind.CASCADE:
        # An audit of before this was noted is one of an accepted answer unless it says otherwise.
        return QUALITY if audit.details.get("is_accepted", True) else REJECTED_WAS_GOOD
    return {AuditKind.CACHE: QUALITY_CACHE, AuditKind.FEEDBACK: FEEDBACK}.get(audit.kind)


def _score_id(request_id: str, *path: str) -> str:
    return "tg-" + span_id_of(request_id, "score", *path)
