"""LiteLLM's objects in each dialect ↔ bodies and events as `wire` knows them.

| dialect | the router's method | a whole answer | what a stream yields |
|---|---|---|---|
| chat | acompletion | ModelResponse | ModelResponseStream; bytes of ours where nobody looks into it |
| messages | anthropic_messages | a dict | bytes of server-sent events |
| responses | aresponses | ResponsesAPIResponse | events as pydantic objects |

Failure behaviour: an event that cannot be read is passed over; a stream without an ending of the provider's own
raises TierFailedError.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import litellm
from litellm.proxy._types import UserAPIKeyAuth
from litellm.proxy.hooks.responses_id_security import ResponsesIDSecurity
from litellm.proxy.utils import ProxyLogging
from litellm.types.llms.openai import BaseLiteLLMOpenAIResponseObject, ResponsesAPIResponse
from litellm.types.utils import ModelResponse, ModelResponseStream, StreamingChoices
from pydantic import BaseModel, ValidationError

from thriftgate.errors import TierFailedError
from thriftgate.proxy.errors import ToldInStreamError, loop_in, tier_failure
from thriftgate.proxy.tiers.endings import choice_ended, doubted, event_as_ended, undoubted
from thriftgate.proxy.tiers.provider_answer import MISSING, ProviderAnswer, current
from thriftgate.types import StreamPiece
from thriftgate.wire.request import Dialect
from thriftgate.wire.shapes import mapping, objects
from thriftgate.wire.streaming.codec import is_last_event
from thriftgate.wire.streaming.sse import SseDecoder, encode

METHODS: Mapping[str, str] = {
    Dialect.CHAT: "acompletion",
    Dialect.MESSAGES: "anthropic_messages",
    Dialect.RESPONSES: "aresponses",
}
"""The router's public method of each dialect: what a route's requests are intercepted at, and its tiers asked by."""
_CHAT_FIELDS: Mapping[str, type] = {"id": str, "object": str, "created": int, "model": str, "system_fingerprint": str}
_FINGERPRINT: Mapping[str, Any] = {"system_fingerprint": "thriftgate"}
"""LiteLLM's fast serializer drops fields it does not know; a chunk with a fingerprint takes the complete one."""
_OF_WORDS = frozenset({"id", "object", "created", "model", "service_tier", "choices"})
_OF_A_CHOICE = frozenset({"index", "delta", "finish_reason"})
_OF_A_DELTA = frozenset({"role", "content"})
"""What LiteLLM writes of a chunk's object, of its one choice and of that one's delta, where there is nothing else."""


def hidden_params(response: object) -> Mapping[str, Any]:
    """What LiteLLM keeps beside an answer: the deployment, its id, the cost."""
    if isinstance(response, Mapping):
        hidden: object = cast("Mapping[str, Any]", response).get("_hidden_params")
    else:
        hidden = getattr(response, "_hidden_params", None)
    return mapping(hidden)


def body_of_response(response: object) -> Mapping[str, Any]:
    """The answer's body as its client would get it."""
    if isinstance(response, BaseModel):
        # With what is null in it: a hit shows the fields that the whole answer showed.
        return response.model_dump(mode="json")
    return {name: value for name, value in cast("Mapping[str, Any]", response).items() if name != "_hidden_params"}


def drop_logprobs(response: object) -> None:
    """Take log-probabilities that no client asked for out of LiteLLM's answer, once they have been read.

    LiteLLM's log copies the answer several times over, all of each token's alternatives with it: a seventh of the CPU
    of a miss, for something that is cut out before any logger sees it.
    """
    if litellm.cache is None and isinstance(response, ModelResponse):
        for choice in response.choices:
            if getattr(choice, "logprobs", None) is not None:
                cast("Any", choice).logprobs = None


