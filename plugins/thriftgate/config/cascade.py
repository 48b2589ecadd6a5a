"""The section `cascade` of a route."""

from typing import Literal

from pydantic import Field

from thriftgate.config.base import Duration, Section


class TierConfig(Section):
    """One model group of `model_list`, cheapest first."""

    model: str = Field(min_length=1, description="A `model_name` of `model_list`.")
    accept_at: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Confidence from which this tier's answer is given; overrides the route's.",
    )


class CascadeConfig(Section):
    """Which models a route asks, cheapest first, and when an answer is good enough."""

    tiers: tuple[TierConfig, ...] = Field(min_length=1, description="Model groups, cheapest first, strongest last.")
    accept_at: float = Field(
        default=0.7,
        ge=0,
        le=1,
        description="Confidence from which a cheaper tier's answer is given; used until the route is calibrated.",
    )
    streaming: Literal["hold", "optimistic"] = Field(
        default="hold",
        description="With `stream: true`: `hold` shows nothing before the answer is accepted; `optimistic` "
        "shows the cheap answer while it is written and cannot take it back.",
    )
    hold_limit: Duration = Field(
        default=30.0, gt=0, description="A held answer that takes longer is given up and escalated."
    )
    baseline: str | None = Field(
        default=None, description="The model group that savings are counted against; default: the last tier."
    )
