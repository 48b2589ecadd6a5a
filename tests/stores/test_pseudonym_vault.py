"""The vault keeps pseudonyms sealed, until they expire, and refuses what it cannot read."""

import pytest

from thriftgate.errors import StoreUnavailableError
from thriftgate.privacy.pseudonyms import Pseudonym
from thriftgate.stores.postgres.connection.database import Database
from thriftgate.stores.postgres.sealing import Sealer, derived_key
from thriftgate.stores.postgres.vault import PostgresVault

SECRET = "a-secret-of-the-tests-0123456789abcdef"
ALICE = Pseudonym("PERSON", 1, 0, "Alice Zoë")
BOB = Pseudonym("PERSON", 2, 1, "Bob")


def vault(database: Database, *secrets: str, keep: float = 60.0) -> PostgresVault:
    return PostgresVault(database, Sealer(secrets or (SECRET,)), keep=keep)


async def test_what_one_worker_keeps_another_reads(database: Database) -> None:
    assert await vault(database).load("c") is None
    assert await vault(database).save("c", [ALICE], after=0)
    kept = await vault(database).load("c")
    assert kept is not None
    assert (kept.entries, kept.version) == ((ALICE,), 1)


async def test_the_slower_of_two_has_to_look_again(database: Database) -> None:
    assert await vault(database).save("c", [ALICE], after=0)
    assert not await vault(database).save("c", [BOB], after=0)
    assert await vault(database).save("c", [ALICE, BOB], after=1)
    assert not await vault(database).save("c", [BOB], after=1)


async def test_the_database_never_sees_a_value(database: Database) -> None:
    await vault(database).save("c", [ALICE], after=0)
    row = await database.fetchrow("SELECT * FROM pseudonyms")
    assert row is not None
    assert b"Alice" not in bytes(row["sealed"])
    assert "Alice" not in str(dict(row))


async def test_a_new_key_reads_what_the_old_one_sealed_and_a_strange_one_refuses(database: Database) -> None:
    await vault(database).save("c", [ALICE], after=0)
    assert await vault(database, "new-" + SECRET, SECRET).load("c")
    with pytest.raises(StoreUnavailableError, match="another key"):
        await vault(database, "strange-" + SECRET).load("c")


async def test_a_changed_or_moved_row_is_refused(database: Database) -> None:
    await vault(database).save("c", [ALICE], after=0)
    await database.execute("UPDATE pseudonyms SET conversation = 'd'")
    with pytest.raises(StoreUnavailableError, match="changed"):
        await vault(database).load("d")


async def test_what_has_expired_is_gone(database: Database) -> None:
    await vault(database, keep=-1.0).save("c", [ALICE], after=0)
    assert await vault(database).load("c") is None
    await vault(database).expire()
    assert await database.fetchval("SELECT count(*) FROM pseudonyms") == 0
    assert await vault(database).save("c", [BOB], after=0)


def test_keys_for_two_purposes_have_nothing_in_common() -> None:
    assert derived_key(SECRET, "hash") != derived_key(SECRET, "key")
    assert len(derived_key(SECRET, "hash")) == 32
