"""Keys, users and teams as an operator writes them: in `keys.yaml`, over HTTP, or as a command's options.

    teams:
      support: {alias: Support, tier: gold, models: [support], budgets: [{usd: 200, per: month}]}
    users:
      ada: {team: support}
    keys:
      - sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
        alias: ci
        team: support
        expires: 2027-01-31

A file holds digests only: `thriftgate keys create --print-digest` makes a key for one. Every form is closed: an
unknown word in it is a mistake.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from thriftgate.forms import misfit_in_words, mistakes_of
from thriftgate.identity.keys import foreign_id
from thriftgate.identity.records import Budget, Grants, Key, Period, Role, Team, User

_NAME = r"^[A-Za-z0-9][A-Za-z0-9._@:+-]{0,127}$"
_DIGEST = r"^(sha256:)?[0-9a-fA-F]{64}$"
_KEY_ID = r"^[0-9A-Za-z]{11}$"

_PATTERNS = {
    _NAME: "has letters, digits and . _ @ : + -, begins with a letter or digit, and has at most 128 of them",
    _DIGEST: 'is the SHA-256 of a key, 64 hexadecimal digits: `printf %s "$KEY" | sha256sum`',
    _KEY_ID: "is the eleven letters and digits that `thriftgate keys list` shows; a key made elsewhere has none",
}
"""What a text that does not match them was to be."""

Name = Annotated[str, Field(pattern=_NAME)]
Pattern = Annotated[str, Field(min_length=1, max_length=200)]


def _moment(value: Any) -> Any:
    """Seconds since the epoch of a date (the day's beginning, UTC), a time, or a number of seconds."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("a time is written as 2027-01-31 or 2027-01-31T18:00:00+00:00") from None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, date):
        return datetime.combine(value, time(), tzinfo=UTC).timestamp()
    return value


Moment = Annotated[float, BeforeValidator(_moment)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BudgetForm(_Form):
    """So much money in each day or month (UTC)."""

    usd: float = Field(gt=0, le=1e9, allow_inf_nan=False, description="US dollars.")
    per: Literal["day", "month"] = Field(description="How long it lasts.")
    hard: bool = Field(default=True, description="Refuse when it is used up; false: only say so.")

    def budget(self) -> Budget:
        """The record."""
        return Budget(self.usd, Period(self.per), is_hard=self.hard)


class _Granting(_Form):
    models: tuple[Pattern, ...] | None = Field(default=None, max_length=500)
    endpoints: tuple[Pattern, ...] | None = Field(default=None, max_length=200)
    tier: Name | None = None
    budgets: tuple[BudgetForm, ...] = Field(default=(), max_length=8)
    blocked: bool = False
    alias: str | None = Field(default=None, min_length=1, max_length=200)
    metadata: dict[str, Any] = Field(default_factory=dict[str, Any])

    def grants(self) -> Grants:
        """What it allows."""
        return Grants(
            models=self.models,
            endpoints=self.endpoints,
            tier=self.tier,
            budgets=tuple(form.budget() for form in self.budgets),
            is_blocked=self.blocked,
        )


class TeamForm(_Granting):
    """A team, whose id stands before it."""

    def record(self, team_id: str, *, at: float) -> Team:
        """The record."""
        return Team(team_id=team_id, alias=self.alias, grants=self.grants(), metadata=self.metadata, created_at=at)


class UserForm(_Granting):
    """A user, whose id stands before it."""

    team: Name | None = None

    def record(self, user_id: str, *, at: float) -> User:
        """The record."""
        return User(
            user_id=user_id,
            alias=self.alias,
            team_id=self.team,
            grants=self.grants(),
            metadata=self.metadata,
            created_at=at,
        )


class KeyForm(_Granting):
    """What a key shall be, without its text."""

    user: Name | None = None
    team: Name | None = None
    role: Role = Role.CALLER
    expires: Moment | None = None

    def record(self, key_id: str, digest: bytes, *, at: float) -> Key:
        """The record."""
        return Key(
            key_id=key_id,
            digest=digest,
            alias=self.alias,
            user_id=self.user,
            team_id=self.team,
            role=self.role,
            grants=self.grants(),
            metadata=self.metadata,
            created_at=at,
            expires_at=self.expires,
        )


class KeptKeyForm(KeyForm):
    """A key that was made before, by its digest."""

    sha256: str = Field(pattern=_DIGEST)
    id: str | None = Field(default=None, pattern=_KEY_ID)
    """Of a key in our own form; one that was made elsewhere has none."""

    def kept(self, *, at: float) -> Key:
        """The record."""
        digest = bytes.fromhex(self.sha256.removeprefix("sha256:"))
        return self.record(self.id or foreign_id(digest), digest, at=at)


class _File(_Form):
    teams: dict[Name, TeamForm] = Field(default_factory=dict[str, TeamForm])
    users: dict[Name, UserForm] = Field(default_factory=dict[str, UserForm])
    keys: tuple[KeptKeyForm, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyFile:
    """Everybody in a file, by id."""

    teams: Mapping[str, Team] = field(default_factory=dict[str, Team])
    users: Mapping[str, User] = field(default_factory=dict[str, User])
    keys: Mapping[str, Key] = field(default_factory=dict[str, Key])


def read_key_file(values: object) -> KeyFile:
    """Everybody in a parsed `keys.yaml`.

    Raises ValueError, one line for each mistake; a digest is never repeated in it.
    """
    try:
        file = _File.model_validate(values if values is not None else {})
    except ValidationError as error:
        raise ValueError("\n".join(mistakes(error, _File))) from None
    keys = [form.kept(at=0.0) for form in file.keys]
    problems = list(_dangling(file))
    seen: set[str] = set()
    for index, key in enumerate(keys):
        if key.key_id in seen:
            problems.append(f"keys.{index}: the same key stands in the file twice")
        seen.add(key.key_id)
    if problems:
        raise ValueError("\n".join(problems))
    return KeyFile(
        {name: form.record(name, at=0.0) for name, form in file.teams.items()},
        {name: form.record(name, at=0.0) for name, form in file.users.items()},
        {key.key_id: key for key in keys},
    )


def mistakes(error: ValidationError, form: type[BaseModel]) -> Sequence[str]:
    """Each mistake as `where: what`, without the value that was given: it may be a secret."""
    return [
        ": ".join(filter(None, (".".join(str(part) for part in detail["loc"]), _words(detail, form))))
        for detail in mistakes_of(error)
    ]


def _words(detail: ErrorDetails, form: type[BaseModel]) -> str:
    pattern = detail.get("ctx", {}).get("pattern")
    return _PATTERNS[pattern] if pattern in _PATTERNS else misfit_in_words(detail, form, quoting=False)


def _dangling(file: _File) -> Sequence[str]:
    found: list[str] = []
    for name, user in file.users.items():
        if user.team is not None and user.team not in file.teams:
            found.append(f"users.{name}.team: there is no team '{user.team}' in the file")
    for index, key in enumerate(file.keys):
        if key.team is not None and key.team not in file.teams:
            found.append(f"keys.{index}.team: there is no team '{key.team}' in the file")
        if key.user is not None and key.user not in file.users:
            found.append(f"keys.{index}.user: there is no user '{key.user}' in the file")
    return found
