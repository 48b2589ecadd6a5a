"""What callers may put into a prompt, checked before any of it reaches a template.

Failure behaviour: `bind` raises InvalidPromptError (400), which names the variable and never its value.
"""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from thriftgate.errors import InvalidPromptError
from thriftgate.prompts.problems import name_hint
from thriftgate.prompts.schema import VARIABLE_NAME, Variable

_LINE_BREAK = re.compile("[\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def complaint(variable: Variable, value: Any) -> str | None:
    """What is wrong with `value`, in words that do not quote it; None when it fits."""
    if value is None:
        allows_null = not variable.is_required and variable.default is None
        return None if allows_null else "must not be null"
    wrong = _CHECKS[variable.type](variable, value)
    if wrong is None and variable.choices is not None and not _is_choice(value, variable.choices):
        return "must be one of " + ", ".join(repr(choice) for choice in variable.choices)
    return wrong


def bind(
    prompt: str, variables: Mapping[str, Variable], given: Mapping[str, Any], *, also_known: Collection[str] = ()
) -> dict[str, Any]:
    """A value for every variable: the given one, else its default.

    `also_known` are variables of the prompt's other variants: callers may send them, since which variant
    they get is not theirs to know. Raises InvalidPromptError for an unknown, missing or unfit variable.
    """
    for name in given:
        if name not in variables and name not in also_known:
            raise InvalidPromptError(
                f"prompt '{prompt}' has no variable {_quoted(name)}{name_hint(str(name)[:64], variables)}",
                code="unknown_prompt_variable",
                param="prompt_variables",
            )
    values: dict[str, Any] = {}
    for name, variable in variables.items():
        if name not in given:
            if variable.is_required:
                raise _unfit(prompt, name, "must be given", code="missing_prompt_variable")
            values[name] = variable.default
        else:
            wrong = complaint(variable, given[name])
            if wrong is not None:
                raise _unfit(prompt, name, wrong, code="invalid_prompt_variable")
            values[name] = given[name]
    return values


def _unfit(prompt: str, name: str, wrong: str, *, code: str) -> InvalidPromptError:
    return InvalidPromptError(
        f"prompt '{prompt}': variable '{name}' {wrong}", code=code, param=f"prompt_variables.{name}"
    )


def _quoted(name: Any) -> str:
    """A variable's name as a caller wrote it, if it looks like one: it may be something a user said."""
    return f"'{name}'" if isinstance(name, str) and VARIABLE_NAME.fullmatch(name) else "of that name"


def _string(variable: Variable, value: Any) -> str | None:
    if not isinstance(value, str):
        return "must be a string"
    if len(value) > variable.max_length:
        return f"is too long: {len(value)} characters, at most {variable.max_length}"
    if _SURROGATE.search(value):
        return "is not valid Unicode text"
    if variable.single_line and _LINE_BREAK.search(value):
        return "must be a single line"
    return None


def _range(variable: Variable, value: float) -> str | None:
    if not math.isfinite(value) or abs(value) > 1e15:
        return "must be a number between -1e15 and 1e15"
    if variable.minimum is not None and value < variable.minimum:
        return f"must be at least {variable.minimum:g}"
    if variable.maximum is not None and value > variable.maximum:
        return f"must be at most {variable.maximum:g}"
    return None


def _integer(variable: Variable, value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return "must be an integer"
    # Compared as an integer: converting a huge one to a float would raise.
    return _range(variable, value) if abs(value) <= 10**15 else "must be a number between -1e15 and 1e15"


def _number(variable: Variable, value: Any) -> str | None:
    if isinstance(value, float):
        return _range(variable, value)
    return "must be a number" if _integer(variable, value) == "must be an integer" else _integer(variable, value)


def _boolean(_: Variable, value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _list(variable: Variable, value: Any) -> str | None:
    if not isinstance(value, (list, tuple)):
        return "must be a list of strings"
    items = cast("Sequence[Any]", value)
    if len(items) > variable.max_items:
        return f"has too many items: {len(items)}, at most {variable.max_items}"
    for index, item in enumerate(items):
        wrong = _string(variable, item)
        if wrong is not None:
            return f"[{index}] {wrong}"
    return None


_CHECKS = {"string": _string, "integer": _integer, "number": _number, "boolean": _boolean, "list": _list}


def _is_choice(value: Any, choices: Sequence[Any]) -> bool:
    # 1 == True in Python, but not to whoever wrote `choices: [1, 2]`.
    return any(value == choice and isinstance(value, bool) == isinstance(choice, bool) for choice in choices)
