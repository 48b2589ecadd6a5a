"""Chunks of a chat completion → the whole completion; and the ending of their stream, held back.

Failure behaviour: pure; never raises on a chunk, whatever its shape.
"""

from typing import Any, cast

from thriftgate.wire.chat.answer import finish_of, hide_logprobs, limit_alternatives
from thriftgate.wire.request import RequestView
from thriftgate.wire.shapes import Body, Json, integer, mapping, objects, text
from thriftgate.wire.streaming.codec import Assembler, Ending, fields_but, joined_base64

_FRAME_FIELDS = frozenset({"choices", "usage", "object", "obfuscation"})
_CHOICE_FIELDS = frozenset({"index", "delta", "finish_reason", "logprobs"})
_BESIDE = "provider_specific_fields"


class ChatAssembler(Assembler):
    """Puts chunks together: texts grow by concatenation, tool calls by their `index`, lists by appending."""

    def __init__(self) -> None:
        self._frame: Body = {}
        self._usage: Any = None
        self._has_usage = False
        self._choices: dict[int, _GrowingChoice] = {}

    def feed(self, event: Json) -> None:
        """Take one `chat.completion.chunk`."""
        if mapping(event.get("error")):
            self.error = mapping(event["error"])
        for name, value in event.items():
            if name not in _FRAME_FIELDS and (value is not None or name not in self._frame):
                self._frame[name] = value
        if "usage" in event:
            self._usage, self._has_usage = event["usage"] or self._usage, True
        for place, choice in enumerate(objects(event.get("choices"))):
            index = integer(choice.get("index"))
            self._choices.setdefault(place if index is None else index, _GrowingChoice()).feed(choice)

    def finish(self) -> Body:
        """The whole `chat.completion`."""
        body: Body = {**self._frame, "object": "chat.completion"}
        body["choices"] = [choice.finish(index) for index, choice in sorted(self._choices.items())]
        if self._has_usage:
            body["usage"] = self._usage
        return body

    @property
    def text(self) -> str:
        """The first choice's text so far."""
        first = self._choices.get(0)
        return first.text if first else ""

    @property
    def generated(self) -> str:
        """Text, refusals, thinking and tool arguments of all choices so far."""
        return "".join(choice.generated for _, choice in sorted(self._choices.items()))

    @property
    def is_complete(self) -> bool:
        """True when every choice that began has a finish reason."""
        return bool(self._choices) and all(choice.finish_reason is not None for choice in self._choices.values())


