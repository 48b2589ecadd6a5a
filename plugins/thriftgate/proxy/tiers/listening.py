"""Listens to what LiteLLM reads of a provider's answer and does not pass on: words for endings, usage.

LiteLLM fills in a missing finish reason, and makes `stop` of every word that it does not know and of some that mean an
error; of several choices it passes on one ending. Each is noted for the call that waits, see `provider_answer`.

Failure behaviour: nothing is raised; what cannot be read counts as not seen, and LiteLLM's word stands.
"""

from functools import wraps
from typing import Any, cast

from litellm.litellm_core_utils import core_helpers
from litellm.litellm_core_utils.streaming_handler import CustomStreamWrapper
from litellm.llms.anthropic.chat.handler import ModelResponseIterator
from litellm.llms.anthropic.pass_through.adapters.transformation import LiteLLMAnthropicMessagesAdapter
from litellm.llms.anthropic.pass_through.responses_adapters.streaming_iterator import AnthropicResponsesStreamWrapper
from litellm.llms.base_llm.base_model_iterator import BaseModelResponseIterator
from litellm.llms.vertex_ai.gemini.vertex_and_google_ai_studio_gemini import VertexGeminiConfig
from litellm.responses import streaming_iterator
from litellm.responses.litellm_completion_transformation.transformation import LiteLLMCompletionResponsesConfig
from litellm.types.utils import ModelResponseStream

from thriftgate.proxy.tiers.provider_answer import ENDING, MISSING, current, doubt
from thriftgate.wire.answer import Finish
from thriftgate.wire.chat.answer import finish_kind
from thriftgate.wire.shapes import mapping

_DONE = "[DONE]"
_PLAIN = frozenset({"role", "content"})
"""The fields of a delta that LiteLLM looks at by itself."""


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
            doubt(MISSING)
        return theirs(self, chunk)

    setattr(ModelResponseIterator, "_handle_message_delta", handled)  # noqa: B010
    _note_choices()
    _note_geminis()
    _keep_deltas()
    _note_endings_made_up()
    _note_ends_of_lines()
    _note_statuses()
    _note_usages()
    _note_estimates()


def _note_choices() -> None:
    """Of the endings of several choices LiteLLM passes on one, and of each it drops the provider's own word.

    Where no chunk brings usage, what it says in another dialect is its own count.
    """
    theirs = cast("Any", CustomStreamWrapper).chunk_creator

    @wraps(theirs)
    def created(self: CustomStreamWrapper, chunk: Any) -> Any:
        answer = current.get()
        if answer is not None:
            counted = mapping(chunk).get("usage") or getattr(chunk, "usage", None)
            answer.has_usage = bool(answer.has_usage or counted)
            for place, choice in enumerate(getattr(chunk, "choices", None) or ()):
                if getattr(choice, "finish_reason", None) is None and not getattr(choice, "model_extra", True):
                    continue  # what nearly every chunk of a stream is
                index = getattr(choice, "index", None)
                end = {name: getattr(choice, name, None) for name in ENDING}
                answer.note_end(index if isinstance(index, int) else place, end)
        return theirs(self, chunk)

    setattr(CustomStreamWrapper, "chunk_creator", created)  # noqa: B010


def _note_geminis() -> None:
    """Of Gemini's candidates LiteLLM calls one without a reason finished, and one that calls a tool whatever it says.

    It looks at each piece of a stream, so that a reason may still come.
    """
    theirs = cast("Any", VertexGeminiConfig)._check_finish_reason

    @wraps(theirs)
    def checked(message: Any, reason: Any) -> Any:
        found = theirs(message, reason)
        answer = current.get()
        if answer is not None and answer.word == MISSING:
            answer.word = None
        if not reason:
            doubt(MISSING)
        else:
            core_helpers.map_finish_reason(reason)  # which notes what is no clean ending
        return found

    setattr(VertexGeminiConfig, "_check_finish_reason", staticmethod(checked))  # noqa: B010


def _keep_deltas() -> None:
    """LiteLLM drops a delta without a text that holds a field it does not look for: a piece of a refusal."""
    theirs = cast("Any", CustomStreamWrapper).is_chunk_non_empty

    @wraps(theirs)
    def is_non_empty(self: CustomStreamWrapper, completion_obj: Any, model_response: Any, response_obj: Any) -> bool:
        return bool(
            theirs(self, completion_obj, model_response, response_obj)
            or any(value for name, value in model_response.choices[0].delta if name not in _PLAIN)
        )

    setattr(CustomStreamWrapper, "is_chunk_non_empty", is_non_empty)  # noqa: B010


def _note_endings_made_up() -> None:
    """A stream that just ends, as a cut one does, gets a `stop` of LiteLLM's."""
    theirs = cast("Any", CustomStreamWrapper)._finalize_completed_stream

    @wraps(theirs)
    async def finalized(self: CustomStreamWrapper, *args: Any, **kwargs: Any) -> Any:
        if not (self.received_finish_reason or self.intermittent_finish_reason):
            doubt(MISSING)
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
            doubt(MISSING)
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


def _note_estimates() -> None:
    """A stream of Responses whose provider did not count gets a usage that looks like a provider's."""
    theirs = cast("Any", streaming_iterator)._estimate_usage_safely

    @wraps(theirs)
    def estimated(*args: Any, **kwargs: Any) -> Any:
        answer = current.get()
        if answer is not None:
            answer.has_usage = False
        return theirs(*args, **kwargs)

    setattr(streaming_iterator, "_estimate_usage_safely", estimated)  # noqa: B010


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
                doubt(str(status)[:100])
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
            doubt(str(key)[:100])
        return found
