"""How a provider's answer really ended, where LiteLLM says `stop` for an ending that is not there or that is none.

LiteLLM fills in a missing finish reason, and makes `stop` of every word that it does not know and of some that mean an
error. Two things are noted for the call that waits, in its own context: the provider's whole body, which LiteLLM shows
to its loggers before it translates it, and each word that became a clean ending although it is not known to be one.

Failure behaviour: nothing is raised; what cannot be read counts as not seen, and LiteLLM's word stands.
"""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from functools import wraps
from typing import Any, cast

import jiter
from litellm.litellm_core_utils import core_helpers
from litellm.litellm_core_utils.streaming_handler import CustomStreamWrapper
from litellm.llms.anthropic.chat.handler import ModelResponseIterator
from litellm.llms.anthropic.pass_through.adapters.transformation import LiteLLMAnthropicMessagesAdapter
from litellm.llms.anthropic.pass_through.responses_adapters.streaming_iterator import AnthropicResponsesStreamWrapper
from litellm.llms.base_llm.base_model_iterator import BaseModelResponseIterator
from litellm.responses.litellm_completion_transformation.transformation import LiteLLMCompletionResponsesConfig
from litellm.types.utils import ModelResponseStream

from thriftgate.errors import TierFailedError
from thriftgate.wire.answer import AnswerView, Finish
from thriftgate.wire.chat.answer import finish_kind, hide_logprobs
from thriftgate.wire.dialects import answer_view
from thriftgate.wire.shapes import items, mapping, text
from thriftgate.wire.turns import Dialect

_DONE = "[DONE]"
MISSING = "missing"
"""Stands where a provider's own reason would: no provider's word, so no ending that anybody knows."""
_SHAPES = ((Dialect.CHAT, "choices"), (Dialect.RESPONSES, "output"), (Dialect.MESSAGES, "content"))
"""Which list makes a body an answer of which dialect."""
_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})


class ProviderAnswer:
    """What a provider said last to one call."""

    def __init__(self) -> None:
        self.raw: object = None
        self.is_sent = False
        """An HTTP request has left for it."""
        self.status: int | None = None
        """The HTTP status that came back; None as long as none did."""
        self.headers: object = None
        """Those that came back with it."""
        self.failure: Exception | None = None
        """Why nothing came back."""
        self.word: str | None = None
        """A finish reason that LiteLLM made a clean ending of, and that is not known to be one."""
        self.usage: object = None
        """LiteLLM's usage of it, where the client gets it in another API, which has no word for all that is charged."""
        self.call: Mapping[str, Any] = {}
        """What LiteLLM knows of the call, by which it prices it: its parameters, its deployment."""

    @property
    def doubts(self) -> Mapping[int, str]:
        """The places of choices that did not come to a clean ending, each with the provider's own word for it."""
        view = self._view()
        if view is None or not view.choices:
            return {} if self.word is None else {0: self.word}
        return {
            place: choice.finish.native or MISSING
            for place, choice in enumerate(view.choices)
            if not choice.is_finished
        }

    def _view(self) -> AnswerView | None:
        if not isinstance(self.raw, str):
            return None
        try:
            body: object = jiter.from_json(self.raw.encode("utf-8", "replace"))
        except ValueError:
            return None
        return next((_view_of(one, mapping(body)) for one, name in _SHAPES if items(mapping(body).get(name))), None)


def _view_of(dialect: Dialect, body: Mapping[str, Any]) -> AnswerView:
    """The answer without its log-probabilities: they say nothing of endings, and are most of a long answer."""
    return answer_view(dialect, hide_logprobs(body) if dialect is Dialect.CHAT else body)


current: ContextVar[ProviderAnswer | None] = ContextVar("thriftgate_provider_answer", default=None)


def note(kwargs: Mapping[str, Any]) -> None:
    """LiteLLM shows what a provider answered: `kwargs` are those of its `log_post_api_call`."""
    answer = current.get()
    if answer is not None:
        answer.raw, answer.word = kwargs.get("original_response"), None


def note_call(kwargs: Mapping[str, Any]) -> None:
    """LiteLLM is about to ask a provider: `kwargs` are those of its `log_pre_api_call`."""
    answer = current.get()
    if answer is not None:
        answer.call = kwargs


