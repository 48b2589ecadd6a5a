"""What does not fit a form (a pydantic model), said the way one tells a colleague.

Failure behaviour: nothing here fails; a mistake pydantic names in a way we have no words for is passed on in
pydantic's own. A value is quoted only where it cannot be a secret, or not at all.
"""

import re
import types
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal, Union, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

_NEVER_QUOTED = ("url", "key", "secret", "password", "token")
_LONGEST_NUMBER = 256
"""Bits of a number that is quoted; of thousands of digits Python refuses to."""


UNKNOWN_KEY = "unknown key"
"""What is said of a key that a section has no setting for."""


def did_you_mean(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """` (did you mean 'cache'?)`, or nothing when no known word is as close as `cutoff` (1: the same)."""
    by_folded = {name.casefold(): name for name in known}
    close = get_close_matches(word.casefold(), list(by_folded), n=1, cutoff=cutoff)
    return f" (did you mean '{by_folded[close[0]]}'?)" if close else ""


def mistakes_of(error: ValidationError) -> list[ErrorDetails]:
    """What pydantic found, without its echo: a list is not also too short because its entries are wrong."""
    details = error.errors(include_url=False, include_input=True)
    return [
        detail
        for detail in details
        if detail["type"] != "too_short"
        or not any(other["loc"][: len(detail["loc"])] == detail["loc"] for other in details if other is not detail)
    ]


def misfit_in_words(detail: ErrorDetails, model: type[BaseModel], *, quoting: bool = True) -> str:
    """What was to be there, and, where it may be quoted, what is."""
    loc = detail["loc"]
    kind = detail["type"]
    if kind == "extra_forbidden":
        parent = _model_at(model, loc[:-1])
        name, colon, _ = str(loc[-1]).partition(":")
        if colon and parent and name in parent.model_fields:
            return f"a blank is missing after the colon of '{name}:'"
        return UNKNOWN_KEY + (did_you_mean(str(loc[-1]), parent.model_fields) if parent else "")
    if kind == "missing":
        return _missing(model, loc)
    if kind == "value_error":
        words = str(detail.get("ctx", {}).get("error", detail["msg"]))
        return words if isinstance(detail["input"], Mapping) or not quoting else words + _not(detail)
    words = _expected(kind, detail.get("ctx", {}))
    if kind in _SECTION_KINDS and isinstance(detail["input"], str) and _NO_BLANK.match(detail["input"]):
        return f"{words}; a blank is missing after a colon in it"
    if words and not quoting:
        return words
    return (words + _not(detail)) if words else detail["msg"][:1].lower() + detail["msg"][1:]


def _missing(model: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    parent = _model_at(model, loc[:-1])
    name = str(loc[-1])
    if parent is None or name not in parent.model_fields:
        return "is missing"
    description = (parent.model_fields[name].description or "").rstrip(".")
    return f"is missing: {description[:1].lower()}{description[1:]}" if description else "is missing"


_EXPECTED = {
    "int": "must be a whole number",
    "float": "must be a number",
    "bool": "must be true or false",
    "string": "must be text",
    "list": "must be a list",
    "tuple": "must be a list",
    "set": "must be a list",
    "dict": "must be a section with keys and values",
    "mapping": "must be a section with keys and values",
    "model": "must be a section with keys and values",
    "finite": "must be a finite number",
}
_WORDS = frozenset({"literal_error", "enum"})
_SECTION_KINDS = frozenset({"model_type", "dict_type", "model_attributes_type", "mapping_type"})
_NO_BLANK = re.compile(r"[A-Za-z_]\w*:\S")
_BOUNDS = {
    "greater_than": ("gt", "must be more than {}"),
    "greater_than_equal": ("ge", "must be at least {}"),
    "less_than": ("lt", "must be less than {}"),
    "less_than_equal": ("le", "must be at most {}"),
}


def _expected(kind: str, context: Mapping[str, Any]) -> str | None:
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return words.format(f"{context[name]:g}")
    if kind == "too_short":
        return f"must have at least {context['min_length']} entr{'y' if context['min_length'] == 1 else 'ies'}"
    if kind == "too_long":
        return f"must have at most {context['max_length']} entries"
    if kind == "string_too_short":
        least = context["min_length"]
        return "must not be empty" if least == 1 else f"must have at least {least} characters"
    if kind == "string_pattern_mismatch":
        return f"must match the pattern {context['pattern']}"
    if kind in _WORDS:
        return f"must be {context['expected']}"
    return _EXPECTED.get(kind.split("_")[0])


def _not(detail: ErrorDetails) -> str:
    """`, not 'often'`, and for a word out of a list also the closest one. A possible secret is not quoted."""
    if detail["type"] in ("too_short", "too_long", "string_too_short"):
        return ""
    name = next((part for part in reversed(detail["loc"]) if isinstance(part, str)), "")
    value = detail["input"]
    if detail["type"] == "value_error" and isinstance(value, Mapping):
        return ""  # the settings of a section contradict each other
    if isinstance(value, str) and any(word in name for word in _NEVER_QUOTED):
        return ""
    suggestion = ""
    if detail["type"] in _WORDS and isinstance(value, str):
        expected = str(detail.get("ctx", {}).get("expected", ""))
        suggestion = did_you_mean(value, [word for word in expected.split("'") if word.strip(" ,or")])
    return f", not {describe(value)}{suggestion}"


def describe(value: Any) -> str:
    """A value as a reader of YAML would name it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"'{value}'" if len(value) <= 60 else "a text"
    if isinstance(value, Mapping):
        return "a section"
    if isinstance(value, Sequence):
        return "a list"
    if isinstance(value, int) and value.bit_length() > _LONGEST_NUMBER:
        return "a number of many digits"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _model_at(model: type[BaseModel], loc: Sequence[int | str]) -> type[BaseModel] | None:
    """The model that holds the keys at `loc`, following fields, lists and dictionaries."""
    annotation: Any = model
    for key in loc:
        found = model_of(annotation)
        if found is not None:
            field = found.model_fields.get(str(key))
            annotation = field.annotation if field else None
        else:
            annotation = _element(annotation)
    return model_of(annotation)


def model_of(annotation: Any) -> type[BaseModel] | None:
    """The pydantic model in `X`, `X | None` or `Annotated[X, …]`; None for anything else."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation if issubclass(annotation, BaseModel) else None
    if get_origin(annotation) in (Union, types.UnionType):
        models = [found for option in get_args(annotation) if (found := model_of(option))]
        return models[0] if models else None
    return None


def element_model(annotation: Any) -> type[BaseModel] | None:
    """The pydantic model of the values of a dictionary; None for anything else."""
    origin = get_origin(annotation)
    if not (isinstance(origin, type) and issubclass(cast("type[Any]", origin), dict)):
        return None
    return model_of(_element(annotation))


def _element(annotation: Any) -> Any:
    """What a list, a tuple or a dictionary holds, also where it may be absent."""
    origin = get_origin(annotation)
    arguments: tuple[Any, ...] = get_args(annotation)
    if origin in (Union, types.UnionType):
        found = [_element(option) for option in arguments if option is not type(None)]
        return next((element for element in found if element is not None), None)
    if origin is Literal or not arguments:
        return None
    return arguments[1] if isinstance(origin, type) and issubclass(cast("type[Any]", origin), dict) else arguments[0]
