"""Which model groups answer for what a client calls `model`.

LiteLLM takes many names for a model group: its own, an alias, a deployment's id, what its provider calls the model, a
name that fits a pattern, and several with commas between them. What an operator says of a group holds for all of these.

Failure behaviour: nothing is raised; a name that nobody knows stands for itself, as all do before there is a router.
"""

from collections.abc import Callable, Collection
from typing import cast

from litellm.router import Router

from thriftgate.wire.shapes import items, mapping


class ModelGroups:
    """The groups behind names."""

    def __init__(self, router: Callable[[], Router | None], named: Collection[str] = ()) -> None:
        """`named` are names of which an operator says something: an alias among them is a group of its own here."""
        self._router = router
        self._named = named

    def of(self, model: str) -> tuple[str, ...]:
        """The groups that a request for `model` may go to."""
        router = self._router()
        # A request that names no model (a file, a tool's call) goes to none, also where a group is called `*`.
        if router is None or not model or model in router.model_names or model in self._named:
            return (model,)
        names = [one.strip() for one in model.split(",")]
        return tuple(dict.fromkeys(group for one in names for group in self._of(one, router)))

    def _of(self, name: str, router: Router) -> list[str]:
        seen: set[str] = set()
        while name in router.model_group_alias and name not in self._named and name not in seen:
            seen.add(name)
            target = router.model_group_alias[name]
            name = str(target if isinstance(target, str) else mapping(target).get("model"))
        return [name] if name in router.model_names or name in self._named else _groups(name, router)


def _groups(name: str, router: Router) -> list[str]:
    deployment = router.get_deployment(model_id=name)
    if deployment is not None:
        return [deployment.model_name]
    patterns = router.pattern_router
    # Of several patterns the closest, and also of a name without its provider.
    fitting = items(cast("object", patterns.route(name) or patterns.get_pattern(name))) if patterns.patterns else ()
    found = [str(mapping(one).get("model_name")) for one in fitting]
    found = found or [
        str(one.get("model_name"))
        for one in map(mapping, items(router.model_list))
        if mapping(one.get("litellm_params")).get("model") == name
    ]
    return list(dict.fromkeys(found)) or [name]
