"""Events of Anthropic's stream → the whole message; and its ending, held back.

Source: Anthropic's API reference, "Streaming Messages".

Failure behaviour: pure; never raises on an event, whatever its shape.
"""

import json
from typing import Any

from thriftgate.wire.shapes import Body, Json, integer, items, mapping, objects, text
from thriftgate.wire.streaming.codec import Assembler, Ending, fields_but

_DELTA_TEXTS = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}


class MessagesAssembler(Assembler):
    """Puts events together: each block grows by its index, usage is cumulative and overwrites."""

    def __init__(self) -> None:
        self._message: Body = {}
        self._usage: Body = {}
        self._blocks: dict[int, _GrowingBlock] = {}
        self._has_ended = False

    def feed(self, event: Json) -> None:
        """Take one event; unknown ones change nothing."""
        match event.get("type"):
            case "message_start":
                self._start(mapping(event.get("message")))
            case "content_block_start":
                block = _GrowingBlock(mapping(event.get("content_block")))
                self._blocks[self._index(event, len(self._blocks))] = block
            case "content_block_delta":
                index = self._index(event, max(self._blocks, default=0))
                self._blocks.setdefault(index, _GrowingBlock({})).feed(mapping(event.get("delta")))
            case "message_delta":
                self._delta(event)
            case "message_stop":
                self._has_ended = True
                self._message.update(fields_but(event, ("type",)))
            case "error":
                self.error = mapping(event.get("error"))
            case _:
                pass

    def finish(self) -> Body:
        """The whole message."""
        body = dict(self._message)
        body["content"] = [block.finish() for _, block in sorted(self._blocks.items())]
        if self._usage:
            body["usage"] = dict(self._usage)
        return body

    @property
    def text(self) -> str:
        """The text blocks so far."""
        blocks = [block for _, block in sorted(self._blocks.items()) if block.kind in ("text", "")]
        return "".join(block.said("text") for block in blocks)

    @property
    def generated(self) -> str:
        """Texts, thinking and tool arguments so far."""
        return "".join(block.generated for _, block in sorted(self._blocks.items()))

    @property
    def is_complete(self) -> bool:
        """True when the message has stopped."""
        return self._has_ended

    def _start(self, message: Json) -> None:
        self._message = dict(message)
        self._usage = dict(mapping(message.get("usage")))
        for place, block in enumerate(objects(message.get("content"))):
            self._blocks[place] = _GrowingBlock(block)

    def _delta(self, event: Json) -> None:
        for name, value in (
            *mapping(event.get("delta")).items(),
            *fields_but(event, ("type", "delta", "usage")).items(),
        ):
            if value is not None or name not in self._message:
                self._message[name] = value
        usage = mapping(event.get("usage"))
        self._usage.update({name: value for name, value in usage.items() if value is not None})

    def _index(self, event: Json, otherwise: int) -> int:
        index = integer(event.get("index"))
        return otherwise if index is None else index


class _GrowingBlock:
    """One content block while it is written; texts are kept in pieces, as joining at each delta would be quadratic."""

    def __init__(self, start: Json) -> None:
        self._start = start
        self._texts: dict[str, list[str]] = {}
        self._json: list[str] = []
        self._citations: list[Any] | None = None
        self._fields: Body = {}

    @property
    def kind(self) -> str:
        return text(self._start.get("type"))

    def feed(self, delta: Json) -> None:
        kind = text(delta.get("type"))
        if kind == "input_json_delta":
            self._json.append(text(delta.get("partial_json")))
        elif kind == "citations_delta":
            if self._citations is None:
                self._citations = list(items(self._start.get("citations")))
            self._citations.append(delta.get("citation"))
        elif kind in _DELTA_TEXTS:
            self._grow(_DELTA_TEXTS[kind], delta.get(_DELTA_TEXTS[kind]))
        else:
            for name, value in fields_but(delta, ("type",)).items():
                self._grow(name, value)

    def _grow(self, name: str, value: Any) -> None:
        if isinstance(value, str):
            self._texts.setdefault(name, [text(self._start.get(name))]).append(value)
        elif value is not None:
            self._fields[name] = value

    def said(self, name: str) -> str:
        return "".join(self._texts[name]) if name in self._texts else text(self._start.get(name))

    @property
    def generated(self) -> str:
        return "".join([self.said("thinking"), self.said("text"), *self._json])

    def finish(self) -> Body:
        body: Body = {**self._start, **self._fields, **{name: self.said(name) for name in self._texts}}
        if self._citations is not None:
            body["citations"] = self._citations
        written = "".join(self._json)
        if written:
            try:
                body["input"] = json.loads(written)
            except (ValueError, RecursionError):
                body["input"] = written  # broken off: kept as it is rather than lost
        return body


_ENDS = ("message_delta", "message_stop", "error")


class MessagesEnding(Ending):
    """Holds from `message_delta` on; late fields stand in `message_stop`, as other hosts of this API have it."""

    def _begins_ending(self, event: Json) -> bool:
        return event.get("type") in _ENDS

    def _shown(self, event: Json) -> Json | None:
        return event

    def _with_fields(self, held: list[Json], fields: Json) -> list[Json]:
        return [{**event, **fields} if event.get("type") == "message_stop" else event for event in held]
