"""Keeps notes while a request is served, and hands them over as one `RequestRecord` at its end.

Failure behaviour: none of its own; a stage that raises is noted with its duration, and its error goes on.
"""

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import replace
from math import inf
from typing import Any

from thriftgate.errors import describe_failure
from thriftgate.ports import Clock
from thriftgate.types import (
    Answer,
    CallPurpose,
    ChatRequest,
    DecisionKind,
    PromptRef,
    RequestRecord,
    Stage,
    Status,
    TierCall,
    Usage,
)

COALESCE, QUEUE = "coalesce", "queue"
"""Stages in which a request waits: for the same question's answer to another, and for its place."""


class Journal:
    """What happened to one request so far. One object per request, written by the stages as they go."""

    def __init__(self, request: ChatRequest, *, clock: Clock, stream: bool, capture_content: bool) -> None:
        self.request = request
        self.clock = clock
        self.stream = stream
        self.capture_content = capture_content
        self.started_at = clock.time()
        self._started = clock.monotonic()
        self._stages: list[Stage] = []
        self._calls: list[TierCall] = []
        self._waits: list[tuple[float, float]] = []
        """When the request waited for a model or for another request's answer: from, until; on the monotonic clock."""
        self.time_to_first_token: float | None = None
        self.decision = DecisionKind.FAILED
        self.reason: str | None = None
        self.tier: str | None = None
        self.confidence: float | None = None
        self.similarity: float | None = None
        self.signals: Mapping[str, float] = {}
        self.prompt: PromptRef | None = None
        self.coalesced = False
        self.cache_entry_id: str | None = None
        self.usage = Usage()
        self.baseline_cost_usd = 0.0
        self.output: str | None = None
        self.metadata: dict[str, Any] = dict(request.notes)
        self.told: Mapping[str, Any] = {}
        """What a client is told besides, by the stages that know it."""
        self.status = Status.OK
        self.error: str | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the request came in."""
        return self.clock.monotonic() - self._started

    @property
    def overhead(self) -> float:
        """Seconds of the time so far in which the request waited neither for a model nor for another's answer."""
        return max(0.0, self.elapsed - covered(self._waits))

    @property
    def cost_usd(self) -> float:
        """Everything paid for this request so far."""
        return sum(call.cost_usd for call in self._calls)

    @property
    def saved_usd(self) -> float:
        """What the request cost less than the baseline."""
        return self.baseline_cost_usd - self.cost_usd

    @property
    def calls(self) -> tuple[TierCall, ...]:
        """Every model call so far."""
        return tuple(self._calls)

    @contextmanager
    def stage(self, name: str) -> Generator[dict[str, Any]]:
        """Time one stage; what is put into the yielded mapping becomes its attributes."""
        attributes: dict[str, Any] = {}
        started_at, started = self.clock.time(), self.clock.monotonic()
        try:
            yield attributes
        except BaseException as error:
            attributes["error"] = describe_failure(error)
            raise
        finally:
            duration = self._until_now(started, is_wait=name == COALESCE)
            self._stages.append(Stage(name=name, started_at=started_at, duration=duration, attributes=attributes))

    def add_call(self, call: TierCall) -> None:
        """Note a model call that has just ended."""
        self._calls.append(call)
        self._until_now(self.clock.monotonic() - call.duration, is_wait=True)

    def _until_now(self, started: float, *, is_wait: bool) -> float:
        ended = self.clock.monotonic()
        if is_wait:
            self._waits.append((started, ended))
        return ended - started

    def queued(self, seconds: float) -> None:
        """Note that the request has waited so long for its place, until now."""
        started_at, started = self.clock.time() - seconds, self.clock.monotonic() - seconds
        self._stages.append(
            Stage(name=QUEUE, started_at=started_at, duration=self._until_now(started, is_wait=True), attributes={})
        )

    def note_confidence(self, model: str, confidence: float | None) -> None:
        """Write the confidence onto the latest answer of a tier."""
        for place in range(len(self._calls) - 1, -1, -1):
            if self._calls[place].model == model and self._calls[place].purpose is CallPurpose.ANSWER:
                self._calls[place] = replace(self._calls[place], confidence=confidence)
                return

    def first_token(self) -> None:
        """The client is about to get its first token."""
        if self.time_to_first_token is None:
            self.time_to_first_token = self.elapsed

    def served(self, answer: Answer, *, decision: DecisionKind, reason: str | None, tier: str) -> None:
        """The client gets this answer."""
        self.decision, self.reason, self.tier = decision, reason, tier
        self.usage = answer.usage
        if self.capture_content:
            self.output = answer.text

    def ended(self, status: Status, error: BaseException | None = None) -> None:
        """The request ended; the error's class is kept, never its text."""
        self.status = status
        if status is Status.FAILED:
            self.decision = DecisionKind.FAILED
        if error is not None:
            self.error = describe_failure(error)

    def record(self) -> RequestRecord:
        """The row for the ledger."""
        return RequestRecord(
            request_id=self.request.request_id,
            route=self.request.route,
            caller=self.request.caller,
            started_at=self.started_at,
            duration=self.elapsed,
            time_to_first_token=self.time_to_first_token,
            status=self.status,
            error=self.error,
            stream=self.stream,
            decision=self.decision,
            reason=self.reason,
            tier=self.tier,
            confidence=self.confidence,
            similarity=self.similarity,
            usage=self.usage,
            cost_usd=self.cost_usd,
            baseline_cost_usd=self.baseline_cost_usd,
            calls=self.calls,
            stages=tuple(self._stages),
            signals=dict(self.signals),
            prompt=self.prompt,
            coalesced=self.coalesced,
            cache_entry_id=self.cache_entry_id,
            traceparent=self.request.traceparent,
            metadata={**self.metadata, "overhead_ms": _milliseconds(self.overhead)},
            input=self.request.messages if self.capture_content else None,
            output=self.output,
        )

    def summary(self, *, is_complete: bool = True) -> dict[str, Any]:
        """What a client is told: the values of the `x-thriftgate-*` headers that are known by now.

        Until it `is_complete` nobody can say what the request costs or saves.
        """
        known: dict[str, Any] = {
            "decision": self.decision.value,
            "reason": self.reason,
            "tier": self.tier,
            "confidence": None if self.confidence is None else round(self.confidence, 4),
            "similarity": None if self.similarity is None else round(self.similarity, 4),
            "cost": f"{self.cost_usd:.8f}" if is_complete else None,
            "saved": f"{self.saved_usd:.8f}" if is_complete else None,
            "overhead_ms": _milliseconds(self.overhead) if is_complete else None,
            "request_id": self.request.request_id,
            **self.told,
        }
        if self.coalesced:
            known["coalesced"] = True
        if "cache" in self.metadata:
            known["cache"] = self.metadata["cache"]
        if self.usage.is_estimated:
            known["cost_is_estimated"] = True
        return {key: value for key, value in known.items() if value is not None}


def covered(intervals: Iterable[tuple[float, float]]) -> float:
    """How long at least one of the intervals (from, until) lasted."""
    total, reached = 0.0, -inf
    for start, end in sorted(intervals):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)
