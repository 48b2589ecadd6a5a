"""What an answer says, whatever its dialect: the types that the three views share.

Failure behaviour: pure and total; a provider's odd field counts as absent.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, ClassVar

from thriftgate.types import TokenLogprob, Usage
from thriftgate.wire.shapes import Body, Json, count, is_count, items, mapping, number, objects, text, text_or_none
from thriftgate.wire.turns import Dialect, PartKind


class FinishKind(StrEnum):
    """Why an answer ended, in one vocabulary for all dialects."""

    STOP = "stop"
    TOOL_CALLS = "tool_calls"
    LENGTH = "length"
    FILTERED = "filtered"
    REFUSED = "refused"
    PAUSED = "paused"
    """The provider wants to be asked again to go on."""
    FAILED = "failed"
    UNKNOWN = "unknown"
    """No word, or none that we know: what is unknown has not finished."""


@dataclass(frozen=True, slots=True)
class Finish:
    """How one choice ended."""

    kind: FinishKind
    native: str | None
    """The provider's own word, also where LiteLLM renamed it."""

    @property
    def is_finished(self) -> bool:
        """True for an ending known to be clean: the model said all that it had to say."""
        return self.kind in (FinishKind.STOP, FinishKind.TOOL_CALLS)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model wants called, or that the provider called by itself."""

    id: str
    name: str
    arguments: str
    """JSON text; free text for a custom tool."""
    is_function: bool = True
    """False for a custom tool, and for what is no function of the client's, whatever its name."""


