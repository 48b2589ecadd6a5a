"""Values put back into answers, whole or as events, in all three dialects.

An answer is told apart by its shape, so that an answer that LiteLLM translated is restored like any other. Texts and
arguments of tools are restored as they are written; what a provider signed (thinking) stays as it was, since it is
checked when it comes back.

Failure behaviour: pure and total; what has no known shape passes through with the values put back into its strings.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from thriftgate.privacy.json_restoring import StreamJsonRestorer, restore_json
from thriftgate.privacy.restoring import Moves, Restorer
from thriftgate.wire.shapes import Body, Json, items, mapping, objects
from thriftgate.wire.streaming.codec import is_last_event

_KEPT = frozenset({
    "id", "object", "model", "type", "role", "signature", "encrypted_content", "data", "b64_json", "system_fingerprint",
    "call_id", "item_id", "tool_use_id", "previous_response_id", "partial_image_b64",
})  # fmt: skip
"""Strings under these keys are nobody's words, as long as they have the letters of an id or of base64."""
_ID = re.compile(r"[A-Za-z0-9_.:;/+=|~#$-]*+")
_MADE_UP = frozenset({"arguments", "args", "metadata", "structured_content"})
_CALLS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
"""Under these keys, and as the input of these blocks, stands what was made up, with keys of its own."""
_ARGUMENTS = frozenset({"arguments", "partial_json"})
_CHAT_TEXTS = ("content", "reasoning_content", "reasoning", "refusal")
_IN_PIECES = frozenset({*_CHAT_TEXTS, "tool_calls", "function_call", "role", "thinking_blocks"})
"""Fields of a delta that are put together from many; the others come whole."""
_CITED, _PLACES = ("text", "content"), frozenset({"start_index", "end_index"})
"""Beside `annotations` stands the text that they point into."""
_Key = tuple[Any, ...]


def restored(answer: Any, restorer: Restorer, name: str = "") -> Any:
    """The answer, or any part of one, with every value in its place."""
    if isinstance(answer, str):
        is_kept = name in _KEPT and _ID.fullmatch(answer) is not None
        return answer if is_kept else restore_json(restorer, answer, is_json=name in _ARGUMENTS)
    if isinstance(answer, Mapping):
        fields = cast("Json", answer)
        signed = "signature" in fields
        is_call = fields.get("type") in _CALLS
        out = {
            key: _value(value, key, restorer, is_kept=signed and key == "thinking", is_free=is_call and key == "input")
            for key, value in fields.items()
        }
        cited = next((value for key in _CITED if isinstance(value := fields.get(key), str)), "")
        if cited and fields.get("annotations"):
            stream = StreamJsonRestorer(restorer, is_json=False)
            stream.feed(cited)
            stream.flush()
            out["annotations"] = _pointing(out["annotations"], stream.moves)
        return out
    if isinstance(answer, list):
        values = cast("list[Any]", answer)
        # Vectors are long, and of numbers alone.
        is_vector = bool(values) and isinstance(values[0], int | float)
        return values if is_vector else [restored(item, restorer, name) for item in values]
    return answer


def _value(value: Any, key: str, restorer: Restorer, *, is_kept: bool, is_free: bool) -> Any:
    if is_kept or key == "logprobs":
        return value
    is_free = is_free or (key in _MADE_UP and not isinstance(value, str))
    return _free(value, restorer) if is_free else restored(value, restorer, key)


def _pointing(annotations: Any, moves: Moves) -> Any:
    """Citations whose places in the text are those that it has with its values."""
    if isinstance(annotations, list):
        return [_pointing(one, moves) for one in cast("list[Any]", annotations)]
    if not isinstance(annotations, Mapping):
        return annotations
    return {
        key: moves.moved(value, is_end=key == "end_index")
        if key in _PLACES and isinstance(value, int)
        else _pointing(value, moves)
        if isinstance(value, Mapping)
        else value
        for key, value in cast("Json", annotations).items()
    }


def _free(value: Any, restorer: Restorer) -> Any:
    """What a model or a client made up: no key of it is the protocol's, and keys are texts too."""
    if isinstance(value, str):
        return restore_json(restorer, value, is_json=False)
    if isinstance(value, Mapping):
        fields = cast("Json", value)
        return {restore_json(restorer, key, is_json=False): _free(item, restorer) for key, item in fields.items()}
    if isinstance(value, list):
        return [_free(item, restorer) for item in cast("list[Any]", value)]
    return value


