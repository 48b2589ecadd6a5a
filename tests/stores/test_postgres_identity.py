"""Keys, users and teams in PostgreSQL: what is kept comes back, and no older copy undoes a revocation."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thriftgate.identity.records import Budget, Grants, Key, Period, Role, Team, User
from thriftgate.ports.people import FoundKey
from thriftgate.stores.postgres.connection.database import Database
from thriftgate.stores.postgres.identity import PostgresIdentityStore

TEAM = Team(
    team_id="support", alias="Support", grants=Grants(models=("a", "b*"), budgets=(Budget(5, Period.DAY),)),
    metadata={"cost centre": 7}, created_at=1.0,
)  # fmt: skip
USER = User(user_id="ada", team_id="support", grants=Grants(tier="gold", is_blocked=True), created_at=2.0)
KEY = Key(
    key_id="k1", digest=b"1" * 32, alias="ci", user_id="ada", role=Role.VIEWER, created_at=3.0, expires_at=9.0,
    grants=Grants(endpoints=(), budgets=(Budget(1.5, Period.MONTH, is_hard=False),)),
)  # fmt: skip


@pytest.fixture
async def store(database: Database) -> PostgresIdentityStore:
    store = PostgresIdentityStore(database)
    await store.save_team(TEAM)
    await store.save_user(USER)
    assert await store.add_key(KEY)
    return store


async def test_a_key_is_found_with_its_user_and_its_users_team(store: PostgresIdentityStore) -> None:
    assert await store.find("k1") == FoundKey(KEY, USER, TEAM)
    assert await store.find("k2") is None
    assert await store.owners("ada", None) == (USER, TEAM)
    assert await store.owners("bob", "support") == (None, TEAM)
    assert await store.owners(None, None) == (None, None)


async def test_a_keys_own_team_comes_before_its_users(store: PostgresIdentityStore) -> None:
    other = Team(team_id="other")
    await store.save_team(other)
    await store.save_key(replace(KEY, team_id="other"))
    assert await store.find("k1") == FoundKey(replace(KEY, team_id="other"), USER, other)
    assert [key.key_id for key in await store.keys(team_id="other")] == ["k1"]
    assert await store.keys(team_id="support") == []


async def test_an_id_is_given_once(store: PostgresIdentityStore) -> None:
    assert not await store.add_key(replace(KEY, digest=b"2" * 32))
    assert await store.keys() == [KEY]


async def test_a_change_that_was_read_before_a_revocation_does_not_undo_it(store: PostgresIdentityStore) -> None:
    assert await store.revoke_key("k1", at=5.0)
    assert await store.save_key(replace(KEY, alias="changed"))
    assert await store.revoke_key("k1", at=8.0)
    found = await store.find("k1")
    assert found is not None
    assert (found.key.alias, found.key.revoked_at) == ("changed", 5.0)
    assert not await store.rotate_key("k1", b"3" * 32, previous_until=9.0)
    assert not await store.revoke_key("nobody", at=5.0)
    assert not await store.save_key(replace(KEY, key_id="nobody"))


async def test_a_rotation_keeps_the_secret_before_and_only_that(store: PostgresIdentityStore) -> None:
    assert await store.rotate_key("k1", b"2" * 32, previous_until=50.0)
    assert await store.rotate_key("k1", b"3" * 32, previous_until=60.0)
    found = await store.find("k1")
    assert found is not None
    assert found.key == replace(KEY, digest=b"3" * 32, previous_digest=b"2" * 32, previous_until=60.0)


async def test_a_user_or_team_that_is_kept_again_is_changed_and_keeps_its_age(store: PostgresIdentityStore) -> None:
    await store.save_team(replace(TEAM, alias="Helpers", created_at=99.0))
    await store.save_user(replace(USER, grants=Grants(), created_at=99.0))
    assert await store.teams() == [replace(TEAM, alias="Helpers")]
    assert await store.users() == [replace(USER, grants=Grants())]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1, max_size=20), st.dictionaries(st.text(max_size=5), st.integers(), max_size=3))
async def test_any_name_that_a_token_may_bring_is_looked_up_as_it_is(
    store: PostgresIdentityStore, name: str, metadata: dict[str, int]
) -> None:
    kept = {key.replace("\x00", ""): value for key, value in metadata.items()}
    user = User(user_id=name, metadata=kept, created_at=1.0)
    await store.save_user(user)
    found, _ = await store.owners(name, None)
    assert found is not None
    assert found.user_id == name
