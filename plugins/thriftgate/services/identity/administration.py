"""Making, changing, revoking and importing keys, users and teams.

What may be said of them is what `identity.forms` knows; a change names only what is to be different, and null takes a
setting away.

Failure behaviour: raises InvalidRequestError for what makes no sense, NotFoundError for who is not there, and
StoreUnavailableError when the store is away; nothing is then changed. An import that breaks off may be done again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from thriftgate.errors import InvalidRequestError, NotFoundError
from thriftgate.identity.fields import Owner, key_fields, owner_fields
from thriftgate.identity.forms import KeyFile, KeyForm, Name, TeamForm, UserForm, mistakes
from thriftgate.identity.keys import ENTROPY_BYTES, NewKey, make_key
from thriftgate.identity.records import Key, Team, User
from thriftgate.ports import Clock
from thriftgate.ports.people import IdentityStore

Form = TypeVar("Form", bound=BaseModel)
OwnerKind = Literal["team", "user"]
"""What owns keys: what holds for it holds for them."""
_FORMS: Mapping[OwnerKind, type[TeamForm] | type[UserForm]] = {"team": TeamForm, "user": UserForm}
_NAME = TypeAdapter[str](Name)
_MOST_NAMED = 3
"""Keys of one alias that an error names."""


@dataclass(frozen=True, slots=True)
class Imported:
    """How much of a file was new, and how much was there and was changed."""

    teams: int
    users: int
    keys_added: int
    keys_changed: int


class IdentityAdministration:
    """What an operator does with keys, users and teams."""

    def __init__(self, store: IdentityStore, clock: Clock, *, entropy: Callable[[int], bytes]) -> None:
        """`entropy(n)` gives n random bytes that nobody can guess."""
        self._store = store
        self._clock = clock
        self._entropy = entropy

    async def create_key(self, values: Mapping[str, Any]) -> tuple[Key, NewKey]:
        """A new key, and its text, which is not kept: whoever called must show it now."""
        form = _form(KeyForm, values)
        await self._must_exist(form.user, form.team)
        made = make_key(self._entropy(ENTROPY_BYTES))
        key = form.record(made.key_id, made.digest, at=self._clock.time())
        if not await self._store.add_key(key):
            raise InvalidRequestError("there is a key of this id; try again")
        return key, made

    async def keys(self, *, user_id: str | None = None, team_id: str | None = None) -> Sequence[Key]:
        """Every key, or those of a user or team."""
        return await self._store.keys(user_id=user_id, team_id=team_id)

    async def key(self, key_id: str) -> Key:
        """One key."""
        found = await self._store.find(key_id)
        if found is None:
            raise await self._no_key(key_id)
        return found.key

    async def change_key(self, key_id: str, changes: Mapping[str, Any]) -> Key:
        """Change what a key may do."""
        key = await self.key(key_id)
        form = _form(KeyForm, _changed(key_fields(key, now=self._clock.time()), changes, KeyForm))
        await self._must_exist(form.user, form.team)
        changed = replace(
            key,
            alias=form.alias,
            user_id=form.user,
            team_id=form.team,
            role=form.role,
            grants=form.grants(),
            metadata=form.metadata,
            expires_at=form.expires,
        )
        await self._store.save_key(changed)
        return changed

    async def revoke_key(self, key_id: str) -> Key:
        """The key opens nothing any more, in every worker within a second."""
        if not await self._store.revoke_key(key_id, at=self._clock.time()):
            raise await self._no_key(key_id)
        return await self.key(key_id)

    async def _no_key(self, key_id: str) -> NotFoundError:
        """Aliases are no names: two keys may have the same one, and what is revoked must not be a guess."""
        called_so = [key.key_id for key in await self._store.keys() if key.alias == key_id]
        hint = f"; say the id: {' or '.join(called_so[:_MOST_NAMED])} has this alias" if called_so else ""
        return NotFoundError(f"there is no key '{_quoted(key_id)}'{hint}")

    async def rotate_key(self, key_id: str, *, grace: float = 0.0) -> tuple[Key, NewKey]:
        """Another secret for the key, whose id, budgets and history stay; the old is good `grace` seconds longer."""
        key = await self.key(key_id)
        if key.revoked_at is not None:
            raise InvalidRequestError("this key was revoked: make a new one")
        try:
            made = make_key(self._entropy(ENTROPY_BYTES), key_id=key.key_id)
        except ValueError as error:
            raise InvalidRequestError(str(error)) from None
        until = self._clock.time() + max(0.0, grace)
        if not await self._store.rotate_key(key_id, made.digest, previous_until=until):
            raise InvalidRequestError("this key was revoked: make a new one")
        return await self.key(key_id), made

    async def users(self) -> Sequence[User]:
        """Every user."""
        return await self._store.users()

    async def teams(self) -> Sequence[Team]:
        """Every team."""
        return await self._store.teams()

    async def owners(self, kind: OwnerKind) -> Sequence[Owner]:
        """Every team, or every user."""
        return await (self.teams() if kind == "team" else self.users())

    async def owner(self, kind: OwnerKind, name: str) -> Owner:
        """One team or user."""
        found = await self._find(kind, name)
        if found is None:
            raise NotFoundError(f"there is no {kind} '{_quoted(name)}'")
        return found

    async def create_owner(self, kind: OwnerKind, name: str, values: Mapping[str, Any]) -> Owner:
        """A new team or user."""
        made = _form(_FORMS[kind], values).record(_name(name), at=self._clock.time())
        return await self._save(made, is_new=True)

    async def change_owner(self, kind: OwnerKind, name: str, changes: Mapping[str, Any]) -> Owner:
        """Change what a team or user may do."""
        owner, form = await self.owner(kind, name), _FORMS[kind]
        changed = _form(form, _changed(owner_fields(owner), changes, form))
        return await self._save(changed.record(name, at=owner.created_at), is_new=False)

    async def _find(self, kind: OwnerKind, name: str) -> Owner | None:
        user, team = await (self._store.owners(None, name) if kind == "team" else self._store.owners(name, None))
        return team if kind == "team" else user

    async def _save(self, owner: Owner, *, is_new: bool) -> Owner:
        if isinstance(owner, User):
            await self._must_exist(None, owner.team_id)
            if is_new and await self._find("user", owner.user_id) is not None:
                raise InvalidRequestError(f"there is a user '{owner.user_id}'")
            await self._store.save_user(owner)
        else:
            if is_new and await self._find("team", owner.team_id) is not None:
                raise InvalidRequestError(f"there is a team '{owner.team_id}'")
            await self._store.save_team(owner)
        return owner

    async def take_over(self, file: KeyFile) -> Imported:
        """Keep everybody of a file; who is there already becomes what the file says. A revoked key stays revoked."""
        now = self._clock.time()
        for team in file.teams.values():
            await self._store.save_team(replace(team, created_at=now))
        for user in file.users.values():
            await self._store.save_user(replace(user, created_at=now))
        added = 0
        for key in file.keys.values():
            if await self._store.add_key(replace(key, created_at=now)):
                added += 1
            else:
                await self._store.save_key(key)
        return Imported(len(file.teams), len(file.users), added, len(file.keys) - added)

    async def _must_exist(self, user_id: str | None, team_id: str | None) -> None:
        user, team = await self._store.owners(user_id, team_id)
        if user_id is not None and user is None:
            raise InvalidRequestError(f"there is no user '{user_id}': create it first", param="user")
        if team_id is not None and team is None:
            raise InvalidRequestError(f"there is no team '{team_id}': create it first", param="team")


def _form(form: type[Form], values: Mapping[str, Any]) -> Form:
    try:
        return form.model_validate(dict(values))
    except ValidationError as error:
        raise InvalidRequestError("; ".join(mistakes(error, form))) from None


def _changed(now: Mapping[str, Any], changes: Mapping[str, Any], form: type[BaseModel]) -> Mapping[str, Any]:
    """What is said now, with the changes; null is what a form says by itself."""
    kept = {name: value for name, value in now.items() if name in form.model_fields and name not in changes}
    told = {name: value for name, value in changes.items() if value is not None or name not in form.model_fields}
    return {**kept, **told}


def _name(name: str) -> str:
    try:
        return _NAME.validate_python(name)
    except ValidationError:
        words = "an id has letters, digits and . _ @ : + -, begins with a letter or digit, and has at most 128 of them"
        raise InvalidRequestError(words) from None


def _quoted(name: str) -> str:
    """As much of a name as a message can hold."""
    return name[:60]
