"""What is away is said with since when, why, and what it cost."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from tests.clocks import LoopClock
from tests.fakes import FakeClock, MemoryLedger
from tests.memory_limiter import InMemoryLimiter
from tests.page_setup import request

from thriftgate.errors import StoreUnavailableError
from thriftgate.limits.bucket import TokenBucket
from thriftgate.limits.demand import Charge, Demand
from thriftgate.services.books.recording import LedgerWriter
from thriftgate.services.limits.outage import OutageLimiter
from thriftgate.services.request.outages import Outages
from thriftgate.services.telemetry.away import AwayLine, away_lines
from thriftgate.services.telemetry.exporting import ExportQueue, ExportQueueLimits
from thriftgate.tracing.delivery import Away, Delivered, Delivery


@dataclass(frozen=True)
class Work:
    waiting: int = 0
    dropped: int = 0


def test_a_cache_that_requests_did_without_is_counted_and_comes_back() -> None:
    clock = FakeClock(1_000.0)
    outages = Outages(clock)
    outages.missed("the cache", "password")
    clock.advance(5.0)
    outages.missed("the cache", "password")
    (line,) = away_lines(outages.all, ledger=Work(), budgets=Work(), queues={})
    assert line == AwayLine("the cache", 1_000.0, "it refuses our user or password", "2 requests went on without it")
    outages.answered("the cache")
    (line,) = away_lines(outages.all, ledger=Work(), budgets=Work(), queues={})
    assert (line.since, line.cost) == (None, "2 requests went on without it")


def test_a_cache_that_takes_nothing_new_says_how_many_answers_were_not_kept() -> None:
    outages = Outages(FakeClock(1_000.0))
    outages.missed("room in the cache", "full")
    (line,) = away_lines(outages.all, ledger=Work(), budgets=Work(), queues={})
    assert line.cost == "of 1 request the answer was not kept; those that are there are given again"


async def test_limits_that_cannot_be_asked_say_whom_they_refused() -> None:
    clock, limiter = FakeClock(1_000.0), InMemoryLimiter(LoopClock())
    outages = Outages(clock)
    store = OutageLimiter(limiter, fraction=None, lease=10.0, time=clock.time, outages=outages)
    demand = Demand("one", (Charge("all", TokenBucket(5, 1), 1.0),))
    limiter.is_away = True
    with pytest.raises(StoreUnavailableError):
        await store.take(demand)
    (line,) = away_lines(outages.all, ledger=Work(), budgets=Work(), queues={})
    assert (line.name, line.since, line.why) == ("the store of limits", 1_000.0, "it cannot be used")
    assert line.cost == "1 request was refused, or let in by what one worker knows (`limits.on_outage`)"
    limiter.is_away = False
    await store.take(demand)
    (line,) = away_lines(outages.all, ledger=Work(), budgets=Work(), queues={})
    assert line.since is None


async def test_budgets_and_keys_that_cannot_be_asked_say_whom_they_refused() -> None:
    clock = FakeClock(1_000.0)
    outages = Outages(clock)
    outages.refused("the store of budgets", "time_out")
    outages.refused("the store of keys", "unreachable")
    outages.refused("the store of keys", "unreachable")
    assert away_lines(outages.all, ledger=Work(), budgets=Work(3, 1), queues={}) == [
        AwayLine(
            "the store of budgets", 1_000.0, "it does not answer in time",
            "1 request was refused; 3 costs wait to be booked, 1 were lost",
        ),
        AwayLine(
            "the store of keys", 1_000.0, "nobody answers there",
            "2 requests were refused: nobody could say whose key it was",
        ),
    ]  # fmt: skip


async def test_a_ledger_that_is_away_says_what_waits_for_it() -> None:
    clock, ledger = FakeClock(1_000.0), MemoryLedger()
    outages = Outages(clock)
    writer = LedgerWriter(ledger, flush_interval=0, max_queue=2, outages=outages)
    ledger.is_away = True
    for number in range(3):
        writer.submit(request(number))
    await reached(lambda: bool(outages.all))
    (line,) = away_lines(outages.all, ledger=writer, budgets=Work(), queues={})
    assert (line.name, line.since) == ("the ledger", 1_000.0)
    assert line.cost == "2 records wait for it, 1 were lost; requests are answered all the same"
    ledger.is_away = False
    await reached(lambda: outages.of("the ledger").since is None)
    await writer.aclose()


async def reached(condition: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("this never happens")


def test_langfuse_is_away_from_its_second_failure_on_and_since_the_first() -> None:
    clock = FakeClock(1_000.0)
    ends: list[Delivery] = [Away("answers with status 502"), Away("answers with status 503"), Delivered()]
    queue = ExportQueue[str](
        "traces", send=lambda _: ends.pop(0), size_of=len, limits=ExportQueueLimits(max_items=9, max_bytes=99),
        clock=clock, draw=lambda: 0.0,
    )  # fmt: skip
    queue.put("one")
    queue.step(patient=False)
    assert away_lines({}, ledger=Work(), budgets=Work(), queues={"traces": queue.state}) == []
    clock.advance(3.0)
    queue.step(patient=False)
    assert away_lines({}, ledger=Work(), budgets=Work(), queues={"traces": queue.state}) == [
        AwayLine(
            "Langfuse", 1_000.0, "it answers with status 503", "1 traces wait and 0 were lost; the ledger has them all"
        )
    ]
    queue.step(patient=False)
    assert away_lines({}, ledger=Work(), budgets=Work(), queues={"traces": queue.state}) == []
