"""An answer as its provider ended it, where LiteLLM says `stop` for an ending that is not there or that is none.

Failure behaviour: nothing is raised but where it is said; where nothing is known, LiteLLM's word stands.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from thriftgate.errors import TierFailedError
from thriftgate.proxy.tiers.provider_answer import MISSING, ProviderAnswer, view_of_answer
from thriftgate.wire.answer import FinishKind
from thriftgate.wire.chat.answer import finish_of
from thriftgate.wire.shapes import integer, items, mapping
from thriftgate.wire.streaming.codec import is_last_event
from thriftgate.wire.turns import Dialect

_WORDS = {
    FinishKind.STOP: "stop", FinishKind.TOOL_CALLS: "tool_calls", FinishKind.LENGTH: "length",
    FinishKind.FILTERED: "content_filter",
}  # fmt: skip
"""OpenAI's words for the endings that it has one for."""


def as_ended(dialect: str, body: Mapping[str, Any], answer: ProviderAnswer) -> Mapping[str, Any]:
    """The answer's body saying of each choice that is not known to have ended well that it has not."""
    doubts = answer.doubts
    said = view_of_answer(Dialect(dialect), body).choices
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
    if dialect == Dialect.CHAT:
        return _chunk_as_ended(event, answer)
    word = answer.translated_word
    if word is None:
        return event
    if dialect == Dialect.MESSAGES:
        delta = mapping(event.get("delta"))
        if event.get("type") != "message_delta" or not delta.get("stop_reason"):
            return event
        _refuse_made_up(model, word)
        return {**event, "delta": {**delta, "stop_reason": None}}
    response = mapping(event.get("response"))
    if not is_last_event(event):
        return event
    _refuse_made_up(model, word)
    return {**event, "response": {**response, "status": "incomplete"}}


def _refuse_made_up(model: str, word: str) -> None:
    if word == MISSING:
        raise TierFailedError(model, "the stream ended without a finish reason")


def _chunk_as_ended(event: Mapping[str, Any], answer: ProviderAnswer) -> Mapping[str, Any]:
    choices = items(event.get("choices"))
    ended = [_choice_as_ended(mapping(one), answer) if mapping(one).get("finish_reason") else one for one in choices]
    if all(one is told for one, told in zip(choices, ended, strict=True)):
        return event
    return {**event, "choices": ended}


def _choice_as_ended(choice: Mapping[str, Any], answer: ProviderAnswer) -> Mapping[str, Any]:
    """A choice that ends, as its provider's own chunk for it said: LiteLLM has one ending for all of them."""
    if answer.word is not None:
        return doubted(choice, answer.word)
    return choice_ended(choice, answer.ends.get(integer(choice.get("index")) or 0))


def choice_ended(choice: Mapping[str, Any], end: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The choice with the ending that its provider sent it, where one was seen that is not as clean or not as bad."""
    if end is None:
        return choice
    said, native = finish_of({"finish_reason": end.get("finish_reason")}), finish_of(end)
    told = _WORDS.get(said.kind)
    is_call = said.is_finished and choice.get("finish_reason") == "tool_calls"  # some call their calls a stop
    if told is not None and not is_call and finish_of(choice).kind is not said.kind:  # a kind may have two words
        choice = {**choice, "finish_reason": told}
    if finish_of(choice).is_finished and not native.is_finished:
        return doubted(choice, native.native or MISSING)
    return choice
