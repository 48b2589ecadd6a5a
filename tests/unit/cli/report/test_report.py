"""What a report says about a ledger: sums, groups, and how sure the share saved is."""

import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

import click
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.cli.report.command import parse_since, print_table
from thriftgate.services.books.report import MOST_RECORDS, RatioSample, as_record, make_report
from thriftgate.types import Audit, AuditKind, Caller, DecisionKind, RequestRecord, SummaryGroup, SummaryRow, Usage

NOW = 1_793_500_000.0


def request(cost: float, baseline: float, *, user: str | None = None, at: float = NOW) -> RequestRecord:
    return RequestRecord(
        request_id=f"{cost}-{baseline}-{user}-{at}",
        route="support",
        caller=Caller(user_id=user),
        started_at=at,
        duration=1.0,
        decision=DecisionKind.ACCEPTED,
        usage=Usage(10, 5),
        cost_usd=cost,
        baseline_cost_usd=baseline,
    )


def row(records: Sequence[RequestRecord], group: str | None) -> SummaryRow:
    return SummaryRow(
        group=group,
        requests=len(records),
        failures=0,
        decisions={DecisionKind.ACCEPTED: len(records)},
        usage=sum((record.usage for record in records), Usage()),
        cost_usd=sum(record.cost_usd for record in records),
        baseline_cost_usd=sum(record.baseline_cost_usd for record in records),
        duration_p50=1.0,
        duration_p95=1.0,
    )


@dataclass
class LedgerInMemory:
    """A ledger that holds what a test put into it; groups by user only."""

    held: list[RequestRecord] = field(default_factory=list[RequestRecord])
    pretend_requests: int | None = None
    read: int = 0

    async def summarise(
        self, by: SummaryGroup, *, since: float | None = None, until: float | None = None
    ) -> Sequence[SummaryRow]:
        if by == "total":
            return [replace(row(self.held, None), requests=self.pretend_requests or len(self.held))]
        if by == "model":
            return [replace(row(self.held, "small"), baseline_cost_usd=None, decisions={})]
        users = dict.fromkeys(record.caller.user_id for record in self.held)
        return [row([record for record in self.held if record.caller.user_id == user], user) for user in users]

    async def records(
        self, *, since: float | None = None, until: float | None = None, route: str | None = None
    ) -> AsyncIterator[RequestRecord]:
        for record in self.held:
            self.read += 1
            yield record

    async def record(self, records: Sequence[RequestRecord]) -> None:
        self.held.extend(records)

    async def get(self, request_id: str) -> RequestRecord | None:
        return next((record for record in self.held if record.request_id == request_id), None)

    async def recent(self, *, limit: int = 50, route: str | None = None) -> Sequence[RequestRecord]:
        return self.held[-limit:]

    async def delete_older_than(self, before: float) -> int:
        raise AssertionError("a report deletes nothing")

    async def add_audit(self, audit: Audit) -> None:
        raise AssertionError("a report judges nothing")

    async def audits(
        self, *, route: str | None = None, kind: AuditKind | None = None, since: float | None = None
    ) -> Sequence[Audit]:
        return ()


async def test_an_empty_ledger_makes_an_empty_report() -> None:
    report = await make_report(LedgerInMemory(), "user", since=None)
    assert (report.total, report.rows, report.total_share) == (None, (), None)


async def test_every_group_gets_its_own_share_with_an_interval() -> None:
    ledger = LedgerInMemory([request(0.2, 1.0, user="ada"), request(0.4, 1.0, user="ada"), request(1, 1)])
    report = await make_report(ledger, "user", since=None)
    share = report.saved_shares["ada"]
    assert share.estimate == pytest.approx(0.7)
    assert share.low < 0.7 < share.high
    assert None not in report.saved_shares, "one request alone says nothing about how sure its share is"
    assert report.total_share is not None
    assert report.total_share.estimate == pytest.approx(1 - 1.6 / 3)


async def test_by_model_there_is_no_baseline_and_the_total_counts_calls() -> None:
    report = await make_report(LedgerInMemory([request(0.2, 1.0), request(0.4, 1.0)]), "model", since=None)
    assert report.total is not None
    assert report.total.requests == 2
    assert report.total.saved_usd is None
    assert math.isnan(report.total.duration_p95)
    assert report.saved_shares == {}


async def test_a_large_ledger_is_not_read_record_by_record() -> None:
    ledger = LedgerInMemory([request(0.2, 1.0), request(0.4, 1.0)], pretend_requests=MOST_RECORDS + 1)
    report = await make_report(ledger, "total", since=None)
    assert ledger.read == 0
    assert report.total_share is None


