"""What may stand in a variant's front matter and in `prompt.yaml`: closed models, no conversions.

Failure behaviour: pydantic refuses what does not fit; `documents.validate` turns that into problems with lines.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, StrictStr
from pydantic import Strict as StrictMarker

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
VARIABLE_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
RESERVED_VARIABLES = frozenset(
    {"loop", "self", "super", "caller", "varargs", "kwargs", "true", "false", "none", "and", "or", "not", "if", "else",
     "elif", "in", "is", "for", "set", "recursive", "include", "import", "context", "without", "with"}
)  # fmt: skip
REFERENCE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}(@[1-9][0-9]{0,8})?")


class Closed(BaseModel):
    """An unknown key is a mistake; nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise ValueError(f"'{value}' is not a name: lower-case letters, digits, - and _, at most 64")
    return value


def _variable_name(value: str) -> str:
    if not VARIABLE_NAME.fullmatch(value):
        raise ValueError(f"'{value}' is not a variable's name: lower-case letters, digits and _, a letter first")
    if value in RESERVED_VARIABLES:
        raise ValueError(f"'{value}' means something else in a template; choose another name")
    return value


def _reference(value: str) -> str:
    if not REFERENCE.fullmatch(value):
        raise ValueError(f"'{value}' is not a variant (control) or a version of one (control@2)")
    return value


def parse_moment(value: Any) -> Any:
    """Seconds since the epoch of `2026-07-01` (midnight UTC) or `2026-07-01T09:30:00+02:00`."""
    if not isinstance(value, str):
        raise ValueError("must be a date (2026-07-01) or a time (2026-07-01T09:30:00Z)")  # noqa: TRY004 - pydantic
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("must be a date (2026-07-01) or a time (2026-07-01T09:30:00Z)") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()


def parse_share(value: Any) -> Any:
    """0.05 of `0.05` or `5%`."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", value)):
        return float(match[1]) / 100
    return value


def parse_span(value: Any) -> Any:
    """Seconds of `90`, `90s`, `15m`, `1h` or `7d`."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", value)):
        return float(match[1]) * {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}[match[2]]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("must be a time span: 90s, 15m, 1h, 7d")  # noqa: TRY004 - pydantic
    return value


Name = Annotated[StrictStr, AfterValidator(_name)]
VariableName = Annotated[StrictStr, AfterValidator(_variable_name)]
Reference = Annotated[StrictStr, AfterValidator(_reference)]
Number = Annotated[float, StrictMarker(), Field(allow_inf_nan=False)]
Moment = Annotated[float, BeforeValidator(parse_moment)]
Share = Annotated[float, BeforeValidator(parse_share), StrictMarker(), Field(ge=0, le=1, allow_inf_nan=False)]
Duration = Annotated[float, BeforeValidator(parse_span), Field(ge=0, allow_inf_nan=False)]
Weight = Annotated[float, StrictMarker(), Field(ge=0, le=1_000_000, allow_inf_nan=False)]
Scalar = StrictStr | StrictBool | StrictInt | Number | None


class Variable(Closed):
    """One thing a caller may put into a prompt. Without a default it must be given."""

    type: Literal["string", "integer", "number", "boolean", "list"] = Field(
        default="string", description="What values are: string, integer, number, boolean, or a list of strings."
    )
    description: StrictStr = Field(default="", description="What it means, for whoever calls the route.")
    default: Scalar | list[StrictStr] = Field(
        default=None, description="Taken when the caller gives none; `null` makes the variable optional."
    )
    choices: list[Scalar] | None = Field(default=None, min_length=1, description="The only values allowed.")
    max_length: StrictInt = Field(
        default=4000, ge=1, le=100_000, description="Most characters of a string, or of each string of a list."
    )
    max_items: StrictInt = Field(default=50, ge=1, le=1000, description="Most items of a list.")
    minimum: Number | None = Field(default=None, description="Least value of a number.")
    maximum: Number | None = Field(default=None, description="Greatest value of a number.")
    single_line: StrictBool = Field(default=False, description="Refuse values with a line break.")

    @property
    def is_required(self) -> bool:
        """Whether a caller must give it."""
        return "default" not in self.model_fields_set


class ModelParams(Closed):
    """Parameters of the model, in OpenAI's names, for when the client sends none of its own."""

    temperature: Annotated[Number, Field(ge=0, le=2)] | None = Field(default=None, description="Randomness.")
    top_p: Annotated[Number, Field(gt=0, le=1)] | None = Field(default=None, description="Nucleus of the sampling.")
    max_tokens: Annotated[StrictInt, Field(ge=1)] | None = Field(default=None, description="Longest answer.")
    max_completion_tokens: Annotated[StrictInt, Field(ge=1)] | None = Field(
        default=None, description="Longest answer, thinking included."
    )
    presence_penalty: Annotated[Number, Field(ge=-2, le=2)] | None = Field(default=None, description="OpenAI's.")
    frequency_penalty: Annotated[Number, Field(ge=-2, le=2)] | None = Field(default=None, description="OpenAI's.")
    seed: StrictInt | None = Field(default=None, description="Makes sampling repeatable where it is supported.")
    stop: StrictStr | list[StrictStr] | None = Field(default=None, description="Where an answer ends.")
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | None = Field(
        default=None, description="How long a reasoning model may think."
    )


