"""What `thriftgate doctor` says about a Redis, against real ones where that is possible."""

import pytest
from tests.stores.redis_process import BINARY, RedisProcess
from tests.stores.redis_query_engine import QueryEngine

from thriftgate.errors import ConfigurationError
from thriftgate.stores.redis.connection import RedisServer
from thriftgate.stores.redis.doctor import Remark, engine_version, explain_redis, remarks_on

NO_LIMIT = Remark("note", "no maxmemory is set: only TTLs and `cache.max_entries` keep it from growing")


def words(remarks: list[Remark], level: str) -> list[str]:
    return [remark.words for remark in remarks if remark.level == level]


async def test_a_redis_without_the_query_engine_is_refused_in_words(redis_process: RedisProcess) -> None:
    (failure,) = words(await explain_redis(redis_process.url), "failed")
    assert failure.startswith("Redis ")
    assert "has no query engine: this build lacks the module" in failure


async def test_a_redis_with_the_query_engine_passes(query_engine: QueryEngine) -> None:
    found = await explain_redis(query_engine.url)
    assert words(found, "failed") == []
    assert words(found, "ok")[0].endswith("with the query engine")
    assert words(found, "note") == [NO_LIMIT.words, "it saves nothing to disk: a restart empties the cache"]


@pytest.mark.parametrize(
    ("modules", "version"),
    [
        ([[b"name", b"ReJSON", b"ver", 20803], [b"name", b"search", b"ver", 21005, b"path", b"x"]], " 2.10.5"),
        ([{b"name": b"search", b"ver": 80201}], " 8.2.1"),
        ([{"name": "vectorset", "ver": 1}], ""),
        ([], ""),
    ],
    ids=["flat lists", "maps", "other modules", "none"],
)
def test_the_engines_version_is_read_from_either_protocol(modules: list[object], version: str) -> None:
    assert engine_version(modules) == version


async def test_the_real_query_engine_passes(real_engine: str) -> None:
    assert words(await explain_redis(real_engine), "failed") == []


async def test_nobody_there_is_said_without_the_password() -> None:
    (remark,) = await explain_redis("redis://:hunter2@127.0.0.1:1/0")
    assert remark == Remark("failed", "there is no answer: see that redis_url is right, and that Redis runs")


async def test_a_silent_redis_does_not_hang_the_doctor(redis_process: RedisProcess) -> None:
    redis_process.freeze()
    try:
        (remark,) = await explain_redis(redis_process.url, patience=0.05)
    finally:
        redis_process.thaw()
    assert remark.words.startswith("Redis does not answer in time")


@pytest.mark.skipif(BINARY is None, reason="there is no redis-server on this machine")
async def test_passwords_and_rights_are_told_apart(redis_process: RedisProcess, redis_server: RedisServer) -> None:
    client = redis_server.client()
    address = redis_process.url.removeprefix("redis://")
    await client.execute_command("ACL", "SETUSER", "reader", "on", ">pw", "+@all", "-info", "-config", "~*")
    await client.config_set("requirepass", "hunter2")
    try:
        (missing,) = await explain_redis(redis_process.url)
        (wrong,) = await explain_redis(f"redis://:nope@{address}")
        limited = await explain_redis(f"redis://reader:pw@{address}")
    finally:
        await client.config_set("requirepass", "")
        await client.execute_command("ACL", "DELUSER", "reader")
    assert missing.words == "Redis wants a password: put it into redis_url"
    assert wrong.words == "Redis refuses the user or password of redis_url"
    assert words(limited, "note") == ["INFO is not allowed here, so version and memory stay unknown"]


async def test_what_is_no_url_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="redis_url"):
        await explain_redis("localhost:6379")


MIB = 2**20
CASES: dict[str, tuple[dict[str, object], list[Remark]]] = {
    "nothing known": ({}, [NO_LIMIT]),
    "least used go": (
        {"maxmemory": 512 * MIB, "maxmemory_policy": "volatile-lfu"},
        [Remark("ok", "when its 512 MiB are full, volatile-lfu drops the answers least used")],
    ),
    "nothing goes": (
        {"maxmemory": 2048 * MIB, "maxmemory_policy": "noeviction"},
        [
            Remark(
                "note",
                "when its 2,048 MiB are full it refuses new answers (noeviction); volatile-lru would make room",
            )
        ],
    ),
    "full": (
        {"maxmemory": MIB, "maxmemory_policy": "noeviction", "used_memory": MIB + 1},
        [
            Remark(
                "failed",
                "its 1 MiB are full and it takes no new answers (noeviction): raise maxmemory, or let volatile-lru"
                " make room",
                "writes",
            )
        ],
    ),
    "anything goes": (
        {"maxmemory": MIB, "maxmemory_policy": "allkeys-lru"},
        [
            Remark(
                "note",
                "when its 1 MiB are full, allkeys-lru may drop what was learned about hits;"
                " volatile-lru drops answers only",
            )
        ],
    ),
    "a cluster": (
        {"cluster_enabled": 1},
        [Remark("failed", "it runs as a Redis Cluster, which is not supported: name a single Redis"), NO_LIMIT],
    ),
    "a replica": (
        {"role": "slave"},
        [Remark("failed", "it is a replica, which takes no writes: name the primary", "writes"), NO_LIMIT],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_info_is_put_into_words(case: str) -> None:
    info, expected = CASES[case]
    assert list(remarks_on(info, saves_to_disk=None)) == expected


def test_only_a_redis_that_surely_saves_nothing_is_remarked_on() -> None:
    last = [list(remarks_on({}, saves_to_disk=saves))[-1] for saves in (True, None, False)]
    assert last == [NO_LIMIT, NO_LIMIT, Remark("note", "it saves nothing to disk: a restart empties the cache")]
