"""The trace of a request: the route, the stages of its pipeline, and every call of a model.

    support                                  chain       decision, time to first token, what the client got
    ├── limits, guards                       guardrail
    ├── prompt, context                      span
    ├── retrieve                             retriever
    ├── cache                                span
    │   └── embedding                        embedding
    ├── cascade                              chain
    │   ├── rejected: small                  generation  tokens, cost, time to first token, prompt, log-probabilities
    │   └── large                            generation
    └── validate                             evaluator

A call stands below the stage it began in. The cost of all observations of a trace adds up to the request's; what the
request saved is a score. Only calls name a model: Langfuse lists every name it gets among the models. An answer of a
tier that the client did not get is called rejected, or a session would show it as a turn.

User, session, tag, environment, release and prompt version are on every span: Langfuse 4 filters and groups
observations, not traces. There is exactly one tag, the team, because Langfuse groups by the whole list of tags.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from thriftgate.tracing import attributes as names
from thriftgate.tracing.content import HIDDEN, ContentRule
from thriftgate.tracing.facts import call_facts, request_facts
from thriftgate.tracing.identity import parse_traceparent, span_id_of, trace_id_of
from thriftgate.tracing.model import Attribute, Level, Span, finite_number
from thriftgate.types import Caller, CallPurpose, PromptRef, RequestRecord, Stage, Status, TierCall, Usage

PromptNumber = Callable[[str, str], int | None]
"""Langfuse's own number of a prompt's version, by the prompt's name and the version's content hash."""

_STAGE_TYPES = {
    "limits": "guardrail",
    "guard": "guardrail",
    "guards": "guardrail",
    "privacy": "guardrail",
    "safety": "guardrail",
    "retrieve": "retriever",
    "retrieval": "retriever",
    "validate": "evaluator",
    "validation": "evaluator",
    "cascade": "chain",
}
_LEFT = ("CancelledError", "GeneratorExit")
"""How a client that went away ends a stage."""
NO_TEAM = "no team"
_UNEXPLAINED = "not booked to a call"
_NOTHING = 1e-12
"""Dollars below which a difference is rounding."""


def no_numbers(_name: str, _version: str) -> int | None:
    """Without a map of versions no prompt is linked: a wrong link is worse than none."""
    return None


def trace_spans(
    record: RequestRecord,
    *,
    environment: str = "default",
    release: str | None = None,
    prompt_number: PromptNumber = no_numbers,
    content: ContentRule = HIDDEN,
) -> tuple[Span, ...]:
    """The trace of one request, the root first. The same record gives the same spans.

    Args:
        record: What happened.
        environment: Langfuse's environment: lower-case letters, digits, `-` and `_`.
        release: Which release of the gateway served.
        prompt_number: Links the answer that was given to a prompt in Langfuse.
        content: How much of what was said is shown.
    """
    trace = _Trace(record, environment, release, prompt_number, content, content.shows(record.request_id))
    return (
        trace.root(),
        *(trace.stage(place, stage) for place, stage in enumerate(record.stages)),
        *(trace.call(place, call) for place, call in enumerate(record.calls)),
    )


@dataclass(slots=True)
class _Trace:
    record: RequestRecord
    environment: str
    release: str | None
    prompt_number: PromptNumber
    content: ContentRule
    is_shown: bool
    _common: Mapping[str, Attribute] = field(default_factory=dict[str, Attribute])
    _given: int | None = None
    """The place of the call whose answer the client got."""

    def __post_init__(self) -> None:
        self._common = self._everywhere()
        self._given = _place_given(self.record)

    def root(self) -> Span:
        record = self.record
        parent = parse_traceparent(record.traceparent)
        return self._span(
            (),
            parent.span_id if parent else None,
            name=record.route,
            type_="chain",
            started_at=record.started_at,
            duration=record.duration,
            status=record.status,
            error=record.error,
            attributes={
                names.IS_ROOT: True,
                **_unexplained(record),
                **_first_token(record.started_at, record.time_to_first_token),
                **names.metadata(request_facts(record)),
                **self._said(names.INPUT, record.input),
                **self._said(names.OUTPUT, record.output),
            },
        )

    def stage(self, place: int, stage: Stage) -> Span:
        error = stage.attributes.get("error")
        return self._span(
            ("stage", place),
            span_id_of(self.record.request_id),
            name=stage.name,
            type_=_STAGE_TYPES.get(stage.name, "span"),
            started_at=stage.started_at,
            duration=stage.duration,
            status=_status_of(error),
            error=str(error) if error else None,
            attributes=names.metadata(stage.attributes),
        )

    def call(self, place: int, call: TierCall) -> Span:
        stage = _stage_of(call, self.record.stages)
        is_rejected = call.purpose is CallPurpose.ANSWER and place != self._given and self._was_written(call)
        attributes: dict[str, Attribute] = {
            **call_attributes(call),
            **names.metadata({"is_rejected": is_rejected or None}),
            **(self._prompt_link() if place == self._given else {}),
            **self._said(names.INPUT, call.input),
            **self._said(names.OUTPUT, call.output),
        }
        return self._span(
            ("call", place),
            span_id_of(self.record.request_id, *(() if stage is None else ("stage", stage))),
            name=f"rejected: {call.model}" if is_rejected else call_name(call),
            type_=call_type(call),
            started_at=call.started_at,
            duration=call.duration,
            status=call.status,
            error=call.error,
            attributes=attributes,
        )

    def _was_written(self, call: TierCall) -> bool:
        """Whether it was answered, or cut off in its answer by us, where nobody saw it."""
        if call.status is not Status.CANCELLED:
            return call.status is Status.OK
        record = self.record
        is_hidden = record.status is Status.FAILED and record.time_to_first_token is None
        return record.status is Status.OK or is_hidden

    def _span(
        self,
        path: tuple[str | int, ...],
        parent_id: str | None,
        *,
        name: str,
        type_: str,
        started_at: float,
        duration: float,
        status: Status,
        error: str | None,
        attributes: Mapping[str, Attribute],
    ) -> Span:
        level = level_of(status, error)
        about: dict[str, Attribute] = {names.TYPE: type_, names.LEVEL: level}
        if status is not Status.OK:
            about[names.STATUS_MESSAGE] = error or status.value
        return Span(
            trace_id=trace_id_of(self.record.request_id, self.record.traceparent),
            span_id=span_id_of(self.record.request_id, *path),
            parent_id=parent_id,
            name=name,
            started_at=started_at,
            ended_at=started_at + max(0.0, finite_number(duration)),
            status=status,
            attributes={**self._common, **about, **attributes},
        )

    def _everywhere(self) -> Mapping[str, Attribute]:
        record = self.record
        return {
            names.TRACE_NAME: record.route,
            names.TAGS: (team_tag(record.caller),),
            **who_and_where(record.caller, self.environment, self.release),
            **_version(record.prompt),
            **names.metadata(
                {"route": record.route, "decision": record.decision.value, "tier": record.tier},
                prefix=names.TRACE_METADATA,
            ),
        }

    def _prompt_link(self) -> Mapping[str, Attribute]:
        prompt = self.record.prompt
        if prompt is None:
            return {}
        number = self.prompt_number(prompt.name, prompt.version)
        return {} if number is None else {names.PROMPT_NAME: prompt.name, names.PROMPT_VERSION: number}

    def _said(self, name: str, content: Any) -> Mapping[str, Attribute]:
        if content is None or not self.is_shown:
            return {}
        return {name: self.content.text(content) if isinstance(content, str) else self.content.json(content)}


def team_tag(caller: Caller) -> str:
    """What a trace is found by: the team's name, nothing before it, because charts cut long labels."""
    return caller.team_alias or caller.team_id or NO_TEAM


