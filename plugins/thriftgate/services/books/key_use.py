"""Which keys there are and what each has spent this month, for the live page.

Like an overview, what was read is kept for a while, so that many who look cost the database little.

Failure behaviour: raises StoreUnavailableError; then nothing is kept, and the next look tries again.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from thriftgate.identity.fields import key_status
from thriftgate.identity.records import Key, Team, User
from thriftgate.ports import Clock, Ledger
from thriftgate.services.books.overview import FRESH, REST


class KeySource(Protocol):
    """Who has a key. Every method raises StoreUnavailableError."""

    async def keys(self) -> Sequence[Key]:
        """Every key."""
        ...

    async def users(self) -> Sequence[User]:
        """Every user."""
        ...

    async def teams(self) -> Sequence[Team]:
        """Every team."""
        ...

    async def revoke_key(self, key_id: str) -> object:
        """The key opens nothing any more. Raises NotFoundError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUse:
    """One key, without its text or anything made of it."""

    key_id: str
    alias: str | None
    team: str | None
    tier: str | None
    """The one that holds: the key's own, else its user's, else its team's."""
    status: str
    """`good`, `blocked`, `expired` or `revoked`."""
    spent_usd: float
    """In this month, by UTC."""
    last_used_at: float | None
    """Within this month; None: not used in it."""


class KeyUses:
    """Reads the keys, those that spent most first, and revokes one."""

    def __init__(self, source: KeySource, ledger: Ledger, clock: Clock) -> None:
        self._source = source
        self._ledger = ledger
        self._clock = clock
        self._good_until = 0.0
        self._kept: Sequence[KeyUse] | None = None
        self._reading = asyncio.Lock()

    async def get(self) -> Sequence[KeyUse]:
        """The keys, at most a few moments old. Raises StoreUnavailableError."""
        async with self._reading:
            started = self._clock.monotonic()
            if self._kept is None or started >= self._good_until:
                self._kept = await self._read()
                ended = self._clock.monotonic()
                self._good_until = ended + max(FRESH, REST * (ended - started))
            return self._kept

    async def revoke(self, key_id: str) -> None:
        """The key opens nothing any more, and the next look shows it. Raises NotFoundError, StoreUnavailableError."""
        async with self._reading:
            await self._source.revoke_key(key_id)
            self._good_until = 0.0

    async def _read(self) -> Sequence[KeyUse]:
        now = self._clock.time()
        keys = await self._source.keys()
        users = {one.user_id: one for one in await self._source.users()}
        teams = {one.team_id: one for one in await self._source.teams()}
        spent = {row.group: row for row in await self._ledger.summarise("key", since=month_began_at(now))}
        found: list[KeyUse] = []
        for key in keys:
            user = users.get(key.user_id or "")
            team = teams.get(key.team_id or (user.team_id if user else None) or "")
            row = spent.get(key.key_id)
            found.append(
                KeyUse(
                    key_id=key.key_id,
                    alias=key.alias,
                    team=(team.alias or team.team_id) if team else key.team_id,
                    tier=next((one.grants.tier for one in (key, user, team) if one and one.grants.tier), None),
                    status=key_status(key, now=now),
                    spent_usd=row.cost_usd if row else 0.0,
                    last_used_at=row.last_at if row else None,
                )
            )
        return sorted(found, key=lambda one: (-one.spent_usd, one.status != "good", one.alias or one.key_id))


def month_began_at(now: float) -> float:
    """When the month began, by UTC."""
    return datetime.fromtimestamp(now, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()
