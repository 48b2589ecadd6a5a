"""The judgements of a request: how sure we were, and what audits and users said afterwards.

confidence        P(the given answer is acceptable), by the cascade or the cache, before it was given
similarity        of the question to the cached one, for semantic hits
quality_cascade   audit: was the cheaper tier's answer as good as the strongest one's (also of escalated answers)
quality_cache     audit: was the cached answer right for this question
feedback          what the user said
"""

from thriftgate.tracing.identity import span_id_of, trace_id_of
from thriftgate.tracing.model import Score, finite
from thriftgate.types import Audit, AuditKind, DecisionKind, RequestRecord

_AUDITS = {
    AuditKind.CASCADE: "quality_cascade",
    AuditKind.CACHE: "quality_cache",
    AuditKind.FEEDBACK: "feedback",
}


def scores_of(record: RequestRecord, *, environment: str = "default") -> tuple[Score, ...]:
    """What was known of the request's quality when it was answered."""
    values = {
        "confidence": record.confidence,
        # An exact hit is similar by definition; its 1.0 would only blur the average.
        "similarity": record.similarity if record.decision is DecisionKind.SEMANTIC_HIT else None,
    }
    return tuple(
        Score(
            score_id=_score_id(record.request_id, name),
            trace_id=trace_id_of(record.request_id, record.traceparent),
            name=name,
            value=finite(value),
            environment=environment,
            metadata={"route": record.route, "decision": record.decision.value, "tier": record.tier},
        )
        for name, value in values.items()
        if value is not None
    )


def score_of_audit(audit: Audit, *, environment: str = "default") -> Score | None:
    """The verdict as a score of 1 or 0; None where the judge could not tell."""
    if audit.is_acceptable is None:
        return None
    name = _AUDITS[audit.kind]
    return Score(
        score_id=_score_id(audit.request_id, name, audit.tier or ""),
        trace_id=trace_id_of(audit.request_id, audit.traceparent),
        name=name,
        value=1.0 if audit.is_acceptable else 0.0,
        data_type="BOOLEAN",
        environment=environment,
        metadata={
            "route": audit.route,
            "tier": audit.tier,
            "decided_with": audit.score,
            "holdout": audit.holdout,
            "cost_usd": audit.cost_usd,
        },
    )


def _score_id(request_id: str, *path: str) -> str:
    return "tg-" + span_id_of(request_id, "score", *path)
