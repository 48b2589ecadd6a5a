"""Reads questions with their answers from JSON lines, to be put into the cache before anybody asks.

    {"question": "…", "answer": "…", "tags": ["pricing"]}
    {"messages": [{"role": "user", "content": "…"}], "answer": {"role": "assistant", "content": "…"}, "params": {…}}
    {"scope": "<64 hex digits>", "question": "…", "answer": "…"}

The last form is what `thriftgate cache export` writes: the scope stands for tenant, prompt, parameters and all else.

Failure behaviour: nothing is raised for a bad line; it is left out and named in `problems` with its number, never
with its text.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

_KNOWN = frozenset(
    {
        "question", "messages", "answer", "params", "prompt_variables", "tags", "scope", "model", "group", "joined",
        # what an export says besides; it is not taken back
        "route", "key", "prompt_version", "collection", "created_at", "expires_at", "hits",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmLine:
    """One question with its answer."""

    number: int
    """Of the line, from 1."""
    messages: tuple[Mapping[str, Any], ...]
    answer: Mapping[str, Any]
    """OpenAI's assistant message."""
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    prompt_variables: Mapping[str, Any] = field(default_factory=dict[str, Any])
    tags: tuple[str, ...] = ()
    scope: str | None = None
    model: str | None = None
    group: str = ""
    joined: tuple[str, ...] = ()


@dataclass(slots=True)
class WarmFile:
    """What a file holds."""

    lines: list[WarmLine] = field(default_factory=list[WarmLine])
    problems: list[str] = field(default_factory=list[str])
    """`line 12: …`, in the file's order."""


class _BadLineError(ValueError):
    """A line that cannot be used; the message says why."""


def read_warm_lines(lines: Iterable[str]) -> WarmFile:
    """Every usable line; empty ones are skipped."""
    found = WarmFile()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.lines.append(_line(number, line))
        except _BadLineError as problem:
            found.problems.append(f"line {number}: {problem}")
    return found


def _line(number: int, text: str) -> WarmLine:
    try:
        row: object = json.loads(text)
    except ValueError:
        raise _BadLineError("no JSON") from None
    if not isinstance(row, dict):
        raise _BadLineError("not a JSON object")
    fields = cast("Mapping[str, Any]", row)
    if unknown := sorted(set(fields) - _KNOWN):
        raise _BadLineError(f"has unknown fields: {', '.join(unknown)}")
    scope: object = fields.get("scope")
    if scope is not None and not (isinstance(scope, str) and len(scope) == 64):
        raise _BadLineError("`scope` must be 64 hex digits, as exported")
    return WarmLine(
        number=number,
        messages=_messages(fields),
        answer=_answer(fields.get("answer")),
        params=_object(fields, "params"),
        prompt_variables=_object(fields, "prompt_variables"),
        tags=_texts(fields, "tags"),
        scope=scope,
        model=_optional_text(fields, "model"),
        group=_optional_text(fields, "group") or "",
        joined=_texts(fields, "joined"),
    )


def _messages(fields: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    question, messages = fields.get("question"), fields.get("messages")
    if messages is None and isinstance(question, str) and question.strip():
        return ({"role": "user", "content": question},)
    if not isinstance(messages, list) or not messages:
        raise _BadLineError("needs `question` (a text) or `messages` (a list)")
    conversation = cast("list[object]", messages)
    if not all(isinstance(one, dict) and "role" in one for one in conversation):
        raise _BadLineError("`messages` must be objects with a `role`")
    return tuple(cast("list[Mapping[str, Any]]", conversation))


def _answer(value: object) -> Mapping[str, Any]:
    if isinstance(value, str) and value.strip():
        return {"role": "assistant", "content": value}
    if isinstance(value, dict) and cast("Mapping[str, Any]", value).get("content"):
        return {"role": "assistant", **cast("Mapping[str, Any]", value)}
    raise _BadLineError("needs `answer` (a text, or a message with `content`)")


def _object(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value: object = fields.get(name) or {}
    if not isinstance(value, dict):
        raise _BadLineError(f"`{name}` must be an object")
    return cast("Mapping[str, Any]", value)


def _texts(fields: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value: object = fields.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in cast("list[object]", value)):
        raise _BadLineError(f"`{name}` must be a list of texts")
    return tuple(cast("list[str]", value))


def _optional_text(fields: Mapping[str, Any], name: str) -> str | None:
    value: object = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise _BadLineError(f"`{name}` must be a text")
    return value
