"""What is away is said once a minute for everybody, with its cause, and known with since when and how many requests."""

import logging

import pytest
from tests.fakes import FakeClock

from thriftgate.errors import StoreUnavailableError
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.request.outages import Outages


async def fail() -> None:
    raise StoreUnavailableError("what a user said", cause="full")


async def test_requests_and_background_tasks_share_one_warning_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    outages = Outages(clock)
    background = BackgroundTasks(outages=outages)
    with caplog.at_level(logging.WARNING):
        for _ in range(20):
            outages.missed("the cache", "time_out")
            background.start("cache_touch", fail())
        await background.drain()
        assert caplog.messages == [
            "the cache is away: it does not answer in time; 1 requests went on without it so far"
        ]
        clock.advance(61)
        background.start("cache_touch", fail())
        await background.drain()
    assert caplog.messages[1] == "cache_touch failed 21 times: it is full and takes nothing new"


def test_an_outage_has_a_beginning_a_cause_and_a_number_and_ends_with_the_first_answer() -> None:
    clock = FakeClock()
    outages = Outages(clock)
    began = clock.time()
    outages.missed("the cache", "time_out")
    clock.advance(5)
    outages.missed("the cache", "password")
    outages.missed("the cache", "password", is_request=False)
    found = outages.of("the cache")
    assert (found.since, found.cause, found.requests) == (began, "password", 2)
    outages.answered("the cache")
    assert (found.since, found.by_cause) == (None, {"time_out": 1, "password": 2})


def test_what_is_newly_away_is_said_at_once_and_again_after_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    outages = Outages(clock)
    with caplog.at_level(logging.WARNING):
        outages.missed_behind("budget_leases", "time_out")
        clock.advance(17)
        for _ in range(5):
            outages.missed("the cache", "no_query_engine")
            outages.missed_behind("cache_touch", "no_query_engine")
        clock.advance(59)
        outages.missed("the cache", "no_query_engine")
        clock.advance(1)
        outages.missed("the cache", "no_query_engine")
    assert [line.partition(":")[0] for line in caplog.messages] == [
        "budget_leases failed 1 times", "the cache is away", "the cache is away",
    ]  # fmt: skip