def who_and_where(caller: Caller, environment: str, release: str | None) -> dict[str, Attribute]:
    """User, session, environment and release, as far as they are known."""
    found: dict[str, Attribute] = {names.ENVIRONMENT: environment}
    if caller.user_id:
        found[names.USER_ID] = names.identifier(caller.user_id)
    if caller.session_id:
        found[names.SESSION_ID] = names.identifier(caller.session_id)
    if release:
        found[names.RELEASE] = release
    return found


def call_name(call: TierCall) -> str:
    """The tier, and what it was asked for where that is not an answer."""
    return call.model if call.purpose is CallPurpose.ANSWER else f"{call.purpose.value}: {call.model}"


def call_type(call: TierCall) -> str:
    """What Langfuse calls it."""
    return "embedding" if call.purpose is CallPurpose.EMBEDDING else "generation"


def call_attributes(call: TierCall) -> dict[str, Attribute]:
    """Model, tokens, cost and parameters of one call."""
    found: dict[str, Attribute] = {
        names.MODEL: call.deployment or call.model,
        names.USAGE: names.usage_details(call.usage),
        names.COST: names.cost_details(call.cost_usd, call.cost_parts),
        **_first_token(call.started_at, call.time_to_first_token),
        **names.metadata(call_facts(call)),
    }
    if (shown := names.parameters(call.parameters)) is not None:
        found[names.PARAMETERS] = shown
    return found


