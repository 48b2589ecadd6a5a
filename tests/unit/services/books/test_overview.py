"""What the live page reads of the ledger, how often, and that it says the same as `thriftgate report`."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import FakeClock, MemoryLedger
from tests.memory_overview import MemoryOverview
from tests.page_setup import NOW, PROMISE, NoPrompts, PageSetup, audit, day, request

from thriftgate.errors import StoreUnavailableError
from thriftgate.services.books.overview import FRESH, PERIODS, OverviewService
from thriftgate.services.books.quality import quality_of
from thriftgate.services.books.report import RatioSample
from thriftgate.stats.search import Search
from thriftgate.stats.tallies import MoneySums, RequestTally
from thriftgate.stores.files.prompt_stops import PromptStops
from thriftgate.types import AuditKind, DecisionKind

HOUR, DAY = PERIODS["1h"], PERIODS["24h"]


class Look:
    """An overview service over a ledger in memory."""

    def __init__(self, folder: Path = Path()) -> None:
        self.clock = FakeClock(NOW)
        self.ledger = MemoryLedger()
        self.promise = PROMISE
        self.folder = folder

    def service(self) -> OverviewService:
        stops = PromptStops(self.folder / "experiments.json")
        source = MemoryOverview(self.ledger)
        return OverviewService(source, self.ledger, NoPrompts(), stops, {"support": self.promise}, self.clock)


async def test_an_empty_ledger_has_no_total_and_nothing_else() -> None:
    overview = await Look().service().get(HOUR)
    assert overview.tallies.total is None
    assert not overview.recent
    assert overview.standings[0].quality_loss is None


async def test_a_period_counts_what_was_started_in_it() -> None:
    look = Look()
    ages = (10.0, 3_000.0, 50_000.0, 90_000.0)
    await look.ledger.record([request(n, started_at=NOW - age) for n, age in enumerate(ages)])
    service = look.service()
    totals = [(await service.get(period)).tallies.total for period in PERIODS.values()]
    assert [total and total.requests for total in totals] == [2, 3, 4, 4]


async def test_steps_begin_at_the_same_moments_from_look_to_look() -> None:
    look = Look()
    service = look.service()
    first = await service.get(HOUR)
    look.clock.advance(FRESH + 1)
    second = await service.get(HOUR)
    assert (first.since - second.since) % HOUR.step == 0
    assert first.until - first.since >= HOUR.seconds


async def test_all_who_look_share_one_snapshot_until_it_is_old() -> None:
    look = Look()
    service = look.service()
    await asyncio.gather(*(service.get(HOUR) for _ in range(20)))
    assert look.ledger.calls["tallies"] == 1
    look.clock.advance(FRESH + 0.1)
    await service.get(HOUR)
    assert look.ledger.calls["tallies"] == 2


async def test_an_overview_of_one_caller_is_its_own_and_not_all_of_them_are_kept() -> None:
    look = Look()
    await look.ledger.record([request(n, started_at=NOW - n - 1.0) for n in range(3)])
    service = look.service()
    for n in range(100):
        found = await service.get(HOUR, Search(who=f"nobody-{n}"))
        assert found.tallies.total is None
        assert not found.standings
    total = (await service.get(HOUR, Search(route="support"))).tallies.total
    assert total is not None
    assert total.requests == 3
    asked = look.ledger.calls["tallies"]
    await service.get(HOUR, Search(who="nobody-99"))
    assert look.ledger.calls["tallies"] == asked
    await service.get(HOUR, Search(who="nobody-1"))
    assert look.ledger.calls["tallies"] == asked + 1


async def test_a_snapshot_that_took_long_is_kept_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    look = Look()
    service = look.service()
    reach = look.ledger.reach

    async def slow(what: str) -> None:
        await reach(what)
        if what == "tallies":
            look.clock.advance(3.0)

    monkeypatch.setattr(look.ledger, "reach", slow)
    await service.get(HOUR)
    look.clock.advance(59.0)
    await service.get(HOUR)
    assert look.ledger.calls["tallies"] == 1, "three seconds of work are done once a minute at most"
    look.clock.advance(2.0)
    await service.get(HOUR)
    assert look.ledger.calls["tallies"] == 2


async def test_a_ledger_that_is_away_is_asked_again_by_the_next_look() -> None:
    look = Look()
    service = look.service()
    look.ledger.is_away = True
    with pytest.raises(StoreUnavailableError):
        await service.get(HOUR)
    look.ledger.is_away = False
    assert (await service.get(HOUR)).tallies.total is None


async def _quality_both_ways(look: Look, seed: int) -> None:
    overview = await look.service().get(HOUR)
    (standing,) = overview.standings
    records = [record async for record in look.ledger.records(since=overview.since, until=overview.until)]
    audits = await look.ledger.audits(since=overview.since)
    quality = quality_of("support", records, audits, look.promise, np.random.default_rng(seed), checking_cost_usd=0.0)
    for name in ("audits", "quality_loss", "verifications", "wrong_share", "feedback"):
        assert getattr(standing, name) == pytest.approx(getattr(quality, name)), name
    assert standing.drift == quality.drift
    assert standing.not_proven == quality.not_proven


@given(seed=st.integers(0, 10_000), n=st.integers(1, 60), calibrated=st.booleans())
async def test_quality_is_what_the_report_says_of_the_same_requests(seed: int, n: int, calibrated: bool) -> None:
    look, rng = Look(), np.random.default_rng(seed)
    if calibrated:
        look.promise = replace(PROMISE, calibrated_at=NOW - 1_800.0)
    for record in day(n, seed=seed):
        changed: dict[str, Any] = {}
        if record.decision is DecisionKind.ACCEPTED and rng.random() < 0.2:
            changed = {"reason": "budget_shift"}
        if record.decision is DecisionKind.ONLY_TIER:
            changed = {"reason": str(rng.choice(["held_out", "uncalibrated", "tools_offered"]))}
        await look.ledger.record([replace(record, **changed)])
        if rng.random() < 0.7:
            kind = AuditKind(str(rng.choice(list(AuditKind))))
            verdict = audit(record, good=(True, False, None)[rng.integers(3)], kind=kind)
            details = {"is_accepted": record.decision is DecisionKind.ACCEPTED}
            drawn = {"holdout": bool(rng.random() < 0.8), "cost_usd": float(rng.random())}
            await look.ledger.add_audit(replace(verdict, details=details, **drawn))
    await _quality_both_ways(look, seed)


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 10)), max_size=40))
def test_sums_alone_give_the_interval_that_the_requests_give(pairs: list[tuple[float, float]]) -> None:
    sample = RatioSample()
    for cost, baseline in pairs:
        sample.add(cost, baseline)
    sums = MoneySums(
        n=len(pairs),
        cost=sum(cost for cost, _ in pairs),
        baseline=sum(baseline for _, baseline in pairs),
        cost_squared=sum(cost * cost for cost, _ in pairs),
        baseline_squared=sum(baseline * baseline for _, baseline in pairs),
        product=sum(cost * baseline for cost, baseline in pairs),
    )
    one, other = sample.saved_share(), sums.saved_share()
    assert (one is None) == (other is None)
    if one and other:
        assert (one.low, one.high) == pytest.approx((other.low, other.high), rel=1e-6, abs=1e-6)


def test_shares_count_what_they_say() -> None:
    counts = {
        DecisionKind.EXACT_HIT: 3, DecisionKind.SEMANTIC_HIT: 1, DecisionKind.ACCEPTED: 6, DecisionKind.ESCALATED: 2,
        DecisionKind.ONLY_TIER: 4, DecisionKind.FAILED: 4,
    }  # fmt: skip
    tally = RequestTally(group=None, failures=5, decisions=counts, money=MoneySums(n=20))
    assert tally.hit_share.estimate == 4 / 16, "of answers: who got none had no hit and no miss"
    assert tally.escalated_share.estimate == 2 / 8, "of those where a cheaper tier was asked first"


async def test_an_experiment_is_reported_unless_it_is_too_large_to_be_read_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = PageSetup(tmp_path)
    setup.begin_experiment()
    await setup.fill(day(60))
    stops = PromptStops(tmp_path / "experiments.json")
    source = MemoryOverview(setup.ledger)
    service = OverviewService(source, setup.ledger, setup.prompts, stops, {}, setup.clock)
    (small,) = (await service.get(HOUR)).experiments
    assert small.report is not None
    assert sum(arm.requests for arm in small.report.arms) == 60
    monkeypatch.setattr("thriftgate.services.books.overview.MOST_READ", 59)
    (large,) = (await service.get(DAY)).experiments
    assert (large.name, large.report) == ("concise-answers", None)
