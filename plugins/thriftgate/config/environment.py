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


_NAMED = r"\s*[/.:\[(]\s*['\"]?[A-Z][A-Z0-9_]+['\"]?\s*[\])]?"
_CERTAIN = re.compile(rf"\$\{{[A-Z][A-Z0-9_]+\}}|os\.?env\w*{_NAMED}|os\.\w{{4,10}}/[A-Z][A-Z0-9_]+")
_LIKELY = re.compile(rf"\$[A-Z][A-Z0-9_]+|env\w*{_NAMED}")
"""What a tag or a currency may be as well: `env:PROD`, `$USD`."""
_OF_VARIABLES = re.compile(
    r"(?:^|_)(?:key|token|secret|password|passphrase|credentials?|url|uri|base|host|endpoint|dsn|address|webhook)s?$",
    re.IGNORECASE,
)
"""Keys for secrets and addresses, which nobody writes so."""


def misnamed_variables(values: Any, *, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Where a variable is written in another way (`${NAME}`, `os.environ.NAME`), so that the text itself is taken."""
    if isinstance(values, str):
        if variable_of(values) is None and _is_misnamed(values.strip(), path):
            yield path
    elif isinstance(values, Mapping):
        for key, value in cast("Mapping[str, Any]", values).items():
            yield from misnamed_variables(value, path=(*path, key))
    elif isinstance(values, list):
        for index, value in enumerate(cast("list[Any]", values)):
            yield from misnamed_variables(value, path=(*path, index))


def _is_misnamed(text: str, path: KeyPath) -> bool:
    key = next((str(part) for part in reversed(path) if not isinstance(part, int)), "")
    is_likely = "environment_variables" in path[:1] or _OF_VARIABLES.search(key) is not None
    return _CERTAIN.fullmatch(text) is not None or (is_likely and _LIKELY.fullmatch(text) is not None)


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
