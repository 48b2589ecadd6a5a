"""Who may ask, and what they may spend: the ports of identity and budgets."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from thriftgate.identity.budgets import Balance, Spent, Window
from thriftgate.identity.records import Key, Team, User


class FoundKey(NamedTuple):
    """A key with those it belongs to: its team is its own, else its user's."""

    key: Key
    user: User | None
    team: Team | None


class IdentityStore(Protocol):
    """Keys, users and teams. Every method raises StoreUnavailableError, and whoever asks then lets nobody in."""

    async def find(self, key_id: str) -> FoundKey | None:
        """The key with its user and its team; None when there is none of this id."""
        ...

    async def owners(self, user_id: str | None, team_id: str | None) -> tuple[User | None, Team | None]:
        """The user, and the team, or without one the user's; None for whom nobody knows."""
        ...

    async def keys(self, *, user_id: str | None = None, team_id: str | None = None) -> Sequence[Key]:
        """Every key, or those of a user or team, the oldest first."""
        ...

    async def users(self) -> Sequence[User]:
        """Every user, by id."""
        ...

    async def teams(self) -> Sequence[Team]:
        """Every team, by id."""
        ...

    async def add_key(self, key: Key) -> bool:
        """Keep a new key; False when there is one of this id."""
        ...

    async def save_key(self, key: Key) -> bool:
        """Keep a change of anything but the secret and the revocation; False when there is no such key."""
        ...

    async def revoke_key(self, key_id: str, *, at: float) -> bool:
        """The key is good no longer; again changes nothing. False when there is no such key."""
        ...

    async def rotate_key(self, key_id: str, digest: bytes, *, previous_until: float) -> bool:
        """Another secret; the one before stays good until then. False when there is no such key, or it is revoked."""
        ...

    async def save_user(self, user: User) -> None:
        """Keep a user, new or changed; its team must be there."""
        ...

    async def save_team(self, team: Team) -> None:
        """Keep a team, new or changed."""
        ...


class Reservation(NamedTuple):
    """For each window whether it admits the request, and what had gone from it before; held only where all do."""

    is_admitted: tuple[bool, ...]
    balances: tuple[Balance, ...]


class BudgetStore(Protocol):
    """Money that was spent, and that requests under way hold. Raises StoreUnavailableError: then nobody spends."""

    async def reserve(
        self,
        reservation_id: str,
        windows: Sequence[Window],
        limits: Sequence[float | None],
        most_usd: float,
        *,
        at: float,
        until: float,
    ) -> Reservation:
        """Hold `most_usd` in all windows, or in none, by `identity.budgets.admits`; a limit of None admits everything.

        What is held comes back by itself at `until`.
        """
        ...

    async def settle(self, reservation_id: str, cost_usd: float) -> Sequence[Spent]:
        """Book what it did cost in place of what was held; a second time does nothing."""
        ...

    async def balances(self, windows: Sequence[Window], *, at: float) -> Sequence[Balance | None]:
        """What has gone from each window and what is held; None where it was never asked for."""
        ...

    async def forget(self, before: float) -> int:
        """Drop what was held until before this time; returns how many rows."""
        ...
