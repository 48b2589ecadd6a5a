"""Keys, users and teams in PostgreSQL.

Failure behaviour: every method raises StoreUnavailableError when the database does not answer; nothing is then
changed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from thriftgate.identity.records import Budget, Grants, Key, Period, Role, Team, User
from thriftgate.ports.people import FoundKey
from thriftgate.stores.postgres.connection.database import Database, Row
from thriftgate.stores.postgres.connection.text import from_json, from_text, to_jsonb, to_text

_GRANTS = ("alias", "models", "endpoints", "tier", "budgets", "blocked", "metadata", "created_at")
_TEAM = ("team_id", *_GRANTS)
_USER = ("user_id", "team_id", *_GRANTS)
_KEY = (
    "key_id", "digest", "user_id", "team_id", "role", "expires_at", "revoked_at", "previous_digest", "previous_until",
    *_GRANTS,
)  # fmt: skip
_SETTABLE = ("user_id", "team_id", "role", "expires_at", *_GRANTS[:-1])
"""What `save_key` writes: a secret and its end have statements of their own, so that no older copy undoes them."""


def _insert(table: str, columns: Sequence[str]) -> str:
    places = ", ".join(f"${place}" for place in range(1, len(columns) + 1))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"


def _upsert(table: str, columns: Sequence[str]) -> str:
    changes = ", ".join(f"{column} = excluded.{column}" for column in columns[1:] if column != "created_at")
    return f"{_insert(table, columns)} ON CONFLICT ({columns[0]}) DO UPDATE SET {changes}"


def _selected(alias: str, columns: Sequence[str]) -> str:
    return ", ".join(f"{alias}.{column} AS {alias}_{column}" for column in columns)


_OWNERS = f"{_selected('u', _USER)}, {_selected('t', _TEAM)}"
_FIND = f"""
SELECT {_selected("k", _KEY)}, {_OWNERS} FROM keys k
LEFT JOIN users u ON u.user_id = k.user_id
LEFT JOIN teams t ON t.team_id = coalesce(k.team_id, u.team_id)
WHERE k.key_id = $1
"""
_FIND_OWNERS = f"""
SELECT {_OWNERS} FROM (VALUES ($1::text, $2::text)) asked (user_id, team_id)
LEFT JOIN users u ON u.user_id = asked.user_id
LEFT JOIN teams t ON t.team_id = coalesce(asked.team_id, u.team_id)
"""
_KEYS = f"""
SELECT {_selected("k", _KEY)} FROM keys k
WHERE ($1::text IS NULL OR user_id = $1) AND ($2::text IS NULL OR team_id = $2) ORDER BY created_at, key_id
"""
_USERS = f"SELECT {_selected('u', _USER)} FROM users u ORDER BY user_id"
_TEAMS = f"SELECT {_selected('t', _TEAM)} FROM teams t ORDER BY team_id"
_ADD_KEY = f"{_insert('keys', _KEY)} ON CONFLICT DO NOTHING RETURNING key_id"
_SAVE_KEY = (
    "UPDATE keys SET "
    + ", ".join(f"{column} = ${place}" for place, column in enumerate(_SETTABLE, start=2))
    + " WHERE key_id = $1 RETURNING key_id"
)
_REVOKE = "UPDATE keys SET revoked_at = coalesce(revoked_at, $2) WHERE key_id = $1 RETURNING key_id"
_ROTATE = """
UPDATE keys SET previous_digest = digest, previous_until = $3, digest = $2
WHERE key_id = $1 AND revoked_at IS NULL RETURNING key_id
"""


class PostgresIdentityStore:
    """Who may call, for all workers (implements `ports.IdentityStore`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, key_id: str) -> FoundKey | None:
        """The key with its user and its team, in one round trip."""
        row = await self._database.fetchrow(_FIND, to_text(key_id))
        if row is None:
            return None
        return FoundKey(_key(row), *_owners(row))

    async def owners(self, user_id: str | None, team_id: str | None) -> tuple[User | None, Team | None]:
        """The user, and the team, or without one the user's."""
        row = await self._database.fetchrow(_FIND_OWNERS, _optional(user_id), _optional(team_id))
        return (None, None) if row is None else _owners(row)

    async def keys(self, *, user_id: str | None = None, team_id: str | None = None) -> Sequence[Key]:
        """Every key, or those of a user or team, the oldest first."""
        return [_key(row) for row in await self._database.fetch(_KEYS, _optional(user_id), _optional(team_id))]

    async def users(self) -> Sequence[User]:
        """Every user, by id."""
        return [_user(row) for row in await self._database.fetch(_USERS)]

    async def teams(self) -> Sequence[Team]:
        """Every team, by id."""
        return [_team(row) for row in await self._database.fetch(_TEAMS)]

    async def add_key(self, key: Key) -> bool:
        """Keep a new key; False when there is one of this id."""
        values = {**_key_values(key), **_grant_values(key.alias, key.grants, key.metadata, key.created_at)}
        return await self._database.fetchval(_ADD_KEY, *(values[column] for column in _KEY)) is not None

    async def save_key(self, key: Key) -> bool:
        """Keep what may be changed of a key: everything but its secret and its revocation; False when it is gone."""
        values = {**_key_values(key), **_grant_values(key.alias, key.grants, key.metadata, key.created_at)}
        chosen = [values[column] for column in _SETTABLE]
        return await self._database.fetchval(_SAVE_KEY, to_text(key.key_id), *chosen) is not None

    async def revoke_key(self, key_id: str, *, at: float) -> bool:
        """The key is good no longer; False when there is none."""
        return await self._database.fetchval(_REVOKE, to_text(key_id), at) is not None

    async def rotate_key(self, key_id: str, digest: bytes, *, previous_until: float) -> bool:
        """Another secret; the one before is good until then. False when there is no such key, or it was revoked."""
        return await self._database.fetchval(_ROTATE, to_text(key_id), digest, previous_until) is not None

    async def save_user(self, user: User) -> None:
        """Keep a user, new or changed."""
        values = {
            "user_id": to_text(user.user_id),
            "team_id": _optional(user.team_id),
            **_grant_values(user.alias, user.grants, user.metadata, user.created_at),
        }
        await self._database.execute(_upsert("users", _USER), *(values[column] for column in _USER))

    async def save_team(self, team: Team) -> None:
        """Keep a team, new or changed."""
        values = {
            "team_id": to_text(team.team_id),
            **_grant_values(team.alias, team.grants, team.metadata, team.created_at),
        }
        await self._database.execute(_upsert("teams", _TEAM), *(values[column] for column in _TEAM))


