"""Events of a Responses stream → the whole response; and its ending, held back.

Source: OpenAI's API reference, "Streaming events".

Failure behaviour: pure; never raises on an event, whatever its shape.
"""

from typing import Any

from thriftgate.wire.responses.answer import hide_in_item, hide_in_part, hide_in_response
from thriftgate.wire.responses.echo import echoed
from thriftgate.wire.shapes import Body, Json, integer, items, mapping, text
from thriftgate.wire.streaming.codec import Assembler, Ending, is_last_event

_BEGINNINGS = frozenset({"response.created", "response.in_progress", "response.queued"})
_STRINGS = {
    "response.function_call_arguments": "arguments", "response.custom_tool_call_input": "input",
    "response.mcp_call_arguments": "arguments", "response.code_interpreter_call_code": "code",
}  # fmt: skip
_PART_TEXTS = {
    "response.output_text": ("content", "content_index", "text", "output_text"),
    "response.refusal": ("content", "content_index", "refusal", "refusal"),
    "response.reasoning_text": ("content", "content_index", "text", "reasoning_text"),
    "response.reasoning_summary_text": ("summary", "summary_index", "text", "summary_text"),
}
"""Of an event without `.delta` or `.done`: the item's list, the event's index into it, the part's text and type."""


class ResponsesAssembler(Assembler):
    """Puts events together. The last event has the whole response; the others are what there is until then."""

    def __init__(self) -> None:
        self._response: Body = {}
        self._items: dict[int, _GrowingItem] = {}
        self._has_ended = False

    def feed(self, event: Json) -> None:
        """Take one event; unknown ones change nothing."""
        kind = text(event.get("type"))
        is_last = is_last_event(event)
        if is_last or kind in _BEGINNINGS:
            self._response = {**self._response, **mapping(event.get("response"))}
            self._has_ended = self._has_ended or is_last
            return
        if kind == "error":
            self.error = mapping(event.get("error")) or event
            return
        index = integer(event.get("output_index"))
        if index is not None:
            self._items.setdefault(index, _GrowingItem()).feed(kind, event)

    def finish(self) -> Body:
        """The whole response; its output from the pieces where the last event is missing or has none."""
        body = dict(self._response)
        if self._items and not items(body.get("output")):
            body["output"] = [item.finish() for _, item in sorted(self._items.items())]
        return body

    @property
    def text(self) -> str:
        """The answer's text so far."""
        return "".join(item.text for _, item in sorted(self._items.items()))

    @property
    def generated(self) -> str:
        """Texts, thinking and tool arguments so far."""
        return "".join(item.generated for _, item in sorted(self._items.items()))

    @property
    def is_complete(self) -> bool:
        """True when the response has ended, well or not."""
        return self._has_ended


class _GrowingItem:
    """One output item while it is written; texts are kept in pieces, as joining at each delta would be quadratic."""

    def __init__(self) -> None:
        self._item: Body = {}
        self._is_done = False
        self._strings: dict[str, list[str]] = {}
        self._parts: dict[tuple[str, int], _GrowingPart] = {}

    def feed(self, kind: str, event: Json) -> None:
        stem, _, ending = kind.rpartition(".")
        if kind in ("response.output_item.added", "response.output_item.done"):
            self._item = dict(mapping(event.get("item")))
            self._is_done = kind.endswith("done")
        elif stem in _STRINGS:
            self._grow(_STRINGS[stem], ending, event)
        elif stem in _PART_TEXTS:
            holder, index, name, of_type = _PART_TEXTS[stem]
            self._part(holder, integer(event.get(index)), of_type).grow(name, ending, event)
        elif stem == "response.content_part":
            self._part("content", integer(event.get("content_index"))).set(mapping(event.get("part")))
        elif stem == "response.reasoning_summary_part":
            self._part("summary", integer(event.get("summary_index"))).set(mapping(event.get("part")))
        elif kind == "response.output_text.annotation.added":
            self._part("content", integer(event.get("content_index"))).annotate(event.get("annotation"))

    def _grow(self, name: str, ending: str, event: Json) -> None:
        if ending == "done" and isinstance(event.get(name), str):
            self._strings[name] = [event[name]]
        elif ending == "delta":
            self._strings.setdefault(name, []).append(text(event.get("delta")))

    def _part(self, holder: str, index: int | None, of_type: str = "") -> "_GrowingPart":
        return self._parts.setdefault((holder, index or 0), _GrowingPart(of_type))

    @property
    def text(self) -> str:
        parts = [part for (holder, _), part in sorted(self._parts.items()) if holder == "content"]
        return "".join(part.said("text") for part in parts if part.kind == "output_text")

    @property
    def generated(self) -> str:
        parts = [part.said("text") + part.said("refusal") for _, part in sorted(self._parts.items())]
        return "".join([*parts, *("".join(pieces) for pieces in self._strings.values())])

    def finish(self) -> Body:
        if self._is_done:
            return dict(self._item)
        body: Body = {**self._item, **{name: "".join(pieces) for name, pieces in self._strings.items()}}
        for holder in ("summary", "content"):
            parts = [part.finish() for (where, _), part in sorted(self._parts.items()) if where == holder]
            if parts:
                body[holder] = parts
        return body


