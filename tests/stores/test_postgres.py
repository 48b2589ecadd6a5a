"""The connection pool, the migrations, and text that PostgreSQL would refuse."""

import asyncio
import json
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.stores.cases import entry

from thriftgate.errors import ConfigurationError, StoreUnavailableError
from thriftgate.stores.embedded.database import prepare_embedded
from thriftgate.stores.postgres.cache.answers import PostgresAnswerCache
from thriftgate.stores.postgres.connection.database import (
    Connection,
    Database,
    Timeouts,
    connect,
    open_connection,
    plain_dsn,
)
from thriftgate.stores.postgres.connection.text import from_json, from_text, to_json, to_jsonb, to_text
from thriftgate.stores.postgres.migrations import Migration, migrate, migrations
from thriftgate.stores.postgres.single_flight import PostgresSingleFlight

examples = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
any_text = st.text(st.characters())  # half surrogates and NUL included
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=8,
)


async def test_a_slow_statement_is_given_up_and_the_connection_is_used_again(postgres_dsn: str) -> None:
    database = Database(postgres_dsn, max_connections=1, timeouts=Timeouts(statement=0.05, acquire=5.0))
    with pytest.raises(StoreUnavailableError, match="in time"):
        await database.fetchval("SELECT pg_sleep(60)")
    assert await database.fetchval("SELECT 1") == 1
    await database.close()


async def test_a_pool_without_a_free_connection_is_unavailable_not_a_hang(postgres_dsn: str) -> None:
    database = Database(postgres_dsn, max_connections=1, timeouts=Timeouts(acquire=0.05))
    async with database.connection():
        with pytest.raises(StoreUnavailableError, match="in time"):
            await database.fetchval("SELECT 1")
    assert await database.fetchval("SELECT 1") == 1
    await database.close()


async def test_errors_name_the_class_and_never_quote_a_value(database: Database) -> None:
    with pytest.raises(StoreUnavailableError, match="SQLSTATE 22P02") as raised:
        await database.fetchval("SELECT 'what a user said'::text::integer")
    assert "user said" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


async def test_a_connection_that_the_server_ended_is_replaced(database: Database) -> None:
    pid = await database.fetchval("SELECT pg_backend_pid()")
    other = await open_connection(database.dsn)
    await other.execute("SELECT pg_terminate_backend($1)", pid)
    await other.close()
    while True:  # the news may not have arrived yet
        try:
            assert await database.fetchval("SELECT pg_backend_pid()") != pid
            break
        except StoreUnavailableError:
            continue


