"""A refused answer leaves the cache, however much else there is to do and whatever is away for a while."""

import asyncio
import logging

import pytest
from tests.fakes import FakeClock
from tests.memory_stores import InMemoryAnswerCache
from tests.unit.services.request.test_background import entry

from thriftgate.errors import Cause
from thriftgate.services.cache.withdrawing import Withdrawals


class Line:
    """Withdrawals from a cache of so many answers; a pause lasts until `go_on` is called."""

    def __init__(self, most: int = 100) -> None:
        self.cache = InMemoryAnswerCache(FakeClock())
        self.missed: list[Cause] = []
        self.answered = 0
        self._goes_on = asyncio.Event()
        self.line = Withdrawals(
            self.cache, missed=self.missed.append, answered=self._note, most=most, sleep=self._pause
        )

    def _note(self) -> None:
        self.answered += 1

    async def _pause(self, seconds: float) -> None:
        await self._goes_on.wait()
        self._goes_on.clear()

    def go_on(self) -> None:
        self._goes_on.set()

    async def keep(self, n: int) -> list[tuple[str, str]]:
        kept: list[tuple[str, str]] = []
        for number in range(n):
            one = entry(f"v{number}")
            await self.cache.store(one)
            kept.append((one.scope, one.entry_id))
        return kept

    async def left(self) -> int:
        return len([one async for one in self.cache.entries()])


async def test_many_more_than_tasks_behind_requests_are_all_forgotten() -> None:
    one = Line(most=1_000)
    kept = await one.keep(500)
    for scope, entry_id in kept:
        one.line.withdraw(scope, entry_id)
        one.line.withdraw(scope, entry_id)
    assert one.line.are_refused(*kept[0])
    assert one.line.waiting == 500
    await one.line.drain(5.0)
    assert await one.left() == 0
    assert (one.line.waiting, one.line.dropped, one.answered) == (0, 0, 500)
    assert not one.line.are_refused(*kept[0])


async def test_while_the_store_is_away_they_wait_and_go_when_it_is_back() -> None:
    one = Line()
    kept = await one.keep(3)
    one.cache.is_away = True
    for scope, entry_id in kept:
        one.line.withdraw(scope, entry_id)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(one.missed) == 1
    assert all(one.line.are_refused(*each) for each in kept)
    assert one.line.waiting == 3
    one.cache.is_away = False
    one.go_on()
    await one.line.drain(5.0)
    assert await one.left() == 0


async def test_what_is_still_being_written_is_forgotten_when_it_is_there_and_holds_nobody_up() -> None:
    one = Line()
    (first, second) = await one.keep(2)
    writing = asyncio.Lock()
    await writing.acquire()
    one.line.withdraw(*first, writing)
    one.line.withdraw(*second)
    for _ in range(10):
        await asyncio.sleep(0)
    assert one.line.are_refused(*first)
    assert not one.line.are_refused(*second)
    writing.release()
    one.go_on()
    await one.line.drain(5.0)
    assert await one.left() == 0


async def test_what_begins_to_write_at_the_same_moment_does_not_come_too_late() -> None:
    """Who keeps an answer that was refused already begins to write it, and has it forgotten, in one step."""
    one = Line()
    written = entry("late")
    writing = asyncio.Lock()

    async def write() -> None:
        async with writing:
            await asyncio.sleep(0)
            await one.cache.store(written)

    (other,) = await one.keep(1)
    one.line.withdraw(*other)
    task = asyncio.create_task(write())
    one.line.withdraw(written.scope, written.entry_id, writing)
    await task
    one.go_on()
    await one.line.drain(5.0)
    assert await one.left() == 0


async def test_more_than_may_wait_are_given_up_counted_and_said(caplog: pytest.LogCaptureFixture) -> None:
    one = Line(most=2)
    kept = await one.keep(3)
    with caplog.at_level(logging.WARNING):
        for scope, entry_id in kept:
            one.line.withdraw(scope, entry_id)
    assert one.line.dropped == 1
    assert "1 answers that a guard refused stay in the cache" in caplog.text
    await one.line.drain(5.0)
    assert await one.left() == 1


async def test_at_the_end_what_could_not_be_forgotten_is_counted_and_said(caplog: pytest.LogCaptureFixture) -> None:
    one = Line()
    (kept,) = await one.keep(1)
    one.cache.is_away = True
    one.line.withdraw(*kept)
    with caplog.at_level(logging.WARNING):
        await one.line.drain(0.01)
    assert one.line.dropped == 1
    assert "1 answers that a guard refused stay in the cache" in caplog.text
