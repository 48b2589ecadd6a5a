"""What a provider counts is made believable where its bytes come in, before anybody reads them.

LiteLLM charges the key, we book and tell the client, and each reads the usage for itself: a number that one of them
takes for none is a sum that the others do not have, and a text in its place fails the whole answer. So there is one
reading, here; log-probabilities in another shape than OpenAI's are left out in the same place. Where a route's provider
counts nothing, what a tokenizer counts stands there instead, except in streams of OpenAI's APIs: for those LiteLLM
counts itself.

Failure behaviour: nothing is raised; what cannot be read is passed on as it came.
"""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable

import httpx
import jiter

from thriftgate.proxy.tiers.provider_answer import ProviderAnswer, view_of_answer
from thriftgate.wire.answer import AnswerView
from thriftgate.wire.chat.answer import without_odd_logprobs
from thriftgate.wire.dialects import assembler
from thriftgate.wire.native_usage import (
    CONVERSE,
    GEMINI,
    Native,
    believable_native,
    counted_of,
    estimated,
    native_of,
    native_text,
    with_count,
)
from thriftgate.wire.shapes import Body, Json, count, mapping
from thriftgate.wire.streaming.event_stream import Frame, Frames
from thriftgate.wire.streaming.sse import SseDecoder
from thriftgate.wire.turns import Dialect
from thriftgate.wire.usage import NAMES, believable, input_of, kind_of_answer

_OK = 200
_COUNTS = re.compile(rb'"usage(?:Metadata)?"\s*:\s*(?!null)')
_LOGPROBS = re.compile(rb'"logprobs"\s*:\s*(?!null)')
_KINDS = (b'"message_start"', b'"message_delta"')
_OF_OUTPUT = "output_tokens_details"
_COUNTED_ON = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
"""What Anthropic counts from the beginning of a stream on, so that none of it can be less at the end."""
_DATA = b"data:"
_JSON_LINES = ("ndjson", "jsonl", "stream+json", "json-seq")
"""Kinds of streams of one JSON object a line, such as Ollama's."""
_MOST_KEPT = 4 * 1024 * 1024
"""Bytes of a stream that are kept, in case its provider has counted nothing."""


def read_usage(response: object, answer: ProviderAnswer) -> None:
    """Make what this HTTP response says of tokens believable: now, or as it is read."""
    if not isinstance(response, httpx.Response) or response.status_code != _OK:
        return
    kind = response.headers.get("content-type", "")
    if "event-stream" in kind:
        _mend_pieces(response, _Lines(answer))
    elif "amazon.eventstream" in kind:
        _mend_pieces(response, _Messages(answer))
    elif any(lines in kind for lines in _JSON_LINES):
        if not response.is_stream_consumed:
            _mend_pieces(response, _JsonLines(answer))
    elif "json" in kind and not response.is_stream_consumed:
        _mend_pieces(response, _Whole(answer))
    elif "json" in kind:
        raw = response.content
        mended = mended_body(raw, answer)
        if mended is not raw:
            response._content = mended  # pyright: ignore[reportPrivateUsage]  # an httpx.Response has no setter


def _mend_pieces(response: httpx.Response, reader: "_Lines | _Whole | _Messages") -> None:
    """Httpx hands out text and lines by what `aiter_bytes` yields."""
    theirs = response.aiter_bytes

    async def mended(chunk_size: int | None = None) -> AsyncIterator[bytes]:
        async for piece in theirs(chunk_size):
            if found := reader.feed(piece):
                yield found
        if rest := reader.flush():
            yield rest

    setattr(response, "aiter_bytes", mended)  # noqa: B010  a method to type checkers


class _Whole:
    """An answer that is read in pieces, and handed out when it is there."""

    def __init__(self, answer: ProviderAnswer) -> None:
        self._answer = answer
        self._pieces: list[bytes] = []

    def feed(self, piece: bytes) -> bytes:
        self._pieces.append(piece)
        return b""

    def flush(self) -> bytes:
        raw, self._pieces = b"".join(self._pieces), []
        return mended_body(raw, self._answer)