class _GrowingPart:
    """One part of an item."""

    def __init__(self, of_type: str) -> None:
        self._fields: Body = {"type": of_type} if of_type else {}
        self._texts: dict[str, list[str]] = {}
        self._annotations: list[Any] = []
        self._logprobs: list[Any] = []

    @property
    def kind(self) -> str:
        return text(self._fields.get("type"))

    def set(self, part: Json) -> None:
        self._fields = dict(part)
        self._texts = {name: [part[name]] for name in ("text", "refusal") if isinstance(part.get(name), str)}
        self._annotations = list(items(part.get("annotations")))
        self._logprobs = list(items(part.get("logprobs")))

    def grow(self, name: str, ending: str, event: Json) -> None:
        if ending == "done" and isinstance(event.get(name), str):
            self._texts[name] = [event[name]]
        elif ending == "delta":
            self._texts.setdefault(name, []).append(text(event.get("delta")))
            self._logprobs.extend(items(event.get("logprobs")))

    def annotate(self, annotation: Any) -> None:
        self._annotations.append(annotation)

    def said(self, name: str) -> str:
        return "".join(self._texts.get(name, ()))

    def finish(self) -> Body:
        body: Body = {**self._fields, **{name: self.said(name) for name in self._texts}}
        if self._annotations or "annotations" in body:
            body["annotations"] = self._annotations
        if self._logprobs or "logprobs" in body:
            body["logprobs"] = self._logprobs
        return body


class ResponsesEnding(Ending):
    """Holds the event that has the whole response; late fields stand in that response.

    Every response that an event repeats shows the client's own instructions and metadata.
    """

    def _begins_ending(self, event: Json) -> bool:
        return is_last_event(event) or event.get("type") == "error"

    def _shown(self, event: Json) -> Json | None:
        response = mapping(event.get("response"))
        if response:
            event = {**event, "response": echoed(self.view.body, response, is_own=self.is_own)}
        if self.hide_logprobs:
            return _hidden(event)
        return event if self.alternatives is None else _hidden(event, self.alternatives)

    def _with_fields(self, held: list[Json], fields: Json) -> list[Json]:
        return [
            {**event, "response": {**mapping(event.get("response")), **fields}} if is_last_event(event) else event
            for event in held
        ]


def _hidden(event: Json, most: int | None = None) -> Json:
    """The event without log-probabilities, or with no more than `most` alternatives a token."""
    event = hide_in_part(event, most)
    changed: Body = {}
    if mapping(event.get("part")):
        changed["part"] = hide_in_part(event["part"], most)
    if mapping(event.get("item")):
        changed["item"] = hide_in_item(event["item"], most)
    if mapping(event.get("response")):
        changed["response"] = hide_in_response(mapping(event["response"]), most)
    return {**event, **changed} if changed else event
