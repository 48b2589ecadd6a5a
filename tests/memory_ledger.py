"""A ledger that lives in memory, for tests of the services."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from tests.memory_stores import MemoryStore

from thriftgate.types import Audit, AuditKind, RequestRecord, Status, SummaryGroup, SummaryRow, TierCall, Usage


class MemoryLedger(MemoryStore):
    """Implements `ports.Ledger`."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, RequestRecord] = {}
        self.verdicts: dict[tuple[str, AuditKind, str | None], Audit] = {}
        self.batches: list[int] = []

    async def record(self, records: Sequence[RequestRecord]) -> None:
        await self.reach("record")
        self.batches.append(len(records))
        for record in records:
            self.rows.setdefault(record.request_id, record)

    async def get(self, request_id: str) -> RequestRecord | None:
        await self.reach("get")
        return self.rows.get(request_id)

    async def recent(self, *, limit: int = 50, route: str | None = None) -> Sequence[RequestRecord]:
        return [record async for record in self.records(route=route)][::-1][:limit]

    async def records(
        self, *, since: float | None = None, until: float | None = None, route: str | None = None
    ) -> AsyncIterator[RequestRecord]:
        await self.reach("records")
        for record in sorted(self.rows.values(), key=lambda record: (record.started_at, record.request_id)):
            in_time = (since is None or record.started_at >= since) and (until is None or record.started_at < until)
            if in_time and route in (None, record.route):
                yield record

    async def summarise(
        self, by: SummaryGroup, *, since: float | None = None, until: float | None = None
    ) -> Sequence[SummaryRow]:
        records = [record async for record in self.records(since=since, until=until)]
        if by == "model":
            rows = _by_model(records)
        else:
            asked = {record.request_id: _GROUPS[by](record) for record in records}
            checks = [audit for audit in self.verdicts.values() if audit.kind is not AuditKind.FEEDBACK]
            rows = [
                replace(
                    row,
                    checking_cost_usd=sum(
                        audit.cost_usd
                        for audit in checks
                        if audit.request_id in asked and asked[audit.request_id] == row.group
                    ),
                )
                for row in _by_request(records, _GROUPS[by])
            ]
        return rows if by == "day" else sorted(rows, key=lambda row: -row.cost_usd)

    async def delete_older_than(self, before: float) -> int:
        await self.reach("delete_older_than")
        old = [name for name, record in self.rows.items() if record.started_at < before]
        for name in old:
            del self.rows[name]
        self.verdicts = {place: audit for place, audit in self.verdicts.items() if audit.judged_at >= before}
        return len(old)

    async def add_audit(self, audit: Audit) -> None:
        await self.reach("add_audit")
        self.verdicts[audit.request_id, audit.kind, audit.tier] = audit

    async def audits(
        self, *, route: str | None = None, kind: AuditKind | None = None, since: float | None = None
    ) -> Sequence[Audit]:
        await self.reach("audits")
        found = [
            audit
            for audit in self.verdicts.values()
            if route in (None, audit.route)
            and (audit.kind is not AuditKind.GUARD if kind is None else audit.kind is kind)
            and audit.judged_at >= (since or 0.0)
        ]
        return sorted(found, key=lambda audit: audit.judged_at)


_GROUPS: Mapping[str, Callable[[RequestRecord], str | None]] = {
    "total": lambda record: None,
    "user": lambda record: record.caller.user_id,
    "team": lambda record: record.caller.team_id,
    "key": lambda record: record.caller.key_hash,
    "route": lambda record: record.route,
    "day": lambda record: datetime.fromtimestamp(record.started_at, UTC).date().isoformat(),
}


def _by_request(records: Sequence[RequestRecord], group_of: Callable[[RequestRecord], str | None]) -> list[SummaryRow]:
    grouped: defaultdict[str | None, list[RequestRecord]] = defaultdict(list)
    for record in records:
        grouped[group_of(record)].append(record)
    return [
        SummaryRow(
            group=group,
            requests=len(found),
            failures=sum(record.status is Status.FAILED for record in found),
            decisions=Counter(record.decision for record in found),
            usage=sum((record.usage for record in found), Usage()),
            cost_usd=sum(record.cost_usd for record in found),
            baseline_cost_usd=sum(record.baseline_cost_usd for record in found),
            duration_p50=float(np.quantile([record.duration for record in found], 0.5)),
            duration_p95=float(np.quantile([record.duration for record in found], 0.95)),
            last_at=max(record.started_at for record in found),
        )
        for group, found in grouped.items()
    ]


def _by_model(records: Sequence[RequestRecord]) -> list[SummaryRow]:
    grouped: defaultdict[str, list[TierCall]] = defaultdict(list)
    for call in (call for record in records for call in record.calls):
        grouped[call.model].append(call)
    return [
        SummaryRow(
            group=model,
            requests=len(found),
            failures=sum(call.status is Status.FAILED for call in found),
            usage=sum((call.usage for call in found), Usage()),
            cost_usd=sum(call.cost_usd for call in found),
            baseline_cost_usd=None,
            checking_cost_usd=None,
            duration_p50=float(np.quantile([call.duration for call in found], 0.5)),
            duration_p95=float(np.quantile([call.duration for call in found], 0.95)),
        )
        for model, found in grouped.items()
    ]
