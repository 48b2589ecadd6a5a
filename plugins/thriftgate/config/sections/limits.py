"""The section `limits`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from thriftgate.config.sections.base import Duration, Section

Scope = Literal["key", "user", "team", "tier", "route", "gateway"]


class RateConfig(Section):
    """A token bucket: a steady refill, and what may be used at once."""

    per_minute: float = Field(gt=0, description="What comes back in a minute.")
    burst: float | None = Field(
        default=None, gt=0, description="What may be used at once after a pause; absent: a minute's worth."
    )

    @property
    def capacity(self) -> float:
        """Tickets in a full bucket."""
        return self.per_minute if self.burst is None else self.burst


class RuleConfig(Section):
    """One limit, and whom it is counted for. A request must fit all that concern it, or none of them is charged."""

    per: Scope = Field(
        description="Each key, user, team, tier or model has the limit for itself; `gateway`: all share it."
    )
    tier: str | None = Field(default=None, description="Only callers of this tier; absent: everybody.")
    model: str | None = Field(default=None, description="Only requests to this route or model; absent: to any of them.")
    requests: RateConfig | None = Field(default=None, description="How many requests.")
    tokens: RateConfig | None = Field(
        default=None,
        description="How many LLM tokens, of prompts and answers: estimated before a request, settled after it.",
    )
    parallel: int | None = Field(default=None, ge=1, description="How many requests at the same time.")

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.requests is None and self.tokens is None and self.parallel is None:
            raise ValueError("a rule limits requests, tokens or parallel")
        return self


class TierPriorityConfig(Section):
    """How callers of a tier are treated when not everybody can be served."""

    weight: float = Field(
        default=1.0, gt=0, le=1000, description="Its share while others wait too: 3 gets three times as much as 1."
    )
    deferrable: bool = Field(default=False, description="Served only when nobody else waits: for batch work.")
    max_wait: Duration | None = Field(
        default=None, ge=0, description="How long its requests may wait; absent: as `queue.max_wait` says."
    )
    sheddable: bool = Field(default=False, description="Refused on the last step of the ladder.")


class QueueConfig(Section):
    """Requests that wait for their turn instead of being refused; for each worker."""

    max_wait: Duration = Field(
        default=10.0,
        gt=0,
        le=600,
        description="How long a request may wait; one that would wait longer is refused at once.",
    )
    most: int = Field(default=200, ge=1, le=10_000, description="How many requests may wait, for each worker.")
    most_per_tenant: int = Field(default=50, ge=1, le=10_000, description="How many of them of one tenant.")
    tenant: Literal["team", "user", "key"] = Field(
        default="team", description="Between whom the queue is fair; without a team (or user) the key is the tenant."
    )
    comments_after: Duration | None = Field(
        default=None,
        ge=0,
        description="A stream that waits longer is begun, and told its place in comments (`: queued 3, about 2 s`): "
        "its later errors come as events and its headers say nothing of its answer. Absent: it is not.",
    )


class ConcurrencyConfig(Section):
    """How many requests to one route or model may run at once in a worker."""

    most: int = Field(default=64, ge=1, le=100_000, description="Never more than this.")
    least: int = Field(default=1, ge=1, description="Never fewer than this, however slow it gets.")
    adaptive: bool = Field(
        default=True, description="Find out how many: fewer when answers get slow or are refused, then more again."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.least > self.most:
            raise ValueError("least must not be more than most")
        return self


class LadderConfig(Section):
    """What a route gives up under load before it refuses anybody; and takes back by itself."""

    steps: Annotated[
        tuple[Literal["relaxed_cache", "cheap_only", "shorter", "hits_only", "shed"], ...], Field(min_length=1)
    ] = Field(
        default=("shorter",),
        description=(
            "In this order, mildest first: `relaxed_cache` serves all that `cache.max_error` allows in the mean, "
            "without a margin for chance, `cheap_only` takes the cheapest tier's answer as it is (no promise holds "
            "for it), `shorter` answers, `hits_only` answers from the cache alone, `shed` refuses requests of "
            "sheddable tiers."
        ),
    )
    climb_at: float = Field(
        default=0.8, gt=0, description="The load from which it goes up; 1 is where waiting takes too long."
    )
    descend_at: float = Field(default=0.4, ge=0, description="The load below which it comes down.")
    climb_after: Duration = Field(default=2.0, ge=0, description="So long the load is high before each step up.")
    descend_after: Duration = Field(default=10.0, ge=0, description="So long it is low before each step down.")
    max_answer_tokens: int = Field(default=300, ge=1, description="How long answers may be on the step `shorter`.")

    @model_validator(mode="after")
    def _has_a_gap(self) -> Self:
        if self.descend_at >= self.climb_at:
            raise ValueError("descend_at must be less than climb_at, else the ladder swings")
        if len(set(self.steps)) != len(self.steps):
            raise ValueError("a step is named twice")
        return self


class LimitsConfig(Section):
    """Who may use how much, who waits, and what is given up first. Absent: nobody is limited."""

    rules: tuple[RuleConfig, ...] = Field(default=(), description="The limits; all that concern a request hold.")
    tiers: dict[str, TierPriorityConfig] = Field(
        default={}, description="Tiers by name, as a key's metadata has it in `tier`; others are treated alike."
    )
    default_tier: str | None = Field(default=None, description="The tier of callers whose key names none.")
    queue: QueueConfig | None = Field(
        default=None, description="Let requests wait for their turn; absent: they are refused at once."
    )
    concurrency: dict[str, ConcurrencyConfig] = Field(
        default={}, description="By route or model, how many may run at once; `*`: each of all others."
    )
    ladder: LadderConfig | None = Field(default=None, description="Save before anything is refused; absent: off.")
    shadow: bool = Field(
        default=False, description="Refuse nobody and let nobody wait: only count and log what would have been."
    )
    on_outage: Literal["refuse", "fraction"] = Field(
        default="refuse",
        description="While the store of limits is away: `refuse` everybody with 503, or let each worker grant a "
        "`fraction` of every limit by itself.",
    )
    fraction: float = Field(
        default=0.25, gt=0, le=1, description="Of each limit, what a worker grants by itself during an outage."
    )
    lease: Duration = Field(
        default=30.0, ge=3, le=3600, description="After so long what a killed worker had reserved comes back."
    )
