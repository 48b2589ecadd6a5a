"""Hits of one answer are written one after the other, and together when they come together."""

import asyncio

import pytest
from tests.fakes import settle

from thriftgate.errors import StoreUnavailableError
from thriftgate.services.cache.service import HitCounter
from thriftgate.services.request.background import BackgroundTasks


class SlowStore:
    """A store whose writes end when the test says so."""

    def __init__(self) -> None:
        self.written: list[tuple[str, int]] = []
        self.gate = asyncio.Event()
        self.is_away = False

    async def touch(self, scope: str, entry_id: str, *, hits: int = 1) -> None:
        await self.gate.wait()
        if self.is_away:
            raise StoreUnavailableError("away")
        self.written.append((entry_id, hits))


def counter(store: SlowStore, background: BackgroundTasks) -> HitCounter:
    return HitCounter(store, background)  # pyright: ignore[reportArgumentType]


async def test_hits_that_come_while_one_is_written_are_written_together() -> None:
    store, background = SlowStore(), BackgroundTasks()
    hits = counter(store, background)
    for _ in range(50):
        hits.count("scope", "a")
    hits.count("scope", "b")
    await settle()
    assert background.running == 2
    store.gate.set()
    await background.drain()
    assert sorted(store.written) == [("a", 1), ("a", 49), ("b", 1)]


async def test_a_later_hit_is_written_as_well() -> None:
    store, background = SlowStore(), BackgroundTasks()
    hits = counter(store, background)
    store.gate.set()
    for _ in range(3):
        hits.count("scope", "a")
        await background.drain()
    assert store.written == [("a", 1)] * 3


@pytest.mark.parametrize("how", ["failed", "dropped"])
async def test_a_write_that_was_lost_does_not_keep_later_ones_back(how: str) -> None:
    store, background = SlowStore(), BackgroundTasks(limit=1)
    hits = counter(store, background)
    store.gate.set()
    if how == "failed":
        store.is_away = True
        hits.count("scope", "a")
    else:
        background.start("something", asyncio.sleep(0))
        hits.count("scope", "a")
    await background.drain()
    store.is_away = False
    hits.count("scope", "a")
    await background.drain()
    assert store.written == [("a", 1)]