def test_a_database_made_outside_may_be_used_from_several_event_loops(postgres_dsn: str) -> None:
    database = connect(postgres_dsn)
    found: list[int] = []

    async def use() -> None:
        found.append(await database.fetchval("SELECT 1"))
        await database.close()

    threads = [threading.Thread(target=asyncio.run, args=(use(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1, 1, 1]


async def test_a_closed_database_opens_again_when_it_is_asked(postgres_dsn: str) -> None:
    database = connect(postgres_dsn)
    assert await database.fetchval("SELECT 1") == 1
    await database.close()
    await database.close()
    assert await database.fetchval("SELECT 2") == 2
    await database.close()


@pytest.mark.parametrize(
    ("given_dsn", "plain"),
    [
        ("postgres://u:p@h/db", "postgresql://u:p@h/db"),
        ("postgresql+asyncpg://u@h:1/db?sslmode=require", "postgresql://u@h:1/db?sslmode=require"),
        ("postgresql://h/db?connection_limit=10&pool_timeout=5&schema=public&sslmode=off", "postgresql://h/db?sslmode=off"),
        ("postgresql://postgres@/db?host=/a%20b/c&port=5432", "postgresql://postgres@/db?host=%2Fa+b%2Fc&port=5432"),
    ],
)  # fmt: skip
def test_the_dsn_that_litellm_reads_serves_us_too(given_dsn: str, plain: str) -> None:
    assert plain_dsn(given_dsn) == plain


async def test_migrations_are_applied_once_by_any_number_of_workers(postgres_dsn: str) -> None:
    schema = "many_workers"
    applied = await asyncio.gather(*(migrate(postgres_dsn, schema=schema) for _ in range(5)))
    assert sorted(name for names in applied for name in names) == [step.name for step in migrations()]
    assert await migrate(postgres_dsn, schema=schema) == []


async def test_a_step_that_waits_for_a_long_reader_lets_the_others_read(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = "read_while_migrated"
    await migrate(postgres_dsn, schema=schema)
    sql = f"ALTER TABLE {schema}.cache_observations ADD COLUMN later int"
    later = Migration(len(migrations()) + 1, "later.sql", sql)
    monkeypatch.setattr("thriftgate.stores.postgres.migrations.migrations", lambda: [*migrations(), later])
    dump, reader = await open_connection(postgres_dsn), await open_connection(postgres_dsn)
    holding = dump.transaction()
    await holding.start()
    await dump.execute(f"LOCK TABLE {schema}.cache_observations IN ACCESS SHARE MODE")
    migrating = asyncio.create_task(migrate(postgres_dsn, schema=schema))
    await reader.execute("SET lock_timeout = '5s'")
    for _ in range(20):
        assert await reader.fetchval(f"SELECT count(*) FROM {schema}.cache_observations") == 0
        await asyncio.sleep(0.05)
    assert not migrating.done()
    await holding.rollback()
    assert await migrating == ["later.sql"]
    await dump.close()
    await reader.close()


def test_migrations_are_numbered_without_gaps() -> None:
    assert [step.version for step in migrations()] == list(range(1, len(migrations()) + 1))


async def test_tables_of_a_newer_thriftgate_are_left_alone(postgres_dsn: str) -> None:
    schema = "newer"
    await migrate(postgres_dsn, schema=schema)
    connection = await open_connection(postgres_dsn)
    await connection.execute(f"INSERT INTO {schema}.schema_migrations (version, name) VALUES (9999, 'later')")
    await connection.close()
    with pytest.raises(ConfigurationError, match="newer thriftgate"):
        await migrate(postgres_dsn, schema=schema)


def test_a_missing_database_is_said_so(postgres_dsn: str) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        prepare_embedded(postgres_dsn.replace("tests_", "missing_"), Path())


class DeafDatabase(Database):
    """A database behind a pooler that lets no notification through."""

    async def own_connection(self) -> Connection:
        raise StoreUnavailableError("no session of your own here")


async def test_waiters_get_the_outcome_without_notifications_too(postgres_dsn: str, database: Database) -> None:
    deaf = DeafDatabase(postgres_dsn)
    single_flight = PostgresSingleFlight(deaf)
    await single_flight.lead("k", owner="a", lease=30)
    waiting = asyncio.create_task(single_flight.wait("k", patience=60))
    while not await database.fetchval("SELECT is_awaited FROM flights WHERE key = 'k'"):
        pass
    await single_flight.publish("k", owner="a", outcome={"answer": 1}, keep=0)
    assert await waiting == {"answer": 1}
    await deaf.close()


async def test_a_lost_listener_is_replaced(database: Database) -> None:
    single_flight = PostgresSingleFlight(database)
    await single_flight.lead("k", owner="a", lease=30)
    assert await single_flight.wait("k", patience=0) is None
    await database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query LIKE 'LISTEN%' AND pid <> pg_backend_pid()"
    )
    waiting = asyncio.create_task(single_flight.wait("k", patience=60))
    await single_flight.publish("k", owner="a", outcome={"answer": 1}, keep=30)
    assert await waiting == {"answer": 1}


async def test_expired_entries_are_deleted_with_their_vectors(database: Database) -> None:
    now = 1000.0
    cache = PostgresAnswerCache(database, dimensions=8, clock=lambda: now)
    await cache.store(entry("a", expires_at=1001.0))
    await cache.store(entry("b", expires_at=2000.0))
    assert await cache.delete_expired() == 0
    now = 1001.0
    assert (await cache.lookup("scope", "key-a", None)).exact is None
    assert await cache.delete_expired() == 1
    assert await database.fetchval("SELECT count(*) FROM cache_vectors") == 1


async def test_a_vector_of_another_length_is_a_mistake_of_ours(database: Database) -> None:
    cache = PostgresAnswerCache(database, dimensions=16)
    with pytest.raises(ValueError, match="shape"):
        await cache.store(entry("a"))


async def test_a_large_scope_is_searched_through_its_index(database: Database) -> None:
    cache = PostgresAnswerCache(database, dimensions=8, exact_limit=2)
    for i in range(6):
        await cache.store(entry(str(i)))
    assert await database.fetchval("SELECT count(*) FROM cache_vectors WHERE bucket IS NOT NULL") == 4
    # What was indexed stays so when it is stored again: an entry moves only by leaving.
    await cache.store(entry("5"))
    assert await database.fetchval("SELECT count(*) FROM cache_vectors WHERE bucket IS NOT NULL") == 4


@examples
@given(any_text)
def test_any_text_survives_the_escape(text: str) -> None:
    stored = to_text(text)
    assert "\x00" not in stored
    stored.encode()  # raises for half a surrogate
    assert from_text(stored) == text


@examples
@given(any_text, any_text)
def test_different_texts_stay_different(one: str, other: str) -> None:
    assert (to_text(one) == to_text(other)) == (one == other)


@examples
@given(json_values)
async def test_postgres_takes_every_value_as_json_and_gives_it_back(database: Database, value: object) -> None:
    stored = to_json(value)
    assert await database.fetchval("SELECT $1::json", stored) == stored
    assert to_json(from_json(stored)) == stored


@examples
@given(json_values)
async def test_postgres_takes_every_value_as_jsonb(database: Database, value: object) -> None:
    stored = to_jsonb(value)
    kept = await database.fetchval("SELECT $1::jsonb", stored)
    # jsonb has one kind of number: 1e16 comes back as 10000000000000000.
    assert json.loads(kept, parse_int=float) == json.loads(stored, parse_int=float)


async def test_a_database_that_takes_connections_and_says_nothing_is_passed_by() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    database = Database(f"postgresql://u:p@127.0.0.1:{port}/x?sslmode=disable", timeouts=Timeouts(acquire=0.05))
    with pytest.raises(StoreUnavailableError, match="in time"):
        await database.fetchval("SELECT 1")
    await database.close()
    server.close()
    await server.wait_closed()
