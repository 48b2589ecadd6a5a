"""Keys that stand one level off: put where they are meant to be, so that one slip is one message.

Failure behaviour: nothing here raises; what cannot be explained by one level is left where it is, for the other checks.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from pydantic import BaseModel

from thriftgate.config.problems import KeyPath, Problem
from thriftgate.forms import element_model, model_of
from thriftgate.wire.shapes import mapping


def straighten(
    section: Mapping[str, Any], model: type[BaseModel], path: KeyPath
) -> tuple[dict[str, Any], list[Problem]]:
    """The section with keys put where they belong, and a problem for each that was moved."""
    problems: list[Problem] = []
    return _straight(dict(section), model, path, problems), problems


def _straight(
    section: dict[str, Any], model: type[BaseModel], path: KeyPath, problems: list[Problem]
) -> dict[str, Any]:
    for name in [name for name in section if name not in model.model_fields]:
        if (entry := _lone_entry(section, model, name)) is not None:
            many, only = entry
            inside = {**mapping(mapping(section[many])[only]), name: section.pop(name)}
            section[many] = {**mapping(section[many]), only: inside}
            problems.append(Problem((*path, name), f"stands too far left: indent it under '{many}.{only}'"))
            continue
        if (empty := _empty_above(section, model, name)) is not None:
            section[empty] = {name: section.pop(name)}
            problems.append(Problem((*path, name), _too_far_left(empty)))
            continue
        owner = _owner(section, model, name)
        if owner is not None:
            section[owner] = {**mapping(section[owner]), name: section.pop(name)}
            problems.append(Problem((*path, name), _too_far_left(owner)))
    for name, field in model.model_fields.items():
        value = section.get(name)
        if not isinstance(value, Mapping):
            continue
        child = dict(cast("Mapping[str, Any]", value))
        one, each = model_of(field.annotation), element_model(field.annotation)
        if one is not None:
            for moved in _too_far_right(child, one, section, model):
                section[moved] = child.pop(moved)
                problems.append(
                    Problem((*path, name, moved), f"stands one level too far right: move it out of '{name}'")
                )
            section[name] = _straight(child, one, (*path, name), problems)
        elif each is not None:
            section[name] = _straight_entries(child, each, (*path, name), problems)
    return section


def _straight_entries(
    entries: dict[str, Any], model: type[BaseModel], path: KeyPath, problems: list[Problem]
) -> dict[str, Any]:
    """A section whose keys are names: one of them that is a setting of its entries slipped out of the one above."""
    before: str | None = None
    for name in list(entries):
        value = mapping(entries[name])
        is_an_entry = bool(set(value) & set(model.model_fields)) or name not in model.model_fields
        if before is None or is_an_entry or name in mapping(entries[before]):
            before = name
            continue
        entries[before] = {**mapping(entries[before]), name: entries.pop(name)}
        problems.append(Problem((*path, name), _too_far_left(before)))
    return {
        name: _straight(dict(cast("Mapping[str, Any]", value)), model, (*path, name), problems)
        if isinstance(value, Mapping)
        else value
        for name, value in entries.items()
    }


def _owner(section: Mapping[str, Any], model: type[BaseModel], name: str) -> str | None:
    """The section beside an unknown key that has a setting of its name; the nearest one above it comes first."""
    names = list(section)
    above = list(reversed(names[: names.index(name)]))
    for other in (*above, *names[names.index(name) + 1 :]):
        field = model.model_fields.get(other)
        found = model_of(field.annotation) if field is not None else None
        value = section[other]
        is_open = value is None or isinstance(value, Mapping)
        if found is not None and name in found.model_fields and is_open and name not in mapping(value):
            return other
    return None


def _empty_above(section: Mapping[str, Any], model: type[BaseModel], name: str) -> str | None:
    """The section of entries above an unknown key that has none, where the key has the settings of one."""
    names = list(section)
    for other in reversed(names[: names.index(name)]):
        field = model.model_fields.get(other)
        each = element_model(field.annotation) if field is not None else None
        if each is not None and section[other] is None:
            return other if set(mapping(section[name])) & set(each.model_fields) else None
    return None


def _lone_entry(section: Mapping[str, Any], model: type[BaseModel], name: str) -> tuple[str, str] | None:
    """The last entry of a section above an unknown key whose entries have a setting of its name, which it lacks."""
    names = list(section)
    for other in reversed(names[: names.index(name)]):
        field = model.model_fields.get(other)
        each = element_model(field.annotation) if field is not None else None
        entries = mapping(section[other])
        if each is not None and name in each.model_fields and entries:
            last = list(entries)[-1]
            is_open = isinstance(entries[last], Mapping) and name not in mapping(entries[last])
            return (other, last) if is_open else None
    return None


def _too_far_right(
    child: Mapping[str, Any], model: type[BaseModel], section: Mapping[str, Any], parent: type[BaseModel]
) -> Iterator[str]:
    for name in list(child):
        if name not in model.model_fields and name in parent.model_fields and name not in section:
            yield name


def _too_far_left(owner: str) -> str:
    return f"stands one level too far left: indent it under '{owner}'"