class _GrowingChoice:
    """One choice while it is written. Texts are kept in pieces: joining at each delta would be quadratic."""

    def __init__(self) -> None:
        self.finish_reason: Any = None
        self._fields: Body = {}
        self._logprobs: Any = None
        self._has_logprobs = False
        self._message: dict[str, Any] = {}
        self._texts: dict[str, list[str]] = {}
        self._lists: dict[str, list[Any]] = {}
        self._calls: list[_GrowingObject] = []
        self._call_at: dict[int, int] = {}
        self._objects: dict[str, _GrowingObject] = {}
        self._blocks: list[_GrowingThinking] = []
        self._citations: list[Any] = []

    def feed(self, choice: Json) -> None:
        for name, value in choice.items():
            if name not in _CHOICE_FIELDS and (value is not None or name not in self._fields):
                self._fields[name] = value
        for name, value in mapping(choice.get("delta")).items():
            self._grow(name, value)
        if "logprobs" in choice:
            self._has_logprobs = True
            self._grow_logprobs(choice["logprobs"])
        if choice.get("finish_reason") is not None:
            self.finish_reason = choice["finish_reason"]

    def _grow(self, name: str, value: Any) -> None:
        if name == "tool_calls":
            for call in objects(value):
                self._grow_call(call)
        elif name == "thinking_blocks":
            for first, block in enumerate(objects(value)):
                self._grow_thinking(block, is_first=first == 0)
        elif name == _BESIDE and mapping(value):
            self._grow_beside(mapping(value))
        elif name in ("function_call", "audio") and mapping(value):
            self._objects.setdefault(name, _GrowingObject()).feed(mapping(value))
        elif isinstance(value, str) and name != "role":
            self._texts.setdefault(name, []).append(value)
            self._message.setdefault(name, None)
        elif isinstance(value, list):
            self._lists.setdefault(name, []).extend(cast("list[Any]", value))
        elif value is not None or name not in self._message:
            self._message[name] = value

    def _grow_call(self, piece: Json) -> None:
        """By its index; an id that differs from the known one begins another call, as some providers never count."""
        index = integer(piece.get("index"))
        identity = text(piece.get("id"))
        if index is None:
            is_new = not self._calls or (bool(identity) and identity != self._calls[-1].said("id"))
            index = len(self._calls) if is_new else max(self._call_at, default=0)
        at = self._call_at.get(index)
        known = self._calls[at].said("id") if at is not None else ""
        if at is None or (identity and known and identity != known):
            self._call_at[index] = at = len(self._calls)
            self._calls.append(_GrowingObject())
        self._calls[at].feed(fields_but(piece, ("index",)))

    def _grow_beside(self, fields: Json) -> None:
        """What LiteLLM has no field of OpenAI's for: each delta brings its own, and one citation at a time."""
        if fields.get("citation") is not None:
            self._citations.append(fields["citation"])
        self._message[_BESIDE] = {**mapping(self._message.get(_BESIDE)), **fields_but(fields, ("citation",))}

    def _grow_thinking(self, block: Json, *, is_first: bool) -> None:
        """A thinking block goes on until it is signed; blocks that come in one list are blocks of their own."""
        last = self._blocks[-1] if self._blocks else None
        if last is None or not is_first or not last.takes(block):
            last = _GrowingThinking()
            self._blocks.append(last)
        last.feed(block)

    def _grow_logprobs(self, value: Any) -> None:
        if not isinstance(value, dict) or not isinstance(self._logprobs, dict | None):
            self._logprobs = value if value is not None else self._logprobs
            return
        grown: Body = cast("Body", self._logprobs) if self._logprobs is not None else {}
        for name, entries in cast("Json", value).items():
            known = grown.get(name)
            if isinstance(entries, list):
                own: list[Any] = cast("list[Any]", known) if isinstance(known, list) else []
                own.extend(cast("list[Any]", entries))
                grown[name] = own
            elif entries is not None or name not in grown:
                grown[name] = entries
        self._logprobs = grown

    @property
    def text(self) -> str:
        return "".join(self._texts.get("content", ()))

    @property
    def generated(self) -> str:
        texts = ["".join(parts) for parts in self._texts.values()]
        return "".join([*texts, *(grown.generated for grown in (*self._calls, *self._objects.values()))])

    def finish(self, index: int) -> Body:
        message: Body = {"role": "assistant", **self._message, **self._lists}
        message.update({name: "".join(parts) for name, parts in self._texts.items()})
        message.update({name: grown.finish() for name, grown in self._objects.items()})
        if self._blocks:
            message["thinking_blocks"] = [block.finish() for block in self._blocks]
        beside = mapping(message.get(_BESIDE))
        if self._blocks and "thinking_blocks" in beside:
            beside = {**beside, "thinking_blocks": message["thinking_blocks"]}
        if self._citations:
            beside = {**beside, "citations": [self._citations]}  # as LiteLLM has them in a whole answer
        if beside:
            message[_BESIDE] = beside
        if self._calls:
            message["tool_calls"] = [{"type": "function", **call.finish()} for call in self._calls]
        message.setdefault("content", None)
        body: Body = {"index": index, "message": message, "finish_reason": self.finish_reason, **self._fields}
        if self._has_logprobs:
            body["logprobs"] = self._logprobs
        return body


