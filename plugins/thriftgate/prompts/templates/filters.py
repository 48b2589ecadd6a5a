"""The filters of prompt templates: few, and each pays for the text it touches.

Failure behaviour: raises jinja2.TemplateError with a fixed phrase; never quotes a value.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from jinja2.exceptions import TemplateError
from jinja2.runtime import Undefined


class Work:
    """A budget of steps and characters that only shrinks."""

    __slots__ = ("left",)

    def __init__(self, budget: int) -> None:
        self.left = budget

    def spend(self, amount: int) -> None:
        """Pay for `amount` steps. Raises TemplateError when the budget is gone."""
        self.left -= amount + 1
        if self.left < 0:
            raise TemplateError("the template does too much work")


def characters_of(value: Any, work: Work) -> int:
    """Characters of a value, its parts included, paid from `work` while counting."""
    if isinstance(value, str):
        size = len(value)
        work.spend(size)
        return size
    work.spend(1)
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value)
        return sum(characters_of(key, work) + characters_of(item, work) for key, item in items.items())
    if isinstance(value, (list, tuple)):
        return sum(characters_of(item, work) for item in cast("Sequence[Any]", value))
    if isinstance(value, int) and value.bit_length() > 64:
        raise TemplateError("the number is too large")
    return 24


def _text(work: Work, value: Any) -> str:
    if isinstance(value, Undefined) or not isinstance(value, (str, int, float)):
        raise TemplateError("needs a text or a number")
    characters_of(value, work)
    return str(value)


def _items(work: Work, value: Any) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise TemplateError("needs a list")
    items = list(cast("Sequence[Any]", value))
    characters_of(items, work)
    return items


def _default(work: Work, value: Any, default: Any = "", boolean: bool = False) -> Any:
    """`default` for what is undefined or null; with `boolean` for everything empty."""
    work.spend(1)
    if isinstance(value, Undefined) or value is None or (boolean and not value):
        return default
    return value


def _join(work: Work, value: Any, separator: str = "") -> str:
    items = ["" if item is None else item for item in _items(work, value)]
    # Paid before it is made: a long separator times many items is how a short template becomes a long text.
    work.spend(len(separator) * max(len(items) - 1, 0))
    if any(isinstance(item, Undefined) or not isinstance(item, (str, int, float)) for item in items):
        raise TemplateError("only texts and numbers can be joined")
    return separator.join(str(item) for item in items)


def _tojson(work: Work, value: Any) -> str:
    """JSON with <, > and & escaped: a value so written cannot close a tag that surrounds it."""
    characters_of(value, work)
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _truncate(work: Work, value: Any, length: int = 255) -> str:
    text = _text(work, value)
    return text if len(text) <= length else text[: max(length - 1, 0)] + "…"


def _round(work: Work, value: Any, precision: int = 0) -> Any:
    work.spend(1)
    if not isinstance(value, (int, float)) or not 0 <= precision <= 15:
        raise TemplateError("needs a number, and at most 15 places")
    rounded = round(value, precision)
    return rounded if precision else int(rounded)


def _length(work: Work, value: Any) -> int:
    work.spend(1)
    if isinstance(value, Undefined) or not isinstance(value, (str, list, tuple)):
        raise TemplateError("needs a text or a list")
    return len(cast("Sequence[Any]", value))


def _sorted(work: Work, value: Any) -> list[Any]:
    try:
        return sorted(_items(work, value))
    except TypeError:
        raise TemplateError("only items of one kind can be sorted") from None


def _end(index: int) -> Callable[[Work, Any], Any]:
    def pick(work: Work, value: Any) -> Any:
        items = _items(work, value)
        if not items:
            raise TemplateError("needs a list that is not empty")
        return items[index]

    return pick


def _changed(change: Callable[[str], str]) -> Callable[[Work, Any], str]:
    return lambda work, value: change(_text(work, value))


def _unique(work: Work, value: Any) -> list[Any]:
    return list(dict.fromkeys(_items(work, value)))


FILTERS: Mapping[str, Callable[..., Any]] = {
    "capitalize": _changed(str.capitalize),
    "d": _default,
    "default": _default,
    "first": _end(0),
    "join": _join,
    "last": _end(-1),
    "length": _length,
    "lower": _changed(str.lower),
    "round": _round,
    "sort": _sorted,
    "title": _changed(str.title),
    "tojson": _tojson,
    "trim": _changed(str.strip),
    "truncate": _truncate,
    "unique": _unique,
    "upper": _changed(str.upper),
}

TESTS = frozenset({"defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "true", "false",
                   "even", "odd"})  # fmt: skip
