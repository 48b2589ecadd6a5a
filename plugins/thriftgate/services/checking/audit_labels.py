"""Audits out of the ledger, joined with their requests: as labels for a calibration, or as conversations to read.

Failure behaviour: raises what the ledger raises (StoreUnavailableError); audits that teach nothing are left out and
counted by the reason.
"""

from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from thriftgate.cascade.calibration.labels import Label, labels_from_audits
from thriftgate.ports import Ledger
from thriftgate.services.request.reading import question_of
from thriftgate.types import Audit, AuditKind, CallPurpose, RequestRecord

LONGEST_AFTER = 86_400.0
"""Seconds; an audit is judged at most so long after its request."""
_FOR_THE_CHEAP_ANSWER = (CallPurpose.SECOND_SAMPLE, CallPurpose.RATING)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLabels:
    """What the ledger's audits of one route teach."""

    labels: list[Label]
    prompt_version: str
    """Of the prompt that the labelled answers were made with; empty for a route without one."""
    questions: Sequence[str | None]
    """The text of each label's question; None where content was not captured."""
    left_out: Mapping[str, int]
    """Audits that are no labels, by the reason."""


async def read_audit_labels(
    ledger: Ledger, *, route: str, tiers: Sequence[str], since: float | None = None
) -> AuditLabels:
    """The labels of a route with two tiers, of audits since then; only those of the latest prompt version count."""
    audits = [
        audit
        for audit in await ledger.audits(route=route, kind=AuditKind.CASCADE, since=since)
        if audit.holdout and audit.details.get("signals")
    ]
    wanted = {audit.request_id for audit in audits}
    records: dict[str, RequestRecord] = {}
    means = _Means()
    async for record in ledger.records(route=route, since=None if since is None else since - LONGEST_AFTER):
        means.add(record)
        if record.request_id in wanted:
            records[record.request_id] = record
    version = _latest_version(audits, records)
    reasons = {audit.request_id: _unfit(audit, records.get(audit.request_id), tiers, version) for audit in audits}
    fit = [audit for audit in audits if reasons[audit.request_id] is None]
    return AuditLabels(
        labels=labels_from_audits(
            fit,
            tiers=tiers,
            cost_usd=[means.of(tier) for tier in tiers],
            costs={audit.request_id: _costs(audit, records[audit.request_id], tiers, means) for audit in fit},
        ),
        prompt_version=version,
        questions=[_question(audit) for audit in fit],
        left_out=Counter(reason for reason in reasons.values() if reason is not None),
    )


class _Means:
    """What a call of each tier takes on average."""

    def __init__(self) -> None:
        self._sums: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])

    def add(self, record: RequestRecord) -> None:
        for call in record.calls:
            if call.purpose is CallPurpose.ANSWER and call.cost_usd > 0:
                self._sums[call.model][0] += call.cost_usd
                self._sums[call.model][1] += 1

    def of(self, tier: str) -> float:
        total, calls = self._sums[tier]
        return total / calls if calls else 0.0


def _question(audit: Audit) -> str | None:
    content: Mapping[str, Any] = audit.details.get("content") or {}
    return question_of(content.get("messages") or ()) or None


def _latest_version(audits: Sequence[Audit], records: Mapping[str, RequestRecord]) -> str:
    known = [records[audit.request_id] for audit in audits if audit.request_id in records]
    latest = max(known, key=lambda record: record.started_at, default=None)
    return _version_of(latest) if latest else ""


def _version_of(record: RequestRecord) -> str:
    return record.prompt.version if record.prompt else ""


def _unfit(audit: Audit, record: RequestRecord | None, tiers: Sequence[str], version: str) -> str | None:
    """Why an audit is no label; None when it is one."""
    if audit.is_acceptable is None:
        return "the judge could not tell"
    if audit.tier != tiers[0]:
        return f"the answer was not of {tiers[0]}"
    if record is None:
        return "the request is not in the ledger any more"
    return None if _version_of(record) == version else "the prompt had another version"


def _costs(audit: Audit, record: RequestRecord, tiers: Sequence[str], means: _Means) -> tuple[float, float]:
    """What the cheap answer took, with what was bought to judge it, and what the strong one did or would have."""
    cheap = sum(
        call.cost_usd
        for call in record.calls
        if call.purpose in _FOR_THE_CHEAP_ANSWER or (call.purpose is CallPurpose.ANSWER and call.model == tiers[0])
    )
    strong = float(audit.details.get("reference_cost_usd") or 0.0) or means.of(tiers[-1])
    return cheap, strong


async def audited_conversations(
    ledger: Ledger, *, route: str, since: float | None = None, left_out: Counter[str]
) -> AsyncGenerator[Mapping[str, Any]]:
    """One JSON object for each audit of the route, as `cascade.label_file` reads it.

    `messages` is the conversation as the model got it, the route's prompt included. `left_out` counts the audits that
    give no line, by the reason.
    """
    found = await ledger.audits(route=route, kind=AuditKind.CASCADE, since=since)
    audits = {audit.request_id: audit for audit in found}
    left = set(audits)
    async for record in ledger.records(route=route, since=None if since is None else since - LONGEST_AFTER):
        audit = audits.get(record.request_id)
        if audit is None:
            continue
        left.discard(record.request_id)
        line = _line(audit, record)
        if isinstance(line, str):
            left_out[line] += 1
        else:
            yield line
    if left:
        left_out["the request is not in the ledger any more"] += len(left)


def _line(audit: Audit, record: RequestRecord) -> Mapping[str, Any] | str:
    """The line, or why there is none."""
    content: Mapping[str, Any] | None = audit.details.get("content")
    if audit.is_acceptable is None:
        return "the judge could not tell"
    if not content:
        return "the content was not captured"
    return {
        "request_id": record.request_id,
        **content,
        "label": audit.is_acceptable,
        "prompt_version": record.prompt.version if record.prompt else "",
    }
