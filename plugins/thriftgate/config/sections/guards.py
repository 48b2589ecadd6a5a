"""The section `guards`."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from thriftgate.config.sections.base import Duration, Section
from thriftgate.guards.linear import LinearPattern

GuardAction = Literal["off", "flag", "strong", "confirm", "block"]
OutputAction = Literal["off", "flag", "block"]
FailMode = Literal["open", "closed"]
GUARDS = ("size", "hidden", "injection", "tools", "judge", "deny", "toxicity", "system_prompt", "urls", "pii")
_OF_ANSWERS = frozenset({"toxicity", "system_prompt", "urls", "pii"})
_ACTION = (
    "`off`; `flag`: a header, the audit log and the ledger say so; `strong`: a route asks its strongest tier and "
    "caches nothing; `confirm`: as flag, and a header asks the client to confirm; `block`: 400, nothing is sent."
)
_OUTPUT = "`off`; `flag`: a header (streams: only the audit log), the audit log; `block`: a 400, or an error event."


def _linear(pattern: str) -> str:
    LinearPattern(pattern)
    return pattern


def _host(host: str) -> str:
    if not host or "/" in host or ":" in host or host.startswith("*"):
        raise ValueError("must be a host such as example.com, without scheme, port, path or star")
    return host.lower()


Pattern = Annotated[str, AfterValidator(_linear)]
Host = Annotated[str, AfterValidator(_host)]


class SizeGuardConfig(Section):
    """Requests that are larger than anybody needs."""

    action: GuardAction = Field(default="block", description=_ACTION)
    max_characters: int = Field(default=400_000, ge=1_000, description="Characters of all texts of a request.")


class HiddenGuardConfig(Section):
    """Tag characters, invisible characters, turned text and look-alike letters."""

    action: GuardAction = Field(default="flag", description=_ACTION)
    min_score: float = Field(
        default=0.6,
        ge=0,
        le=1,
        description="From which score (tag characters 1, turned text .8, invisible .7, "
        "look-alikes and many encoded parts .6) it counts.",
    )


class InjectionGuardConfig(Section):
    """Jailbreaks and prompt injection, by a classifier of the gateway's own."""

    action: GuardAction = Field(default="flag", description=f"In what users say. {_ACTION}")
    tools: GuardAction = Field(default="flag", description="The same in results and descriptions of tools.")
    threshold: float = Field(
        default=0.5,
        gt=0,
        lt=1,
        description="Score from which it counts; at 0.5 about 1 % of harmless support questions would.",
    )
    model: Literal["defender", "none"] = Field(
        default="defender",
        description="What stands beside words where it can decide: `defender`, a small model of attacks that runs in "
        "each worker; `none`: nothing, which takes less memory and finds less.",
    )
    known: str | None = Field(
        default=None, description="A file of attacks that you know, one a line; what comes near one counts."
    )
    known_similarity: float = Field(default=0.85, gt=0, le=1, description="How near, in cosine similarity.")


class GuardJudgeConfig(Section):
    """A model that says whether a text of a user or a tool is an attack: a judge, or a classifier as Prompt Guard."""

    model: str = Field(min_length=1, description="A model group of LiteLLM's `model_list`.")
    action: GuardAction = Field(default="flag", description=_ACTION)
    threshold: float = Field(
        default=0.5, gt=0, le=1, description="Score from which it counts; a judge's word scores 1 or 0."
    )
    instruction: str | None = Field(
        default=None,
        description="What the model is told before the text, to be answered with ATTACK, SAFE or a number from 0 to 1; "
        "absent: the gateway's own words; empty: nothing, as classifiers want it.",
    )
    max_characters: int = Field(
        default=4_000,
        ge=500,
        description="Longer texts are asked about in pieces that overlap; Prompt Guard reads 512 tokens, about 1,500.",
    )
    timeout: Duration = Field(
        default=10.0,
        gt=0,
        description="How long a request waits for all its verdicts together; what has none by then is a failure "
        "(`fail`).",
    )


class DenyConfig(Section):
    """A list of what must not be said."""

    name: str = Field(pattern=r"^[\w -]{1,60}$", description="What findings call it.")
    words: tuple[str, ...] = Field(default=(), description="Whole words or phrases, in whatever case and script.")
    patterns: tuple[Pattern, ...] = Field(
        default=(),
        description="Regular expressions of the linear engine RE2, whose `\\b` and `\\w` know ASCII letters only.",
    )
    where: Literal["input", "output", "both"] = Field(
        default="both", description="In requests, in answers, or in both."
    )
    action: GuardAction = Field(default="block", description=_ACTION)

    @model_validator(mode="after")
    def _lists_something(self) -> "DenyConfig":
        if not self.words and not self.patterns:
            raise ValueError("is empty: name what must not be said under `words` or `patterns`")
        return self


