"""The configuration as the proxy gets it: the operator's file, without the deployments that cannot answer.

LiteLLM looks up `os.environ/NAME` before it applies the file's own `environment_variables`, and finds nothing where
only those have the name: what they say stands in the copy. The master key that `up` makes is named there too.

LiteLLM would call a deployment whose key is missing and fail; so such deployments are left out while their group
has others. Without any key at all, every model is played by the offline demo provider.

Failure behaviour: pure but for the one file that `write` makes; mistakes were named by `load` before.
"""

import os
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from thriftgate.config import ThriftgateConfig
from thriftgate.config.checks.identity import AUTHENTICATION, CUSTOM_AUTH
from thriftgate.config.document import value_at
from thriftgate.config.environment import variable_of
from thriftgate.config.litellm.model_list import ModelList, groups_named
from thriftgate.config.problems import SECTION
from thriftgate.wire.shapes import mapping

DEMO_SMALL = "demo-small"
DEMO_LARGE = "demo-large"
DEMO_BACKUP = "demo-large-backup"
_DEMO_PRICES = {
    DEMO_SMALL: {"input_cost_per_token": 0.25e-6, "output_cost_per_token": 1.25e-6},
    DEMO_LARGE: {"input_cost_per_token": 5e-6, "output_cost_per_token": 25e-6},
    DEMO_BACKUP: {"input_cost_per_token": 5e-6, "output_cost_per_token": 25e-6},
}
_VARIABLES = "environment_variables"
_HANDED_ON = "os.environ/LITELLM_MASTER_KEY"
_KEPT = ("order", "timeout", "stream_timeout", "max_retries", "cooldown_time", "weight", "rpm", "tpm")
"""What stays of a deployment that the demo provider plays: how it is called, not who is called."""


@dataclass(frozen=True, slots=True)
class RuntimeConfig:
    """What the proxy is started with."""

    values: Mapping[str, Any]
    is_demo: bool
    left_out: Sequence[str]
    """Deployments without a key, in words."""

    def write(self, path: Path) -> None:
        """Write it for LiteLLM, readable by us alone: a configuration may hold keys."""
        import yaml

        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)  # a file that was there already keeps its mode otherwise
            yaml.safe_dump(dict(self.values), file, sort_keys=False, allow_unicode=True)


def settled(values: Mapping[str, Any], *, has_master_key: bool) -> Mapping[str, Any]:
    """The file with its own variables filled in, and with the master key that `up` hands on where it names none."""
    own = mapping(values.get(_VARIABLES))
    filled = {
        name: value if name in (_VARIABLES, "model_list") else _filled(value, own) for name, value in values.items()
    }
    if has_master_key:
        return filled
    return {**filled, "general_settings": {**mapping(filled.get("general_settings")), "master_key": _HANDED_ON}}


def _filled(value: Any, own: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        return {key: _filled(one, own) for key, one in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list):
        return [_filled(one, own) for one in cast("list[Any]", value)]
    variable = variable_of(value)
    return str(own[variable]) if variable is not None and variable in own else value


def has_any_key(models: ModelList) -> bool:
    """Whether any plain model can be called as things are."""
    return any(
        deployment.missing_variable is None and deployment.route is None
        for group in models.groups.values()
        for deployment in group.deployments
    )


def runtime_config(values: Mapping[str, Any], models: ModelList) -> RuntimeConfig:
    """The operator's configuration without the deployments that lack their key while their group has others.

    A group that lacks all its keys stays as it is: whoever calls it shall be told why it cannot answer.
    """
    lacking = {
        deployment.path[1]: f"{deployment.group}: {deployment.model} ({deployment.missing_variable} is not set)"
        for group in models.groups.values()
        if any(deployment.missing_variable is None for deployment in group.deployments)
        for deployment in group.deployments
        if deployment.missing_variable is not None
    }
    entries = cast("Sequence[Any]", values.get("model_list") or ())
    kept = [entry for index, entry in enumerate(entries) if index not in lacking]
    return RuntimeConfig({**_merged(values), "model_list": kept}, is_demo=False, left_out=tuple(lacking.values()))


def demo_config(
    values: Mapping[str, Any], config: ThriftgateConfig, models: ModelList, *, base_url: str
) -> RuntimeConfig:
    """The operator's configuration with every model played by the demo provider.

    The last tier of a route is played by the strong model, its further deployments by that one's backup, and
    all others by the weak one.
    """
    last_tiers = [route.cascade.tiers[-1].model for route in config.routes.values()]
    strong = {group.name for group in groups_named(last_tiers, models)}
    routes = {
        deployment.path[1] for group in models.groups.values() for deployment in group.deployments if deployment.route
    }
    seen: set[str] = set()
    entries: list[Any] = []
    for index, entry in enumerate(cast("Sequence[Mapping[str, Any]]", values.get("model_list") or ())):
        if index in routes:
            entries.append(entry)
            continue
        group = str(entry.get("model_name"))
        model = (DEMO_BACKUP if group in seen else DEMO_LARGE) if group in strong else DEMO_SMALL
        seen.add(group)
        entries.append(_played(entry, model, base_url))
    return RuntimeConfig({**_merged(values), "model_list": entries}, is_demo=True, left_out=())


def _played(entry: Mapping[str, Any], model: str, base_url: str) -> Mapping[str, Any]:
    params = cast("Mapping[str, Any]", entry.get("litellm_params") or {})
    kept = {name: params[name] for name in _KEPT if name in params}
    played = {"model": f"openai/{model}", "api_base": base_url, "api_key": "demo", **_DEMO_PRICES[model], **kept}
    return {**deepcopy(dict(entry)), "litellm_params": played}


def _merged(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without `include`: what it named is in `values` already, and its paths do not hold where the copy lies."""
    return _asking_us({name: value for name, value in values.items() if name != "include"})


def _asking_us(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """With LiteLLM told to ask us who calls, where `identity` is on and the operator did not say it."""
    if value_at(values, *SECTION, "identity") is None or value_at(values, *CUSTOM_AUTH) is not None:
        return values
    section, name = (str(key) for key in CUSTOM_AUTH)
    return {**values, section: {**mapping(values.get(section)), name: AUTHENTICATION}}