def as_served(dialect: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The body with what LiteLLM's own types would not take of a chat completion left out: none of it is the answer."""
    if dialect != Dialect.CHAT:
        return body
    odd = [name for name, kind in _CHAT_FIELDS.items() if not isinstance(body.get(name), kind | None)]
    return {name: value for name, value in body.items() if name not in odd} if odd else body


def response_of(dialect: str, body: Mapping[str, Any], summary: Mapping[str, Any], edge: object) -> object:
    """LiteLLM's answer of ours, with the field `thriftgate`: the one that a tier gave (`edge`) where there is one."""
    told = {"thriftgate": dict(summary)}
    if dialect == Dialect.MESSAGES:
        # Where the limiter writes its headers; LiteLLM takes it out.
        return {**body, **told, "_hidden_params": dict[str, Any]()}
    if isinstance(edge, BaseModel):
        # The tier's own answer stays what it was: audits may still look at it.
        answer = edge.model_copy()
        setattr(answer, "thriftgate", told["thriftgate"])  # noqa: B010  a field the type does not know
        hidden = dict(hidden_params(edge))
        answer._hidden_params = {name: value for name, value in hidden.items() if name != "additional_headers"}  # pyright: ignore[reportAttributeAccessIssue]
        return answer
    if dialect == Dialect.CHAT:
        return _completion({**body, **told})
    return cast("Callable[..., object]", ResponsesAPIResponse)(**body, **told)


def _completion(body: Mapping[str, Any]) -> ModelResponse:
    """LiteLLM's completion of ours. A stream's pieces are checked by nobody: a whole answer of them may be odd."""
    try:
        return _with_nulls(ModelResponse(**body), body)
    except ValidationError:
        choices = objects(body.get("choices"))
        texts = [mapping(choice.get("message")).get("content") for choice in choices]
        plain = [{**choice, "message": {"content": said}} for choice, said in zip(choices, texts, strict=True)]
        answer = ModelResponse(**{**body, "choices": plain})
        for choice, made in zip(choices, answer.choices, strict=True):
            for name, value in mapping(choice.get("message")).items():
                setattr(cast("Any", made).message, name, value)
        return answer


def _with_nulls(answer: ModelResponse, body: Mapping[str, Any]) -> ModelResponse:
    """Fields that are null in the body: LiteLLM's own types drop some of them where they are made anew."""
    for made, choice in zip(answer.choices, objects(body.get("choices")), strict=False):
        for part, fields in ((made, choice), (cast("Any", made).message, mapping(choice.get("message")))):
            for name, value in fields.items():
                if value is None and not hasattr(part, name):
                    setattr(part, name, None)
    return answer


def takes_bytes() -> bool:
    """Whether nobody between here and the client looks into a chat stream, so that it may go out as bytes."""
    looks = ProxyLogging.callback_capabilities()
    return not (looks.has_guardrail or looks.has_streaming_chunk_override) and all(
        type(callback) is ResponsesIDSecurity for callback, _ in looks.iterator_overrides
    )


async def owned(event: Mapping[str, Any], auth: UserAPIKeyAuth, ids: dict[str, str]) -> Mapping[str, Any]:
    """The event with its response's id as LiteLLM hands it out: whoever it was for may go on from it, nobody else.

    LiteLLM does so with its own objects and not with bytes, and takes no other id as `previous_response_id`. `ids`:
    what this stream has called them, since no two of them are alike.
    """
    response = mapping(event.get("response"))
    given: object = response.get("id")
    if not isinstance(given, str):
        return event
    if given not in ids:
        ids[given] = await _owned_id(given, auth)
    return {**event, "response": {**response, "id": ids[given]}}


async def _owned_id(given: str, auth: UserAPIKeyAuth) -> str:
    async def alone() -> AsyncGenerator[BaseLiteLLMOpenAIResponseObject, None]:
        yield cast("Callable[..., Any]", BaseLiteLLMOpenAIResponseObject)(response={"id": given})

    for callback, _ in ProxyLogging.callback_capabilities().iterator_overrides:
        if isinstance(callback, ResponsesIDSecurity):
            async for event in callback.async_post_call_streaming_iterator_hook(auth, alone(), {}):
                given = cast("Any", event).response["id"]
    return given


def event_of(piece: StreamPiece, dialect: str, *, model: str | None = None, as_bytes: bool = False) -> object:
    """LiteLLM's event of ours: the very one that came from the tier, or one made anew.

    A chat event as bytes costs a tenth of the object; LiteLLM puts the name that the client asked for (`model`) into
    objects only. Responses are told as bytes wherever they can be: LiteLLM leaves the names of its objects' events out.
    """
    if piece.edge is not None and not (as_bytes and dialect == Dialect.RESPONSES):
        return piece.edge
    if dialect != Dialect.CHAT:
        return encode(Dialect(dialect), piece.event)
    event = undoubted(piece.event)
    if as_bytes:
        named = {} if model is None else {"model": model}
        return encode(Dialect.CHAT, _without_nulls({**event, **named}))
    extra: Mapping[str, Any] = _FINGERPRINT if "thriftgate" in event else {}
    return ModelResponseStream(**{**extra, **event})


def has_fallen_back(chunk: object) -> bool:
    """Whether another model group than the tier's answers from this chunk on; LiteLLM tells the client by objects."""
    headers = mapping(hidden_params(chunk).get("additional_headers"))
    return bool(headers.get("x-litellm-attempted-fallbacks"))


def words_as_bytes(event: Mapping[str, Any], *, model: str | None) -> bytes | None:
    """A chunk that says nothing but words, as LiteLLM writes it; None for any other.

    Of its own object LiteLLM asks field after field, and copies it for the client's name of the model.
    """
    choices = objects(event.get("choices"))
    if len(choices) != 1 or not event.keys() <= _OF_WORDS or not event.get("model"):
        return None
    delta = choices[0].get("delta")
    if not choices[0].keys() <= _OF_A_CHOICE or not isinstance(delta, dict) or not delta.keys() <= _OF_A_DELTA:
        return None
    return encode(Dialect.CHAT, event if model is None else {**event, "model": model})


def _without_nulls(value: Mapping[str, Any]) -> dict[str, Any]:
    """As LiteLLM writes chunks: a field that is null is left out, in choices and their deltas as well."""
    found = {name: one for name, one in value.items() if one is not None}
    for name in ("delta", "choices"):
        inner: Any = found.get(name)
        if isinstance(inner, Mapping):
            found[name] = _without_nulls(cast("Mapping[str, Any]", inner))
        elif isinstance(inner, list):
            found[name] = [_without_nulls(one) for one in cast("list[Mapping[str, Any]]", inner)]
    return found


async def stream_pieces(
    dialect: str, model: str, response: object, seen: ProviderAnswer
) -> AsyncGenerator[StreamPiece, None]:
    """The events of a tier's stream; `seen` is what its provider says besides."""
    chat = _ChatStream(model, response, seen)
    decoder = SseDecoder()
    is_known = False
    async for chunk in _noted(cast("AsyncIterator[object]", response), seen, chat):
        pieces = chat.feed(cast("ModelResponseStream", chunk)) if dialect == Dialect.CHAT else _pieces(decoder, chunk)
        for read in pieces:
            if read.event.get("type") == "error" and seen.status is not None and seen.status >= 400:
                # Of some providers LiteLLM opens the stream before it has asked, and makes an event of the refusal.
                raise tier_failure(model, ToldInStreamError(read.event, seen.status, seen.headers))
            if (looped := loop_in(model, read.event)) is not None:
                raise looped
            event = event_as_ended(model, dialect, read.event, seen)
            piece = read if event is read.event else replace(read, event=event, edge=None)
            if seen.is_miscounted or (seen.has_usage is False and is_last_event(event)):
                piece = replace(piece, usage_is_estimated=True)
            if is_known:
                yield piece
                continue
            # A fallback may have changed the deployment until the first event is there, and not after.
            is_known = True
            hidden = {**hidden_params(response), **hidden_params(chunk)}
            yield replace(
                piece,
                deployment=str(hidden.get("litellm_model_name") or ""),
                deployment_id=str(hidden.get("model_id") or ""),
            )
    for piece in chat.flush():
        yield replace(piece, event=event_as_ended(model, dialect, piece.event, seen))


async def _noted(
    chunks: AsyncIterator[object], seen: ProviderAnswer, chat: "_ChatStream"
) -> AsyncGenerator[object, None]:
    """The chunks, each read where what LiteLLM makes of its words is noted.

    What LiteLLM trips over when all has been said, such as odd usage, is passed over.
    """
    while True:
        token = current.set(seen)
        try:
            chunk = await anext(chunks)
        except StopAsyncIteration:
            seen.is_exhausted = True
            return
        except Exception:
            if chat.is_over:
                return
            raise
        finally:
            current.reset(token)
        yield chunk


def _pieces(decoder: SseDecoder, chunk: object) -> Iterator[StreamPiece]:
    if isinstance(chunk, BaseModel):
        yield StreamPiece(chunk.model_dump(mode="json", exclude_none=True), chunk)
    elif isinstance(chunk, Mapping):
        yield StreamPiece(cast("Mapping[str, Any]", chunk))
    elif isinstance(chunk, bytes | str):
        for event in decoder.feed(chunk if isinstance(chunk, bytes) else chunk.encode()):
            body = event.body
            if body is not None:
                yield StreamPiece(body)


class _ChatStream:
    """LiteLLM's chunks of one stream as OpenAI's: every choice that was begun ends, and usage stands alone."""

    def __init__(self, model: str, response: object, seen: ProviderAnswer) -> None:
        self._model = model
        self._response = response
        self._seen = seen
        self._open: dict[int, str] = {}
        """The choices without an ending, each with how such a one usually ends."""
        self._ended: set[int] = set()
        self._frame: Mapping[str, Any] = {}

    @property
    def is_over(self) -> bool:
        """Every choice that was begun has ended."""
        return bool(self._ended) and not self._open

    def feed(self, chunk: ModelResponseStream) -> Iterator[StreamPiece]:
        """The pieces of one chunk."""
        _refuse_made_up_ending(self._model, chunk, self._response)
        raw, edge = _sound(chunk.model_dump(exclude_none=True), chunk)
        is_usage = bool(raw.get("usage")) and not any(_says_something(choice) for choice in raw.get("choices") or ())
        if is_usage:
            raw["choices"] = []  # LiteLLM puts an empty choice beside the usage
            yield from self.flush()
        else:
            self._note(raw)
        is_estimated = bool(raw.get("usage")) and not any(
            getattr(one, "usage", None)
            for one in reversed(_received(self._response))  # it comes last
        )
        # LiteLLM counts where the provider did not; the request is then priced by a tokenizer, and says so.
        yield StreamPiece(raw, edge, usage_is_estimated=is_estimated)

    def flush(self) -> Iterator[StreamPiece]:
        """Endings that LiteLLM swallowed: of several choices it ends only the first."""
        if not (self._ended and self._open):
            return
        said = {choice.index: choice.finish_reason for choice in _received_choices(self._response)}
        endings: list[Mapping[str, Any]] = []
        for index, usual in sorted(self._open.items()):
            end, empty = self._seen.ends.get(index), {"index": index, "delta": dict[str, Any]()}
            if end is None and not said.get(index):
                endings.append({**doubted(empty, MISSING), "finish_reason": usual})
            else:
                endings.append(choice_ended({**empty, "finish_reason": said.get(index) or usual}, end))
        self._ended |= set(self._open)
        self._open.clear()
        yield StreamPiece({**self._frame, "choices": endings})

    def _note(self, chunk: Mapping[str, Any]) -> None:
        self._frame = {name: value for name, value in chunk.items() if name != "usage"}
        for choice in chunk.get("choices") or ():
            index = choice["index"]
            if choice.get("finish_reason"):
                self._ended.add(index)
                self._open.pop(index, None)
            elif index not in self._ended and (choice["delta"].get("tool_calls") or index not in self._open):
                self._open[index] = "tool_calls" if choice["delta"].get("tool_calls") else "stop"


def _sound(raw: dict[str, Any], chunk: ModelResponseStream) -> tuple[dict[str, Any], ModelResponseStream | None]:
    """A chunk without what LiteLLM lets through and then trips over; None for the chunk where something was wrong."""
    choices = objects(raw.get("choices"))
    fine = [type(choice.get("index")) is int for choice in choices]
    if all(fine) and raw.get("usage") in (None, mapping(raw.get("usage"))):
        return raw, chunk
    placed = [one if fine[at] else {**one, "index": at} for at, one in enumerate(choices)]
    kept = {name: value for name, value in raw.items() if name != "usage" or mapping(value)}
    return {**kept, "choices": placed}, None


def _says_something(choice: Mapping[str, Any]) -> bool:
    return bool(choice.get("finish_reason")) or any(choice.get("delta", {}).values())


def _received(response: object) -> Sequence[object]:
    """The chunks that came from the provider, as LiteLLM's stream wrapper keeps them."""
    return cast("Sequence[object]", getattr(response, "chunks", None) or ())


def _received_choices(response: object) -> Iterator[StreamingChoices]:
    """The ends of choices among them."""
    for chunk in _received(response):
        yield from (choice for choice in cast("ModelResponseStream", chunk).choices if choice.finish_reason)


def _refuse_made_up_ending(model: str, chunk: ModelResponseStream, response: object) -> None:
    """LiteLLM says `stop` for a stream that just ends, as a cut one does; the provider's own chunks tell."""
    if not any(choice.finish_reason for choice in chunk.choices):
        return
    is_ended = getattr(response, "received_finish_reason", None) or any(_received_choices(response))
    if getattr(response, "chunks", None) is not None and not is_ended:
        raise TierFailedError(model, "the stream ended without a finish reason")
