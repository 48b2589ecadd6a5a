"""Read an answer that must be JSON, and say what it is.

Failure behaviour: pure and total; see `thriftgate.schemas.checking` for what a check may cost.
"""

import json

from thriftgate.output.mending import RepeatedKeyError, read_json
from thriftgate.output.repair import repair
from thriftgate.output.requirement import Requirement
from thriftgate.output.verdicts import Invalid, Repaired, Unfinished, Unreadable, Unusable, Valid, Verdict
from thriftgate.schemas import Schema, Unchecked, Violation

MAX_CHARACTERS = 1_000_000
"""Longer answers are not read as JSON at all."""
_CUT = frozenset({"length", "max_tokens", "max_output_tokens", "model_context_window_exceeded"})
_ANY_OBJECT = Violation((), "type", "must be an object")


def judge(
    text: str, requirement: Requirement, *, finish_reason: str | None = "stop", may_repair: bool = True
) -> Verdict:
    """What an answer is, read against what was asked for.

    `text` is the answer's text, or the arguments of the tool that is its form. An answer that was cut is unfinished
    whatever it looks like, unless it is complete JSON and no number alone.
    """
    if len(text) > MAX_CHARACTERS:
        return Unreadable()
    try:
        value: object = read_json(text)
    except RecursionError:
        return Unreadable()
    except RepeatedKeyError:
        return Unreadable(has_key_twice=True)
    except ValueError as error:
        return _mended(_unread(text, error, may_repair=may_repair), requirement, len(text), finish_reason)
    if finish_reason in _CUT and text[-1].isdecimal():  # a number alone: nobody knows whether more of it was to come
        return Unfinished(at_limit=True)
    return _checked(Valid(value), requirement.schema, len(text))


def _mended(
    verdict: Repaired | Unusable, requirement: Requirement, characters: int, finish_reason: str | None
) -> Verdict:
    """What came of a text that is no strict JSON; one that was cut is whatever it looks like a part."""
    is_cut = finish_reason in _CUT
    if isinstance(verdict, Repaired) and not is_cut and finish_reason is not None:
        return _checked(verdict, requirement.schema, characters)
    if isinstance(verdict, Repaired | Unfinished):
        return Unfinished(verdict.value, at_limit=is_cut)
    return Unfinished(at_limit=True) if is_cut else verdict


def _unread(text: str, error: ValueError, *, may_repair: bool) -> Repaired | Unusable:
    verdict = repair(text)
    if isinstance(verdict, Repaired) and not may_repair:
        return Unreadable(error.lineno, error.colno) if isinstance(error, json.JSONDecodeError) else Unreadable()
    return verdict


def _checked(verdict: Valid | Repaired, schema: Schema | None, characters: int) -> Verdict:
    if schema is None:
        return verdict if isinstance(verdict.value, dict) else Invalid(verdict.value, _ANY_OBJECT)
    found = schema.check(verdict.value, characters=characters)
    if isinstance(found, Violation):
        return Invalid(verdict.value, found)
    if isinstance(found, Unchecked) and isinstance(verdict, Valid):
        return Valid(verdict.value, found.reason)
    return verdict
