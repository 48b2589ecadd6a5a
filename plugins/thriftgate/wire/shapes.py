"""Reading JSON of which nothing is known: what has another shape than expected counts as absent.

Failure behaviour: pure and total; a provider's or a client's odd field is never fatal.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard, cast

Json = Mapping[str, Any]
"""A JSON object that nobody here changes."""
Body = dict[str, Any]
"""A JSON object that is handed out as new: a request's, an answer's or an event's."""


def mapping(value: Any) -> Json:
    """The value when it is an object, else an empty one."""
    # Asking for a dict first is several times faster than asking for a Mapping, and bodies are dicts.
    if isinstance(value, dict):
        return cast("Json", value)
    return cast("Json", value) if isinstance(value, Mapping) else {}


def items(value: Any) -> Sequence[Any]:
    """The value when it is a list, else an empty one."""
    return cast("Sequence[Any]", value) if isinstance(value, list | tuple) else ()


def objects(value: object) -> list[Json]:
    """The objects of a list; whatever else stands in it is left out."""
    return [cast("Json", item) for item in items(value) if isinstance(item, dict | Mapping)]


def text(value: object) -> str:
    """The value when it is a string, else the empty string."""
    return value if isinstance(value, str) else ""


def text_or_none(value: object) -> str | None:
    """The value when it is a string, else None."""
    return value if isinstance(value, str) else None


MOST_TOKENS = 100_000_000
"""More than any call has; a provider that counts more has miscounted."""


def count(value: object) -> int:
    """A number of tokens: the value when it is a number of at least 0, else 0; never above `MOST_TOKENS`."""
    if not is_number(value) or not value >= 0 or value == math.inf:
        return 0
    return int(min(value, MOST_TOKENS))


def is_count(value: object) -> bool:
    """Whether a number of tokens can be believed; one that is not there can."""
    return value is None or (is_number(value) and 0 <= value <= MOST_TOKENS)


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether the value is a number; `true` is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def number(value: object) -> float | None:
    """The value when it is a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        as_float = float(value)
    except OverflowError:
        return None
    return as_float if math.isfinite(as_float) else None


def integer(value: object) -> int | None:
    """The value when it is a whole number, else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
