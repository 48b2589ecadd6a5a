"""The live page's sums over a ledger in memory, made one request at a time: what PostgreSQL must agree with."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from tests.memory_ledger import MemoryLedger

from thriftgate.stats.search import Search
from thriftgate.stats.tallies import DeploymentTally, MoneySums, RequestTally, Tallies
from thriftgate.types import AuditKind, DecisionKind, RequestRecord, Status, TierCall

Key = TypeVar("Key", bound=Hashable)


class MemoryOverview:
    """Implements `services.overview.OverviewSource`."""

    def __init__(self, ledger: MemoryLedger) -> None:
        self.ledger = ledger

    async def tallies(self, whose: Search, *, since: float, until: float, stretch: float, most: int) -> Tallies:
        await self.ledger.reach("tallies")
        records = self._of(whose, since, until)
        routes = _grouped(records, lambda record: record.route)
        teams = _grouped(records, lambda record: record.caller.team_id)
        users = _grouped(records, lambda record: record.caller.user_id)
        steps = _grouped(records, lambda record: int((record.started_at - since) // stretch))
        return Tallies(
            total=tally(records, None) if records else None,
            routes=_dearest(routes, most),
            teams=_dearest(teams, most),
            users=_dearest(users, most),
            stretches=[tally(steps[step], None, started_at=since + step * stretch) for step in sorted(steps)],
            sizes={"routes": len(routes), "teams": len(teams), "users": len(users)},
        )

    async def count(self, *, since: float | None, until: float) -> int:
        return len(self._within(since or 0.0, until))

    async def latencies(self, whose: Search, *, since: float, until: float) -> tuple[float, float]:
        return _quantiles([record.duration for record in self._of(whose, since, until)])

    async def checking_cost(self, whose: Search, *, since: float, until: float) -> float:
        chosen = {record.request_id for record in self._of(replace(whose, route=""), -math.inf, math.inf)}
        cost = 0.0
        for audit in self.ledger.verdicts.values():
            record = self.ledger.rows.get(audit.request_id)
            started_at = audit.asked_at or (record.started_at if record else audit.judged_at)
            is_chosen = whose.route in ("", audit.route) and (audit.request_id in chosen or not whose.who)
            if (
                is_chosen
                and audit.judged_at >= since
                and since <= started_at < until
                and audit.kind is not AuditKind.FEEDBACK
            ):
                cost += audit.cost_usd
        return cost

    async def deployments(self, whose: Search, *, since: float, until: float) -> Sequence[DeploymentTally]:
        calls: defaultdict[tuple[str, str], list[TierCall]] = defaultdict(list)
        for record in self._of(whose, since, until):
            for call in record.calls:
                calls[call.model, call.deployment.rpartition("/")[2]].append(call)
        return [_deployment(*place, found) for place, found in sorted(calls.items())]

    async def reasons(self, route: str, *, since: float, until: float) -> Mapping[tuple[DecisionKind, str], int]:
        found = [record for record in self._within(since, until) if record.route == route]
        return Counter((record.decision, record.reason or "") for record in found)

    async def find(self, search: Search, *, since: float, until: float, limit: int) -> Sequence[str]:
        def fits(record: RequestRecord) -> bool:
            return {
                None: True,
                "dear": True,
                "escalated": record.decision is DecisionKind.ESCALATED,
                "failed": record.status is not Status.OK,
                "hits": record.decision in (DecisionKind.EXACT_HIT, DecisionKind.SEMANTIC_HIT),
            }[search.kind]

        found = sorted(filter(fits, self._of(search, since, until)), key=lambda record: record.request_id)
        found.sort(key=lambda record: -record.cost_usd if search.kind == "dear" else -record.started_at)
        return [record.request_id for record in found[:limit]]

    async def shifted(self, request_ids: Sequence[str]) -> frozenset[str]:
        rows = self.ledger.rows
        return frozenset(name for name in request_ids if name in rows and rows[name].reason == "budget_shift")

    def _of(self, whose: Search, since: float, until: float) -> list[RequestRecord]:
        def is_whose(record: RequestRecord) -> bool:
            caller = record.caller
            names = (caller.team_id, caller.team_alias, caller.user_id, caller.key_alias, caller.key_hash)
            return whose.route in ("", record.route) and (not whose.who or whose.who in names)

        return list(filter(is_whose, self._within(since, until)))

    def _within(self, since: float, until: float) -> list[RequestRecord]:
        return [record for record in self.ledger.rows.values() if since <= record.started_at < until]


def tally(
    records: Sequence[RequestRecord], group: str | None, *, label: str | None = None, started_at: float | None = None
) -> RequestTally:
    """The sums of some requests."""
    costs = np.array([record.cost_usd for record in records])
    baselines = np.array([record.baseline_cost_usd for record in records])
    return RequestTally(
        group=group,
        label=label,
        failures=sum(record.status is not Status.OK for record in records),
        decisions=Counter(record.decision for record in records),
        money=MoneySums(
            n=len(records),
            cost=float(costs.sum()),
            baseline=float(baselines.sum()),
            cost_squared=float(costs @ costs),
            baseline_squared=float(baselines @ baselines),
            product=float(costs @ baselines),
        ),
        started_at=started_at,
    )


def _grouped(records: Sequence[RequestRecord], key: Callable[[RequestRecord], Key]) -> dict[Key, list[RequestRecord]]:
    groups: defaultdict[Key, list[RequestRecord]] = defaultdict(list)
    for record in records:
        groups[key(record)].append(record)
    return groups


def _dearest(groups: Mapping[Key, list[RequestRecord]], most: int) -> list[RequestTally]:
    named = [(None if group is None else str(group), found) for group, found in groups.items()]
    tallies = [tally(found, group, label=_label(group, found)) for group, found in named]
    return sorted(tallies, key=lambda one: (-one.money.cost, -one.requests, one.group is None, one.group))[:most]


def _label(group: str | None, records: Sequence[RequestRecord]) -> str | None:
    """The alias of a team, and what a plain model is called; other groups have none."""
    if any(record.reason == "plain_model" and record.route == group for record in records):
        return f"{group} (plain model)"
    if group is None or any(record.caller.team_id != group for record in records):
        return None
    return max((record.caller.team_alias for record in records if record.caller.team_alias), default=None)


def _deployment(group: str, deployment: str, calls: Sequence[TierCall]) -> DeploymentTally:
    failed = [call.started_at for call in calls if call.status is Status.FAILED]
    p50, p95 = _quantiles([call.duration for call in calls])
    return DeploymentTally(
        group=group,
        deployment=deployment,
        calls=len(calls),
        failures=len(failed),
        duration_p50=p50,
        duration_p95=p95,
        last_failure_at=max(failed, default=None),
    )


def _quantiles(durations: Sequence[float]) -> tuple[float, float]:
    if not durations:
        return float("nan"), float("nan")
    return float(np.quantile(durations, 0.5)), float(np.quantile(durations, 0.95))