def was_asked() -> bool:
    """Whether LiteLLM has asked a provider in this context."""
    answer = current.get()
    return answer is not None and bool(answer.call)


def listen() -> None:
    """Note the words that LiteLLM translates from now on; again changes nothing."""
    known = core_helpers._FINISH_REASON_MAP  # pyright: ignore[reportPrivateUsage]
    if isinstance(known, _NotedWords):
        return
    setattr(core_helpers, "_FINISH_REASON_MAP", _NotedWords(known))  # noqa: B010  a constant to type checkers
    theirs = cast("Any", ModelResponseIterator)._handle_message_delta

    @wraps(theirs)
    def handled(self: ModelResponseIterator, chunk: Any) -> Any:
        # LiteLLM takes an ending without a reason for a clean one before it looks it up.
        if not mapping(mapping(chunk).get("delta")).get("stop_reason"):
            _doubt(MISSING)
        return theirs(self, chunk)

    setattr(ModelResponseIterator, "_handle_message_delta", handled)  # noqa: B010
    _note_endings_made_up()
    _note_ends_of_lines()
    _note_statuses()
    _note_usages()


def _note_endings_made_up() -> None:
    """A stream that just ends, as a cut one does, gets a `stop` of LiteLLM's."""
    theirs = cast("Any", CustomStreamWrapper)._finalize_completed_stream

    @wraps(theirs)
    async def finalized(self: CustomStreamWrapper, *args: Any, **kwargs: Any) -> Any:
        if not (self.received_finish_reason or self.intermittent_finish_reason):
            _doubt(MISSING)
        return await theirs(self, *args, **kwargs)

    setattr(CustomStreamWrapper, "_finalize_completed_stream", finalized)  # noqa: B010


def _note_ends_of_lines() -> None:
    """LiteLLM's reader of most providers makes a `stop` of `[DONE]`, after a cut stream and within an answer."""
    theirs = cast("Any", BaseModelResponseIterator)._handle_string_chunk
    ended = "_has_ended"

    @wraps(theirs)
    def handled(self: Any, str_line: str) -> Any:
        said = self.string_to_dict_parser(str_line) if _DONE in str_line else None
        chunk = self.chunk_parser(chunk=said) if isinstance(said, dict) else theirs(self, str_line)
        if isinstance(chunk, ModelResponseStream):
            if any(choice.finish_reason for choice in chunk.choices):
                setattr(self, ended, True)
        elif _DONE in str_line and not hasattr(self, ended):
            _doubt(MISSING)
        return chunk

    setattr(BaseModelResponseIterator, "_handle_string_chunk", handled)  # noqa: B010


def _note_usages() -> None:
    """Both translations lose a part of the usage: written for an hour, reasoning, the tier that served."""
    to_messages = LiteLLMAnthropicMessagesAdapter.translate_openai_usage_to_anthropic_usage_delta
    to_responses = LiteLLMCompletionResponsesConfig.transform_chat_completion_usage_to_responses_usage

    def messages_usage(_: object, usage: Any) -> Any:
        _note_usage(usage)
        return to_messages(usage)

    def responses_usage(chat_completion_response: Any) -> Any:
        _note_usage(getattr(chat_completion_response, "usage", chat_completion_response))
        return to_responses(chat_completion_response)

    for name in (to_messages.__name__, f"_{to_messages.__name__}"):
        setattr(LiteLLMAnthropicMessagesAdapter, name, classmethod(cast("Any", messages_usage)))
    for name in (to_responses.__name__, f"_{to_responses.__name__}"):
        setattr(LiteLLMCompletionResponsesConfig, name, staticmethod(responses_usage))


def _note_usage(usage: object) -> None:
    answer = current.get()
    if answer is not None:
        answer.usage = usage


