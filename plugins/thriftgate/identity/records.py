"""Keys, users, teams and tiers as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    """What a key is for."""

    CALLER = "caller"
    """Calls models."""
    VIEWER = "viewer"
    """May look at everything an operator sees, and change nothing."""
    ADMIN = "admin"
    """May do what the master key may."""


class Period(StrEnum):
    """How long a budget lasts; both in UTC."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Budget:
    """So much money in each day or month."""

    usd: float
    period: Period
    is_hard: bool = True
    """A hard one refuses; a soft one only says that it is used up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """What somebody may do. Of a key, its user, its team and its tier, the strictest holds."""

    models: tuple[str, ...] | None = None
    """Model groups and routes by name, or by a beginning with `*` after it; None: no limit here."""
    endpoints: tuple[str, ...] | None = None
    """URL paths, or the beginning of some with `*` after it; None: what callers of models need."""
    tier: str | None = None
    """The service tier; a key's own comes before its user's, and that before its team's."""
    budgets: tuple[Budget, ...] = ()
    is_blocked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """Who pays."""

    team_id: str
    alias: str | None = None
    grants: Grants = Grants()
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    created_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Who owns a key."""

    user_id: str
    alias: str | None = None
    team_id: str | None = None
    """Whose budgets and models hold where a key names no team."""
    grants: Grants = Grants()
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    created_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceClass:
    """A class of service: what everybody in it may do. How fast is a matter of the limits."""

    name: str
    models: tuple[str, ...] | None = None
    budgets: tuple[Budget, ...] = ()
    """Of each key in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key: everything but its text."""

    key_id: str
    digest: bytes = field(repr=False)
    alias: str | None = None
    user_id: str | None = None
    team_id: str | None = None
    role: Role = Role.CALLER
    grants: Grants = Grants()
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    created_at: float = 0.0
    expires_at: float | None = None
    revoked_at: float | None = None
    previous_digest: bytes | None = field(default=None, repr=False)
    """Of the secret before the last rotation, which is good until `previous_until`."""
    previous_until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A key with everybody it belongs to, or the bearer of a token, who has no key of ours."""

    key: Key | None = None
    user: User | None = None
    team: Team | None = None
    tier: ServiceClass | None = None
    tier_name: str | None = None
    """Also where no tier of that name is described."""
    user_id: str | None = None
    team_id: str | None = None
    role: Role = Role.CALLER

    @property
    def all_grants(self) -> tuple[tuple[str, Grants], ...]:
        """What each of them may do, and whose it is."""
        held = (("key", self.key), ("user", self.user), ("team", self.team))
        return tuple((name, one.grants) for name, one in held if one is not None)


def identity_of_key(key: Key, user: User | None, team: Team | None, tiers: Mapping[str, ServiceClass]) -> Identity:
    """The key with its user and its team; `team` is the key's own, else its user's."""
    named = next((one.grants.tier for one in (key, user, team) if one is not None and one.grants.tier), None)
    return Identity(
        key=key,
        user=user,
        team=team,
        tier=tiers.get(named) if named else None,
        tier_name=named,
        user_id=key.user_id,
        team_id=key.team_id or (user.team_id if user else None),
        role=key.role,
    )