@dataclass(frozen=True, slots=True)
class Media:
    """Content that is not text: its kind and the object that holds it."""

    kind: PartKind
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceView:
    """One of the answers to a request."""

    index: int
    text: str
    finish: Finish
    thinking: str = ""
    refusal: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    """What the client is to do."""
    server_tool_calls: tuple[ToolCall, ...] = ()
    """What the provider has done."""
    citations: tuple[Any, ...] = ()
    media: tuple[Media, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    """Empty where there are none or where their shape is odd."""

    @property
    def is_finished(self) -> bool:
        """True for an ending known to be clean."""
        return self.finish.is_finished

    @property
    def is_empty(self) -> bool:
        """True when there is nothing a client could use: no text, no call, no refusal, no audio or image."""
        return not (self.text.strip() or self.tool_calls or self.refusal or self.media)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageDetails:
    """All tokens of one call. `input_tokens` is everything that went in, cached or not."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """Of the input: read from the provider's prompt cache."""
    cache_write_tokens: int = 0
    """Of the input: written into the provider's prompt cache, for whatever time."""
    cache_write_1h_tokens: int = 0
    """Of `cache_write_tokens`: written for an hour; the others for five minutes."""
    input_audio_tokens: int = 0
    reasoning_tokens: int = 0
    output_audio_tokens: int = 0
    service_tier: str | None = None
    is_clamped: bool = False
    """A number was negative, absurdly large or no number at all, and counts as 0 or as the most there can be."""
    raw: Json = field(default_factory=dict[str, Any])
    """The provider's usage object; prices are worked out from this one."""

    @property
    def usage(self) -> Usage:
        """The numbers that ledger and traces keep."""
        return Usage(
            prompt_tokens=self.input_tokens,
            completion_tokens=self.output_tokens,
            cached_tokens=self.cached_tokens,
            reasoning_tokens=self.reasoning_tokens,
            is_estimated=self.is_clamped,
            cache_write_tokens=self.cache_write_tokens,
            cache_write_1h_tokens=self.cache_write_1h_tokens,
        )


class AnswerView(ABC):
    """A whole answer, looked at; the body is never changed."""

    dialect: ClassVar[Dialect]

    def __init__(self, body: Json) -> None:
        self.body = body

    @cached_property
    @abstractmethod
    def choices(self) -> tuple[ChoiceView, ...]:
        """The answers; one in every dialect but chat completions."""

    @cached_property
    @abstractmethod
    def usage(self) -> UsageDetails | None:
        """What the provider counted; None when it sent nothing that can be counted."""

    @abstractmethod
    def without_logprobs(self) -> Body:
        """The body as the provider would have sent it had nobody asked for log-probabilities."""

    @abstractmethod
    def with_alternatives(self, most: int) -> Json:
        """The body with no more than `most` alternatives a token, the likeliest; the very one where none has more."""

    def with_fields(self, fields: Json) -> Body:
        """The body with top-level fields set."""
        return {**self.body, **fields}

    @property
    def id(self) -> str:
        """The provider's id of the answer."""
        return text(self.body.get("id"))

    @property
    def model(self) -> str:
        """The model that the provider names."""
        return text(self.body.get("model"))

    @cached_property
    def first(self) -> ChoiceView | None:
        """The first choice; None when there is none."""
        return self.choices[0] if self.choices else None

    @property
    def text(self) -> str:
        """The first choice's text."""
        return self.first.text if self.first else ""

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The first choice's tool calls."""
        return self.first.tool_calls if self.first else ()

    @property
    def is_finished(self) -> bool:
        """True when there is an answer and every choice came to a clean ending."""
        return bool(self.choices) and all(choice.is_finished for choice in self.choices)

    @property
    def is_empty(self) -> bool:
        """True when no choice holds anything."""
        return all(choice.is_empty for choice in self.choices)


def fewer_alternatives(tokens: Any, most: int) -> Any:
    """A list of OpenAI's token objects with at most `most` alternatives each; the very one where none has more."""
    found = [items(mapping(token).get("top_logprobs")) for token in items(tokens)]
    if all(len(alternatives) <= most for alternatives in found):
        return tokens
    return [
        {**mapping(token), "top_logprobs": list(alternatives[:most])} if len(alternatives) > most else token
        for token, alternatives in zip(items(tokens), found, strict=True)
    ]


def token_logprobs(raw: object) -> tuple[TokenLogprob, ...]:
    """Log-probabilities from a list of OpenAI's token objects; none when any of them has another shape."""
    tokens: list[TokenLogprob] = []
    for entry in items(raw):
        fields = mapping(entry)
        token, logprob = text_or_none(fields.get("token")), number(fields.get("logprob"))
        if token is None or logprob is None:
            return ()
        tops = [number(top.get("logprob")) for top in objects(fields.get("top_logprobs"))]
        best = tuple(sorted((top for top in tops if top is not None), reverse=True))
        tokens.append(TokenLogprob(token=token, logprob=logprob, top_logprobs=best))
    return tuple(tokens)


def openai_usage(raw: object, *, sent: str, got: str, service_tier: object = None) -> UsageDetails | None:
    """Usage from OpenAI's object, whose names are `prompt_…`/`completion_…` or `input_…`/`output_…`.

    Also reads the Anthropic fields that LiteLLM leaves beside OpenAI's.
    """
    usage = mapping(raw)
    if usage.get(f"{sent}_tokens") is None and usage.get(f"{got}_tokens") is None:
        return None
    went_in, came_out = mapping(usage.get(f"{sent}_tokens_details")), mapping(usage.get(f"{got}_tokens_details"))
    written = count(usage.get("cache_creation_input_tokens")) or count(went_in.get("cache_creation_tokens"))
    kept = mapping(went_in.get("cache_creation_token_details") or usage.get("cache_creation"))
    return UsageDetails(
        input_tokens=count(usage.get(f"{sent}_tokens")),
        output_tokens=count(usage.get(f"{got}_tokens")),
        cached_tokens=count(went_in.get("cached_tokens")) or count(usage.get("cache_read_input_tokens")),
        cache_write_tokens=written or count(went_in.get("cache_write_tokens")),
        cache_write_1h_tokens=count(kept.get("ephemeral_1h_input_tokens")),
        input_audio_tokens=count(went_in.get("audio_tokens")),
        reasoning_tokens=count(came_out.get("reasoning_tokens")),
        output_audio_tokens=count(came_out.get("audio_tokens")),
        service_tier=text_or_none(service_tier) or text_or_none(usage.get("service_tier")),
        is_clamped=not all(map(is_count, (usage.get(f"{sent}_tokens"), usage.get(f"{got}_tokens")))),
        raw=usage,
    )
