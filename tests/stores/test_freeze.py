"""Five seconds in which the store says nothing, at twenty requests a second: nobody fails, and hits come back soon."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fakes import FakeEmbedder, answer_of, ask
from tests.stores.postgres_process import PostgresProcess
from tests.stores.redis_process import RedisProcess
from tests.stores.redis_query_engine import QueryEngine

from thriftgate.caching.policy import FixedThreshold
from thriftgate.config import CacheConfig
from thriftgate.ports import AnswerCache, SingleFlight
from thriftgate.services.cache.deciding import FixedDecider
from thriftgate.services.cache.pending import Served
from thriftgate.services.cache.service import CacheService
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.request.journal import Journal
from thriftgate.services.route.coalescing import Coalescer
from thriftgate.stores.files.clock import SystemClock
from thriftgate.stores.postgres.cache.answers import PostgresAnswerCache
from thriftgate.stores.postgres.connection.database import Database
from thriftgate.stores.postgres.single_flight import PostgresSingleFlight
from thriftgate.stores.redis.cache import RedisAnswerCache
from thriftgate.stores.redis.connection import RedisServer
from thriftgate.stores.redis.single_flight import RedisSingleFlight

PER_SECOND = 20
FROZEN, AFTER = 5, 2
"""Seconds."""


class Gateway:
    """Cache and coalescing over one store, with the waits of production."""

    def __init__(
        self, cache: AnswerCache, single_flight: SingleFlight, process: RedisProcess | PostgresProcess
    ) -> None:
        self.process = process
        self.background = BackgroundTasks(limit=1000)
        self.coalescer = Coalescer(single_flight, clock=SystemClock())
        self.service = CacheService(
            CacheConfig.model_validate({"min_similarity": 0.9, "max_error": 0.0, "ttl": "10h"}),
            cache=cache, embedder=FakeEmbedder(), decider=FixedDecider(FixedThreshold(0.9)), verifier=None,
            tier_policy=["small"], clock=SystemClock(), draw=lambda: 0.5, background=self.background,
        )  # fmt: skip

    async def answer(self, question: str) -> str:
        """How a request ends: `hit`, `joined` or `asked`."""
        request = ask(question)
        found = await self.service.find(
            request, None, Journal(request, clock=SystemClock(), stream=False, capture_content=False)
        )
        if isinstance(found, Served):
            return "hit"
        assert found.coalescing_key is not None
        async with self.coalescer.join(found.coalescing_key) as participant:
            if participant.joined is not None:
                return "joined"
            participant.publish({"answer": "yes"})
            self.service.keep(request, found, answer_of("yes"), prompt=None, baseline_cost_usd=0.1)
        return "asked"

    async def asked_for(self, seconds: float) -> list[str]:
        """How requests at a steady rate end, all of the same question."""
        asked: list[asyncio.Task[str]] = []
        for _ in range(int(seconds * PER_SECOND)):
            asked.append(asyncio.create_task(self.answer("what everybody asks")))
            await asyncio.sleep(1 / PER_SECOND)
        return await asyncio.gather(*asked)


@pytest.fixture(params=["redis", "postgres"])
async def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Gateway]:
    dimensions = FakeEmbedder().dimensions
    if request.param == "postgres":
        process = PostgresProcess()
        process.start()
        database = Database(process.dsn)
        yield Gateway(PostgresAnswerCache(database, dimensions=dimensions), PostgresSingleFlight(database), process)
        await database.close()
        process.stop()
        return
    redis = RedisProcess(tmp_path)
    redis.start()
    engine = QueryEngine(redis.port)
    await engine.start()
    server = RedisServer(engine.url)
    cache = RedisAnswerCache(server, dimensions=dimensions, fingerprint="test")
    await cache.prepare()
    yield Gateway(cache, RedisSingleFlight(server), redis)
    await server.close()
    redis.stop()
    await engine.stop()


async def test_hits_are_back_within_two_seconds_of_a_freeze_and_nobody_fails(gateway: Gateway) -> None:
    for _ in range(100):
        if "hit" in await gateway.asked_for(0.1):
            break
    gateway.process.freeze()
    frozen = Counter(await gateway.asked_for(FROZEN))
    assert frozen.total() == FROZEN * PER_SECOND
    assert frozen["asked"] >= 0.9 * frozen.total()
    gateway.process.thaw()
    after = await gateway.asked_for(AFTER)
    assert after[-PER_SECOND:].count("hit") >= 0.8 * PER_SECOND, after
    await gateway.background.drain(patience=30)
