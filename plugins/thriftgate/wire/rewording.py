"""A whole answer with another text in the place of its own, whatever its dialect.

Log-probabilities stay those of the text as the model wrote it; notes on places in the text go, for they would point at
the wrong ones.

Failure behaviour: pure and total.
"""

import json
from collections.abc import Mapping
from typing import Any

from thriftgate.wire.shapes import Body, Json, items, mapping, objects
from thriftgate.wire.turns import Dialect


def reworded(dialect: Dialect, answer: Json, texts: Mapping[int, str], *, tool: str | None = None) -> Body:
    """The answer with `texts` by choice; where `tool` is given, as the arguments of that tool's call."""
    if dialect is Dialect.CHAT:
        choices = list(items(answer.get("choices")))
        for place, words in texts.items():
            choice = mapping(choices[place])
            choices[place] = {**choice, "message": _message(mapping(choice.get("message")), words, tool)}
        return {**answer, "choices": choices}
    words = texts[0]
    if dialect is Dialect.MESSAGES:
        return {**answer, "content": _blocks(objects(answer.get("content")), words, tool)}
    return {**answer, "output": _items(objects(answer.get("output")), words, tool)}


def _message(message: Json, words: str, tool: str | None) -> Body:
    if tool is None:
        return {**message, "content": words}
    calls: list[Any] = []
    for call in items(message.get("tool_calls")):
        function = mapping(mapping(call).get("function"))
        is_meant = function.get("name") == tool
        calls.append({**mapping(call), "function": {**function, "arguments": words}} if is_meant else call)
    return {**message, "tool_calls": calls}


def _blocks(blocks: list[Json], words: str, tool: str | None) -> list[Json]:
    if tool is not None:
        is_meant = [block.get("type") == "tool_use" and block.get("name") == tool for block in blocks]
        return [
            {**block, "input": json.loads(words)} if meant else block
            for block, meant in zip(blocks, is_meant, strict=True)
        ]
    return _first_text(blocks, "text", words, {"citations"})


def _items(output: list[Json], words: str, tool: str | None) -> list[Json]:
    if tool is not None:
        return [
            {**item, "arguments": words} if item.get("type") == "function_call" and item.get("name") == tool else item
            for item in output
        ]
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
