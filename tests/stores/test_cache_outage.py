"""A Redis that freezes, dies and comes back, under the code that serves: nobody fails, and it recovers by itself."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fakes import FakeClock, FakeEmbedder, answer_of, ask, settle
from tests.stores.redis_process import RedisProcess
from tests.stores.redis_query_engine import QueryEngine

from thriftgate.caching.policy import FixedThreshold
from thriftgate.config import CacheConfig
from thriftgate.services.cache.deciding import FixedDecider
from thriftgate.services.cache.pending import Served
from thriftgate.services.cache.service import CacheService
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.request.journal import Journal
from thriftgate.services.route.coalescing import Coalescer
from thriftgate.stores.files.clock import SystemClock
from thriftgate.stores.redis.cache import RedisAnswerCache
from thriftgate.stores.redis.connection import Deadlines, RedisServer
from thriftgate.stores.redis.single_flight import RedisSingleFlight


class Till:
    """What serves a request: cache and coalescing over one Redis. `now` is the breaker's and the warnings' clock."""

    def __init__(self, engine: QueryEngine) -> None:
        self.engine = engine
        self.clock = FakeClock(time.time())  # entries end by the clock of Redis
        self.server = RedisServer(engine.url, clock=self.clock.monotonic, deadlines=Deadlines(lookup=0.05, write=0.05))
        self.embedder = FakeEmbedder()
        self.background = BackgroundTasks(limit=100)
        self.cache = RedisAnswerCache(self.server, dimensions=self.embedder.dimensions, fingerprint="test")
        self.service = CacheService(
            CacheConfig.model_validate({"min_similarity": 0.9, "max_error": 0.0, "ttl": "10h"}),
            cache=self.cache, embedder=self.embedder, decider=FixedDecider(FixedThreshold(0.9)), verifier=None,
            tier_policy=["small"], clock=self.clock, draw=lambda: 0.5, background=self.background,
        )  # fmt: skip
        self.coalescer = Coalescer(RedisSingleFlight(self.server), clock=SystemClock())

    async def answer(self, question: str) -> str:
        """How a request ends: `hit`, or `asked` upstream; the fresh answer is kept."""
        request = ask(question)
        journal = Journal(request, clock=self.clock, stream=False, capture_content=False)
        found = await self.service.find(request, None, journal)
        if isinstance(found, Served):
            return "hit"
        assert found.coalescing_key is not None
        async with self.coalescer.join(found.coalescing_key) as participant:
            participant.publish({"answer": "yes"})
            self.service.keep(request, found, answer_of("yes"), prompt=None, baseline_cost_usd=0.1)
        await self.coalescer.published()
        await self.background.drain(patience=30)
        await settle()
        return "asked"


@pytest.fixture
def process(tmp_path: Path) -> RedisProcess:
    return RedisProcess(tmp_path)


@pytest.fixture
async def till(process: RedisProcess) -> AsyncIterator[Till]:
    process.start()
    engine = QueryEngine(process.port)
    await engine.start()
    till = Till(engine)
    await till.cache.prepare()
    yield till
    await till.server.close()
    process.stop()
    await engine.stop()


async def until_hit(till: Till, question: str) -> None:
    """A busy machine may break a deadline of 50 ms: ask until the answer has been kept, once Redis was found again."""
    for _ in range(50):
        till.clock.advance(60)
        looking = [task for task in asyncio.all_tasks() if task.get_name() == "thriftgate:Redis_probe"]
        if looking:
            await asyncio.wait(looking, timeout=5)
        if await till.answer(question) == "hit":
            return
    raise AssertionError("the answer was never kept")


@pytest.mark.parametrize("outage", ["frozen", "stopped"])
async def test_requests_go_on_while_redis_is_away_with_one_warning_a_minute_and_it_is_found_again(
    till: Till, process: RedisProcess, outage: str, caplog: pytest.LogCaptureFixture
) -> None:
    await until_hit(till, "before")
    (process.freeze if outage == "frozen" else process.stop)()
    till.clock.advance(60)
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="thriftgate.services.request.outages"):
        assert [await till.answer(f"question {i}") for i in range(20)] == ["asked"] * 20
        assert len([one for one in caplog.records if one.name == "thriftgate.services.request.outages"]) == 1
        till.clock.advance(60)
        assert await till.answer("before") == "asked"
    said = [one.getMessage() for one in caplog.records if one.name == "thriftgate.services.request.outages"]
    assert len(said) == 2
    assert "question" not in said[0]
    (process.thaw if outage == "frozen" else process.start)()
    await until_hit(till, "after")


async def test_after_the_first_silence_nobody_waits_for_a_dead_redis(till: Till, process: RedisProcess) -> None:
    await until_hit(till, "before")
    process.freeze()
    till.clock.advance(60)
    await till.answer("notices")
    sent, failures = len(till.engine.commands), till.service.failures
    for i in range(10):
        assert await till.answer(f"question {i}") == "asked"
    assert till.service.failures >= failures + 10
    assert len(till.engine.commands) == sent  # the breaker answered for Redis
    process.thaw()
