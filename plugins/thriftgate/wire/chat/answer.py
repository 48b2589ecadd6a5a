"""A chat completion, looked at. Source: OpenAI's API reference, "The chat completion object".

Failure behaviour: pure and total.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, cast

from thriftgate.wire.answer import (
    AnswerView,
    ChoiceView,
    Finish,
    FinishKind,
    Media,
    ToolCall,
    UsageDetails,
    fewer_alternatives,
    openai_usage,
    token_logprobs,
)
from thriftgate.wire.shapes import Body, Json, integer, items, mapping, number, objects, text, text_or_none
from thriftgate.wire.turns import Dialect, PartKind

_FINISHES = {
    "stop": FinishKind.STOP, "end_turn": FinishKind.STOP, "stop_sequence": FinishKind.STOP, "eos": FinishKind.STOP,
    "eos_token": FinishKind.STOP, "STOP": FinishKind.STOP, "COMPLETE": FinishKind.STOP, "completed": FinishKind.STOP,
    "model_context_window_exceeded": FinishKind.LENGTH,
    "tool_calls": FinishKind.TOOL_CALLS, "tool_use": FinishKind.TOOL_CALLS, "function_call": FinishKind.TOOL_CALLS,
    "length": FinishKind.LENGTH, "max_tokens": FinishKind.LENGTH, "MAX_TOKENS": FinishKind.LENGTH,
    "content_filter": FinishKind.FILTERED, "SAFETY": FinishKind.FILTERED, "safety": FinishKind.FILTERED,
    "refusal": FinishKind.REFUSED, "pause_turn": FinishKind.PAUSED, "error": FinishKind.FAILED,
    "STOP_SEQUENCE": FinishKind.STOP, "TOOL_CALL": FinishKind.TOOL_CALLS, "FINISH": FinishKind.STOP,
    "endoftext": FinishKind.STOP, "ERROR": FinishKind.FAILED, "network_error": FinishKind.FAILED,
}  # fmt: skip
"""The words of OpenAI and of providers behind it; one that is not here counts as unknown."""


class ChatAnswerView(AnswerView):
    """A chat completion with one or several choices."""

    dialect: ClassVar[Dialect] = Dialect.CHAT

    @cached_property
    def choices(self) -> tuple[ChoiceView, ...]:
        """One view a choice."""
        return tuple(_choice(choice, place) for place, choice in enumerate(objects(self.body.get("choices"))))

    @cached_property
    def usage(self) -> UsageDetails | None:
        """Tokens with all their details."""
        tier = self.body.get("service_tier")
        return openai_usage(self.body.get("usage"), sent="prompt", got="completion", service_tier=tier)

    def without_logprobs(self) -> Body:
        """The body with every choice's `logprobs` null, as OpenAI sends it unasked."""
        return hide_logprobs(self.body)

    def with_alternatives(self, most: int) -> Json:
        """The body with no more than `most` alternatives a token."""
        return limit_alternatives(self.body, most)


def hide_logprobs(body: Json) -> Body:
    """The completion or chunk with every choice's `logprobs` null."""
    choices = [
        {**mapping(choice), "logprobs": None} if mapping(choice).get("logprobs") is not None else choice
        for choice in items(body.get("choices"))
    ]
    return {**body, "choices": choices}


def limit_alternatives(body: Json, most: int) -> Json:
    """The completion or chunk with no more than `most` alternatives a token; the very one where none has more."""
    choices = items(body.get("choices"))
    before = [mapping(choice).get("logprobs") for choice in choices]
    after = [limited(logprobs, most) for logprobs in before]
    return _with_logprobs(body, choices, before, after)


def limited(logprobs: object, most: int) -> object:
    """What a choice says of its tokens, with at most `most` alternatives each; the very one where none has more."""
    said = mapping(logprobs)
    changed = {name: fewer_alternatives(said[name], most) for name in ("content", "refusal") if name in said}
    if all(tokens is said[name] for name, tokens in changed.items()):
        return logprobs
    return {**said, **changed}


def without_odd_logprobs(body: Json) -> Json:
    """The completion or chunk as if there were no log-probabilities where theirs have an odd shape.

    The very one where none has: readers with types refuse the whole answer for one. They also want to be told that a
    token has no alternatives, which some providers leave out.
    """
    choices = items(body.get("choices"))
    before = [mapping(choice).get("logprobs") for choice in choices]
    after = [_known_logprobs(logprobs) for logprobs in before]
    return _with_logprobs(body, choices, before, after)


def _with_logprobs(body: Json, choices: Sequence[Any], before: Sequence[Any], after: Sequence[Any]) -> Json:
    """The body with other `logprobs` where they are others; the very one where none is."""
    if all(one is other for one, other in zip(before, after, strict=True)):
        return body
    changed = [
        choice if one is other else {**mapping(choice), "logprobs": other}
        for choice, one, other in zip(choices, before, after, strict=True)
    ]
    return {**body, "choices": changed}


