"""What is taken out of requests before anything leaves."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from thriftgate.config.sections.base import Duration, Section
from thriftgate.forms import did_you_mean
from thriftgate.privacy.kinds import DEFAULT_KINDS, NAME_LANGUAGES, OWN_KINDS, PRESIDIO_RECOGNIZERS
from thriftgate.privacy.policy import Action

_SHORTEST_KEY = 32
_KIND = r"[A-Z][A-Z0-9_]{0,31}"
_Kind = Annotated[str, Field(pattern=rf"^{_KIND}$")]
_Score = Annotated[float, Field(ge=0, le=1)]
_Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]


def _known_region(region: str) -> str:
    import phonenumbers

    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError("not a region; write its two capital letters as in ISO 3166: US, GB, DE")
    return region


def _long_enough(secret: str) -> str:
    if len(secret) < _SHORTEST_KEY:
        raise ValueError(f"a key has at least {_SHORTEST_KEY} characters; make one with `openssl rand -base64 32`")
    return secret


def _searchable(pattern: str) -> str:
    from thriftgate.privacy.recognizers.patterns import PatternRecognizer

    PatternRecognizer("KIND", [pattern], (), 1.0)
    return pattern


class RecognizerConfig(Section):
    """A kind of value of one's own."""

    entity: _Kind = Field(description="The kind's name, in capitals.")
    patterns: list[Annotated[str, AfterValidator(_searchable)]] = Field(
        min_length=1, description="What it looks like, in RE2 syntax."
    )
    words: list[str] = Field(
        default_factory=list[str],
        description="One of these has to stand before the value or be its key; empty: it counts anywhere.",
    )
    score: _Score = Field(default=0.9, description="How sure a match is.")


class NameModelConfig(Section):
    """A model of names of the operator's choice: of spaCy, or any other in a recognizer of Presidio's."""

    spacy: str | None = Field(default=None, description="A pipeline of spaCy: an installed package, or a folder.")
    recognizer: Annotated[str, Field(pattern=r"^\w+(\.\w+)+$")] | None = Field(
        default=None,
        description="In its place: a class derived from Presidio's EntityRecognizer, as `module.Class`, which Python "
        "can import (PYTHONPATH).",
    )
    options: dict[str, Any] = Field(
        default_factory=dict[str, Any], description="What the recognizer's class is called with."
    )
    languages: list[_Language] = Field(min_length=1, description="What it is for, as in ISO 639: de, pl.")
    labels: dict[str, _Kind] = Field(
        default_factory=lambda: {"PERSON": "PERSON", "PER": "PERSON", "persName": "PERSON"},
        description="Which of its labels are which kinds; others do not count.",
    )
    score: _Score = Field(default=0.6, description="How sure its findings are taken to be, where it does not say.")

    @model_validator(mode="after")
    def _is_one(self) -> "NameModelConfig":
        if (self.spacy is None) == (self.recognizer is None):
            raise ValueError("name either a pipeline under `spacy` or a class under `recognizer`")
        if self.options and self.recognizer is None:
            raise ValueError("`options` are for a class under `recognizer`")
        return self


class PrivacyModelConfig(Section):
    """What is different for one route or model."""

    protect: bool = Field(
        default=True, description="False: nothing is looked for, because the model runs on one's own machines."
    )
    entities: dict[_Kind, Action] = Field(
        default_factory=dict[str, Action], description="Actions by kind that differ from the section's."
    )
    min_score: _Score | None = Field(default=None, description="Another `min_score`.")
    languages: list[_Language] | None = Field(default=None, min_length=1, description="Other `languages`.")


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
        "but LOCATION and the numbers of single countries. Kinds that you bring (`recognizers`, `deny`, `name_models`) "
        "are pseudonymized where nothing is said of them.",
    )
    private_models: list[str] = Field(
        default_factory=list[str],
        description="Model groups on machines of one's own: what has a value whose action is `private` goes to them "
        "alone; a route asks those of its tiers that are among them, and keeps the answer in no cache. A value whose "
        "action is `local` goes to them as it is, and to a route's other tiers as a placeholder.",
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
    name_models: list[NameModelConfig] = Field(
        default_factory=list[NameModelConfig],
        description="Further models of names, beside Rampart or with `names: false` in its place.",
    )
    languages: list[_Language] | None = Field(
        default=None,
        min_length=1,
        description="What people write in: a model of names that is for none of these is not asked (Rampart is for de, "
        "en, es, fr, it, nl and pt; values are found in any language). Absent: every model reads every text.",
    )
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
        known = self.configured_kinds | set(OWN_KINDS) | set(PRESIDIO_RECOGNIZERS)
        used = {"entities": self.entities} | {
            f"models.{name}.entities": one.entities for name, one in self.models.items()
        }
        unknown = [
            f"{path}.{kind}{did_you_mean(kind, known)}"
            for path, kinds in {**used, "thresholds": self.thresholds}.items()
            for kind in kinds
            if kind not in known
        ]
        if unknown:
            words = f"nothing recognizes the kind of {', '.join(unknown)}"
            raise ValueError(f"{words}; there are {', '.join(sorted(known))}")
        for action in () if self.private_models else (Action.PRIVATE, Action.LOCAL):
            kinds = [f"{path}.{kind}" for path, kinds in used.items() for kind in kinds if kinds[kind] is action]
            if kinds:
                raise ValueError(
                    f"{', '.join(kinds)}: `{action}` needs private_models, which alone may see such values"
                )
        return self

    @model_validator(mode="after")
    def _listed_values_are_taken_out(self) -> "PrivacyConfig":
        said = {*self.actions, *(kind for one in self.models.values() for kind in one.entities)}
        idle = [f"deny.{kind}" for kind in self.deny if kind not in said]
        if idle:
            raise ValueError(f"nothing would happen to the values of {', '.join(idle)}: give the kind under `entities`")
        return self

    @model_validator(mode="after")
    def _languages_are_read(self) -> "PrivacyConfig":
        served = {
            *(NAME_LANGUAGES if self.names else ()),
            *(one for model in self.name_models for one in model.languages),
        }
        written = {"languages": self.languages} | {
            f"models.{name}.languages": one.languages for name, one in self.models.items()
        }
        unread = [
            f"{path}: {one}" for path, languages in written.items() for one in languages or () if one not in served
        ]
        if unread and served:
            raise ValueError(
                f"no model of names is for {', '.join(unread)}: add one under name_models, or leave the language out"
            )
        return self

    @property
    def configured_kinds(self) -> frozenset[str]:
        """Kinds that the operator brought a way to find."""
        labelled = {kind for model in self.name_models for kind in model.labels.values()}
        return frozenset({one.entity for one in self.recognizers} | set(self.deny) | labelled)

    @property
    def actions(self) -> dict[str, Action]:
        """What happens to each kind, also to those that the operator brought and said nothing of."""
        brought = self.configured_kinds - set(OWN_KINDS) - set(PRESIDIO_RECOGNIZERS)
        return {**dict.fromkeys(sorted(brought), Action.PSEUDONYMIZE), **self.entities}

    def private_kinds(self, model: str) -> list[str]:
        """The kinds that only private models may see when a client calls `model`."""
        one = self.models.get(model, PrivacyModelConfig())
        actions = {**self.actions, **one.entities} if one.protect else {}
        return sorted(kind for kind, action in actions.items() if action is Action.PRIVATE)
