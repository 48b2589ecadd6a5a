"""Work beside the requests: it may fail, it may be too much, and it ends when the gateway does."""

import asyncio
import logging

import pytest
from tests.fakes import FakeClock, InMemoryAnswerCache, settle

from thriftgate.caching.entries import CacheEntry
from thriftgate.errors import StoreUnavailableError
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.request.outages import Outages
from thriftgate.services.upkeep.jobs import Job, PromptVersionPurge, Upkeep, look_again


class Work:
    """Something that takes until it is let go, and remembers how it ended."""

    def __init__(self) -> None:
        self.started = 0
        self.finished = 0
        self.cancelled = 0
        self.release = asyncio.Event()

    async def __call__(self) -> None:
        self.started += 1
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.finished += 1


async def fail(error: Exception) -> None:
    raise error


async def test_work_runs_beside_its_caller_until_it_is_done() -> None:
    work, tasks = Work(), BackgroundTasks()
    tasks.start("work", work())
    assert work.started == 0
    await settle()
    assert (work.started, work.finished) == (1, 0)
    work.release.set()
    await tasks.drain()
    assert work.finished == 1


async def test_above_the_limit_work_is_dropped_counted_and_told_until_there_is_room_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    work, tasks = Work(), BackgroundTasks(limit=2)
    for _ in range(5):
        tasks.start("work", work())
    said = [record.getMessage().rpartition(": ")[2] for record in caplog.records]
    assert said == ["work was left out 1 times so far", "work was left out 2 times so far"]
    await settle()
    assert (work.started, tasks.dropped["work"]) == (2, 3)
    work.release.set()
    await settle()
    tasks.start("work", work())
    await tasks.drain()
    assert (work.finished, tasks.dropped["work"]) == (3, 3)


async def test_a_failure_is_counted_by_name_and_logged_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    tasks = BackgroundTasks()
    tasks.start("store", fail(StoreUnavailableError("what the user said")))
    tasks.start("audit", fail(ValueError()))
    tasks.start("store", fail(KeyError()))
    with caplog.at_level(logging.WARNING):
        await tasks.drain()
    assert tasks.failures == {"store": 2, "audit": 1}
    assert "background task store failed: it cannot be used" in caplog.text
    assert "what the user said" not in caplog.text


async def test_draining_waits_for_what_the_work_itself_has_started() -> None:
    first, second, tasks = Work(), Work(), BackgroundTasks()

    async def chain() -> None:
        await first()
        tasks.start("second", second())

    tasks.start("first", chain())
    draining = asyncio.create_task(tasks.drain(patience=60))
    first.release.set()
    await settle()
    assert not draining.done()
    second.release.set()
    await draining
    assert second.finished == 1


async def test_what_is_not_done_within_patience_is_cancelled() -> None:
    work, tasks = Work(), BackgroundTasks()
    tasks.start("work", work())
    await settle()
    await tasks.drain(patience=0)
    assert (work.cancelled, work.finished) == (1, 0)
    assert tasks.failures == {}


async def test_draining_nothing_returns_at_once() -> None:
    await BackgroundTasks().drain(patience=60)


async def test_every_job_runs_at_once_and_again_after_its_interval() -> None:
    turns: list[str] = []
    enough = asyncio.Event()

    async def turn(name: str) -> None:
        turns.append(name)
        if turns.count("often") == 3:
            enough.set()

    upkeep = Upkeep([Job("often", 0, lambda: turn("often")), Job("rarely", 3600, lambda: turn("rarely"))])
    upkeep.start()
    upkeep.start()
    await enough.wait()
    await upkeep.stop()
    seen = list(turns)
    await settle()
    assert turns == seen
    assert (seen.count("often"), seen.count("rarely")) == (3, 1)


async def test_a_job_that_fails_is_tried_again_at_its_next_turn(caplog: pytest.LogCaptureFixture) -> None:
    turns = 0
    enough = asyncio.Event()

    async def turn() -> None:
        nonlocal turns
        turns += 1
        if turns < 3:
            raise StoreUnavailableError("what the user said")
        enough.set()

    upkeep = Upkeep([Job("prompts", 0, turn)])
    with caplog.at_level(logging.WARNING):
        upkeep.start()
        await enough.wait()
        await upkeep.stop()
    assert caplog.messages == ["prompts failed: it cannot be used"] * 2


async def test_stopping_ends_a_job_that_is_at_work_and_it_may_be_started_again() -> None:
    work = Work()
    upkeep = Upkeep([Job("slow", 0, work)])
    for turn in (1, 2):
        upkeep.start()
        await settle()
        await upkeep.stop()
        assert (work.started, work.cancelled) == (turn, turn)
    await upkeep.stop()


class Versions:
    """Plays the prompt service: which versions exist now."""

    def __init__(self, *versions: str) -> None:
        self.known = frozenset(versions)

    def versions_of(self, name: str) -> frozenset[str]:
        return self.known if name == "support" else frozenset()


async def test_answers_of_a_version_that_is_gone_are_forgotten_once() -> None:
    cache, prompts = InMemoryAnswerCache(FakeClock()), Versions("v1", "v2")
    purge = PromptVersionPurge(cache, prompts, {"help": "support", "odd": "nowhere"})
    for version in ("v1", "v2", "v3"):
        await cache.store(entry(version))
    assert await purge.look() == 1
    assert await purge.look() == 0
    assert cache.calls["purge"] == 1, "nothing has changed in between"
    prompts.known = frozenset({"v2"})
    assert await purge.look() == 1
    assert [one.prompt_version async for one in cache.entries()] == ["v2"]


async def test_a_purge_that_failed_is_tried_again() -> None:
    cache = InMemoryAnswerCache(FakeClock())
    purge = PromptVersionPurge(cache, Versions("v1"), {"help": "support"})
    await cache.store(entry("v0"))
    cache.is_away = True
    with pytest.raises(StoreUnavailableError):
        await purge.look()
    cache.is_away = False
    assert await purge.look() == 1


def entry(version: str) -> CacheEntry:
    return CacheEntry(
        entry_id=version, scope="s", key=version, route="help", question=version, embedding=None, choices=(),
        model="small", created_at=0.0, expires_at=float(10**12), prompt_version=version,
    )  # fmt: skip


async def test_an_outage_ends_when_the_store_is_back_also_where_no_request_comes() -> None:
    outages, asked, is_away = Outages(FakeClock()), 0, True

    async def ask() -> None:
        nonlocal asked
        asked += 1
        if is_away:
            raise StoreUnavailableError("it is away", cause="time_out")

    look = look_again("cache_look", "the cache", outages, ask).work
    await look()
    assert (asked, outages.all) == (0, {}), "what was never away is not asked"
    outages.missed("the cache", "time_out")
    with pytest.raises(StoreUnavailableError):
        await look()
    assert outages.of("the cache").since is not None
    is_away = False
    await look()
    await look()
    assert (asked, outages.of("the cache").since, outages.of("the cache").requests) == (2, None, 1)