class _GrowingObject:
    """A tool call, a function call or audio: strings grow, inner objects grow alike."""

    def __init__(self) -> None:
        self._fields: Body = {}
        self._texts: dict[str, list[str]] = {}
        self._objects: dict[str, _GrowingObject] = {}

    def feed(self, piece: Json) -> None:
        for name, value in piece.items():
            if isinstance(value, str):
                self._grow_text(name, value)
            elif mapping(value):
                self._objects.setdefault(name, _GrowingObject()).feed(mapping(value))
            elif value is not None or name not in self._fields:
                self._fields[name] = value

    def _grow_text(self, name: str, value: str) -> None:
        known = self._texts.setdefault(name, [])
        # Ids, types and names come once; a provider that repeats them does not mean them twice.
        if name in ("id", "type", "name") and known and (not value or self.said(name) == value):
            return
        known.append(value)

    def said(self, name: str) -> str:
        return "".join(self._texts.get(name, ()))

    @property
    def generated(self) -> str:
        own = "".join(self.said(name) for name in ("name", "arguments", "input", "transcript") if name in self._texts)
        return own + "".join(inner.generated for inner in self._objects.values())

    def finish(self) -> Body:
        body = dict(self._fields)
        for name, parts in self._texts.items():
            body[name] = joined_base64(parts) if name == "data" else "".join(parts)
        body.update({name: inner.finish() for name, inner in self._objects.items()})
        return body


class _GrowingThinking:
    """One block of `thinking_blocks`, as LiteLLM streams them: texts first, the signature last."""

    def __init__(self) -> None:
        self._block: Body = {}
        self._place: Any = None
        """Which block it is, where a delta says so; no part of it."""
        self._thinking: list[str] = []

    def takes(self, block: Json) -> bool:
        kinds = {text(self._block.get("type")), text(block.get("type", "thinking"))}
        places = {place for place in (integer(self._place), integer(block.get("index"))) if place is not None}
        return kinds == {"thinking"} and not self._block.get("signature") and len(places) < 2

    def feed(self, block: Json) -> None:
        if isinstance(block.get("thinking"), str):
            self._thinking.append(block["thinking"])
        self._place = block.get("index", self._place)
        for name, value in fields_but(block, ("index",)).items():
            if name not in self._block or value not in (None, ""):
                self._block[name] = value

    def finish(self) -> Body:
        return {**self._block, "thinking": "".join(self._thinking)} if self._thinking else dict(self._block)


def is_choice_ended(choice: Json) -> bool:
    """True for the piece of a choice that says why it ended."""
    return choice.get("finish_reason") is not None or finish_of(choice).native is not None


def usage_only(event: Json) -> bool:
    """True for the chunk that only brings the usage; LiteLLM's has a choice in it that says nothing."""
    return event.get("usage") is not None and all(
        not is_choice_ended(choice) and not any(mapping(choice.get("delta")).values())
        for choice in objects(event.get("choices"))
    )


_FRAME = frozenset({"id", "object", "created", "model", "system_fingerprint", "service_tier", "choices", "usage"})
"""A chunk of these alone, and without a choice, was there for the usage; some providers send it without any."""


class ChatEnding(Ending):
    """Holds from the chunk on in which the last of the `n` choices ends."""

    def __init__(self, view: RequestView, **settings: Any) -> None:
        super().__init__(view, **settings)
        self._ended: set[int] = set()

    def _begins_ending(self, event: Json) -> bool:
        choices = objects(event.get("choices"))
        self._ended.update(integer(choice.get("index")) or 0 for choice in choices if is_choice_ended(choice))
        return len(self._ended) >= self.view.n or usage_only(event) or bool(mapping(event.get("error")))

    def _shown(self, event: Json) -> Json | None:
        if self.hide_usage:
            if usage_only(event) or (not event.get("choices") and event.keys() <= _FRAME):
                return None
            event = {name: value for name, value in event.items() if name != "usage"} if "usage" in event else event
        has_logprobs = self.hide_logprobs and any(
            choice.get("logprobs") is not None for choice in objects(event.get("choices"))
        )
        if has_logprobs:
            return hide_logprobs(event)
        return event if self.alternatives is None else limit_alternatives(event, self.alternatives)

    def _with_fields(self, held: list[Json], fields: Json) -> list[Json]:
        return [*held[:-1], {**held[-1], **fields}]
