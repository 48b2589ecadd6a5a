"""The section `cascade` of a route."""

from typing import Literal

from pydantic import Field, model_validator

from thriftgate.config.sections.base import Duration, Section


class TierConfig(Section):
    """One model group of `model_list`, cheapest first."""

    model: str = Field(min_length=1, description="A `model_name` of `model_list`.")
    accept_at: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Confidence from which this tier's answer is given; overrides the route's.",
    )


class AuditConfig(Section):
    """How much may be spent on finding out whether accepted answers were good."""

    share: float = Field(
        default=0.02,
        ge=0,
        le=1,
        description="Share of cascaded requests whose cheap answer is judged; an accepted one is compared with an "
        "answer that the strongest tier is asked for.",
    )
    max_per_minute: int = Field(default=10, ge=0, description="Never more audits than this in a minute, per worker.")
    judge: str | None = Field(
        default=None, description="The model group that compares the two answers; default: the strongest tier."
    )
    correct_cache: bool = Field(
        default=True,
        description="Replace an answer in the cache that an audit found worse by the strongest tier's answer.",
    )


class SecondSampleConfig(Section):
    """Another cheap answer to compare with, where the first alone does not decide."""

    model: str | None = Field(
        default=None, description="The model group that gives it; default: the tier itself, asked again."
    )
    only_between: tuple[float, float] = Field(
        default=(0.0, 1.0),
        description="Bought only when the confidence without it lies in this range; less than all saves calls. An "
        "artefact that needs it always has it.",
    )


class JudgeConfig(Section):
    """A model that says how good a cheap answer is, before it is given."""

    model: str = Field(min_length=1, description="The model group that rates the answer.")
    only_between: tuple[float, float] = Field(
        default=(0.0, 1.0),
        description="Asked only when the confidence without it lies in this range; less than all saves calls. An "
        "artefact that needs it always has it.",
    )


class OptimisticConfig(Section):
    """When an optimistically streamed answer is given up."""

    floor: float = Field(
        default=0.5, ge=0, le=1, description="The running confidence below which the cheap answer is stopped."
    )
    until: int = Field(
        default=64, ge=1, description="Tokens after which a started answer is finished whatever its confidence."
    )
    window: int = Field(default=16, ge=1, description="Latest tokens that the running confidence looks at.")


class BudgetShiftConfig(Section):
    """Cheaper answers for callers who have nearly used up their budget."""

    starts_at: float = Field(default=0.8, ge=0, lt=1, description="Share of the budget from which answers get cheaper.")
    max_quality_loss: float = Field(
        default=0.05, gt=0, lt=1, description="The floor: at the end of the budget at most this quality is lost."
    )


class UnfamiliarConfig(Section):
    """What is done with questions unlike any of those that the artefact was proved with."""

    escalate: bool = Field(
        default=True,
        description="Send them to the strongest tier, where the artefact has a summary of its questions; off: nothing "
        "is looked at.",
    )
    share: float = Field(
        default=0.02,
        ge=0.001,
        le=0.2,
        description="Share of questions like the labelled ones that may be taken for unfamiliar: a higher one notices "
        "more and saves less.",
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
    max_quality_loss: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="At most so much quality is lost against always asking the strongest tier (0.02: two answers "
        "in a hundred), net of what gets better; with no artefact that proves it, everything escalates.",
    )
    max_regressions: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Instead of `max_quality_loss`: at most so much is lost by answers that got worse, and none of it "
        "is made up for by answers that got better.",
    )
    delta: float = Field(default=0.05, gt=0, lt=0.5, description="The chance that the promise is not kept.")
    artefact: str | None = Field(
        default=None, description="Path of the JSON file that `thriftgate cascade calibrate --write` made."
    )
    tools: Literal["strong", "cascade"] = Field(
        default="strong",
        description="Turns that may call a tool, or answer a tool's result: `strong` sends them to the strongest "
        "tier, `cascade` lets cheaper ones try and checks their calls. Forced tool calls always go to the strongest.",
    )
    signals: tuple[str, ...] | Literal["auto"] = Field(
        default="auto", description="Signals that may be used; `auto`: all that the provider's answers allow."
    )
    second_sample: SecondSampleConfig | None = Field(
        default=None, description="Compare with a second cheap answer; absent: never."
    )
    judge: JudgeConfig | None = Field(
        default=None, description="Ask another model how good a cheap answer is; absent: never."
    )
    audit: AuditConfig = Field(default=AuditConfig(), description="Checking accepted answers in the background.")
    holdout: float = Field(
        default=0.01,
        ge=0,
        le=0.5,
        description="Share of users whose requests always go to the strongest tier, to measure savings against.",
    )
    on_strong_failure: Literal["fail", "serve_rejected"] = Field(
        default="fail",
        description="When all stronger tiers fail after a cheap answer was rejected: `fail` answers 502, "
        "`serve_rejected` gives the cheap answer, for which the promise then does not hold.",
    )
    streaming: Literal["hold", "optimistic", "strong_first_token"] = Field(
        default="hold",
        description="With `stream: true`: `hold` shows nothing before the answer is accepted; `optimistic` "
        "shows the cheap answer while it is written and cannot take it back; `strong_first_token` streams the "
        "strongest tier's answer at once and asks no cheaper one.",
    )
    optimistic: OptimisticConfig = Field(
        default=OptimisticConfig(), description="When an optimistically streamed answer is given up."
    )
    unfamiliar: UnfamiliarConfig = Field(
        default=UnfamiliarConfig(), description="Questions unlike any that was labelled."
    )
    budget_shift: BudgetShiftConfig | None = Field(
        default=None, description="Cheaper answers near the end of a budget; absent: never."
    )
    hold_limit: Duration = Field(
        default=30.0, gt=0, description="A held answer that takes longer is given up and escalated."
    )
    baseline: str | None = Field(
        default=None, description="The model group that savings are counted against; default: the last tier."
    )

    @model_validator(mode="after")
    def _promises_one_thing(self) -> "CascadeConfig":
        if self.max_quality_loss is not None and self.max_regressions is not None:
            raise ValueError(
                "set either max_quality_loss (net of what gets better) or max_regressions (only what gets worse); "
                "the second implies the first"
            )
        return self

    @property
    def promised(self) -> float | None:
        """The limit of the route's promise, whichever it is; None where nothing is promised."""
        return self.max_quality_loss if self.max_regressions is None else self.max_regressions