def _key_values(key: Key) -> dict[str, object]:
    return {
        "key_id": to_text(key.key_id),
        "digest": key.digest,
        "user_id": _optional(key.user_id),
        "team_id": _optional(key.team_id),
        "role": key.role.value,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "previous_digest": key.previous_digest,
        "previous_until": key.previous_until,
    }


def _grant_values(
    alias: str | None, grants: Grants, metadata: Mapping[str, Any], created_at: float
) -> dict[str, object]:
    budgets = [{"usd": one.usd, "per": one.period.value, "hard": one.is_hard} for one in grants.budgets]
    return {
        "alias": _optional(alias),
        "models": _texts(grants.models),
        "endpoints": _texts(grants.endpoints),
        "tier": _optional(grants.tier),
        "budgets": to_jsonb(budgets),
        "blocked": grants.is_blocked,
        "metadata": to_jsonb(metadata),
        "created_at": created_at,
    }


def _owners(row: Row) -> tuple[User | None, Team | None]:
    user = None if row["u_user_id"] is None else _user(row)
    return user, None if row["t_team_id"] is None else _team(row)


def _team(row: Row) -> Team:
    return Team(
        team_id=from_text(row["t_team_id"]),
        alias=_text(row["t_alias"]),
        grants=_grants(row, "t"),
        metadata=from_json(row["t_metadata"]),
        created_at=row["t_created_at"],
    )


def _user(row: Row) -> User:
    return User(
        user_id=from_text(row["u_user_id"]),
        alias=_text(row["u_alias"]),
        team_id=_text(row["u_team_id"]),
        grants=_grants(row, "u"),
        metadata=from_json(row["u_metadata"]),
        created_at=row["u_created_at"],
    )


def _key(row: Row) -> Key:
    return Key(
        key_id=from_text(row["k_key_id"]),
        digest=row["k_digest"],
        alias=_text(row["k_alias"]),
        user_id=_text(row["k_user_id"]),
        team_id=_text(row["k_team_id"]),
        role=Role(row["k_role"]),
        grants=_grants(row, "k"),
        metadata=from_json(row["k_metadata"]),
        created_at=row["k_created_at"],
        expires_at=row["k_expires_at"],
        revoked_at=row["k_revoked_at"],
        previous_digest=row["k_previous_digest"],
        previous_until=row["k_previous_until"],
    )


def _grants(row: Row, whose: str) -> Grants:
    models, endpoints = row[f"{whose}_models"], row[f"{whose}_endpoints"]
    return Grants(
        models=None if models is None else tuple(from_text(name) for name in models),
        endpoints=None if endpoints is None else tuple(from_text(name) for name in endpoints),
        tier=_text(row[f"{whose}_tier"]),
        budgets=tuple(
            Budget(one["usd"], Period(one["per"]), is_hard=one["hard"]) for one in from_json(row[f"{whose}_budgets"])
        ),
        is_blocked=row[f"{whose}_blocked"],
    )


def _texts(names: Sequence[str] | None) -> list[str] | None:
    return None if names is None else [to_text(name) for name in names]


def _optional(text: str | None) -> str | None:
    return None if text is None else to_text(text)


def _text(stored: str | None) -> str | None:
    return None if stored is None else from_text(stored)
