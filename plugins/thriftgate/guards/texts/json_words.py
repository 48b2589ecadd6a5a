"""The words in a text that is JSON, as whoever reads it understands them: escapes undone, without quotes and braces.

Failure behaviour: pure and total; linear in the length of the text. What is no JSON has none.
"""

import json
from typing import Any, cast

_INNER = 3
"""JSON within a string of JSON that is read as such."""
_NAME = 40
"""Characters of the longest name of a field."""


def words_of_json(text: str) -> str | None:
    """Its strings, a line each, and those names of fields that are more than a name; None: it is no object or list."""
    value = _value(text)
    if value is None:
        return None
    found: list[str] = []
    waiting: list[tuple[Any, int]] = [(value, 0)]
    while waiting:
        one, depth = waiting.pop()
        if isinstance(one, str):
            inner = _value(one) if depth < _INNER else None
            if inner is None:
                found.append(one)
            else:
                waiting.append((inner, depth + 1))
        elif isinstance(one, tuple):
            for name, below in reversed(cast("tuple[tuple[str, Any], ...]", one)):
                waiting.append((below, depth))
                if len(name) > _NAME or any(char.isspace() for char in name):
                    waiting.append((name, _INNER))
        elif isinstance(one, list):
            waiting += [(below, depth) for below in reversed(cast("list[Any]", one))]
    return " ".join(found)


def _value(text: str) -> Any:
    bare = text.strip()
    if bare[:1] + bare[-1:] not in ("{}", "[]"):
        return None
    try:
        # Every pair: of two fields of one name a dictionary has the last, and a model reads both.
        return json.loads(bare, object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        return None
