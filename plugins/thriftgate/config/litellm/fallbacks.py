"""Which model groups LiteLLM would ask in the place of one, at once or from one to the next, whatever lists them.

And which it may choose where a name is no model's: behind auto routers and groups for routing.

Failure behaviour: total; what is written otherwise than LiteLLM reads it lists nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from thriftgate.config.litellm.choosing import chooses, chosen_of, routing_groups
from thriftgate.config.litellm.model_list import FALLBACK_FIELDS, FALLBACK_SECTIONS, ModelList
from thriftgate.wire.shapes import items, mapping

_ANY = "*"


class Fallbacks:
    """Those of a configuration; `values` are the whole file's."""

    def __init__(self, values: Mapping[str, Any], models: ModelList) -> None:
        self._models = models
        self._listed: dict[str, dict[str, None]] = {}
        for section in (mapping(values.get(name)) for name in FALLBACK_SECTIONS):
            for one in (one for field in FALLBACK_FIELDS for one in items(section.get(field))):
                for key, name in _names(one):
                    # LiteLLM also looks a model up without the provider that it takes it for.
                    for spelling in {key, _bare(key)}:
                        self._listed.setdefault(spelling, {})[name] = None
            for one in items(section.get("default_fallbacks")):
                self._listed.setdefault(_ANY, {})[str(one)] = None
        self._ids = {
            str(found): str(mapping(one).get("model_name"))
            for one in items(values.get("model_list"))
            if (found := mapping(mapping(one).get("model_info")).get("id")) is not None
        }

        self._chosen: dict[str, dict[str, None]] = {
            name: dict.fromkeys(members) for name, members in routing_groups(mapping(values.get("router_settings")))
        }
        for group in models.groups.values():
            for params in (one.params for one in group.deployments if chooses(one.params)):
                words = chosen_of(params)
                self._chosen.setdefault(group.name, {}).update(dict.fromkeys(models.names if words is None else words))

    def chosen(self, name: str) -> Mapping[str, None]:
        """The groups that LiteLLM may ask where `name` stands for what chooses among others; none where it does not."""
        found: dict[str, None] = {}
        left = [name, *self.groups(name)]
        for at in left:
            for group in (group for word in self._chosen.get(at, ()) for group in self.groups(word)):
                if group not in found:
                    found[group] = None
                    left.append(group)
        return dict.fromkeys(sorted(found))

    def behind(self, name: str) -> Mapping[str, tuple[str, ...]]:
        """What `name` falls back to → the names on the way there, `name` first; nearest first."""
        ways: dict[str, tuple[str, ...]] = {}
        seen = {name, *self.groups(name)}
        left: list[tuple[str, tuple[str, ...]]] = [(one, (name,)) for one in dict.fromkeys((name, *self.groups(name)))]
        for at, way in left:
            for target in dict.fromkeys(one for key in (at, _bare(at), _ANY) for one in self._listed.get(key, ())):
                if target in seen:
                    continue
                ways[target] = (*way, target)
                answering = {target: None, **self.groups(target)}
                left += [(one, ways[target]) for one in answering if one not in seen]
                seen |= answering.keys()
        return ways

    def groups(self, name: str) -> Mapping[str, None]:
        """The groups that answer for a name: its own, an alias's, a deployment's, what a provider calls the model."""
        seen: set[str] = set()
        while name in self._models.aliases and name not in self._models.groups and name not in seen:
            seen.add(name)
            name = self._models.aliases[name]
        if name in self._models.groups:
            return {name: None}
        if name in self._ids:
            return {self._ids[name]: None}
        of_provider = dict.fromkeys(
            group.name for group in self._models.groups.values() if any(one.model == name for one in group.deployments)
        )
        found = self._models.find(name)
        return of_provider or ({found.name: None} if found is not None else {})


def _bare(name: str) -> str:
    return name.partition("/")[2] or name


def _names(one: object, key: str = _ANY) -> Iterator[tuple[str, str]]:
    """Which models an entry names (itself, as `model`, or as a list by group), and for which group."""
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
