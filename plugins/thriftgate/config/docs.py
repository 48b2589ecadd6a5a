"""The reference of every setting as Markdown, made from the models themselves.

Failure behaviour: nothing here fails for a valid model; a field without a description is a mistake of ours and
raises ValueError.
"""

import types
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from thriftgate.config.sections.base import parse_duration
from thriftgate.config.sections.root import ThriftgateConfig
from thriftgate.forms import model_of

_INTRODUCTION = """\
# Configuration

thriftgate reads LiteLLM's own `litellm_config.yaml`; everything of ours stands under `callback_settings.thriftgate`
and is described here. An unknown key is refused, with a suggestion. `thriftgate check litellm_config.yaml` names
every mistake at once, without starting anything.

- **Variables**: a value `os.environ/NAME` is read from the environment. An unset variable is a mistake, except for
  the two store addresses and `metrics.token`, where it is as if the key were absent.
- **Durations**: a number of seconds, or a number with a unit: `500ms`, `90s`, `15m`, `1h`, `7d`, `2w`.
- **Paths** are seen from the folder of `litellm_config.yaml`.
- **Off**: a section that is absent is off. `cache: {}` turns it on with its defaults.

<!-- Made by `make docs` from plugins/thriftgate/config/; do not edit. -->
"""


def configuration_page() -> str:
    """The text of `docs/configuration.md`."""
    parts = [_INTRODUCTION]
    for path, model in sections(ThriftgateConfig, "callback_settings.thriftgate"):
        parts.append(f"\n## `{path}`\n\n{_one_line(model.__doc__)}\n\n{_table(model)}")
    return "".join(parts)


def sections(model: type[BaseModel], path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """Every section with its key path, parents first; `<name>` stands for a name the operator chooses."""
    yield path, model
    for name, field in model.model_fields.items():
        found, suffix = _section_in(field.annotation)
        if found is not None:
            yield from sections(found, f"{path}.{name}{suffix}")


def _section_in(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    found = model_of(annotation)
    if found is not None:
        return found, ""
    origin = get_origin(annotation)
    arguments: tuple[Any, ...] = get_args(annotation)
    if origin in (Union, types.UnionType):
        options = [_section_in(option) for option in arguments]
        return next((option for option in options if option[0] is not None), (None, ""))
    if origin is dict:
        return _section_in(arguments[1])[0], ".<name>"
    if origin in (tuple, list) and arguments:
        return _section_in(arguments[0])[0], "[]"
    return None, ""


def _table(model: type[BaseModel]) -> str:
    rows = ["| key | value | default | |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        if not field.description:
            raise ValueError(f"{model.__name__}.{name} has no description")
        rows.append(f"| `{name}` | {_value(field)} | {_default(field)} | {_one_line(field.description)} |")
    return "\n".join(rows) + "\n"


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


def _is_duration(field: FieldInfo) -> bool:
    return _holds_duration(field.metadata)


def _holds_duration(metadata: Iterable[Any]) -> bool:
    return any(isinstance(item, BeforeValidator) and item.func is parse_duration for item in metadata)


def _value(field: FieldInfo) -> str:
    if _is_duration(field):
        return "duration" + _bounds(field)
    return _type_words(field.annotation) + _bounds(field)


_PLAIN = {str: "text", int: "whole number", float: "number", bool: "true or false", Any: "anything"}


def _type_words(annotation: Any) -> str:
    """A type the way a reader of YAML says it."""
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    arguments: tuple[Any, ...] = get_args(annotation)
    origin = get_origin(annotation)
    if origin is Annotated:
        return "duration" if _holds_duration(arguments[1:]) else _type_words(arguments[0])
    if origin is Literal:
        return " or ".join(f"`{argument}`" for argument in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(_type_words(option) for option in arguments if option is not type(None))
    if origin is dict:
        return "names with " + _type_words(arguments[1])
    if origin in (tuple, list):
        return "list of " + _type_words(arguments[0])
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(f"`{member.value}`" for member in annotation)
    if model_of(annotation) is not None:
        return "section"
    return "text"


def _bounds(field: FieldInfo) -> str:
    words: list[str] = []
    for item in field.metadata:
        for name, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<")):
            bound = getattr(item, name, None)
            if isinstance(bound, int | float):
                words.append(f"{sign} {bound:g}")
    return f", {', '.join(words)}" if words else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value: Any = field.get_default(call_default_factory=True)
    if value is None:
        return "off" if model_of(field.annotation) else "none"
    if isinstance(value, BaseModel):
        return "its defaults"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if _is_duration(field):
        return f"`{spell_duration(value)}`"
    if isinstance(value, tuple | list):
        return "`[" + ", ".join(str(item) for item in value) + "]`"  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, dict):
        return "`{" + ", ".join(f"{key}: {item}" for key, item in value.items()) + "}`"  # pyright: ignore[reportUnknownVariableType]
    return f"`{value}`"


def spell_duration(seconds: float) -> str:
    """Seconds with the largest unit that divides them: 3600 is `1h`, 0.5 is `500ms`."""
    for unit, size in (("d", 86400.0), ("h", 3600.0), ("m", 60.0)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds * 1000:g}ms" if 0 < seconds < 1 else f"{seconds:g}s"