def _note_statuses() -> None:
    """For a client of Anthropic's, any status of a Responses stream's last event but `incomplete` is `end_turn`."""
    theirs = cast("Any", AnthropicResponsesStreamWrapper)._process_event

    @wraps(theirs)
    def processed(self: AnthropicResponsesStreamWrapper, event: Any) -> Any:
        if _field(event, "type") in ("response.completed", "response.incomplete"):
            status = _field(_field(event, "response"), "status")
            if status not in ("completed", "incomplete"):
                _doubt(str(status)[:100])
        return theirs(self, event)

    setattr(AnthropicResponsesStreamWrapper, "_process_event", processed)  # noqa: B010


def _field(of: object, name: str) -> object:
    fields = mapping(of)
    found: object = fields.get(name) if fields else getattr(of, name, None)
    return getattr(found, "value", found)


class _NotedWords(dict[str, Any]):
    """LiteLLM's table of finish reasons, which notes the words that it has no business to call a clean ending."""

    def get(self, key: Any, default: Any = None) -> Any:
        found = super().get(key, default)
        if not Finish(finish_kind(key), None).is_finished and Finish(finish_kind(found or "stop"), None).is_finished:
            _doubt(str(key)[:100])
        return found


def _doubt(word: str) -> None:
    answer = current.get()
    if answer is not None:
        answer.word = word


def as_ended(dialect: str, body: Mapping[str, Any], answer: ProviderAnswer) -> Mapping[str, Any]:
    """The answer's body saying of each choice that is not known to have ended well that it has not."""
    doubts = answer.doubts
    said = _view_of(Dialect(dialect), body).choices
    doubts = {place: word for place, word in doubts.items() if place >= len(said) or said[place].is_finished}
    if not doubts:
        return body
    if dialect == Dialect.MESSAGES:
        return {**body, "stop_reason": None}
    if dialect == Dialect.RESPONSES:
        return {**body, "status": "incomplete"}
    choices = list(cast("Sequence[Any]", body.get("choices") or ()))
    for place, word in doubts.items():
        if place < len(choices):
            choices[place] = doubted(mapping(choices[place]), word)
    return {**body, "choices": choices}


def doubted(choice: Mapping[str, Any], word: str) -> Mapping[str, Any]:
    """A choice of chat completions with the provider's own word for its ending, where `wire` reads it."""
    fields = {**mapping(choice.get("provider_specific_fields")), "native_finish_reason": word}
    return {**choice, "provider_specific_fields": fields}


def undoubted(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """A chunk as its client may see it: that a choice came without an ending is our own remark."""
    choices = items(event.get("choices"))
    if not any(_is_remarked(mapping(one)) for one in choices):
        return event
    shown: list[Any] = []
    for one in choices:
        choice = dict(mapping(one))
        if _is_remarked(choice):
            fields = dict(mapping(choice.pop("provider_specific_fields")))
            del fields["native_finish_reason"]
            choice |= {"provider_specific_fields": fields} if fields else {}
        shown.append(choice)
    return {**event, "choices": shown}


def _is_remarked(choice: Mapping[str, Any]) -> bool:
    return mapping(choice.get("provider_specific_fields")).get("native_finish_reason") == MISSING


def event_as_ended(model: str, dialect: str, event: Mapping[str, Any], answer: ProviderAnswer) -> Mapping[str, Any]:
    """An event of a stream, the same way; the very event where nothing is wrong with it.

    Raises TierFailedError where LiteLLM translates an ending that its provider never sent.
    """
    word = answer.word
    if word is None:
        return event
    if dialect == Dialect.MESSAGES:
        delta = mapping(event.get("delta"))
        if event.get("type") != "message_delta" or not delta.get("stop_reason"):
            return event
        _refuse_made_up(model, word)
        return {**event, "delta": {**delta, "stop_reason": None}}
    if dialect == Dialect.RESPONSES:
        response = mapping(event.get("response"))
        if text(event.get("type")) not in _ENDS:
            return event
        _refuse_made_up(model, word)
        return {**event, "response": {**response, "status": "incomplete"}}
    choices = items(event.get("choices"))
    if not any(mapping(choice).get("finish_reason") for choice in choices):
        return event
    ended = [doubted(mapping(one), word) if mapping(one).get("finish_reason") else one for one in choices]
    return {**event, "choices": ended}


def _refuse_made_up(model: str, word: str) -> None:
    if word == MISSING:
        raise TierFailedError(model, "the stream ended without a finish reason")
