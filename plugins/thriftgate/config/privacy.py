"""What is taken out of requests before anything leaves."""

from typing import Annotated

from pydantic import AfterValidator, Field, field_validator, model_validator

from thriftgate.config.base import Duration, Section
from thriftgate.privacy.kinds import DEFAULT_KINDS, OWN_KINDS, PRESIDIO_RECOGNIZERS
from thriftgate.privacy.policy import Action

_SHORTEST_KEY = 32
_KIND = r"[A-Z][A-Z0-9_]{0,31}"
_Kind = Annotated[str, Field(pattern=rf"^{_KIND}$")]
_Score = Annotated[float, Field(ge=0, le=1)]


def _known_region(region: str) -> str:
    import phonenumbers

    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError("not a region; write its two capital letters as in ISO 3166: US, GB, DE")
    return region


def _long_enough(secret: str) -> str:
    if len(secret) < _SHORTEST_KEY:
        raise ValueError(f"a key has at least {_SHORTEST_KEY} characters; make one with `openssl rand -base64 32`")
    return secret


class RecognizerConfig(Section):
    """A kind of value of one's own."""

    entity: _Kind = Field(description="The kind's name, in capitals.")
    patterns: list[str] = Field(min_length=1, description="What it looks like, in RE2 syntax.")
    words: list[str] = Field(
        default_factory=list[str],
        description="One of these has to stand before the value or be its key; empty: it counts anywhere.",
    )
    score: _Score = Field(default=0.9, description="How sure a match is.")

    @field_validator("patterns")
    @classmethod
    def _compile(cls, patterns: list[str]) -> list[str]:
        from thriftgate.privacy.recognizers.patterns import PatternRecognizer

        PatternRecognizer("KIND", patterns, (), 1.0)
        return patterns


class PrivacyModelConfig(Section):
    """What is different for one route or model."""

    protect: bool = Field(
        default=True, description="False: nothing is looked for, because the model runs on one's own machines."
    )
    entities: dict[_Kind, Action] = Field(
        default_factory=dict[str, Action], description="Actions by kind that differ from the section's."
    )
    min_score: _Score | None = Field(default=None, description="Another `min_score`.")


class PrivacyConfig(Section):
    """Personal data and secrets, for every route and every plain model of the proxy."""

    key: Annotated[str, AfterValidator(_long_enough)] = Field(
        description="Secret that pseudonyms are encrypted and values hashed with; write `os.environ/…`."
    )
    previous_keys: list[Annotated[str, AfterValidator(_long_enough)]] = Field(
        default_factory=list[str], description="Earlier secrets, which what was encrypted with them is still read with."
    )
    entities: dict[_Kind, Action] = Field(
        default_factory=lambda: dict.fromkeys(DEFAULT_KINDS, Action.PSEUDONYMIZE),
        description="What happens to each kind; replaces the default list, which pseudonymizes all kinds of our own "
        "but LOCATION.",
    )
    private_models: list[str] = Field(
        default_factory=list[str],
        description="Model groups on machines of one's own: what has a value whose action is `private` goes to them "
        "alone; a route asks those of its tiers that are among them, and keeps the answer in no cache.",
    )
    min_score: _Score = Field(default=0.3, description="Findings less sure than this do not count.")
    thresholds: dict[_Kind, _Score] = Field(
        default_factory=dict[str, float], description="Another `min_score` for single kinds."
    )
    allow: list[str] = Field(default_factory=list[str], description="Values that always go out as they are.")
    deny: dict[_Kind, list[str]] = Field(
        default_factory=dict[str, list[str]], description="Values that are always taken out, by kind."
    )
    names: bool = Field(default=True, description="Find names and addresses with the Rampart model.")
    phone_regions: list[Annotated[str, AfterValidator(_known_region)]] = Field(
        default_factory=lambda: ["US", "GB", "DE", "FR", "ES", "IT", "NL", "PT"],
        description="Regions whose national telephone numbers are known.",
    )
    recognizers: list[RecognizerConfig] = Field(
        default_factory=list[RecognizerConfig], description="Kinds of one's own."
    )
    timeout: Duration = Field(
        default=10.0,
        gt=0,
        description="A text whose check takes longer is not sent (503), nor what was said with it; long texts may take "
        "a second more for each 2,000 characters.",
    )
    keep: Duration = Field(
        default=2_592_000.0, gt=0, description="A conversation's pseudonyms are forgotten after this (default 30 days)."
    )
    models: dict[str, PrivacyModelConfig] = Field(
        default_factory=dict[str, PrivacyModelConfig], description="What differs, by route or model name."
    )

    @model_validator(mode="after")
    def _kinds_are_known(self) -> "PrivacyConfig":
        known = {one.entity for one in self.recognizers} | set(self.deny) | set(OWN_KINDS) | set(PRESIDIO_RECOGNIZERS)
        used = {"entities": self.entities} | {
            f"models.{name}.entities": one.entities for name, one in self.models.items()
        }
        unknown = [f"{path}.{kind}" for path, kinds in used.items() for kind in kinds if kind not in known]
        if unknown:
            raise ValueError(f"nothing recognizes the kind of {', '.join(unknown)}")
        private = [f"{path}.{kind}" for path, kinds in used.items() for kind in kinds if kinds[kind] is Action.PRIVATE]
        if private and not self.private_models:
            raise ValueError(f"{', '.join(private)}: `private` needs private_models, which alone may see such values")
        return self

    def private_kinds(self, model: str) -> list[str]:
        """The kinds that only private models may see when a client calls `model`."""
        one = self.models.get(model, PrivacyModelConfig())
        actions = {**self.entities, **one.entities} if one.protect else {}
        return sorted(kind for kind, action in actions.items() if action is Action.PRIVATE)
