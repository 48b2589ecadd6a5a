"""A whole answer with another text in the place of its own, whatever its dialect.

Log-probabilities stay those of the text as the model wrote it; notes on places in the text go, for they would point at
the wrong ones.

Failure behaviour: pure and total.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from thriftgate.wire.responses.answer import CLIENT_CALLS
from thriftgate.wire.shapes import Body, Json, items, mapping, objects
from thriftgate.wire.turns import Dialect

_Value = TypeVar("_Value")


def reworded(dialect: Dialect, answer: Json, texts: Mapping[int, str]) -> Body:
    """The answer with `texts` by choice."""
    if dialect is Dialect.CHAT:
        return _with_messages(answer, texts, lambda message, words: {**message, "content": words})
    words = texts[0]
    if dialect is Dialect.MESSAGES:
        return {**answer, "content": _first_text(objects(answer.get("content")), "text", words, {"citations"})}
    return {**answer, "output": _items(objects(answer.get("output")), words)}


def with_arguments(dialect: Dialect, answer: Json, arguments: Mapping[int, Mapping[int, str]]) -> Body:
    """The answer with other arguments of some calls of functions: by choice, and by the call's place in its view."""
    if dialect is Dialect.CHAT:
        return _with_messages(answer, arguments, _with_calls)
    texts = arguments[0]
    if dialect is Dialect.MESSAGES:
        inputs = {place: json.loads(words) for place, words in texts.items()}
        blocks = _changed(
            objects(answer.get("content")), inputs, lambda block, given: {**block, "input": given},
            counts=lambda block: block.get("type") == "tool_use",
        )  # fmt: skip
        return {**answer, "content": blocks}
    output = _changed(
        objects(answer.get("output")), texts, lambda item, words: {**item, "arguments": words},
        counts=lambda item: item.get("type") in CLIENT_CALLS,
    )  # fmt: skip
    return {**answer, "output": output}


def _with_messages(answer: Json, values: Mapping[int, _Value], change: Callable[[Json, _Value], Body]) -> Body:
    """The completion with other messages of some choices."""
    choices = _changed(
        items(answer.get("choices")), values,
        lambda choice, value: {**choice, "message": change(mapping(choice.get("message")), value)},
    )  # fmt: skip
    return {**answer, "choices": choices}


def _with_calls(message: Json, texts: Mapping[int, str]) -> Body:
    calls = items(message.get("tool_calls"))
    changed: Body = {**message}
    if calls:
        changed["tool_calls"] = _changed(
            calls, texts,
            lambda call, words: {**call, "function": {**mapping(call.get("function")), "arguments": words}},
        )  # fmt: skip
    # The one call of old comes last in the view.
    old = texts.get(len(objects(calls)))
    if old is not None:
        changed["function_call"] = {**mapping(message.get("function_call")), "arguments": old}
    return changed


def _changed(
    given: Sequence[Any],
    values: Mapping[int, _Value],
    change: Callable[[Json, _Value], Body],
    *,
    counts: Callable[[Json], bool] = lambda _: True,
) -> list[Any]:
    """The list with some of its objects changed, by their place among those that count, as the views count them."""
    found, place = list(given), 0
    for at, one in enumerate(given):
        if not isinstance(one, Mapping) or not counts(cast("Json", one)):
            continue
        if place in values:
            found[at] = change(cast("Json", one), values[place])
        place += 1
    return found


def _items(output: list[Json], words: str) -> list[Json]:
    said, found = False, list[Json]()
    for item in output:
        if item.get("type") != "message":
            found.append(item)
        elif not said:
            said = True
            parts = _first_text(objects(item.get("content")), "output_text", words, set())
            found.append(
                {**item, "content": [{**part, "annotations": []} if "text" in part else part for part in parts]}
            )
    return found


def _first_text(parts: list[Json], kind: str, words: str, dropped: set[str]) -> list[Json]:
    """The first text has the words, further ones go."""
    said, found = False, list[Json]()
    for part in parts:
        if part.get("type") != kind:
            found.append(part)
        elif not said:
            said = True
            kept = {name: value for name, value in part.items() if name not in dropped}
            found.append({**kept, "text": words})
    return found