def test_a_row_becomes_flat_values_with_units_and_no_nan() -> None:
    record = as_record(replace(row([request(0.25, 1.0)], "ada"), duration_p95=math.nan), None)
    assert record["saved_usd"] == 0.75
    assert record["saved_share"] == 0.75
    assert record["accepted"] == 1
    assert record["escalated"] == 0
    assert record["duration_p95_seconds"] is None


money = st.floats(0, 10, allow_nan=False)


@given(pairs=st.lists(st.tuples(money, money), max_size=30))
def test_the_share_saved_is_what_the_sums_say(pairs: list[tuple[float, float]]) -> None:
    sample = RatioSample()
    for cost, baseline in pairs:
        sample.add(cost, baseline)
    share = sample.saved_share()
    baselines = sum(baseline for _, baseline in pairs)
    if len(pairs) < 2 or baselines <= 0:
        assert share is None
    else:
        assert share is not None
        assert share.estimate == pytest.approx(1 - sum(cost for cost, _ in pairs) / baselines)
        assert share.low <= share.estimate <= share.high


@given(price=st.floats(0.01, 10), saved=st.floats(0, 0.9), n=st.integers(2, 50))
def test_requests_that_all_save_the_same_share_leave_no_doubt(price: float, saved: float, n: int) -> None:
    sample = RatioSample()
    for index in range(n):
        sample.add(price * (index + 1) * (1 - saved), price * (index + 1))
    share = sample.saved_share()
    assert share is not None
    assert share.half_width < 1e-6


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    held, trials, n = 0, 400, 200
    for _ in range(trials):
        baselines = rng.lognormal(0, 1, n)
        costs = baselines * rng.choice([0.1, 1.0], n, p=[0.6, 0.4])
        sample = RatioSample()
        for cost, baseline in zip(costs, baselines, strict=True):
            sample.add(float(cost), float(baseline))
        share = sample.saved_share()
        assert share is not None
        held += share.low <= 0.54 <= share.high
    assert 0.90 <= held / trials <= 0.98


async def test_the_table_has_a_row_for_each_group_and_one_for_all(capsys: pytest.CaptureFixture[str]) -> None:
    ledger = LedgerInMemory([request(0.2, 1.0, user="ada"), request(0.4, 1.0, user="ada"), request(1, 1)])
    print_table(await make_report(ledger, "user", since=NOW))
    printed = " ".join(capsys.readouterr().out.split())
    assert "since 2026-11-01 02:26 UTC" in printed
    assert "ada 2 0 0+0 2 0 0 20 10 0.6000 2.0000 1.4000 0.0000 1.4000 70.0 ± 19.6 1.000 1.000" in printed
    assert "(none) 1 0" in printed
    assert "total 3 0 0+0 3 0 0 30 15 1.6000 3.0000 1.4000 0.0000 1.4000 46.7 ± 47.1 1.000 1.000" in printed


async def test_by_model_only_what_belongs_to_a_call_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(await make_report(LedgerInMemory([request(0.2, 1.0)]), "model", since=None))
    header = capsys.readouterr().out.splitlines()[1].split()
    assert header == ["model", "calls", "failed", "tokens", "in", "out", "cost", "$", "p50", "s", "p95", "s"]


async def test_a_narrow_terminal_shows_what_matters_most(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    print_table(await make_report(LedgerInMemory([request(0.2, 1.0, user="a" * 32)] * 2), "user", since=None))
    printed = capsys.readouterr().out
    assert "…" not in printed
    assert "baseline" not in printed
    assert "A wider terminal" in printed


async def test_keys_that_begin_alike_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    names = ("team-production-payments-eu", "team-production-payments-us", "team-production-search")
    held = [request(0.2, 1.0, user=name) for name in names for _ in range(2)]
    report = await make_report(LedgerInMemory(held), "user", since=None)
    print_table(replace(report, by="key"))
    shown = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("team-")]
    assert sorted(shown) == ["team-production-payments-e…", "team-production-payments-u…", "team-production-search"]


async def test_an_empty_table_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(await make_report(LedgerInMemory(), "total", since=None))
    assert capsys.readouterr().out.strip() == "No request was answered."


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("7d", NOW - 7 * 86400),
        ("90m", NOW - 5400),
        ("2026-11-01", 1_793_491_200.0),
        ("2026-11-01T01:00", 1_793_494_800.0),
        ("2026-11-01T01:00+01:00", 1_793_491_200.0),
    ],
)
def test_since_is_a_span_or_a_date(text: str, moment: float) -> None:
    assert parse_since(text, now=NOW) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "7", "7y", "2026-13-01"])
def test_what_is_neither_a_span_nor_a_date_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="neither a time span"):
        parse_since(text, now=NOW)
