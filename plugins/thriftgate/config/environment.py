"""`os.environ/NAME` in a configuration, as LiteLLM reads it, except that an unset variable is not passed over.

Failure behaviour: nothing here fails; an unset variable resolves to None and is named.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from thriftgate.config.problems import KeyPath

PREFIX = "os.environ/"


@dataclass(frozen=True, slots=True)
class Unset:
    """A variable that the configuration names and the environment does not have."""

    path: KeyPath
    variable: str


def variable_of(value: Any) -> str | None:
    """The name in `os.environ/NAME`; None for any other value."""
    return value.removeprefix(PREFIX).strip() if isinstance(value, str) and value.startswith(PREFIX) else None


_OTHERWISE = re.compile(
    r"\$\{?(?:[A-Z][A-Z0-9_]+)\}?|(?:os\.?)?env\w*\s*[/.:\[(]\s*['\"]?(?:[A-Z][A-Z0-9_]+)['\"]?\s*[\])]?"
    r"|os\.\w{4,10}/(?:[A-Z][A-Z0-9_]+)"
)


def misnamed_variables(values: Any, *, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Where a variable is written in another way (`${NAME}`, `os.environ.NAME`), so that the text itself is taken."""
    if isinstance(values, str) and variable_of(values) is None and _OTHERWISE.fullmatch(values.strip()):
        yield path
    elif isinstance(values, Mapping):
        for key, value in cast("Mapping[str, Any]", values).items():
            yield from misnamed_variables(value, path=(*path, key))
    elif isinstance(values, list):
        for index, value in enumerate(cast("list[Any]", values)):
            yield from misnamed_variables(value, path=(*path, index))


def resolve(values: Any, environ: Mapping[str, str], *, path: KeyPath = ()) -> tuple[Any, list[Unset]]:
    """The same values with every `os.environ/NAME` replaced, and what was unset. An empty variable counts as unset."""
    if variable := variable_of(values):
        found = environ.get(variable) or None
        return found, [] if found is not None else [Unset(path, variable)]
    unset: list[Unset] = []
    if isinstance(values, Mapping):
        resolved: dict[str, Any] = {}
        for key, value in cast("Mapping[str, Any]", values).items():
            resolved[key], missing = resolve(value, environ, path=(*path, key))
            unset += missing
        return resolved, unset
    if isinstance(values, list):
        items: list[Any] = []
        for index, value in enumerate(cast("list[Any]", values)):
            item, missing = resolve(value, environ, path=(*path, index))
            items.append(item)
            unset += missing
        return items, unset
    return values, unset
