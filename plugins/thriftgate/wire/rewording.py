"""A whole answer with another text in the place of its own, whatever its dialect.

Log-probabilities stay those of the text as the model wrote it; notes on places in the text go, for they would point at
the wrong ones.

Failure behaviour: pure and total.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

from thriftgate.wire.shapes import Body, Json, items, mapping, objects
from thriftgate.wire.turns import Dialect


def reworded(dialect: Dialect, answer: Json, texts: Mapping[int, str]) -> Body:
    """The answer with `texts` by choice."""
    if dialect is Dialect.CHAT:
        choices = list(items(answer.get("choices")))
        for place, words in texts.items():
            choice = mapping(choices[place])
            choices[place] = {**choice, "message": {**mapping(choice.get("message")), "content": words}}
        return {**answer, "choices": choices}
    words = texts[0]
    if dialect is Dialect.MESSAGES:
        return {**answer, "content": _first_text(objects(answer.get("content")), "text", words, {"citations"})}
    return {**answer, "output": _items(objects(answer.get("output")), words)}


def with_arguments(dialect: Dialect, answer: Json, tool: str, arguments: Mapping[int, Sequence[str]]) -> Body:
    """The answer with other arguments of each call of a tool: by choice, and in the order of its calls there."""
    if dialect is Dialect.CHAT:
        choices = list(items(answer.get("choices")))
        for place, words in arguments.items():
            choice = mapping(choices[place])
            message, left = mapping(choice.get("message")), iter(words)
            calls = [_called(call, tool, left) for call in items(message.get("tool_calls"))]
            choices[place] = {**choice, "message": {**message, "tool_calls": calls}}
        return {**answer, "choices": choices}
    left = iter(arguments[0])
    if dialect is Dialect.MESSAGES:
        blocks = objects(answer.get("content"))
        return {**answer, "content": [
            {**one, "input": json.loads(next(left))} if _is_call(one, "tool_use", tool) else one for one in blocks
        ]}  # fmt: skip
    output = objects(answer.get("output"))
    return {**answer, "output": [
        {**one, "arguments": next(left)} if _is_call(one, "function_call", tool) else one for one in output
    ]}  # fmt: skip


def _is_call(part: Json, kind: str, tool: str) -> bool:
    return part.get("type") == kind and part.get("name") == tool


def _called(call: object, tool: str, left: Iterator[str]) -> object:
    function = mapping(mapping(call).get("function"))
    if function.get("name") != tool:
        return call
    return {**mapping(call), "function": {**function, "arguments": next(left)}}


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