class _Lines:
    """A stream, handed out line by line."""

    def __init__(self, answer: ProviderAnswer) -> None:
        self._answer = answer
        self._rest: list[bytes] = []
        """Pieces of a line whose end has not come: joined once, since a line may come in very many."""
        self._kept: list[bytes] | None = None
        self._size = 0
        self._started: Json = {}
        """What the beginning of Anthropic's counts."""

    def feed(self, piece: bytes) -> bytes:
        """The whole lines that there are by now."""
        end = max(piece.rfind(b"\n"), piece.rfind(b"\r")) + 1  # an event stream's lines may end with either
        if not end:
            self._rest.append(piece)
            return b""
        said = b"".join((*self._rest, piece[:end]))
        self._rest = [piece[end:]]
        return self._mended(said)

    def flush(self) -> bytes:
        """What is left when the stream has ended."""
        rest, self._rest = b"".join(self._rest), []
        return self._mended(rest) if rest else b""

    def _mended(self, said: bytes) -> bytes:
        if self._kept is not None or _is_anthropics(said):
            self._keep(said)
        if not _is_of_interest(said):
            return said
        return b"".join(self._mended_line(line) for line in said.splitlines(keepends=True))

    def note(self, event: Json) -> None:
        """Keep an event that came in no line, in case its provider has counted nothing."""
        if self._answer.estimate is not None:
            self._keep(_DATA + b" " + _dumped(event) + b"\n\n")

    def _keep(self, said: bytes) -> None:
        self._kept = [] if self._kept is None else self._kept
        self._size += len(said)
        if self._size <= _MOST_KEPT:
            self._kept.append(said)

    def _mended_line(self, line: bytes) -> bytes:
        if not line.startswith(_DATA) or not _is_of_interest(line):
            return line
        try:
            event = mapping(jiter.from_json(line[len(_DATA) :].strip()))
        except ValueError:
            return line
        mended = self.mended_event(event)
        end = line[len(line.rstrip(b"\r\n")) :]
        return line if mended is event else _DATA + b" " + _dumped(mended) + end

    def mended_event(self, event: Json) -> Json:
        """An event with usage that can be believed; the very one where there is nothing to mend."""
        kind = event.get("type")
        if kind == "message_start":
            message = mapping(event.get("message"))
            # What came out has only begun, so what is said of its parts may be of the whole.
            said = {name: value for name, value in mapping(message.get("usage")).items() if name != _OF_OUTPUT}
            usage, is_changed = believable(said, Dialect.MESSAGES)
            self._started = usage or {"input_tokens": 0, "output_tokens": 0}
            self._answer.counted = usage or {}
            if self._started == said:
                return event
            self._answer.is_miscounted |= is_changed
            return {**event, "message": {**message, "usage": self._started}}
        if kind == "message_delta":
            return self._mended_end(event)
        if isinstance(kind, str) and kind.startswith("response."):
            response = mapping(event.get("response"))
            mended = _mended(response, Dialect.RESPONSES, self._answer, lambda: None)
            return event if mended is response else {**event, "response": mended}
        if GEMINI.place in event:
            return _mended_piece(event, GEMINI, self._answer)
        if "choices" not in event:
            return event
        known = without_odd_logprobs(event)
        if "usage" not in event:
            return known
        mended = _mended(known, Dialect.CHAT, self._answer, lambda: None)
        self._answer.counted = mapping(mended.get("usage"))
        return mended

    def _mended_end(self, event: Json) -> Json:
        """Anthropic counts what went in at the beginning, and what came out at the end."""
        # What is not counted here stands as it did at the beginning: a 0 for it would take that back.
        said = {name: value for name, value in mapping(event.get("usage")).items() if value is not None}
        usage, is_changed = believable(said, Dialect.MESSAGES)
        if usage is None and not input_of(self._started) and self._answer.estimate is not None:
            sent, got = self._answer.estimate(self._generated())
            self._answer.is_miscounted = True
            return {**event, "usage": {"input_tokens": sent, "output_tokens": got}}
        mended = {name: value for name, value in (usage or {}).items() if name in said}
        mended.setdefault("output_tokens", 0)
        for name in _COUNTED_ON:
            if name in mended:
                mended[name] = max(count(mended[name]), count(self._started.get(name)))
        if mended == event.get("usage"):
            return event
        self._answer.is_miscounted |= is_changed
        return {**event, "usage": mended}

    def _generated(self) -> str:
        decoder, whole = SseDecoder(), assembler(Dialect.MESSAGES)
        for said in self._kept or ():
            for event in decoder.feed(said):
                if event.body is not None:
                    whole.feed(event.body)
        return whole.generated


class _JsonLines(_Lines):
    """A stream of one JSON object a line, each handed out as it comes."""

    def _mended(self, said: bytes) -> bytes:
        if b'"done"' not in said:
            return said
        return b"".join(self._mended_line(line) for line in said.splitlines(keepends=True))

    def _mended_line(self, line: bytes) -> bytes:
        try:
            event = mapping(jiter.from_json(line.strip()))
        except ValueError:
            return line
        counted = counted_of(event)
        if counted is None:
            return line
        # LiteLLM counts by itself where nothing is counted.
        mended, is_changed = with_count(event, counted, None)
        self._answer.is_miscounted |= is_changed
        return line if mended is event else _dumped(mended) + b"\n"


