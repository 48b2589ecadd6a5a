"""Bodies that nobody means well with, drawn from a seed: malformed, deep, huge, of other types, of odd text."""

import json
import random
from collections.abc import Iterator
from typing import Any

LARGEST = 5_000_000
TEXTS = ("is ", "a", "0123456789abcdef", "\u0301", "\U0001f600", "[", '"', "\\", "{{", "a@", "(a+)+", "<", "\u0000",
         "\n", "now ", "1+1=", "\u202e")  # fmt: skip
ODD: tuple[Any, ...] = (None, True, -1, 0, 1e308, 2**80, "", "x", [], {}, [[]], [None], {"type": "text"}, {"": {}})
SCHEMAS: tuple[Any, ...] = (
    {"$ref": "#"}, {"$ref": "http://127.0.0.1:9/x"}, {"pattern": "(a+)+$"}, {"allOf": [{"$ref": "#"}] * 50},
    {"properties": {str(place): {"type": "string"} for place in range(500)}}, {"enum": list(range(2000))}, "x", 5, [],
)  # fmt: skip


def bodies(seed: int, count: int, models: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """Endpoint and body."""
    draw = random.Random(seed)
    for _ in range(count):
        dialect = draw.choice(("chat", "messages", "responses"))
        yield dialect, draw.choice(_KINDS)(draw, _plain(draw, dialect, draw.choice(models)))


def _plain(draw: random.Random, dialect: str, model: str) -> dict[str, Any]:
    body: dict[str, Any] = {"model": model, "stream": draw.random() < 0.2}
    if dialect == "responses":
        return {**body, "input": "hi"}
    return {**body, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 20}


def _size(draw: random.Random) -> int:
    """Mostly small; one in some hundred is as large as it gets."""
    return int(min(LARGEST, 10 ** draw.uniform(1, 6.7 if draw.random() < 0.05 else 5)))


def _long_text(draw: random.Random, body: dict[str, Any]) -> bytes:
    piece = draw.choice(TEXTS)
    said = (piece * (_size(draw) // len(piece) + 1))[:LARGEST]
    return _with_content(body, said)


def _with_content(body: dict[str, Any], said: Any) -> bytes:
    if "input" in body:
        return json.dumps({**body, "input": said}).encode()
    return json.dumps({**body, "messages": [{"role": "user", "content": said}]}).encode()


def _odd_field(draw: random.Random, body: dict[str, Any]) -> bytes:
    names = ("model", "messages", "input", "tools", "tool_choice", "response_format", "system", "stream", "n", "stop",
             "temperature", "max_tokens", "metadata", "user", "cache", "prompt_id", "prompt_variables", "thinking",
             "timeout", "stream_options", "logit_bias", "text", "include", "previous_response_id", "tags")  # fmt: skip
    for name in draw.sample(names, draw.randint(1, 4)):
        body = {**body, name: draw.choice(ODD)}
    return json.dumps(body).encode()


def _odd_message(draw: random.Random, body: dict[str, Any]) -> bytes:
    message: dict[str, Any] = {"role": draw.choice(("user", "assistant", "tool", "system", "wizard"))}
    message |= {name: draw.choice(ODD) for name in draw.sample(("content", "tool_calls", "role", "name"), 2)}
    part = {"type": draw.choice(("text", "image_url", "image", "document", "tool_result", "input_text", "x"))}
    part |= {name: draw.choice(ODD) for name in ("text", "image_url", "source", "content")}
    said: list[Any] = [message, {"role": "user", "content": [part]}, draw.choice(ODD)]
    return json.dumps({**body, "input" if "input" in body else "messages": said}).encode()


def _deep(draw: random.Random, body: dict[str, Any]) -> bytes:
    depth = draw.choice((30, 60, 70, 500, 5_000, 200_000))
    opening, closing = draw.choice((("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")))
    name = draw.choice(("tools", "messages", "input", "metadata", "response_format", "x"))
    return json.dumps(body).encode()[:-1] + f', "{name}": {opening * depth}1{closing * depth}}}'.encode()


def _many(draw: random.Random, body: dict[str, Any]) -> bytes:
    one = draw.choice(({"type": "text", "text": "a"}, 0, "x"))
    return _with_content(body, [one] * draw.choice((50, 5_000, 200_000)))


def _schema(draw: random.Random, body: dict[str, Any]) -> bytes:
    schema = draw.choice(SCHEMAS)
    fields: dict[str, Any] = {
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
        "tools": [{"type": "function", "name": "f", "input_schema": schema,
                   "function": {"name": "f", "parameters": schema}}],
        "text": {"format": {"type": "json_schema", "name": "x", "schema": schema}},
    }  # fmt: skip
    names = draw.sample(sorted(fields), draw.randint(1, 2))
    return json.dumps({**body, **{name: fields[name] for name in names}}).encode()


def _broken(draw: random.Random, body: dict[str, Any]) -> bytes:
    raw = bytearray(json.dumps(body).encode())
    for _ in range(draw.randint(1, 5)):
        raw[draw.randrange(len(raw))] = draw.randrange(256)
    return bytes(raw[: draw.randint(1, len(raw))])


def _no_object(draw: random.Random, body: dict[str, Any]) -> bytes:
    inside = json.dumps([body]).encode()
    return draw.choice((b"", b"[]", b"5", b'"x"', b"null", b"[1,2]", b"NaN", b"\xef\xbb\xbf{}", inside))


_KINDS = (_long_text, _odd_field, _odd_message, _deep, _many, _schema, _broken, _no_object)
