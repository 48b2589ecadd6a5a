"""What LiteLLM copies before it takes the words out of it for its loggers, copied by its structure.

With `turn_off_message_logging` LiteLLM copies each answer, and each log's payload, with `copy.deepcopy`, and with them
the log-probabilities of every token, which its redaction never looks at: a tenth of the CPU of a request. Here dicts,
lists and pydantic models are copied as deep as before, what cannot be changed is not, and log-probabilities are shared,
as all of an answer is where nothing is redacted.

Failure behaviour: nothing is raised of its own; what is of another type, or contains itself, is copied as LiteLLM does.
"""

import copy
from collections.abc import Mapping
from datetime import date, time, timedelta
from types import NoneType, SimpleNamespace
from typing import Any, cast

from litellm.litellm_core_utils import redact_messages
from pydantic import BaseModel

_UNCHANGEABLE = frozenset({NoneType, bool, int, float, str, bytes, date, time, timedelta})
_SHARED = frozenset({"logprobs"})
"""Fields that no redaction of LiteLLM's touches, and that are most of an answer which has them."""


def copy_by_structure() -> None:
    """Let LiteLLM's redaction copy so from now on; again changes nothing."""
    setattr(redact_messages, "copy", SimpleNamespace(deepcopy=copied))  # noqa: B010  a module to type checkers


def copied(value: Any) -> Any:
    """As `copy.deepcopy`, with log-probabilities shared."""
    try:
        return _copied(value)
    except RecursionError:
        return copy.deepcopy(value)


def _copied(value: Any) -> Any:
    kind = cast("type[Any]", type(value))
    if kind in _UNCHANGEABLE:
        return value
    if kind is dict:
        return _fields(cast("dict[str, Any]", value))
    if kind is list:
        return [_copied(one) for one in value]
    if isinstance(value, BaseModel) and kind.__deepcopy__ is BaseModel.__deepcopy__:
        return _model(value)
    return copy.deepcopy(value)


def _fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one if name in _SHARED else _copied(one) for name, one in fields.items()}


def _model(value: BaseModel) -> BaseModel:
    made = value.__copy__()
    for fields in (vars(made), made.__pydantic_extra__, made.__pydantic_private__):
        if fields:
            fields.update(_fields(fields))
    return made