class ToxicityConfig(Section):
    """Toxic answers, by a small classifier: good enough to flag, not to block."""

    action: OutputAction = Field(default="flag", description=_OUTPUT)
    threshold: float = Field(default=0.5, gt=0, lt=1, description="Score from which it counts.")


class SystemPromptConfig(Section):
    """System prompts that come out in answers."""

    action: OutputAction = Field(default="flag", description=_OUTPUT)
    canaries: tuple[str, ...] = Field(default=(), description="Words of your prompts that no answer has by chance.")
    threshold: float = Field(default=0.5, gt=0, le=1, description="Shared words: 12 in a row score .5, 24 score 1.")


class UrlsConfig(Section):
    """Links in answers that lead off an allow list."""

    action: OutputAction = Field(default="flag", description=_OUTPUT)
    allow: tuple[Host, ...] = Field(description="Hosts, each with all below it.")


class PiiGuardConfig(Section):
    """Personal data in answers, by the analyzer of the section `privacy`."""

    action: OutputAction = Field(default="flag", description=_OUTPUT)
    min_score: float = Field(default=0.6, ge=0, le=1, description="The analyzer's score from which it counts.")


class GuardModelConfig(Section):
    """What differs for one route or model."""

    protect: bool = Field(default=True, description="False: nothing is looked at.")
    shadow: bool | None = Field(default=None, description="As above, for this one.")
    actions: dict[str, GuardAction] = Field(
        default_factory=dict[str, GuardAction],
        description="By guard: size, hidden, injection, tools, judge, deny, toxicity, system_prompt, urls, pii.",
    )

    @field_validator("actions")
    @classmethod
    def _are_guards(cls, actions: dict[str, GuardAction]) -> dict[str, GuardAction]:
        unknown = [name for name in actions if name not in GUARDS]
        if unknown:
            raise ValueError(f"no guard is called {', '.join(unknown)}; there are {', '.join(GUARDS)}")
        asking = [name for name in actions if name in _OF_ANSWERS and actions[name] in ("strong", "confirm")]
        if asking:
            raise ValueError(f"{', '.join(asking)}: an answer can be flagged or blocked, nothing else")
        return actions


class GuardsConfig(Section):
    """Looks at what is said to models and by them. Present: everything flags, and only size and deny lists block."""

    shadow: bool = Field(
        default=False, description="Act on nothing: findings are only in the audit log and the metrics."
    )
    fail: FailMode = Field(
        default="open",
        description="When a guard itself fails: `open` lets the text pass and says so, `closed` answers 503.",
    )
    audit_log: str | None = Field(
        default=None,
        description="A file that gets a JSON line for each finding, without content; absent: only the process's log.",
    )
    spotlight: bool = Field(default=False, description="Mark results of tools as data before they are sent.")
    size: SizeGuardConfig = Field(default=SizeGuardConfig(), description="Too large requests.")
    hidden: HiddenGuardConfig = Field(default=HiddenGuardConfig(), description="Hidden text.")
    injection: InjectionGuardConfig = Field(default=InjectionGuardConfig(), description="Attacks on the model.")
    judge: GuardJudgeConfig | None = Field(
        default=None, description="A model that is asked about each new text; absent: none is."
    )
    deny: tuple[DenyConfig, ...] = Field(default=(), description="Words and patterns that must not be said.")
    toxicity: ToxicityConfig = Field(default=ToxicityConfig(), description="Toxic answers.")
    system_prompt: SystemPromptConfig = Field(default=SystemPromptConfig(), description="Leaked system prompts.")
    urls: UrlsConfig | None = Field(
        default=None, description="Links off an allow list; absent: links are not looked at."
    )
    pii: PiiGuardConfig | None = Field(default=None, description="Personal data in answers; absent: not looked for.")
    models: dict[str, GuardModelConfig] = Field(
        default_factory=dict[str, GuardModelConfig], description="What differs, by route or model name."
    )

    @model_validator(mode="after")
    def _names_are_distinct(self) -> "GuardsConfig":
        names = [one.name for one in self.deny]
        if len(set(names)) < len(names):
            raise ValueError("two deny lists have the same name")
        return self

    @model_validator(mode="after")
    def _guards_of_models_are_on(self) -> "GuardsConfig":
        absent = {name for name in ("judge", "urls", "pii", "deny") if not getattr(self, name)}
        idle = [
            f"models.{name}.actions.{guard}"
            for name, model in self.models.items()
            for guard, action in model.actions.items()
            if guard in absent and action != "off"
        ]
        if idle:
            raise ValueError(f"{', '.join(idle)}: there is no such guard until the section has its settings")
        return self
