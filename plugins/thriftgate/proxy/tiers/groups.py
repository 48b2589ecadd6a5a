"""Which model groups answer for what a client calls `model`.

LiteLLM takes many names for a model group: its own, an alias, a deployment's id, what its provider calls the model, a
name that fits a pattern, and several with commas between them. What an operator says of a group holds for all of these.
Behind an auto router, or a group for routing, there are all the models that it may ask.

Failure behaviour: nothing is raised; a name that nobody knows stands for itself, as all do before there is a router,
and for the first of `default_fallbacks`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from litellm.router import Router

from thriftgate.config.litellm.choosing import chooses, chosen_of
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
        if router is None or not model:
            return (model,)
        found = dict.fromkeys(self._named_by(model, router, self._named))
        left = [*found, *self._named_by(model, router, ())]
        seen: set[str] = set()
        for group in left:
            if group in seen:
                continue
            seen.add(group)
            for target in self._chosen(group, router):
                found |= dict.fromkeys(self._named_by(target, router, self._named))
                left += [target, *self._named_by(target, router, ())]
        return tuple(found)

    def judging(self, model: str, deployment: Mapping[str, Any]) -> tuple[str, ...]:
        """By whose policies it is judged that LiteLLM chose this deployment for `model`.

        Those of the name's groups where it is one of these, else that of its own.
        """
        if not self.answers_itself(model, deployment):
            return (str(deployment.get("model_name")),)
        router = self._router()
        return (model,) if router is None else self._named_by(model, router, self._named)

    def answers_itself(self, model: str, deployment: Mapping[str, Any]) -> bool:
        """Whether this deployment is one of what `model` names, rather than what was chosen in its place."""
        group, router = str(deployment.get("model_name")), self._router()
        of_team = mapping(deployment.get("model_info")).get("team_public_model_name")
        return model in (group, of_team) or (router is not None and group in self._named_by(model, router, ()))

    def _named_by(self, model: str, router: Router, named: Collection[str]) -> tuple[str, ...]:
        if model in named or (model in router.model_names and model not in router.model_group_alias):
            return (model,)
        names = [one.strip() for one in model.split(",")]
        return tuple(dict.fromkeys(group for one in names for group in _answering(one, router, named)))

    def _chosen(self, group: str, router: Router) -> Iterable[str]:
        """What LiteLLM may ask in the place of this group; nothing where it is a model."""
        members = router.get_routing_group(group)
        if members is not None:
            yield from members.models
        for params in filter(chooses, _params(group, router)):
            words = chosen_of(params)
            if words is None:  # nobody here knows: the strictest of all
                yield from (*router.model_names, *self._named)
                return
            yield from _models_among(words, router)


def _models_among(words: Collection[str], router: Router) -> Iterator[str]:
    of_providers = {mapping(mapping(one).get("litellm_params")).get("model") for one in items(router.model_list)}
    patterns = router.pattern_router
    for word in words:
        fitting = items(cast("object", patterns.route(word) or patterns.get_pattern(word))) if patterns.patterns else ()
        if fitting or word in of_providers or router.is_recognized_model(word):
            yield word


def _params(group: str, router: Router) -> Iterator[Mapping[str, Any]]:
    for index in router.model_name_to_deployment_indices.get(group, ()):
        yield mapping(mapping(router.model_list[index]).get("litellm_params"))


def _answering(name: str, router: Router, named: Collection[str]) -> list[str]:
    seen: set[str] = set()
    # LiteLLM looks for an alias first.
    while name in router.model_group_alias and name not in named and name not in seen:
        seen.add(name)
        target = router.model_group_alias[name]
        name = str(target if isinstance(target, str) else mapping(target).get("model"))
    return [name] if name in router.model_names or name in named else _groups(name, router)


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
    # What nobody has LiteLLM asks of the first model that stands in for all.
    return list(dict.fromkeys(found)) or [name, *_in_place_of_all(router)]


def _in_place_of_all(router: Router) -> Sequence[str]:
    for one in map(mapping, items(router.fallbacks)):
        if listed := [model for model in items(one.get("*")) if isinstance(model, str)]:
            return listed[:1]
    return ()