class EventRestorer:
    """Restores a stream of events: `feed` each, `flush` at the end of the stream; both give the events to send.

    A text that ends while something of it is held back is completed by an event of its own, before the event that
    ends it.
    """

    def __init__(self, restorer: Restorer) -> None:
        self._restorer = restorer
        self._texts: dict[_Key, tuple[StreamJsonRestorer, Callable[[str], Body]]] = {}
        self._shift = 0
        self._choices: set[_Key] = set()
        self._moves: dict[_Key, Moves] = {}

    def feed(self, event: Json) -> list[Body]:
        """The events that this one becomes: none where all of it is held back."""
        kind = str(event.get("type") or "")
        if isinstance(event.get("choices"), list):
            return self._chat(event)
        if isinstance(event.get("candidates"), list):
            return self._geminis(event)
        if kind.startswith("content_block"):
            return self._block(event, kind)
        if kind.startswith("response."):
            return self._numbered(event, self._response(event, kind))
        return [*(self.flush() if is_last_event(event) else ()), restored(event, self._restorer)]

    def flush(self) -> list[Body]:
        """What was held back when the stream ended without saying so."""
        return self._ended(lambda _: True)

    def _take(self, key: _Key, piece: str, rest: Callable[[str], Body], *, is_json: bool = False) -> str:
        """What may be sent of a text by now; `rest` makes the event that completes it."""
        if key not in self._texts:
            self._texts[key] = StreamJsonRestorer(self._restorer, is_json=is_json), rest
            self._moves[key] = self._texts[key][0].moves
        return self._texts[key][0].feed(piece)

    def _ended(self, matches: Callable[[_Key], bool]) -> list[Body]:
        events: list[Body] = []
        for key in [key for key in self._texts if matches(key)]:
            stream, rest = self._texts.pop(key)
            left = stream.flush()
            if left:
                events.append(rest(left))
        return events

    # OpenAI chat completions, and the completions before them.
    def _chat(self, event: Json) -> list[Body]:
        before: list[Body] = []
        choices: list[Any] = []
        has_held = False
        for choice in items(event.get("choices")):
            if not isinstance(choice, Mapping):
                choices.append(choice)
                continue
            shown = dict(cast("Json", choice))
            place = shown.get("index", 0)
            delta = mapping(shown.get("delta"))
            if delta:
                shown["delta"], held = self._delta(event, delta, place)
                has_held = has_held or held
            if isinstance(shown.get("text"), str):
                shown["text"] = self._take(("text", place), shown["text"], _completion(event, place))
            choices.append(shown)
            self._choices.add((place,))
            # Of several choices LiteLLM calls the first ended when any of them is, and its text goes on.
            if shown.get("finish_reason") and len(self._choices) == 1:
                before += self._ended(lambda key, place=place: key[1] == place)
        is_empty = has_held and not event.get("usage") and all(_says_nothing(choice) for choice in choices)
        return [*before, *([] if is_empty else [{**event, "choices": choices}])]

    def _delta(self, event: Json, delta: Json, place: Any) -> tuple[Body, bool]:
        """The delta with what may be sent; True when something of it is held back and nothing is left of that."""
        shown = {
            name: value if name in _IN_PIECES else restored(value, self._restorer, name)
            for name, value in delta.items()
        }
        held = False
        for name in _CHAT_TEXTS:
            piece = delta.get(name)
            if isinstance(piece, str) and piece:
                shown[name] = self._take(
                    (name, place), piece, _chunk(event, place, lambda left, name=name: {name: left})
                )
                held = held or not shown[name]
        if delta.get("annotations") and (moves := self._moves.get(("content", place))) is not None:
            shown["annotations"] = _pointing(shown["annotations"], moves)
        if isinstance(delta.get("tool_calls"), list):
            shown["tool_calls"] = [self._call(event, call, place) for call in objects(delta["tool_calls"])]
        legacy = mapping(delta.get("function_call"))
        if isinstance(legacy.get("arguments"), str):
            rest = _chunk(event, place, lambda left: {"function_call": {"arguments": left}})
            piece = self._take(("function_call", place), legacy["arguments"], rest, is_json=True)
            shown["function_call"] = {**legacy, "arguments": piece}
        return shown, held

    def _call(self, event: Json, call: Json, place: Any) -> Json:
        function = mapping(call.get("function"))
        if not isinstance(function.get("arguments"), str):
            return call
        number = call.get("index", 0)
        rest = _chunk(event, place, lambda left: {"tool_calls": [{"index": number, "function": {"arguments": left}}]})
        piece = self._take(("tool", place, number), function["arguments"], rest, is_json=True)
        return {**call, "function": {**function, "arguments": piece}}

    # Gemini's own API.
    def _geminis(self, event: Json) -> list[Body]:
        before: list[Body] = []
        candidates: list[Any] = []
        for number, one in enumerate(items(event.get("candidates"))):
            candidate = mapping(one)
            content = mapping(candidate.get("content"))
            place = candidate.get("index", number)
            parts = [
                {**restored({**part, "text": ""}, self._restorer), "text": self._part(part, place)}
                if isinstance(part.get("text"), str)
                else restored(part, self._restorer)
                for part in objects(content.get("parts"))
            ]
            if candidate.get("finishReason"):
                before += self._ended(lambda key, place=place: key[:2] == ("gemini", place))
            rest = restored({name: value for name, value in candidate.items() if name != "content"}, self._restorer)
            candidates.append(
                {**rest, "content": {**content, "parts": parts}} if content else restored(one, self._restorer)
            )
        frame = restored({**event, "candidates": []}, self._restorer)
        return [*before, {**frame, "candidates": candidates}]

    def _part(self, part: Json, place: Any) -> str:
        is_thought = bool(part.get("thought"))

        def rest(left: str) -> Body:
            more = {"text": left, **({"thought": True} if is_thought else {})}
            return {"candidates": [{"index": place, "content": {"role": "model", "parts": [more]}}]}

        return self._take(("gemini", place, is_thought), part["text"], rest)

    # Anthropic messages.
    def _block(self, event: Json, kind: str) -> list[Body]:
        place = event.get("index")
        if kind == "content_block_stop":
            return [*self._ended(lambda key: key[:2] == ("block", place)), dict(event)]
        delta = mapping(event.get("delta"))
        if kind != "content_block_delta":
            return [restored(event, self._restorer)]
        for name, is_json in (("text", False), ("partial_json", True)):
            if isinstance(delta.get(name), str):
                rest = _block_delta(place, str(delta.get("type") or ""), name)
                piece = self._take(("block", place, name), delta[name], rest, is_json=is_json)
                # An empty piece opens some SDKs' parsers; one that is empty because of us says nothing.
                is_held = bool(delta[name]) and not piece
                return [] if is_held else [{**event, "delta": {**delta, name: piece}}]
        return (
            [dict(event)]
            if delta.get("type") in {"thinking_delta", "signature_delta"}
            else [restored(event, self._restorer)]
        )

    # OpenAI responses.
    def _response(self, event: Json, kind: str) -> list[Body]:
        where = tuple(event.get(name) for name in ("output_index", "content_index", "summary_index"))
        if kind.endswith(".delta") and isinstance(event.get("delta"), str):
            if "audio." in kind or "image" in kind:
                return [dict(event)]
            frame = {name: value for name, value in event.items() if name not in {"delta", "logprobs", "obfuscation"}}
            rest = _response_delta(frame)
            key = ("response", kind.removesuffix(".delta"), *where)
            piece = self._take(key, event["delta"], rest, is_json="arguments" in kind)
            return [{**event, "delta": piece}] if piece or not event["delta"] else []
        if kind == "response.output_text.annotation.added":
            added = restored(event, self._restorer)
            moves = self._moves.get(("response", "response.output_text", *where))
            return [added if moves is None else {**added, "annotation": _pointing(added.get("annotation"), moves)}]
        if kind.endswith(".done"):
            of_item = kind == "response.output_item.done"
            before = self._ended(
                lambda key: (
                    key[0] == "response"
                    and (key[2] == where[0] if of_item else key[1] == kind.removesuffix(".done"))
                    and (of_item or key[2:] == where)
                )
            )
            return [*before, restored(event, self._restorer)]
        return [*(self.flush() if is_last_event(event) else ()), restored(event, self._restorer)]

    def _numbered(self, event: Json, events: Sequence[Body]) -> list[Body]:
        """What an event became, numbered on from what was sent: events are added and held back."""
        number = event.get("sequence_number")
        shift, self._shift = self._shift, self._shift + len(events) - 1
        if not isinstance(number, int):
            return list(events)
        return [{**one, "sequence_number": number + shift + place} for place, one in enumerate(events)]


def _says_nothing(choice: object) -> bool:
    fields = mapping(choice)
    delta = mapping(fields.get("delta"))
    return not fields.get("finish_reason") and not fields.get("text") and not any(delta.values())


def _chunk(event: Json, place: Any, delta: Callable[[str], Body]) -> Callable[[str], Body]:
    frame = {name: value for name, value in event.items() if name not in {"choices", "usage"}}
    return lambda left: {**frame, "choices": [{"index": place, "delta": delta(left), "finish_reason": None}]}


def _completion(event: Json, place: Any) -> Callable[[str], Body]:
    frame = {name: value for name, value in event.items() if name not in {"choices", "usage"}}
    return lambda left: {**frame, "choices": [{"index": place, "text": left, "finish_reason": None, "logprobs": None}]}


def _block_delta(place: Any, kind: str, name: str) -> Callable[[str], Body]:
    return lambda left: {"type": "content_block_delta", "index": place, "delta": {"type": kind, name: left}}


def _response_delta(frame: Json) -> Callable[[str], Body]:
    return lambda left: {**frame, "delta": left}