def _known_logprobs(logprobs: object) -> object:
    """What a choice says of its tokens, each with a list of alternatives; None where its shape is odd."""
    if not isinstance(logprobs, Mapping):
        return None
    said = mapping(cast("object", logprobs))
    lists = {name: items(said[name]) for name in ("content", "refusal") if said.get(name) is not None}
    if not all(_are_tokens(said[name]) for name in lists):
        return None
    if all("top_logprobs" in mapping(token) for tokens in lists.values() for token in tokens):
        return cast("object", logprobs)
    none: Json = {"top_logprobs": []}
    return {**said, **{name: [{**none, **mapping(token)} for token in tokens] for name, tokens in lists.items()}}


def _are_tokens(tokens: object) -> bool:
    return isinstance(tokens, list) and all(
        _is_token(mapping(token)) and _are_alternatives(mapping(token).get("top_logprobs")) for token in items(tokens)
    )


def _are_alternatives(tokens: object) -> bool:
    return tokens is None or (isinstance(tokens, list) and all(_is_token(mapping(token)) for token in items(tokens)))


def _is_token(token: Json) -> bool:
    return (
        isinstance(token.get("token"), str)
        and number(token.get("logprob")) is not None
        and (token.get("bytes") is None or isinstance(token["bytes"], list))
    )


def finish_kind(word: object) -> FinishKind:
    """What a provider's finish reason means."""
    return _FINISHES.get(word, FinishKind.UNKNOWN) if isinstance(word, str) else FinishKind.UNKNOWN


def has_acted(content_filter: object) -> bool:
    """Whether a filter that a provider reports on beside a choice took something away."""
    return mapping(content_filter).get("filtered") is True


def finish_of(choice: Json) -> Finish:
    """How a choice ended: the provider's own word counts, which LiteLLM keeps where it wrote another.

    An error or a filter that a provider reports beside the text has ended it, whatever it calls the ending.
    """
    if choice.get("error"):
        return Finish(FinishKind.FAILED, "error")
    if any(map(has_acted, mapping(choice.get("content_filter_results")).values())):
        return Finish(FinishKind.FILTERED, "content_filter")
    native = next(
        (
            fields["native_finish_reason"]
            for fields in (
                mapping(choice.get("provider_specific_fields")),
                mapping(mapping(choice.get("message")).get("provider_specific_fields")),
                choice,
            )
            if fields.get("native_finish_reason") is not None
        ),
        None,
    )
    said = choice.get("finish_reason")
    kind = finish_kind(said)
    if native is None:
        return Finish(kind, text_or_none(said))
    own = finish_kind(native)
    # Only where both say that it ended well has it ended well.
    worse = kind if not Finish(kind, None).is_finished and Finish(own, None).is_finished else own
    return Finish(worse, text_or_none(native))


def _choice(choice: Json, place: int) -> ChoiceView:
    message = mapping(choice.get("message"))
    content = message.get("content")
    logprobs = choice.get("logprobs")
    index = integer(choice.get("index"))
    return ChoiceView(
        index=place if index is None else index,
        text=content if isinstance(content, str) else "".join(text(part.get("text")) for part in objects(content)),
        finish=finish_of(choice),
        thinking=_thinking(message),
        refusal=text(message.get("refusal")) or None,
        tool_calls=tuple(_calls(message)),
        citations=(*items(message.get("annotations")), *items(message.get("citations"))),
        media=tuple(_media(message)),
        logprobs=token_logprobs(mapping(logprobs).get("content")),
    )


def _thinking(message: Json) -> str:
    for name in ("reasoning_content", "reasoning"):
        if text(message.get(name)):
            return text(message[name])
    return "".join(text(block.get("thinking")) for block in objects(message.get("thinking_blocks")))


def _calls(message: Json) -> list[ToolCall]:
    calls: list[ToolCall] = []
    for call in objects(message.get("tool_calls")):
        function, custom = mapping(call.get("function")), mapping(call.get("custom"))
        arguments: Any = function.get("arguments") if function else custom.get("input")
        name = text((function or custom).get("name"))
        calls.append(ToolCall(text(call.get("id")), name, text(arguments), is_function=bool(function)))
    old = mapping(message.get("function_call"))
    return [*calls, ToolCall("", text(old.get("name")), text(old.get("arguments")))] if old else calls


def _media(message: Json) -> list[Media]:
    found = [Media(PartKind.AUDIO, message["audio"])] if mapping(message.get("audio")) else []
    found += [Media(PartKind.IMAGE, image) for image in objects(message.get("images"))]
    found += [Media(PartKind.VIDEO, video) for video in objects(message.get("videos"))]
    for part in objects(message.get("content")):
        if part.get("type") == "image_url":
            found.append(Media(PartKind.IMAGE, part))
    return found
