"""The sections `identity` and `budgets`."""

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator, model_validator

from thriftgate.config.sections.base import Duration, Section
from thriftgate.identity.claims import ClaimNames
from thriftgate.identity.forms import BudgetForm
from thriftgate.identity.records import ServiceClass

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class BudgetConfig(BudgetForm):
    """So much money in each day or month (UTC)."""


class ServiceTierConfig(Section):
    """A class of service: what every key, user and team in it may do."""

    models: tuple[str, ...] | None = Field(
        default=None, description="Model groups and routes, or beginnings with `*`; absent: no limit by the tier."
    )
    budgets: tuple[BudgetConfig, ...] = Field(default=(), description="Budgets of each key in the tier.")

    def tier(self, name: str) -> ServiceClass:
        """The record."""
        return ServiceClass(name=name, models=self.models, budgets=tuple(form.budget() for form in self.budgets))


class TokenIssuerConfig(Section):
    """Whose signed tokens (JWT) are taken for keys, and which claims say who their bearer is."""

    issuer: str = Field(min_length=1, description="What a token's claim `iss` must be.")
    audience: str = Field(min_length=1, description="What a token's claim `aud` must be or hold.")
    jwks_url: str | None = Field(
        default=None, description="Where the issuer publishes its keys; https, or this machine."
    )
    jwks_file: str | None = Field(default=None, description="The same keys in a file, in place of `jwks_url`.")
    algorithms: tuple[
        Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"], ...
    ] = Field(default=("RS256", "ES256"), min_length=1, description="What a token may be signed with.")
    user_claim: str = Field(default="sub", min_length=1, description="Names the user; a dot leads into an object.")
    team_claim: str | None = Field(
        default=None, description="Names the team; a token without it is then refused. Absent: the user's own team."
    )
    tier_claim: str | None = Field(default=None, description="Names the tier, where none is kept for user or team.")
    role_claim: str | None = Field(default=None, description="Holds roles, as a list or as words.")
    admin_roles: tuple[str, ...] = Field(default=(), description="Roles that make an administrator.")
    viewer_roles: tuple[str, ...] = Field(default=(), description="Roles that may look at everything.")
    refresh_interval: Duration = Field(default=600.0, ge=10, description="How often `jwks_url` is fetched.")
    leeway: Duration = Field(default=10.0, ge=0, le=300, description="By how much clocks may differ.")

    @field_validator("jwks_url")
    @classmethod
    def _is_https_or_local(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
            raise ValueError("must begin with https://, or lead to this machine: whoever answers decides who comes in")
        return value

    @model_validator(mode="after")
    def _has_one_source(self) -> "TokenIssuerConfig":
        if (self.jwks_url is None) == (self.jwks_file is None):
            raise ValueError("give `jwks_url` or `jwks_file`, one of them")
        return self

    @property
    def names(self) -> ClaimNames:
        """Which claim says what."""
        return ClaimNames(
            user=self.user_claim,
            team=self.team_claim,
            tier=self.tier_claim,
            role=self.role_claim,
            admin_values=self.admin_roles,
            viewer_values=self.viewer_roles,
        )


class IdentityConfig(Section):
    """Keys, users and teams of the gateway's own; `identity: {}` turns them on."""

    file: str | None = Field(
        default=None, description="A `keys.yaml` with digests of keys, users and teams, beside those in the database."
    )
    tiers: dict[str, ServiceTierConfig] = Field(
        default_factory=dict[str, ServiceTierConfig], description="Service tiers by name."
    )
    default_tier: str | None = Field(default=None, description="The tier of whoever has none.")
    jwt: TokenIssuerConfig | None = Field(default=None, description="Take the tokens of an issuer too; absent: off.")

    @field_validator("default_tier")
    @classmethod
    def _is_described(cls, value: str | None, info: ValidationInfo) -> str | None:
        tiers = info.data.get("tiers")
        if value is not None and tiers and value not in tiers:
            raise ValueError("must be one of `tiers`")
        return value

    @property
    def tier_records(self) -> dict[str, ServiceClass]:
        """The tiers by name."""
        return {name: tier.tier(name) for name, tier in self.tiers.items()}


class BudgetsConfig(Section):
    """Budgets of routes, and who is told of soft budgets; those of keys, users and teams stand with them."""

    routes: dict[str, tuple[BudgetConfig, ...]] = Field(
        default_factory=dict[str, tuple[BudgetConfig, ...]], description="Budgets of routes by name."
    )
    webhook: str | None = Field(
        default=None, description="A URL that gets a JSON `POST` when a soft budget is used up; absent: only the log."
    )

    @field_validator("webhook")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).hostname):
            raise ValueError("must be an address that begins with https:// or http://")
        return value
