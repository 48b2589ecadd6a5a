"""The section `cache` of a route."""

from typing import Literal

from pydantic import Field, field_validator

from thriftgate.config.sections.base import Duration, Section
from thriftgate.wire.identity import pattern


class VerifyConfig(Section):
    """How much may be spent on finding out whether hits were right."""

    share: float = Field(
        default=0.02, ge=0, le=1, description="Share of semantic hits that are checked in the background."
    )
    first: int = Field(
        default=100,
        ge=0,
        description="So many of a route's first semantic hits are all checked, and served only if they are.",
    )
    judge: str | None = Field(
        default=None,
        description="A model group that compares answers; absent: their embeddings and the guards do, for free.",
    )
    max_per_minute: int = Field(default=10, ge=0, description="Never more checks than this in a minute, per worker.")


class CacheConfig(Section):
    """Answers given before, served again: exactly the same question, or one that means the same."""

    max_error: float = Field(
        default=0.01,
        ge=0,
        lt=0.5,
        description="At most this share of all answers may be wrong because of a semantic hit; 0 "
        "serves exact hits only.",
    )
    max_error_of_hits: float = Field(
        default=0.05,
        gt=0,
        lt=0.5,
        description="At most this share of the semantic hits themselves may be wrong, however few of them there are.",
    )
    ttl: Duration = Field(default=3600.0, gt=0, description="How long an answer may be served again.")
    ttl_jitter: float = Field(
        default=0.1, ge=0, le=0.5, description="Spread of the TTL: entries do not all end at once."
    )
    stale_while_revalidate: Duration = Field(
        default=0.0,
        ge=0,
        description="After its TTL an answer is served this much longer while a fresh one is fetched.",
    )
    max_entries: int = Field(
        default=100_000, ge=1, description="Above this the least used answers of the route are dropped."
    )
    tenant: Literal["team", "key", "user"] = Field(
        default="team", description="Who shares answers; without a team (or user) the virtual key is the tenant."
    )
    share: Literal["tenant", "global"] = Field(default="tenant", description="`global`: all tenants share answers.")
    history_turns: int | None = Field(
        default=None,
        ge=1,
        description="So many of the latest earlier turns must be equal for a follow-up question to match; absent: "
        "the whole conversation.",
    )
    immaterial: tuple[str, ...] = Field(
        default=(),
        description="Places of a request that change no answer, such as `metadata.run` or `system[*].text ^ "
        "x-billing-header:` (lines that begin so); what differs there alone may share an answer.",
    )
    max_temperature: float = Field(
        default=1.0, ge=0, le=2, description="Requests above this temperature are not cached."
    )
    time_sensitive: bool = Field(
        default=False, description="The route's answers go out of date by themselves: cache nothing."
    )
    tags: tuple[str, ...] = Field(default=(), description="Put on every entry, to purge by.")
    verify: VerifyConfig = Field(default=VerifyConfig(), description="Checking hits in the background.")
    artefact: str | None = Field(
        default=None, description="Path of the JSON file that `thriftgate cache tune --write` made."
    )
    min_similarity: float | None = Field(
        default=None, ge=0, le=1, description="A fixed threshold instead of the learned decision; gives no promise."
    )

    @field_validator("immaterial")
    @classmethod
    def _are_places(cls, written: tuple[str, ...]) -> tuple[str, ...]:
        for one in written:
            pattern(one)
        return written
