"""Whether the models behind routes will be there, take what their prompt sends, and have names a header can carry.

Failure behaviour: nothing here raises; about a model that LiteLLM's price map does not have nothing is said.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from thriftgate.config.checks.routes import ROUTES, RouteFinding
from thriftgate.config.litellm.capabilities import refused_params, retires_on
from thriftgate.config.litellm.model_list import ModelList
from thriftgate.config.problems import KeyPath, Problem
from thriftgate.config.sections.root import RouteConfig

_NOTICE = timedelta(days=90)
"""How long before a model's end it is worth saying."""


def check_header_names(models: ModelList) -> Iterator[RouteFinding]:
    """The answering group's name goes into a header, which carries only printable Latin-1."""
    for group in models.groups.values():
        if not all(character.isprintable() and ord(character) < 256 for character in group.name):
            words = f"'{group.name}' cannot stand in an HTTP header, which names the model that answered: use ASCII"
            yield RouteFinding(Problem((*group.deployments[0].path, "model_name"), words))


def check_retirement(models: ModelList, today: date) -> Iterator[RouteFinding]:
    """Models whose provider has announced their end."""
    for group in models.groups.values():
        for deployment in group.deployments:
            last = None if deployment.route is not None else retires_on(deployment.known_as)
            if last is None or last - today > _NOTICE:
                continue
            word = "was announced to retire" if last < today else "retires"
            words = f"'{deployment.known_as}' {word} on {last.isoformat()}: name its successor"
            yield RouteFinding(Problem((*deployment.path, "litellm_params", "model"), words), is_warning=True)


def check_prompt_params(
    name: str, route: RouteConfig, params: Mapping[str, Any], models: ModelList
) -> Iterator[RouteFinding]:
    """Parameters of a route's prompt that a deployment of its tiers refuses; it is then asked without them."""
    if route.prompt is None:
        return
    where: KeyPath = (*ROUTES, name, "prompt", "name")
    for tier in route.cascade.tiers:
        group = models.find(tier.model)
        for deployment in group.deployments if group is not None else ():
            effort = params.get("reasoning_effort") or deployment.params.get("reasoning_effort")
            refused = list(refused_params(deployment.model, params, effort=effort))
            if refused:
                said = ", ".join(f"{one} {params[one]:g}" for one in refused)
                words = (
                    f"the prompt '{route.prompt.name}' sets {said}, which '{deployment.model}' of '{tier.model}' "
                    "does not take: it is asked without"
                )
                yield RouteFinding(Problem(where, words), is_warning=True)
