"""The Redis cache as a whole, against a real Redis behind a stand-in for the query engine (`redis_query_engine.py`)."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from redis.asyncio import Redis
from tests.stores.cases import DIMENSIONS, entry, observation, vector
from tests.stores.redis_process import RedisProcess
from tests.stores.redis_query_engine import QueryEngine

from thriftgate.caching.entries import Lookup, PurgeFilter
from thriftgate.errors import StoreUnavailableError
from thriftgate.limits.bucket import TokenBucket
from thriftgate.limits.demand import Charge, Demand, Taken
from thriftgate.stores.redis import cache_schema as schema
from thriftgate.stores.redis.cache import RedisAnswerCache
from thriftgate.stores.redis.connection import Deadlines, RedisServer
from thriftgate.stores.redis.limits import RedisLimiter
from thriftgate.stores.redis.single_flight import RedisSingleFlight

# What is asked of the query engine.

NAMES = schema.Names("tg", "tg:cache:v1:space")


PATIENT = Deadlines(lookup=30.0, write=30.0)
"""The stand-in is slow."""


@pytest.fixture
async def server(query_engine: QueryEngine) -> AsyncIterator[RedisServer]:
    server = RedisServer(query_engine.url, deadlines=PATIENT)
    yield server
    await server.close()


@pytest.fixture
def cache(server: RedisServer) -> RedisAnswerCache:
    return RedisAnswerCache(server, dimensions=DIMENSIONS, fingerprint="test")


async def keys(server: RedisServer) -> dict[str, int]:
    """Every key with its time to live in seconds; -1 for none."""
    client = server.client()
    names = cast("list[bytes]", await client.keys("*"))
    return {name.decode(): await client.ttl(name) for name in names}


async def test_a_look_up_searches_only_where_the_key_has_no_entry(
    cache: RedisAnswerCache, query_engine: QueryEngine
) -> None:
    await cache.store(entry("a"))
    query_engine.commands.clear()
    assert (await cache.lookup("scope", "key-a", vector(1))).exact is not None
    assert (await cache.lookup("scope", "key-b", None)).neighbours == ()
    assert query_engine.commands == []
    assert len((await cache.lookup("scope", "key-b", vector(1))).neighbours) == 1
    assert [command[0] for command in query_engine.commands] == [b"FT.SEARCH"]


async def test_an_entry_that_has_ended_by_our_clock_alone_hides_no_neighbour(
    server: RedisServer, query_engine: QueryEngine
) -> None:
    now = entry("a").created_at
    cache = RedisAnswerCache(server, dimensions=DIMENSIONS, fingerprint="test", clock=lambda: now)
    await cache.store(entry("a", created_at=now, expires_at=now + 100))
    await cache.store(entry("b", created_at=now, expires_at=now + 1000))
    now += 101
    query_engine.commands.clear()
    found = await cache.lookup("scope", "key-a", vector(1))
    assert (found.exact, [one.entry.key for one in found.neighbours]) == (None, ["key-b"])
    assert await cache.lookup("scope", "key-a", None) == Lookup(None, ())
    assert [command[0] for command in query_engine.commands] == [b"FT.SEARCH"]


async def test_scripts_that_redis_forgets_are_sent_again(cache: RedisAnswerCache, server: RedisServer) -> None:
    flight, limiter = RedisSingleFlight(server), RedisLimiter(server)
    await cache.store(entry("a"))
    for number in range(2):
        demand = Demand(str(number), (Charge("key", TokenBucket(5, 1), 1.0),), ())
        assert (await cache.lookup("scope", "key-a", vector(1))).exact is not None
        assert len((await cache.lookup("scope", "none", vector(1))).neighbours) == 1
        await cache.touch("scope", "id-a")
        assert await flight.lead(str(number), owner="us", lease=30)
        assert isinstance(await limiter.take(demand, lease=30), Taken)
        await server.client().script_flush()
    (kept,) = [kept async for kept in cache.entries()]
    assert kept.hits == 2


REFUSALS = {
    "threads or other nodes search": "Cannot perform `FT.SEARCH`: Cannot block",
    "not from a script": "ERR This Redis command is not allowed from script script: 1f0e, on @user_script:1.",
}


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_an_engine_that_does_not_search_in_a_script_is_asked_beside_it_from_then_on(
    cache: RedisAnswerCache, server: RedisServer, query_engine: QueryEngine, refusal: str
) -> None:
    await cache.store(entry("a"))
    assert (await cache.lookup("scope", "key-a", vector(1))).exact is not None
    query_engine.in_scripts = REFUSALS[refusal]
    query_engine.commands.clear()
    for _ in range(2):
        found = await cache.lookup("scope", "none", vector(1))
        assert [one.entry.key for one in found.neighbours] == ["key-a"]
        exact = await cache.lookup("scope", "key-a", vector(1))
        assert exact.exact is not None
        assert (exact.exact.hits, exact.neighbours) == (0, ())
        await server.client().config_resetstat()
    await cache.lookup("scope", "key-a", None)
    assert "cmdstat_eval" not in await server.client().info("commandstats"), "no script is tried again"
    assert [command[0] for command in query_engine.commands] == [b"FT.SEARCH"] * 4


@pytest.mark.parametrize(("rights", "is_found"), [(["-eval"], True), (["-eval", "-hget"], False), (["-hget"], False)])
async def test_a_user_that_may_not_run_scripts_still_gets_answers(
    cache: RedisAnswerCache, server: RedisServer, query_engine: QueryEngine, rights: list[str], is_found: bool
) -> None:
    await cache.store(entry("a"))
    client = server.client()
    await client.execute_command("ACL", "SETUSER", "limited", "on", ">pw", "~*", "&*", "+@all", *rights)
    limited = RedisServer(query_engine.url.replace("//", "//limited:pw@"), deadlines=PATIENT)
    theirs = RedisAnswerCache(limited, dimensions=DIMENSIONS, fingerprint="test")
    try:
        if is_found:
            assert (await theirs.lookup("scope", "key-a", vector(1))).exact is not None
            assert len((await theirs.lookup("scope", "none", vector(1))).neighbours) == 1
        else:
            with pytest.raises(StoreUnavailableError, match=r"refused a command") as caught:
                await theirs.lookup("scope", "key-a", vector(1))
            assert caught.value.cause == "password"
    finally:
        await client.execute_command("ACL", "DELUSER", "limited")
        await limited.close()


async def test_an_engine_that_is_gone_after_the_start_is_said_to_be(
    cache: RedisAnswerCache, query_engine: QueryEngine
) -> None:
    await cache.store(entry("a"))
    query_engine.is_lost = True
    with pytest.raises(StoreUnavailableError, match="it has no query engine: this build lacks the module") as caught:
        await cache.lookup("scope", "none", vector(1))
    assert caught.value.cause == "no_query_engine"
    assert (await cache.lookup("scope", "key-a", vector(1))).exact is not None, "which takes no engine"


async def test_everything_an_entry_leaves_behind_ends_with_it(cache: RedisAnswerCache, server: RedisServer) -> None:
    await cache.store(entry("a", tags=("x", "y")))
    await cache.touch("scope", "id-a")
    await cache.observe(observation("id-a"))
    found = await keys(server)
    lasting = {
        name.split(":")[-1] if name.endswith("routes") else name.split(":")[-2] for name in found if found[name] < 0
    }
    assert lasting == {"routes", "seen"}
    assert all(3500 < left <= 3600 for left in found.values() if left >= 0)
    assert len([left for left in found.values() if left >= 0]) == 3


async def test_nothing_of_a_purged_entry_is_left(cache: RedisAnswerCache, server: RedisServer) -> None:
    await cache.store(entry("a"))
    assert await cache.purge(PurgeFilter(tag="other")) == 0
    assert await cache.purge(PurgeFilter(entry_id="id-a")) == 1
    assert [name for name in await keys(server) if not name.endswith(":routes")] == []


async def test_a_late_touch_or_outcome_does_not_bring_an_entry_back(
    cache: RedisAnswerCache, server: RedisServer
) -> None:
    await cache.store(entry("a"))
    await cache.store(entry("a", entry_id="id-new"))
    await cache.touch("scope", "id-a")
    await cache.observe(observation("id-a", is_correct=False))
    found = (await cache.lookup("scope", "key-a", None)).exact
    assert found is not None
    assert (found.entry_id, found.hits, found.outcomes) == ("id-new", 0, ())
    await cache.purge(PurgeFilter())
    await cache.touch("scope", "id-new")
    await cache.observe(observation("id-new"))
    assert not any(":answer:" in name or ":use:" in name for name in await keys(server))


async def test_an_outcome_does_not_prolong_an_entry(cache: RedisAnswerCache, server: RedisServer) -> None:
    await cache.store(replace(entry("a"), expires_at=entry("a").created_at + 100))
    await cache.observe(observation("id-a"))
    await cache.touch("scope", "id-a")
    assert {left for left in (await keys(server)).values() if left >= 0} <= {99, 100}


async def test_two_gateways_that_start_at_once_share_their_indexes(server: RedisServer) -> None:
    caches = [RedisAnswerCache(server, dimensions=DIMENSIONS, fingerprint="test") for _ in range(4)]
    await asyncio.gather(*(cache.prepare() for cache in caches))
    await caches[0].store(entry("a"))
    assert (await caches[1].lookup("scope", "none", vector(1))).neighbours


@pytest.mark.parametrize("which", ["answers", "uses"])
async def test_an_index_that_is_gone_is_made_again(cache: RedisAnswerCache, server: RedisServer, which: str) -> None:
    await cache.store(entry("a"))
    names = schema.Names.of(fingerprint="test", dimensions=DIMENSIONS)
    await _command(server, "FT.DROPINDEX", getattr(names, which))
    assert len((await cache.lookup("scope", "none", vector(1))).neighbours) == 1
    assert [stats.entries for stats in await cache.stats()] == [1]


async def test_after_a_flush_it_starts_over(cache: RedisAnswerCache, server: RedisServer) -> None:
    await cache.store(entry("a"))
    await server.client().flushall()
    assert (await cache.lookup("scope", "key-a", vector(1))).neighbours == ()
    await cache.store(entry("b"))
    assert [kept.key async for kept in cache.entries()] == ["key-b"]


async def test_embedders_do_not_see_each_others_answers_and_empty_indexes_go(
    cache: RedisAnswerCache, server: RedisServer
) -> None:
    await cache.store(entry("a"))
    other = RedisAnswerCache(server, dimensions=DIMENSIONS, fingerprint="other")
    assert await other.lookup("scope", "key-a", vector(1)) == await other.lookup("none", "none", None)
    ours = schema.Names.of(fingerprint="test", dimensions=DIMENSIONS)
    listed = await _command(server, "FT._LIST")
    assert {ours.answers.encode(), ours.uses.encode()} <= set(listed)  # there is still something in them
    await cache.purge(PurgeFilter())
    await other.prepare()
    assert ours.uses.encode() not in await _command(server, "FT._LIST")
    await cache.store(entry("b"))  # and whoever still uses them makes them again
    assert [kept.key async for kept in cache.entries()] == ["key-b"]


async def test_a_route_keeps_only_so_many_outcomes(cache: RedisAnswerCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thriftgate.stores.redis.cache._OBSERVATIONS", 100)
    for i in range(350):
        await cache.observe(observation("id-a", observed_at=float(i)))
    seen = await cache.observations("support")
    assert 100 <= len(seen) <= 250  # Redis drops whole blocks
    assert [outcome.observed_at for outcome in seen[:3]] == [349.0, 348.0, 347.0]
    assert list(await cache.observations("support", limit=0)) == []


async def test_a_full_redis_refuses_an_answer_and_says_nothing_of_it(
    cache: RedisAnswerCache, server: RedisServer
) -> None:
    await cache.prepare()
    await server.client().config_set("maxmemory", "1")
    try:
        with pytest.raises(StoreUnavailableError) as caught:
            await cache.store(entry("a", question="secret".upper()))
        assert (await cache.lookup("scope", "key-a", vector(1))).exact is None  # reading still works
    finally:
        await server.client().config_set("maxmemory", "0")
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))


async def _command(server: RedisServer, *arguments: str) -> Any:
    async def work(client: Redis) -> Any:
        return await cast("Any", client.execute_command(*arguments))

    return await server.run(work, deadline=5.0)


async def _entries(cache: RedisAnswerCache) -> None:
    assert [kept async for kept in cache.entries()]


METHODS: dict[str, Callable[[RedisAnswerCache], Awaitable[object]]] = {
    "prepare": lambda cache: cache.prepare(),
    "lookup": lambda cache: cache.lookup("scope", "key", vector(1)),
    "store": lambda cache: cache.store(entry("a")),
    "touch": lambda cache: cache.touch("scope", "id-a"),
    "observe": lambda cache: cache.observe(observation("id-a")),
    "observations": lambda cache: cache.observations("support"),
    "purge": lambda cache: cache.purge(PurgeFilter()),
    "evict": lambda cache: cache.evict("support", keep=1),
    "stats": lambda cache: cache.stats(),
    "entries": _entries,
}


@pytest.mark.parametrize("method", METHODS)
async def test_without_a_query_engine_every_call_says_what_is_missing(redis_server: RedisServer, method: str) -> None:
    plain = RedisAnswerCache(redis_server, dimensions=DIMENSIONS, fingerprint="test")
    with pytest.raises(StoreUnavailableError, match="it has no query engine: this build lacks the module"):
        await METHODS[method](plain)


async def _is_stored(cache: RedisAnswerCache, key: str) -> bool:
    try:
        await cache.store(entry(key))
    except StoreUnavailableError:
        await asyncio.sleep(0.01)
        return False
    return True


async def test_a_redis_that_stops_is_unavailable_for_every_call_and_found_again(tmp_path: Path) -> None:
    process, now = RedisProcess(tmp_path), 0.0
    process.start()
    engine = QueryEngine(process.port)
    await engine.start()
    server = RedisServer(engine.url, deadlines=PATIENT, clock=lambda: now)
    cache = RedisAnswerCache(server, dimensions=DIMENSIONS, fingerprint="test")
    await cache.store(entry("a"))
    process.stop()
    for call in METHODS.values():
        now += 60  # past the breaker, so that each really tries
        with pytest.raises(StoreUnavailableError):
            await call(cache)
    process.start()
    now += 60
    # It is looked for beside the requests: the first of them may come too early.
    while not await _is_stored(cache, "b"):
        now += 60
    assert (await cache.lookup("scope", "key-b", vector(1))).exact is not None
    await server.close()
    await engine.stop()
    process.stop()
