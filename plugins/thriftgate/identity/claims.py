"""Who the bearer of another issuer's token is, by its claims.

The token's signature, issuer, audience and time are checked before; here claims only become names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from thriftgate.identity.records import Identity, Role, ServiceClass, Team, User

_LONGEST = 200
"""Characters of a name; a claim that says more names nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimNames:
    """Which claim says what; a dot leads into an object, as in `realm_access.roles`."""

    user: str = "sub"
    team: str | None = None
    tier: str | None = None
    role: str | None = None
    admin_values: tuple[str, ...] = ()
    """What the role's claim says, or holds, for an administrator."""
    viewer_values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """Who a token says its bearer is."""

    user_id: str
    team_id: str | None = None
    tier: str | None = None
    role: Role = Role.CALLER


def bearer_of(claims: Mapping[str, Any], names: ClaimNames) -> Bearer | None:
    """The bearer; None when the token names no user, or says something of another shape where a name should be.

    A token that ought to name a team and does not is nobody's: otherwise whoever left the claim out would escape
    the team's budgets.
    """
    user = _name(_at(claims, names.user))
    team = _name(_at(claims, names.team)) if names.team else None
    tier = _name(_at(claims, names.tier)) if names.tier else None
    if user is None or (names.team and team is None):
        return None
    roles = _words(_at(claims, names.role)) if names.role else frozenset[str]()
    role = Role.CALLER
    if roles & frozenset(names.admin_values):
        role = Role.ADMIN
    elif roles & frozenset(names.viewer_values):
        role = Role.VIEWER
    return Bearer(user_id=user, team_id=team, tier=tier, role=role)


def identity_of_bearer(
    bearer: Bearer, user: User | None, team: Team | None, tiers: Mapping[str, ServiceClass]
) -> Identity:
    """The bearer, with what is known here of that user and that team.

    The tier that is kept here comes before the token's: it is what the operator decided.
    """
    kept = next((one.grants.tier for one in (user, team) if one is not None and one.grants.tier), None)
    named = kept or bearer.tier
    return Identity(
        user=user,
        team=team,
        tier=tiers.get(named) if named else None,
        tier_name=named,
        user_id=bearer.user_id,
        team_id=bearer.team_id or (user.team_id if user else None),
        role=bearer.role,
    )


def _at(claims: Mapping[str, Any], path: str) -> object:
    """The claim of that very name (some issuers' names are URLs), else what the dots lead to."""
    if path in claims:
        return claims[path]
    found: object = claims
    for part in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = cast("Mapping[str, object]", found).get(part)
    return found


def _name(value: object) -> str | None:
    """A text, or the only one of a list."""
    if isinstance(value, list) and len(cast("list[object]", value)) == 1:
        value = cast("list[object]", value)[0]
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST else None


def _words(value: object) -> frozenset[str]:
    """Roles come as a list, or as words with spaces between them."""
    if isinstance(value, str):
        return frozenset(value.split())
    if isinstance(value, Sequence):
        return frozenset(word for word in cast("Sequence[object]", value) if isinstance(word, str))
    return frozenset()
