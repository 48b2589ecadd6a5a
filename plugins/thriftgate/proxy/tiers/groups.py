"""Which model groups answer for what a client calls `model`, and which LiteLLM would ask in their place.

LiteLLM takes many names for a model group: its own, an alias, a deployment's id, what its provider calls the model, a
name that fits a pattern, and several with commas between them. What an operator says of a group holds for all of these.

Failure behaviour: nothing is raised; a name that nobody knows stands for itself, as all do before there is a router.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, cast

from litellm.router import Router

from thriftgate.wire.shapes import items, mapping

_FALLBACKS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
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
        if router is None or model in router.model_names or model in self._named:
            return (model,)
        names = [one.strip() for one in model.split(",")]
        return tuple(dict.fromkeys(group for one in names for group in self._of(one, router)))

    def in_place_of(self, groups: tuple[str, ...], data: Mapping[str, Any]) -> tuple[str, ...]:
        """The groups that a request falls back to: those that it names, and those of the configuration."""
        router = self._router()
        if router is None or data.get("disable_fallbacks") is True:
            return ()
        named = [name for field in _FALLBACKS for one in items(data.get(field)) for name in _names(one)]
        for field in _FALLBACKS:
            named += [name for one in items(getattr(router, field)) for name in _names(_for(groups, mapping(one)))]
        return tuple(dict.fromkeys(group for name in named for group in self.of(name)))

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
    known = cast("Iterable[str]", router.model_names)
    found = [group for group in known if _ANY in group and fnmatchcase(name, group)]
    found = found or [
        str(one.get("model_name"))
        for one in map(mapping, router.model_list)
        if mapping(one.get("litellm_params")).get("model") == name
    ]
    return found or [name]


def _for(groups: tuple[str, ...], listed: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of a list of fallbacks by group what is for one of these, or for any."""
    return {name: one for name, one in listed.items() if name in groups or name == _ANY}


def _names(one: object) -> Iterator[str]:
    """The models that an entry of `fallbacks` names: itself, as `model`, or as a list by group."""
    if isinstance(one, str):
        yield one
        return
    fields = mapping(one)
    if isinstance(fields.get("model"), str):
        yield str(fields["model"])
        return
    for listed in fields.values():
        for entry in items(listed):
            yield from _names(entry)