def level_of(status: Status, error: str | None) -> Level:
    """How bad an end is: a client that left or was refused (4xx) is a warning, what we failed at is an error."""
    if status is Status.OK:
        return "DEFAULT"
    code = (error or "").rpartition(" ")[2]
    is_refused = len(code) == 3 and code.startswith("4") and code.isdigit()
    return "WARNING" if status is Status.CANCELLED or is_refused else "ERROR"


def _status_of(error: object) -> Status:
    if not error:
        return Status.OK
    return Status.CANCELLED if error in _LEFT else Status.FAILED


def _stage_of(call: TierCall, stages: Sequence[Stage]) -> int | None:
    """The latest stage that was under way when the call began."""
    around = [
        place
        for place, stage in enumerate(stages)
        if stage.started_at <= call.started_at <= stage.started_at + max(0.0, stage.duration)
    ]
    return max(around, key=lambda place: (stages[place].started_at, place), default=None)


def _place_given(record: RequestRecord) -> int | None:
    """The last answer of the tier whose answer the client got."""
    places = [
        place
        for place, call in enumerate(record.calls)
        if call.purpose is CallPurpose.ANSWER and call.model == record.tier and call.status is Status.OK
    ]
    return places[-1] if places else None


def _first_token(started_at: float, after: float | None) -> Mapping[str, Attribute]:
    return (
        {} if after is None else {names.FIRST_TOKEN_AT: names.iso_moment(started_at + max(0.0, finite_number(after)))}
    )


def prompt_version_of(prompt: PromptRef) -> str:
    """What a trace's version says: the variant, and which text of it."""
    return f"{prompt.variant} {prompt.version[:8]}"


def _version(prompt: PromptRef | None) -> Mapping[str, Attribute]:
    """Langfuse compares by it what whole requests cost: by a prompt it only takes the median of single calls."""
    return {} if prompt is None else {names.VERSION: prompt_version_of(prompt)}


def _unexplained(record: RequestRecord) -> Mapping[str, Attribute]:
    """What the request cost beyond its calls, so that the observations of a trace add up to the request."""
    rest = finite_number(record.cost_usd) - sum(finite_number(call.cost_usd) for call in record.calls)
    if rest <= _NOTHING:
        return {}
    # Langfuse reads a cost only beside a model.
    return {
        names.MODEL: _UNEXPLAINED,
        names.USAGE: names.usage_details(Usage()),
        names.COST: names.cost_details(rest),
    }