class Example(Closed):
    """One few-shot exchange, shown to the model before the conversation."""

    user: StrictStr = Field(min_length=1, description="What a user might say.")
    assistant: StrictStr = Field(min_length=1, description="What should be answered.")


class FrontMatter(Closed):
    """The head of a variant's file."""

    description: StrictStr = Field(default="", description="What is special about this variant.")
    variables: dict[VariableName, Variable] = Field(
        default_factory=dict[str, Variable], description="What callers may put in."
    )
    params: ModelParams = Field(default=ModelParams(), description="Parameters of the model.")
    tags: list[Name] = Field(default_factory=list[str], description="To find it by, here and in Langfuse.")
    examples: list[Example] = Field(default_factory=list[Example], max_length=50, description="Few-shot exchanges.")
    includes: dict[Name, StrictStr] = Field(
        default_factory=dict[str, str], description="Shared texts by name: files under the registry's folder."
    )
    frozen: StrictStr | None = Field(
        default=None, description="Content hash of a version in `versions/`; written by `promote`, never by hand."
    )


class RampStep(Closed):
    """From a moment on, other weights."""

    at: Moment = Field(description="When these weights begin.")
    variants: dict[Reference, Weight] = Field(min_length=1, description="Weights from then on.")


Metric = Literal["quality", "feedback", "escalation", "cost", "latency", "failure"]


class Guard(Closed):
    """Stops a variant when it is certainly worse than the control by more than a margin."""

    metric: Metric = Field(description="What must not get worse.")
    margin: Share = Field(
        default=0.0, description="How much worse is tolerated: of 1 for rates, of the cap for cost and latency."
    )
    min_units: StrictInt = Field(default=30, ge=2, description="No decision before each side has this many units.")


class Caps(Closed):
    """Cost and latency are tested on a scale from 0 to these; what is above counts as the cap."""

    cost: Annotated[Number, Field(gt=0)] = Field(default=0.1, description="US dollars for one request.")
    latency: Annotated[Number, Field(gt=0)] = Field(default=30.0, description="Seconds for one request.")


class Experiment(Closed):
    """Variants that share the traffic of a prompt for a while."""

    description: StrictStr = Field(default="", description="What is to be found out.")
    variants: dict[Reference, Weight] = Field(min_length=1, description="Variants and their weights.")
    control: Reference | None = Field(
        default=None, description="What the others are compared with; default: `control`, else the first."
    )
    unit: Literal["user", "session", "key", "request"] = Field(
        default="user", description="Who keeps seeing the same variant."
    )
    salt: StrictStr | None = Field(
        default=None, description="Another salt deals all units anew; default: prompt and experiment name."
    )
    start: Moment | None = Field(default=None, description="When it begins; absent: at once.")
    stop: Moment | None = Field(default=None, description="When it ends; absent: never.")
    holdout: Share = Field(
        default=0.0, description="Share of units that no experiment of this prompt touches; they get `production`."
    )
    ramp: list[RampStep] = Field(default_factory=list[RampStep], description="Other weights from given moments on.")
    guards: list[Guard] = Field(default_factory=list[Guard], description="What stops a losing variant by itself.")
    metric: Metric = Field(default="quality", description="What decides the experiment.")
    min_effect: Share = Field(
        default=0.05, gt=0, description="The smallest difference that would matter: of 1, or of the cap."
    )
    window: Duration = Field(
        default=3600.0,
        description="A unit's requests within this time of its first are one observation: its later ones are not "
        "independent of them.",
    )
    caps: Caps = Field(default=Caps(), description="Scales of cost and latency.")
    alpha: Annotated[Number, Field(gt=0, lt=0.5)] = Field(
        default=0.05, description="Chance that a decision is taken although there is no difference."
    )

    @property
    def baseline(self) -> str:
        """The variant the others are compared with."""
        if self.control is not None:
            return self.control
        return "control" if "control" in self.variants else next(iter(self.variants))


class PromptFile(Closed):
    """`prompt.yaml`: what is served under which label, and what is tried out."""

    description: StrictStr = Field(default="", description="What the prompt is for.")
    labels: dict[Name, Reference] = Field(
        default_factory=dict[str, str],
        description="Names for variants (control: the file as it is) and versions (control@2: frozen).",
    )
    experiments: dict[Name, Experiment] = Field(
        default_factory=dict[str, Experiment], description="A/B tests by name; at most one runs at a time."
    )


def set_params(params: ModelParams) -> Mapping[str, Any]:
    """Only what the file gives."""
    return params.model_dump(exclude_none=True)