class _Messages:
    """A stream of Bedrock's, handed out message by message: Converse's own, or Anthropic's events inside of them."""

    def __init__(self, answer: ProviderAnswer) -> None:
        self._answer = answer
        self._frames = Frames()
        self._events = _Lines(answer)
        self._is_read = True

    def feed(self, piece: bytes) -> bytes:
        """The whole messages that there are by now; what cannot be read is passed on as it comes."""
        if not self._is_read:
            return piece
        told: list[bytes] = []
        try:
            told.extend(self._mended(frame) for frame in self._frames.feed(piece))
        except ValueError:
            self._is_read = False
            told.append(self.flush())
        return b"".join(told)

    def flush(self) -> bytes:
        """What is left when the stream has ended."""
        return self._frames.flush()

    def _mended(self, frame: Frame) -> bytes:
        try:
            payload = mapping(jiter.from_json(frame.payload))
            inner = payload.get("bytes")
            event = mapping(jiter.from_json(b64decode(inner))) if isinstance(inner, str) else payload
        except ValueError:
            return frame.raw
        if event is payload:
            mended = _mended_piece(event, CONVERSE, self._answer) if CONVERSE.place in event else event
            return frame.raw if mended is event else frame.with_payload(_dumped(mended))
        self._events.note(event)
        mended = self._events.mended_event(event)
        if mended is event:
            return frame.raw
        return frame.with_payload(_dumped({**payload, "bytes": b64encode(_dumped(mended)).decode()}))


def _mended_piece(event: Json, native: Native, answer: ProviderAnswer) -> Json:
    """A piece of a stream: LiteLLM counts by itself where a provider does not, but trips over what is no count."""
    usage, is_changed = believable_native(event[native.place], native)
    answer.is_miscounted |= is_changed or usage is None
    if usage is None:
        return {name: value for name, value in event.items() if name != native.place}
    return event if usage == event[native.place] else {**event, native.place: usage}


def _is_of_interest(said: bytes) -> bool:
    return _is_anthropics(said) or bool(_COUNTS.search(said) or _LOGPROBS.search(said))


def _is_anthropics(said: bytes) -> bool:
    return any(kind in said for kind in _KINDS)


def mended_body(raw: bytes, answer: ProviderAnswer) -> bytes:
    """A whole answer's bytes with usage that can be believed; the very ones where there is nothing to mend."""
    try:
        body = mapping(jiter.from_json(raw))
    except ValueError:
        return raw
    dialect = kind_of_answer(body)
    if dialect is None:
        native = native_of(body)
        mended = _mended_counted(body, answer) if native is None else _mended_native(body, native, answer)
        return raw if mended is body else _dumped(mended)
    known = without_odd_logprobs(body) if dialect is Dialect.CHAT else body
    mended = _mended(known, dialect, answer, lambda: _said(view_of_answer(dialect, body)))
    return raw if mended is body else _dumped(mended)


def _mended(body: Json, dialect: Dialect, answer: ProviderAnswer, said: Callable[[], str | None]) -> Json:
    """The body, or event, with usage that can be believed; the very one where it is so already."""
    usage, is_changed = believable(body.get("usage"), dialect)
    if usage is not None:
        answer.is_miscounted |= is_changed
        return body if usage == body["usage"] else {**body, "usage": usage}
    text = said()
    if text is None or answer.estimate is None:
        return {**body, "usage": None} if body.get("usage") is not None else body
    answer.is_miscounted = True
    return {**body, "usage": _estimated(dialect, *answer.estimate(text))}


def _mended_native(body: Json, native: Native, answer: ProviderAnswer) -> Json:
    """The same of a whole answer that LiteLLM translates; without any count it would take it for none."""
    usage, is_changed = believable_native(body.get(native.place), native)
    if usage is None:
        if answer.estimate is None:
            return body
        usage, is_changed = estimated(native, *answer.estimate(native_text(body))), True
    answer.is_miscounted |= is_changed
    return body if usage == body.get(native.place) else {**body, native.place: usage}


def _mended_counted(body: Json, answer: ProviderAnswer) -> Json:
    """The same of one that counts two numbers; of anything else the very body."""
    counted = counted_of(body)
    if counted is None or answer.estimate is None:
        return body
    mended, is_changed = with_count(body, counted, answer.estimate)
    answer.is_miscounted |= is_changed
    return mended


def _estimated(dialect: Dialect, sent: int, got: int) -> Body:
    names = NAMES[dialect]
    usage = dict(zip(names, (sent, got), strict=True))
    return usage if dialect is Dialect.MESSAGES else {**usage, "total_tokens": sent + got}


def _said(view: AnswerView) -> str:
    """All that the provider wrote."""
    pieces = [
        piece
        for choice in view.choices
        for piece in (
            choice.thinking,
            choice.text,
            choice.refusal,
            *(call.name + call.arguments for call in choice.tool_calls),
        )
    ]
    return "".join(piece for piece in pieces if piece)


def _dumped(body: Json) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
