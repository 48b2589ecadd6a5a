"""The values that travel between the floors: requests, answers, and the record of what happened.

Messages, tools and parameters stay in OpenAI's JSON shape, so that what we do not understand (images, audio, a
provider's extras) passes through untouched. Money is in US dollars, times are in seconds, `*_at` since the Unix epoch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from thriftgate.decisions import DecisionKind, Reason

Message = Mapping[str, Any]
SummaryGroup = Literal["total", "user", "team", "route", "model", "day", "key"]
Vector = npt.NDArray[np.float32]
"""One embedding: shape (dimensions,), length 1."""
Settle = Callable[["Usage", float, BaseException | None], "tuple[Usage, float]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, as the proxy authenticated them. Only `key_hash` is ever the key; never the key itself."""

    key_hash: str | None = None
    key_alias: str | None = None
    user_id: str | None = None
    """The virtual key's owner; for a key without one the `user` field of the request."""
    end_user_id: str | None = None
    """Whom the client says it asks for: the `user` field of the request. Money is never booked by it."""
    team_id: str | None = None
    team_alias: str | None = None
    session_id: str | None = None
    tags: tuple[str, ...] = ()
    budget_used_share: float | None = None
    """How much of the tightest budget of key, team and user is spent; None without any budget."""

    @property
    def person(self) -> str | None:
        """Whose question it is, as finely as is known."""
        return self.end_user_id or self.user_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One question to a route: the conversation, OpenAI parameters, and who asks."""

    request_id: str
    route: str
    messages: tuple[Message, ...]
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Everything of the request body except model, messages and stream, in OpenAI's names."""
    caller: Caller = Caller()
    no_cache: bool = False
    """The client wants a fresh answer: do not serve from the cache."""
    no_store: bool = False
    """The client wants its answer forgotten: do not put it into the cache."""
    strong_because: Reason | None = None
    """Why only the strongest tier may answer; None: any."""
    is_private: bool = False
    """Only private models may see it, and what they answer is kept for nobody."""
    is_local: bool = False
    """Private models see values in it that others do not; what they then answer is kept for nobody."""
    notes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What was found out about it at the edge, without a word of it; goes to the ledger and the trace."""
    prompt_variables: Mapping[str, Any] = field(default_factory=dict[str, Any])
    prompt_id: str | None = None
    """Which version of the route's prompt the client wants: `name`, or `name/reference` with a label or version."""
    traceparent: str | None = None
    dialect: str = "chat"
    """The wire format of `body` (`wire.Dialect`): chat, messages or responses."""
    body: Mapping[str, Any] | None = None
    """In the client's own dialect, as a tier gets it; `messages` and `params` view it. None: they are all there is."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """The client's HTTP headers that change how a body is understood, names in lower case."""
    added: frozenset[str] = frozenset()
    """Top-level fields of the body that the client did not send and we may leave out again."""
    raised: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The client's own values of fields in which we ask for more than it did; we may go back to them."""
    view: object = field(default=None, repr=False, compare=False)
    """What was seen in `body` (`services.request.reading.view_of`, which knows whether it is still this body's)."""
    edge: object = field(default=None, repr=False, compare=False)
    """What the edge needs to call models in the caller's name; opaque to every other floor."""

    @property
    def tools(self) -> Sequence[Mapping[str, Any]]:
        """The tools the model may call; empty when none were sent."""
        return self.params.get("tools") or ()

    def asking(self, messages: Sequence[Message], params: Mapping[str, Any]) -> "ChatRequest":
        """What a judge is asked in this request's name, as a chat completion; without `params` that it refuses."""
        asked = replace(self, messages=tuple(messages), params=params, dialect="chat", body=None, headers={})
        return replace(asked, added=frozenset(params), raised={})


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call. `is_estimated` when the provider sent none and a tokenizer counted."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    """The part of `prompt_tokens` the provider read from its own prompt cache."""
    reasoning_tokens: int = 0
    """The part of `completion_tokens` the model spent on thinking."""
    is_estimated: bool = False
    cache_write_tokens: int = 0
    """The part of `prompt_tokens` the provider wrote into its prompt cache, for whatever time."""
    cache_write_1h_tokens: int = 0
    """Of `cache_write_tokens`: for an hour, where the provider says so."""

    @property
    def total_tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.is_estimated or other.is_estimated,
            self.cache_write_tokens + other.cache_write_tokens,
            self.cache_write_1h_tokens + other.cache_write_1h_tokens,
        )


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One generated token with its natural-log probability and those of the best alternatives."""

    token: str
    logprob: float
    top_logprobs: tuple[float, ...] = ()
    """Log-probabilities of the most likely tokens at this place, best first, the chosen one among them."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the `n` answers to a request."""

    message: Message
    """OpenAI's assistant message: content, tool_calls, refusal, and whatever else the provider sent."""
    finish_reason: str | None = None
    """stop, length, tool_calls, content_filter; None when the stream broke off."""
    logprobs: Mapping[str, Any] | None = None
    """OpenAI's logprobs object as it came; kept to be handed to clients that asked for it."""

    @property
    def text(self) -> str:
        """The content as plain text; empty for a bare tool call."""
        content = self.message.get("content")
        if isinstance(content, str):
            return content
        if isinstance(content, Sequence):
            return "".join(str(part.get("text", "")) for part in cast("Sequence[Mapping[str, Any]]", content))
        return ""

    @property
    def tool_calls(self) -> Sequence[Mapping[str, Any]]:
        """The tool calls the model asks for, the one call of the old `functions` among them."""
        old = [{"function": call}] if (call := self.message.get("function_call")) else ()
        return self.message.get("tool_calls") or old

    @property
    def token_logprobs(self) -> tuple[TokenLogprob, ...]:
        """The answer's tokens with their log-probabilities; empty when the provider sends none."""
        tokens: Sequence[Mapping[str, Any]] = (self.logprobs or {}).get("content") or ()
        return tuple(
            TokenLogprob(
                str(token.get("token", "")),
                float(token["logprob"]),
                tuple(sorted((float(top["logprob"]) for top in token.get("top_logprobs") or ()), reverse=True)),
            )
            for token in tokens
            if token.get("logprob") is not None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one tier said, and what it cost."""

    choices: tuple[Choice, ...]
    model: str
    """The tier: a model group of `model_list`."""
    deployment: str = ""
    """The provider's model that really answered, for example `anthropic/claude-haiku-4-5`."""
    usage: Usage = Usage()
    cost_usd: float = 0.0
    cost_parts: Mapping[str, float] = field(default_factory=dict[str, float])
    """What of the cost is for what, by `tracing.attributes.COST_PARTS`; empty where it is not known."""
    provider_id: str | None = None
    """The provider's own id of the answer (`chatcmpl-…`)."""
    body: Mapping[str, Any] | None = None
    """The whole answer in the request's dialect, as the provider gave it; None: the choices are all there is."""
    edge: object = field(default=None, repr=False, compare=False)
    """The answer as the edge got it; opaque to every other floor."""

    @property
    def text(self) -> str:
        """The first choice as plain text."""
        return self.choices[0].text if self.choices else ""

    @property
    def tool_calls(self) -> Sequence[Mapping[str, Any]]:
        """The tool calls of the first choice."""
        return self.choices[0].tool_calls if self.choices else ()

    @property
    def finish_reason(self) -> str | None:
        """Why the first choice ended."""
        return self.choices[0].finish_reason if self.choices else None


@dataclass(frozen=True, slots=True)
class StreamPiece:
    """One event of a streamed answer, in the request's dialect."""

    event: Mapping[str, Any]
    edge: object = field(default=None, repr=False, compare=False)
    """The event as the edge got it, where nothing about it was changed; opaque to every other floor."""
    deployment: str = ""
    deployment_id: str = ""
    """Which entry of `model_list` answers, as the edge knows it."""
    charge: Callable[[Mapping[str, Any]], float | None] | None = field(default=None, repr=False, compare=False)
    """On the first event: what LiteLLM charges for the call, by the whole answer's body; None of it when unknown."""
    settle: Settle | None = field(default=None, repr=False, compare=False)
    """There too: takes at the call's end what it seems to have used and cost, and its error; charges and says which."""
    usage_is_estimated: bool = False
    """The usage in this event is the edge's count, not the provider's."""
    usage: Usage | None = None
    """On the last event that a client gets: what the answer took in all."""
    is_followed: bool = False
    """The next event is there already, so that both may go out together."""


class CallPurpose(StrEnum):
    """Why a model was called."""

    ANSWER = "answer"
    SECOND_SAMPLE = "second_sample"
    RATING = "rating"
    """A judge model's word on a cheap answer, before it is given."""
    AUDIT = "audit"
    VERIFY = "verify"
    JUDGE = "judge"
    """A judge model's comparison of two answers, or the guards' of what is said to a model."""
    EMBEDDING = "embedding"


class Status(StrEnum):
    """How a request or a call ended."""

    OK = "ok"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge made of an answer."""

    is_acceptable: bool | None
    is_better: bool | None = None
    """None, like `is_acceptable`, when it cannot tell."""
    cost_usd: float = 0.0
    calls: "tuple[TierCall, ...]" = ()


class AuditKind(StrEnum):
    """What an audit judged."""

    CASCADE = "cascade"
    CACHE = "cache"
    NEIGHBOUR = "neighbour"
    """An answer of the cache that was nearly given, compared with the fresh one: nobody got it."""
    FEEDBACK = "feedback"
    GUARD = "guard"  # no verdict on an answer: what `guards.judge` cost


@dataclass(frozen=True, slots=True, kw_only=True)
class TierCall:
    """One call of a model on behalf of a request."""

    model: str
    deployment: str = ""
    purpose: CallPurpose = CallPurpose.ANSWER
    started_at: float
    duration: float
    time_to_first_token: float | None = None
    usage: Usage = Usage()
    cost_usd: float = 0.0
    cost_parts: Mapping[str, float] = field(default_factory=dict[str, float])
    """What of the cost is for what; empty where it is not known."""
    status: Status = Status.OK
    error: str | None = None
    """The error's class and status, never its text."""
    confidence: float | None = None
    mean_logprob: float | None = None
    min_logprob: float | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the model was asked with besides the conversation, in OpenAI's names: temperature, max_tokens …"""
    input: tuple[Message, ...] | None = None
    """The conversation as this model got it; None unless the operator turned content capture on."""
    output: str | None = None
    """What it said, also where another answer was given; None unless the operator turned content capture on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of a request's pipeline (prompt, cache, cascade …), for traces and latency histograms."""

    name: str
    started_at: float
    duration: float
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRef:
    """Which prompt a request was answered with."""

    name: str
    variant: str
    version: str
    """Content hash; changes with every edit."""
    experiment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """What happened to one client request: the row of the ledger, and all that a trace or a metric needs."""

    request_id: str
    route: str
    caller: Caller = Caller()
    started_at: float
    duration: float
    time_to_first_token: float | None = None
    status: Status = Status.OK
    error: str | None = None
    """The error's class and status, never its text."""
    stream: bool = False
    decision: DecisionKind
    reason: str | None = None
    """Why this decision was taken: a `Reason`, or what an older release called it; never user text."""
    tier: str | None = None
    """The tier whose answer was given; for a hit, the tier that once gave it."""
    confidence: float | None = None
    similarity: float | None = None
    usage: Usage = Usage()
    """Of the answer the client got; a hit used none."""
    cost_usd: float = 0.0
    """Everything this request made us pay: every tier, second samples, judges, embeddings."""
    baseline_cost_usd: float = 0.0
    """What the strongest tier would have cost for the same answer."""
    calls: tuple[TierCall, ...] = ()
    stages: tuple[Stage, ...] = ()
    signals: Mapping[str, float] = field(default_factory=dict[str, float])
    prompt: PromptRef | None = None
    coalesced: bool = False
    cache_entry_id: str | None = None
    traceparent: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    input: tuple[Message, ...] | None = None
    """The conversation; None unless the operator turned content capture on."""
    output: str | None = None
    """The answer; None unless the operator turned content capture on."""

    @property
    def saved_usd(self) -> float:
        """What the request cost less than it would have without us; negative when it cost more."""
        return self.baseline_cost_usd - self.cost_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """One answer that was judged after it had been given."""

    request_id: str
    kind: AuditKind
    route: str
    tier: str | None = None
    """The tier whose answer was judged."""
    judged_at: float
    is_acceptable: bool | None
    """None when the judge could not tell."""
    score: float | None = None
    """The confidence or similarity that the decision had seen."""
    cost_usd: float = 0.0
    """What the judging cost: the strongest tier's answer and the judge."""
    holdout: bool = False
    """Drawn at random whatever the score: such audits alone give unbiased estimates."""
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Signals and features, for recalibration; never what was said."""
    calls: tuple[TierCall, ...] = ()
    """Who was asked for it; together they cost `cost_usd`."""
    asked_at: float | None = None
    """When the request began, which is the time that the verdict is about."""
    caller: Caller = Caller()
    """Whose request it was; kept with the request, not with the audit."""
    traceparent: str | None = None
    """The request's, so that the verdict finds its trace; kept with the request, not with the audit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryRow:
    """What the requests of one group (a user, a route, a day …) cost and saved. Durations in seconds."""

    group: str | None
    """The user, team, route, model, day (UTC, `2026-01-31`) or key hash; None where requests had none."""
    label: str | None = None
    """A readable name of the group where there is one: the alias of a team or key."""
    requests: int
    failures: int
    decisions: Mapping[DecisionKind, int] = field(default_factory=dict[DecisionKind, int])
    """Empty by model: a decision belongs to a request."""
    usage: Usage = Usage()
    cost_usd: float
    baseline_cost_usd: float | None
    """None by model: the baseline belongs to a request."""
    checking_cost_usd: float | None = 0.0
    """What checks (audits, verifications …) of these requests cost besides; None by model."""
    duration_p50: float
    duration_p95: float
    last_at: float | None = None
    """When its latest request came, in seconds since the epoch; None by model."""

    @property
    def saved_usd(self) -> float | None:
        """What the group cost less than it would have without us; None by model."""
        return None if self.baseline_cost_usd is None else self.baseline_cost_usd - self.cost_usd

    @property
    def net_saved_usd(self) -> float | None:
        """The same, less what checking the answers cost; None by model."""
        saved, checking = self.saved_usd, self.checking_cost_usd
        return None if saved is None or checking is None else saved - checking

    @property
    def saved_share(self) -> float | None:
        """What the group saved of its baseline; None where there is none."""
        saved = self.saved_usd
        return saved / self.baseline_cost_usd if saved is not None and self.baseline_cost_usd else None
