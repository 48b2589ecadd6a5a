"""What the gateway cost and what it saved, from the ledger.

The interval of the share saved (`stats/tallies.py`) widens where few dear requests decide the sum.

Failure behaviour: raises what the ledger raises (StoreUnavailableError).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from thriftgate.ports import Ledger
from thriftgate.services.books.latency import LatencyRow, LatencySample
from thriftgate.stats.intervals import Interval
from thriftgate.stats.tallies import MoneySums
from thriftgate.types import DecisionKind, RequestRecord, SummaryGroup, SummaryRow, Usage
from thriftgate.wording import day_of

MOST_RECORDS = 50_000
"""With more requests than this no intervals are made: each record would have to be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The rows of one period, with a row for all of them."""

    by: SummaryGroup
    since: float | None
    until: float | None
    rows: Sequence[SummaryRow]
    total: SummaryRow | None
    """None when nothing was asked in that time."""
    saved_shares: Mapping[str | None, Interval] = field(default_factory=dict[str | None, Interval])
    """The share saved of each group, where the requests were few enough to be read one by one."""
    total_share: Interval | None = None
    total_saved: Interval | None = None
    """The sum saved in US dollars, with its interval; None where the requests were not read."""
    latencies: Sequence[LatencyRow] = ()
    """By route and stage, where the requests were few enough to be read one by one; empty by model."""


async def make_report(ledger: Ledger, by: SummaryGroup, *, since: float | None, until: float | None = None) -> Report:
    """The report of the requests started in [since, until)."""
    totals = await ledger.summarise("total", since=since, until=until)
    total = totals[0] if totals and totals[0].requests else None
    rows = await ledger.summarise(by, since=since, until=until) if total is not None else ()
    shares: dict[str | None, RatioSample] = {}
    overall = RatioSample()
    latencies = LatencySample()
    if total is not None and by != "model" and total.requests <= MOST_RECORDS:
        group_of = _GROUPS[by]
        async for record in ledger.records(since=since, until=until):
            overall.add(record.cost_usd, record.baseline_cost_usd)
            latencies.add(record)
            shares.setdefault(group_of(record), RatioSample()).add(record.cost_usd, record.baseline_cost_usd)
    return Report(
        by=by,
        since=since,
        until=until,
        rows=rows,
        total=_sum_of_calls(rows) if by == "model" and rows else total,
        saved_shares={group: share for group, sample in shares.items() if (share := sample.saved_share()) is not None},
        total_share=overall.saved_share(),
        total_saved=overall.saved_usd(),
        latencies=latencies.rows(),
    )


_GROUPS: Mapping[SummaryGroup, Callable[[RequestRecord], str | None]] = {
    "total": lambda _record: None,
    "user": lambda record: record.caller.user_id,
    "team": lambda record: record.caller.team_id,
    "route": lambda record: record.route,
    "day": lambda record: day_of(record.started_at),
    "key": lambda record: record.caller.key_hash,
}


def _sum_of_calls(rows: Sequence[SummaryRow]) -> SummaryRow:
    """All calls of all models. A percentile of everything cannot be had from percentiles: NaN."""
    return SummaryRow(
        group=None,
        requests=sum(row.requests for row in rows),
        failures=sum(row.failures for row in rows),
        usage=sum((row.usage for row in rows), Usage()),
        cost_usd=math.fsum(row.cost_usd for row in rows),
        baseline_cost_usd=None,
        checking_cost_usd=None,
        duration_p50=math.nan,
        duration_p95=math.nan,
    )


@dataclass(slots=True)
class RatioSample:
    """Pairs of cost and baseline, kept as their sums."""

    n: int = 0
    cost: float = 0.0
    baseline: float = 0.0
    _cost_squared: float = 0.0
    _baseline_squared: float = 0.0
    _product: float = 0.0

    def add(self, cost: float, baseline: float) -> None:
        """Take one more request into the sample; both in US dollars."""
        self.n += 1
        self.cost += cost
        self.baseline += baseline
        self._cost_squared += cost * cost
        self._baseline_squared += baseline * baseline
        self._product += cost * baseline

    def saved_share(self, confidence: float = 0.95) -> Interval | None:
        """The share of the baseline that was saved; None for fewer than two requests or a baseline of nothing."""
        return self._sums().saved_share(confidence)

    def saved_usd(self, confidence: float = 0.95) -> Interval | None:
        """The sum saved in US dollars; None for fewer than two requests."""
        return self._sums().saved_usd(confidence)

    def _sums(self) -> MoneySums:
        return MoneySums(
            n=self.n,
            cost=self.cost,
            baseline=self.baseline,
            cost_squared=self._cost_squared,
            baseline_squared=self._baseline_squared,
            product=self._product,
        )


def as_record(row: SummaryRow, share: Interval | None) -> dict[str, str | int | float | None]:
    """One row as flat values with units in their names, for CSV and JSON; NaN becomes None."""
    saved = row.saved_usd
    record: dict[str, str | int | float | None] = {
        "group": row.group,
        "label": row.label,
        "requests": row.requests,
        "failures": row.failures,
        **{str(kind): row.decisions.get(kind, 0) if row.decisions else None for kind in DecisionKind},
        "prompt_tokens": row.usage.prompt_tokens,
        "completion_tokens": row.usage.completion_tokens,
        "cached_tokens": row.usage.cached_tokens,
        "reasoning_tokens": row.usage.reasoning_tokens,
        "tokens_estimated": int(row.usage.is_estimated),
        "cost_usd": row.cost_usd,
        "cost_per_request_usd": row.cost_usd / row.requests if row.requests else None,
        "baseline_cost_usd": row.baseline_cost_usd,
        "saved_usd": saved,
        "checking_cost_usd": row.checking_cost_usd,
        "net_saved_usd": row.net_saved_usd,
        "saved_share": saved / row.baseline_cost_usd if saved is not None and row.baseline_cost_usd else None,
        "saved_share_low": share.low if share else None,
        "saved_share_high": share.high if share else None,
        "duration_p50_seconds": row.duration_p50,
        "duration_p95_seconds": row.duration_p95,
    }
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in record.items()}
