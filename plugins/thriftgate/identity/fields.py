"""Keys, users and teams as JSON: in the words of `forms`, with what happened to them. Never a secret or its digest."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from thriftgate.identity.records import Grants, Key, Team, User

Owner = Team | User


def key_fields(key: Key, *, now: float) -> dict[str, Any]:
    """A key: `id`, `status`, what its form says, and when it was made, expires and was revoked."""
    return {
        "id": key.key_id,
        "status": key_status(key, now=now),
        "user": key.user_id,
        "team": key.team_id,
        "role": key.role.value,
        **_grant_fields(key.alias, key.grants, key.metadata),
        "expires": _moment(key.expires_at),
        "created": _moment(key.created_at),
        "revoked": _moment(key.revoked_at),
        "previous_secret_until": _moment(key.previous_until),
    }


def owner_fields(owner: Owner) -> dict[str, Any]:
    """A team, or a user and its team."""
    named = {"id": owner.team_id} if isinstance(owner, Team) else {"id": owner.user_id, "team": owner.team_id}
    granted = _grant_fields(owner.alias, owner.grants, owner.metadata)
    return {**named, **granted, "created": _moment(owner.created_at)}


def key_status(key: Key, *, now: float) -> str:
    """`revoked`, `expired`, `blocked` or `good`."""
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is not None and now >= key.expires_at:
        return "expired"
    return "blocked" if key.grants.is_blocked else "good"


def _grant_fields(alias: str | None, grants: Grants, metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "alias": alias,
        "models": None if grants.models is None else list(grants.models),
        "endpoints": None if grants.endpoints is None else list(grants.endpoints),
        "tier": grants.tier,
        "budgets": [{"usd": one.usd, "per": one.period.value, "hard": one.is_hard} for one in grants.budgets],
        "blocked": grants.is_blocked,
        "metadata": dict(metadata),
    }


def _moment(at: float | None) -> str | None:
    """ISO 8601 in UTC, as `forms` reads it."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat()
