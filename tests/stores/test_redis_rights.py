"""A user of Redis's that may do what `docs/operating.md` names and nothing else, doing all that a gateway does."""

import asyncio
import shlex
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from tests.stores.cases import DIMENSIONS, entry, observation, vector
from tests.stores.conftest import PATIENT, clear_namespace
from tests.stores.redis_query_engine import QueryEngine

from thriftgate.caching.entries import PurgeFilter
from thriftgate.limits.bucket import TokenBucket
from thriftgate.limits.demand import Charge, Demand, Settlement, Slot, Taken
from thriftgate.stores.redis.cache import RedisAnswerCache
from thriftgate.stores.redis.connection import RedisServer
from thriftgate.stores.redis.doctor import explain_redis
from thriftgate.stores.redis.limits import RedisLimiter
from thriftgate.stores.redis.single_flight import RedisSingleFlight

OPERATING = Path(__file__).parents[2] / "docs" / "operating.md"


def documented() -> list[str]:
    """What the document gives to the user."""
    (_, command) = OPERATING.read_text(encoding="utf-8").split("redis-cli ACL SETUSER thriftgate ")
    words = shlex.split(command.split("```")[0].replace("\\\n", " "))
    return [word for word in words if not word.startswith(">")]


def rights() -> list[str]:
    """The same without the query engine's commands, which a plain Redis does not know."""
    return [word for word in documented() if not word.startswith("+ft.")]


@pytest.fixture
async def url(query_engine: QueryEngine, redis_server: RedisServer) -> AsyncIterator[str]:
    """The URL of that user, at the worker's Redis with a stand-in for the query engine."""
    client = redis_server.client()
    await client.execute_command("ACL", "SETUSER", "thriftgate", *rights(), "+scan", ">pw")  # the stand-in scans
    yield query_engine.url.replace("//", "//thriftgate:pw@")
    await client.execute_command("ACL", "DELUSER", "thriftgate")


@pytest.fixture
async def server(url: str) -> AsyncIterator[RedisServer]:
    server = RedisServer(url, deadlines=PATIENT)
    yield server
    await server.close()


async def test_the_rights_that_are_documented_are_all_that_the_cache_needs(
    server: RedisServer, redis_server: RedisServer
) -> None:
    await _use_the_cache(server, redis_server.client(), namespace="thriftgate")


async def test_on_the_real_query_engine_they_are_enough_too(real_engine: str) -> None:
    administrator, name = RedisServer(real_engine, deadlines=PATIENT), f"test-{uuid4().hex}"
    await administrator.client().execute_command("ACL", "SETUSER", name, *documented(), ">pw")
    url = real_engine.replace("//", f"//{name}:pw@")
    server = RedisServer(url, deadlines=PATIENT)
    try:
        await _use_the_cache(server, administrator.client(), namespace=f"thriftgate:{name}")
        assert {remark.level for remark in await explain_redis(url)} == {"ok", "note"}
    finally:
        await clear_namespace(administrator.client(), f"thriftgate:{name}")
        await administrator.client().execute_command("ACL", "DELUSER", name)
        await server.close()
        await administrator.close()


async def _use_the_cache(server: RedisServer, administrator: Redis, *, namespace: str) -> None:
    cache = RedisAnswerCache(server, dimensions=DIMENSIONS, fingerprint="test", namespace=namespace)
    await cache.prepare()
    await cache.store(entry("a"))
    await cache.touch("scope", "id-a")
    await cache.observe(observation("id-a"))
    await administrator.config_resetstat()
    assert (await cache.lookup("scope", "key-a", vector(1))).exact is not None
    assert len((await cache.lookup("scope", "none", vector(1))).neighbours) == 1
    assert (await administrator.info("commandstats"))["cmdstat_eval"]["calls"] == 2, "the look-up's script ran"
    assert [kept.hits async for kept in cache.entries()] == [1]
    assert len(await cache.observations("support")) == 1
    assert [stats.observations for stats in await cache.stats()] == [1]
    assert await cache.evict("support", keep=0) == 1
    await cache.store(entry("b"))
    assert await cache.purge(PurgeFilter()) == 1
    # It drops the empty indexes.
    await RedisAnswerCache(server, dimensions=DIMENSIONS, fingerprint="other", namespace=namespace).prepare()


async def test_the_rights_that_are_documented_are_all_that_limits_and_coalescing_need(
    server: RedisServer, redis_server: RedisServer
) -> None:
    limiter, flight = RedisLimiter(server), RedisSingleFlight(server)
    demand = Demand("id", (Charge("key", TokenBucket(5, 1), 1.0),), (Slot("few", 1),))
    assert isinstance(await limiter.take(demand, lease=30), Taken)
    await limiter.renew([demand], lease=30)
    await limiter.settle(Settlement(demand, (2.0,)))
    assert await limiter.sweep() == 0
    assert await flight.lead("k", owner="a", lease=30)
    assert await flight.renew("k", owner="a", lease=30)
    waiting = asyncio.create_task(flight.wait("k", patience=20))
    while not await _is_listened_to(redis_server):
        pass
    await flight.publish("k", owner="a", outcome={"answer": "yes"}, keep=5)
    assert await waiting == {"answer": "yes"}


async def _is_listened_to(server: RedisServer) -> bool:
    await asyncio.sleep(0.01)
    return bool(await server.client().pubsub_channels("thriftgate:*"))


async def test_the_doctor_has_nothing_against_the_rights_that_are_documented(url: str) -> None:
    assert {remark.level for remark in await explain_redis(url, has_limits=True)} == {"ok", "note"}


@pytest.mark.parametrize(
    ("taken", "lost"),
    [
        ("-eval", {"EVAL, which": "counts"}),
        ("-evalsha", {"EVALSHA or": "limits"}),
        ("-script|load", {"EVALSHA or": "limits"}),
        ("-@scripting", {"EVAL, which": "counts", "EVALSHA or": "limits"}),
    ],
)
async def test_the_doctor_names_what_a_user_may_not_do_with_scripts(
    url: str, redis_server: RedisServer, taken: str, lost: dict[str, str]
) -> None:
    await redis_server.client().execute_command("ACL", "SETUSER", "thriftgate", taken)
    failed = [remark for remark in await explain_redis(url, has_limits=True) if remark.level == "failed"]
    said = {" ".join(remark.words.removeprefix("this user may not run ").split()[:2]): remark.lost for remark in failed}
    assert said == lost
    without = {remark.lost for remark in await explain_redis(url) if remark.level == "failed"}
    assert without == set(lost.values()) - {"limits"}
