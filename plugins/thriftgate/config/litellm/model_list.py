"""LiteLLM's `model_list` as thriftgate needs it: which groups there are, what they cost, which keys they lack.

Failure behaviour: nothing here raises; an entry that LiteLLM could not use is left out and is a problem.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from thriftgate.config.document import value_at
from thriftgate.config.environment import variable_of
from thriftgate.config.litellm.prices import Price, base_model_of, price_of, provider_of
from thriftgate.config.problems import KeyPath, Problem
from thriftgate.forms import describe, did_you_mean
from thriftgate.wire.shapes import items, mapping

ROUTE_PREFIX = "thriftgate/"
FALLBACK_FIELDS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
"""Where LiteLLM reads which groups are asked in place of others: in its sections, its router and a request."""
FALLBACK_SECTIONS = ("router_settings", "litellm_settings")
"""Which of a file's sections may have them."""
_KEY_VARIABLES = {
    "anthropic": "ANTHROPIC_API_KEY",
    "cohere": "COHERE_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
    "fireworks_ai": "FIREWORKS_AI_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "groq": "GROQ_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "openai": "OPENAI_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
    "together_ai": "TOGETHERAI_API_KEY",
    "xai": "XAI_API_KEY",
}
"""Where LiteLLM looks when an entry names no key. Other providers sign in by other means; those are not checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One entry of `model_list`: one way to reach a model."""

    group: str
    model: str
    """With the provider in front, for example `anthropic/claude-haiku-4-5`."""
    path: KeyPath
    price: Price | None
    missing_variable: str | None
    """The environment variable that holds its key and is not set; None when nothing is known to be missing."""
    params: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    """Its `litellm_params` as they are written."""
    base_model: str | None = None
    """What its provider calls the model where the operator named it, as on Azure."""

    @property
    def known_as(self) -> str:
        """The name by which LiteLLM's price map may know how long the model will be there."""
        return self.base_model or self.model

    @property
    def route(self) -> str | None:
        """The route this entry leads to; None when it is a plain model."""
        return self.model.removeprefix(ROUTE_PREFIX) if self.model.startswith(ROUTE_PREFIX) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelGroup:
    """The deployments that share a `model_name`: LiteLLM chooses among them and falls over from one to the next."""

    name: str
    deployments: tuple[Deployment, ...]

    @property
    def routes(self) -> tuple[str, ...]:
        """The routes behind this name; empty for a plain model."""
        return tuple(dict.fromkeys(found.route for found in self.deployments if found.route is not None))

    @property
    def price(self) -> Price | None:
        """Of its first deployment that has one."""
        return next((found.price for found in self.deployments if found.price is not None), None)

    @property
    def is_pattern(self) -> bool:
        """Whether the name stands for many models, as `anthropic/*` does."""
        return "*" in self.name


@dataclass(frozen=True, slots=True)
class ModelList:
    """Every model group by name, with the aliases of `router_settings`."""

    groups: Mapping[str, ModelGroup]
    aliases: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """What a client or a tier may name."""
        return (*self.groups, *self.aliases)

    def find(self, name: str) -> ModelGroup | None:
        """The group that answers for `name`: by name, by alias, or by pattern."""
        name = self.aliases.get(name, name)
        if name in self.groups:
            return self.groups[name]
        return next(
            (group for group in self.groups.values() if group.is_pattern and fnmatchcase(name, group.name)), None
        )


def read_model_list(values: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[ModelList, list[Problem]]:
    """The model groups of a configuration, and the entries that are no entries."""
    problems: list[Problem] = []
    entries = values.get("model_list")
    if entries is None:
        problems.append(Problem(("model_list",), "is missing: LiteLLM would have no model to call"))
    elif not isinstance(entries, list):
        problems.append(Problem(("model_list",), f"must be a list, not {describe(entries)}"))
    groups: dict[str, list[Deployment]] = {}
    for index, entry in enumerate(items(values.get("model_list"))):
        found, wrong = _read_entry(mapping(entry), ("model_list", index), environ)
        problems += wrong
        if found is not None:
            groups.setdefault(found.group, []).append(found)
    aliases = {
        name: _target(alias)
        for name, alias in mapping(value_at(values, "router_settings", "model_group_alias")).items()
    }
    return (
        ModelList(
            {name: ModelGroup(name=name, deployments=tuple(found)) for name, found in groups.items()},
            {name: target for name, target in aliases.items() if target},
        ),
        problems,
    )


def _target(alias: Any) -> str:
    """`model_group_alias` has either the group's name or a section with `model`."""
    return str(alias.get("model", "")) if isinstance(alias, Mapping) else str(alias or "")  # pyright: ignore[reportUnknownArgumentType]


def _read_entry(
    entry: Mapping[str, Any], path: KeyPath, environ: Mapping[str, str]
) -> tuple[Deployment | None, list[Problem]]:
    name, model = entry.get("model_name"), value_at(entry, "litellm_params", "model")
    if variable := variable_of(model):
        model = environ.get(variable)
        if not model:
            wrong = Problem((*path, "litellm_params", "model"), f"the environment variable {variable} is not set")
            return None, [wrong]
    problems: list[Problem] = []
    if not isinstance(name, str) or not name:
        problems.append(_missing(entry, path, "model_name", "the name that clients and tiers use"))
    if not isinstance(model, str) or not model:
        params = entry.get("litellm_params")
        words = "the provider and its model, as in openai/gpt-5"
        if params is None:
            problems.append(_missing(entry, path, "litellm_params", words, "model"))
        else:
            problems.append(_missing(mapping(params), (*path, "litellm_params"), "model", words))
    if problems:
        return None, problems
    return (
        Deployment(
            group=str(name),
            model=str(model),
            path=path,
            price=price_of(entry),
            missing_variable=_missing_variable(entry, str(model), environ),
            params=mapping(entry.get("litellm_params")),
            base_model=base_model_of(entry),
        ),
        [],
    )


def _missing(section: Mapping[str, Any], path: KeyPath, name: str, words: str, *below: str) -> Problem:
    """That a key is missing, where the one stands that was probably meant to be it."""
    found = next((key for key in section if key != name and did_you_mean(key, [name])), None)
    meant = f" (is '{found}' meant to be it?)" if found is not None else ""
    slip = None if found is None else (*path, found)
    return Problem((*path, name, *below), f"is missing: {words}{meant}", slip=slip)


def _missing_variable(entry: Mapping[str, Any], model: str, environ: Mapping[str, str]) -> str | None:
    parameters = mapping(entry.get("litellm_params"))
    if parameters.get("litellm_credential_name"):
        return None
    key = parameters.get("api_key")
    variable = variable_of(key) if key else _KEY_VARIABLES.get(provider_of(model) or "")
    return variable if variable and not environ.get(variable) else None


def environment_with(values: Mapping[str, Any], environ: Mapping[str, str]) -> Mapping[str, str]:
    """The environment after LiteLLM applied the file's own `environment_variables`."""
    own = {name: str(value) for name, value in mapping(values.get("environment_variables")).items()}
    resolved = {
        name: environ.get(variable_of(value) or "", "") if variable_of(value) else value for name, value in own.items()
    }
    return {**environ, **resolved}


def groups_named(names: Sequence[str], models: ModelList) -> list[ModelGroup]:
    """The groups of these names, each once, unknown names left out."""
    found = {group.name: group for name in names if (group := models.find(name)) is not None}
    return list(found.values())
