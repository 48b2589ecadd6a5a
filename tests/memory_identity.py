"""Keys, users and teams in memory, as the real store keeps them."""

from collections.abc import Sequence
from dataclasses import replace

from thriftgate.errors import StoreUnavailableError
from thriftgate.identity.records import Key, Team, User
from thriftgate.ports.people import FoundKey


class MemoryIdentityStore:
    """Implements `ports.IdentityStore`; counts what it is asked, and can be away."""

    def __init__(self) -> None:
        self.all_keys: dict[str, Key] = {}
        self.all_users: dict[str, User] = {}
        self.all_teams: dict[str, Team] = {}
        self.questions = 0
        self.is_away = False

    def _ask(self) -> None:
        self.questions += 1
        if self.is_away:
            raise StoreUnavailableError("away")

    async def find(self, key_id: str) -> FoundKey | None:
        self._ask()
        key = self.all_keys.get(key_id)
        if key is None:
            return None
        user = self.all_users.get(key.user_id or "")
        return FoundKey(key, user, self._team(key.team_id, user))

    async def owners(self, user_id: str | None, team_id: str | None) -> tuple[User | None, Team | None]:
        self._ask()
        user = self.all_users.get(user_id or "")
        return user, self._team(team_id, user)

    def _team(self, team_id: str | None, user: User | None) -> Team | None:
        return self.all_teams.get(team_id or (user.team_id if user else None) or "")

    async def keys(self, *, user_id: str | None = None, team_id: str | None = None) -> Sequence[Key]:
        wanted = [key for key in self.all_keys.values() if user_id in (None, key.user_id)]
        return [key for key in wanted if team_id in (None, key.team_id)]

    async def users(self) -> Sequence[User]:
        return sorted(self.all_users.values(), key=lambda user: user.user_id)

    async def teams(self) -> Sequence[Team]:
        return sorted(self.all_teams.values(), key=lambda team: team.team_id)

    async def add_key(self, key: Key) -> bool:
        is_new = key.key_id not in self.all_keys
        self.all_keys.setdefault(key.key_id, key)
        return is_new

    async def save_key(self, key: Key) -> bool:
        kept = self.all_keys.get(key.key_id)
        if kept is not None:
            self.all_keys[key.key_id] = replace(
                key, digest=kept.digest, revoked_at=kept.revoked_at, previous_digest=kept.previous_digest,
                previous_until=kept.previous_until, created_at=kept.created_at,
            )  # fmt: skip
        return kept is not None

    async def revoke_key(self, key_id: str, *, at: float) -> bool:
        kept = self.all_keys.get(key_id)
        if kept is not None and kept.revoked_at is None:
            self.all_keys[key_id] = replace(kept, revoked_at=at)
        return kept is not None

    async def rotate_key(self, key_id: str, digest: bytes, *, previous_until: float) -> bool:
        kept = self.all_keys.get(key_id)
        if kept is None or kept.revoked_at is not None:
            return False
        self.all_keys[key_id] = replace(kept, digest=digest, previous_digest=kept.digest, previous_until=previous_until)
        return True

    async def save_user(self, user: User) -> None:
        kept = self.all_users.get(user.user_id)
        self.all_users[user.user_id] = replace(user, created_at=kept.created_at) if kept else user

    async def save_team(self, team: Team) -> None:
        kept = self.all_teams.get(team.team_id)
        self.all_teams[team.team_id] = replace(team, created_at=kept.created_at) if kept else team
