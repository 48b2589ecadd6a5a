"""Which model groups answer for what a client calls `model`, and which LiteLLM would ask in their place.

LiteLLM takes many names for a model group: its own, an alias, a deployment's id, what its provider calls the model, a
name that fits a pattern, and several with commas between them. What an operator says of a group holds for all of these.

Failure behaviour: nothing is raised; a name that nobody knows stands for itself, as all do before there is a router.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, cast

from litellm.router import Router

from thriftgate.config.litellm.model_list import FALLBACK_FIELDS
from thriftgate.wire.shapes import items, mapping

_ANY = "*"


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

    def in_place_of(self, groups: tuple[str, ...], data: Mapping[str, Any]) -> tuple[str, ...]:
        """The groups that a request falls back to, at once or from one to the next.

        Those that it names, those of its key or team, and those of the configuration.
        """
        router = self._router()
        if router is None or not any(groups) or data.get("disable_fallbacks") is True:
            return ()
        by_name: dict[str, list[str]] = {}
        places = (
            data,
            mapping(data.get("router_settings_override")),
            {one: getattr(router, one) for one in FALLBACK_FIELDS},
        )
        for listed in (one for place in places for field in FALLBACK_FIELDS for one in items(place.get(field))):
            for key, name in _names(listed):
                # LiteLLM also looks a model up with the provider that it takes it for.
                for spelling in {key, key.partition("/")[2] or key}:
                    by_name.setdefault(spelling, []).append(name)
        found: dict[str, None] = {}
        seen: set[str] = set()
        # What is listed for the name that was asked counts as well: an alias, one that fits a pattern.
        left = [*groups, *(one.strip() for one in str(data.get("model") or "").split(","))]
        while left:
            name = left.pop()
            if name in seen:
                continue
            seen.add(name)
            for other in {name, name.partition("/")[2] or name, _ANY}:
                for one in by_name.get(other, ()):
                    behind = self.of(one) if one not in seen else ()
                    found |= dict.fromkeys(behind)
                    left += (one, *behind)
        return tuple(found)

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


def _names(one: object, key: str = _ANY) -> Iterator[tuple[str, str]]:
    """Which models an entry of `fallbacks` names (itself, as `model`, or as a list by group), and for which group."""
    if isinstance(one, str):
        yield key, one
        return
    fields = mapping(one)
    if isinstance(fields.get("model"), str):
        yield key, str(fields["model"])
        return
    for group, listed in fields.items():
        for entry in items(listed):
            yield from _names(entry, str(group))
