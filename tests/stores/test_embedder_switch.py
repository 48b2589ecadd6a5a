"""A gateway whose embedder is changed: what the other one kept is neither served, nor learnt from, nor in the way."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest
from tests.stores.cases import entry, observation, vector
from tests.stores.conftest import PATIENT, clear_namespace
from tests.stores.redis_query_engine import QueryEngine

from thriftgate.caching.entries import PurgeFilter
from thriftgate.ports import AnswerCache
from thriftgate.stores.postgres.cache.answers import PostgresAnswerCache
from thriftgate.stores.postgres.connection.database import Database, Timeouts, open_connection
from thriftgate.stores.postgres.migrations import migrate, migrations
from thriftgate.stores.redis.cache import RedisAnswerCache
from thriftgate.stores.redis.connection import RedisServer

Pair = tuple[AnswerCache, AnswerCache]


def _pair(server: RedisServer, namespace: str) -> Pair:
    return (
        RedisAnswerCache(server, dimensions=384, fingerprint="all-minilm-l6-v2", namespace=namespace),
        RedisAnswerCache(server, dimensions=256, fingerprint="wordllama-l2-supercat-256", namespace=namespace),
    )


@pytest.fixture
async def stand_in_pair(query_engine: QueryEngine) -> AsyncIterator[Pair]:
    server = RedisServer(query_engine.url, deadlines=PATIENT)
    yield _pair(server, "thriftgate")
    await server.close()


@pytest.fixture
async def redis_pair(real_engine: str) -> AsyncIterator[Pair]:
    server, namespace = RedisServer(real_engine, deadlines=PATIENT), f"thriftgate-test-{uuid4().hex}"
    yield _pair(server, namespace)
    await clear_namespace(server.client(), namespace)
    await server.close()


@pytest.fixture(params=["postgres", "postgres-indexed", "redis-stand-in", "redis"])
def both(request: pytest.FixtureRequest) -> Pair:
    """One store as a gateway with MiniLM, and as one with static vectors, opens it."""
    if request.param.startswith("redis"):
        return request.getfixturevalue({"redis": "redis_pair", "redis-stand-in": "stand_in_pair"}[request.param])
    database: Database = request.getfixturevalue("database")
    limit = 1 if request.param == "postgres-indexed" else 1000
    return (
        PostgresAnswerCache(database, dimensions=384, exact_limit=limit),
        PostgresAnswerCache(database, dimensions=256, exact_limit=limit),
    )


async def test_each_finds_its_own_answers_alone(both: Pair) -> None:
    for place, (cache, dimensions) in enumerate(zip(both, (384, 256), strict=True)):
        await cache.prepare()
        for number in range(4):
            await cache.store(
                entry(
                    f"{dimensions}-{number}", scope=f"scope of {dimensions}",
                    embedding=vector(number + 10 * place, dimensions=dimensions),
                )
            )  # fmt: skip
    for place, (cache, dimensions, other) in enumerate(zip(both, (384, 256), (256, 384), strict=True)):
        scope, near = f"scope of {dimensions}", vector(10 * place, dimensions=dimensions)
        found = await cache.lookup(scope, "none", near, limit=8)
        assert found.neighbours[0].entry.key == f"key-{dimensions}-0"
        assert {one.entry.key for one in found.neighbours} == {f"key-{dimensions}-{number}" for number in range(4)}
        theirs = await cache.lookup(f"scope of {other}", "none", near, limit=8)
        assert theirs.neighbours == ()


async def test_outcomes_of_one_embedder_teach_the_other_nothing(both: Pair) -> None:
    minilm, fast = both
    await minilm.observe(observation("id-a", similarity=0.91))
    await fast.observe(observation("id-b", similarity=0.62, is_correct=False))
    assert [seen.entry_id for seen in await minilm.observations("support")] == ["id-a"]
    assert [seen.entry_id for seen in await fast.observations("support")] == ["id-b"]


async def test_going_back_finds_what_was_kept_before(both: Pair) -> None:
    minilm, fast = both
    await minilm.store(entry("a", embedding=vector(1, dimensions=384)))
    await fast.prepare()
    await fast.store(entry("b", scope="another", embedding=vector(1, dimensions=256)))
    await fast.delete_expired()
    await minilm.prepare()
    found = await minilm.lookup("scope", "key-a", vector(1, dimensions=384))
    assert found.exact is not None
    near = (await minilm.lookup("scope", "none", vector(1, dimensions=384))).neighbours
    assert [one.entry.key for one in near] == ["key-a"]


async def test_what_the_other_kept_goes_when_it_expires(both: Pair) -> None:
    minilm, fast = both
    now = time.time()
    kept = entry("a", embedding=vector(1, dimensions=384))
    await minilm.store(replace(kept, created_at=now - 20, expires_at=now - 10))
    await minilm.delete_expired()
    assert await fast.purge(PurgeFilter()) == 0
    assert (await minilm.lookup("scope", "key-a", None)).exact is None


async def test_outcomes_of_two_embedders_of_one_length_teach_each_other_nothing(
    database: Database, query_engine: QueryEngine
) -> None:
    server = RedisServer(query_engine.url, deadlines=PATIENT)
    pairs: list[Pair] = [
        (
            PostgresAnswerCache(database, dimensions=384),
            PostgresAnswerCache(database, dimensions=384, embedder="multilingual"),
        ),
        (
            RedisAnswerCache(server, dimensions=384, fingerprint="all-minilm-l6-v2"),
            RedisAnswerCache(server, dimensions=384, fingerprint="multilingual-e5-small"),
        ),
    ]
    for minilm, multilingual in pairs:
        await minilm.prepare()
        await multilingual.prepare()
        await minilm.observe(observation("id-a", similarity=0.91))
        await multilingual.observe(observation("id-b", similarity=0.62, is_correct=False))
        assert [seen.entry_id for seen in await minilm.observations("support")] == ["id-a"]
        assert [seen.entry_id for seen in await multilingual.observations("support")] == ["id-b"]
    await server.close()


async def test_outcomes_of_a_gateway_that_names_no_embedder_are_its_embedders_before_and_after_the_step(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = "names_no_embedder"
    database = Database(postgres_dsn, schema=schema, timeouts=Timeouts(silence=30.0))
    before = migrations()[:11]
    old_insert = f"""
        INSERT INTO {schema}.cache_observations
            (entry_id, scope, route, similarity, features, is_correct, observed_at, source, dimensions)
        VALUES ($1, 'scope', 'support', 0.9, '{{}}', true, $2, 'verified', $3)
    """
    connection = await open_connection(postgres_dsn)
    with monkeypatch.context() as patched:
        patched.setattr("thriftgate.stores.postgres.migrations.migrations", lambda: before)
        await migrate(postgres_dsn, schema=schema)
    await connection.execute(old_insert, "minilm before", 1.0, 384)
    await connection.execute(old_insert, "fast before", 2.0, 256)
    assert await migrate(postgres_dsn, schema=schema) == [step.name for step in migrations()[11:]]
    await connection.execute(old_insert, "minilm after", 3.0, 384)
    await connection.execute(old_insert, "fast after", 4.0, 256)
    indexes = "SELECT indexname FROM pg_indexes WHERE schemaname = $1 AND tablename = 'cache_observations'"
    names = {row["indexname"] for row in await connection.fetch(indexes, schema)}
    await connection.close()
    found = {
        name: [seen.entry_id for seen in await cache.observations("support")]
        for name, cache in {
            "local": PostgresAnswerCache(database, dimensions=384),
            "multilingual": PostgresAnswerCache(database, dimensions=384, embedder="multilingual"),
            "fast": PostgresAnswerCache(database, dimensions=256, embedder="fast"),
        }.items()
    }
    await database.close()
    assert found == {
        "local": ["minilm after", "minilm before"],
        "multilingual": [],
        "fast": ["fast after", "fast before"],
    }
    assert "cache_observations_by_embedder" in names, "by it a gateway of before still reads"
