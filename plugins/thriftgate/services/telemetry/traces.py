"""One trace for each request, and a score for each judgement, on their way to an observability backend.

Failure behaviour: `submit()` and `submit_audit()` never block and never raise; see `exporting.py` for what happens
while the backend is away. Nothing of this is in the way of a request; the ledger has whatever is lost here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast

from thriftgate.ports import Clock
from thriftgate.services.telemetry.exporting import Exporter, ExportQueue, ExportQueueLimits, ExportQueueState
from thriftgate.tracing.audits import spans_of_audit
from thriftgate.tracing.content import HIDDEN, ContentRule
from thriftgate.tracing.delivery import Delivery
from thriftgate.tracing.model import Score, Span
from thriftgate.tracing.otlp import encode_spans
from thriftgate.tracing.scores import scores_of, scores_of_audit
from thriftgate.tracing.spans import PromptNumber, no_numbers, trace_spans
from thriftgate.types import Audit, Message, RequestRecord

_BYTES_PER_RECORD = 2_000
_BYTES_PER_CALL = 1_000
_BYTES_PER_SCORE = 500
_SCORES_PER_REQUEST = 4
"""Most requests have so many: the scores of as many requests wait as traces do."""
_BYTES_PER_PART = 200


class Intake(Protocol):
    """Where traces go; blocks while it sends."""

    def spans(self, body: bytes) -> Delivery:
        """Send an OTLP request."""
        ...

    def scores(self, scores: Sequence[Score]) -> Delivery:
        """Send judgements."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSettings:
    """What every trace says, and how much of what was said it shows."""

    environment: str = "default"
    release: str | None = None
    content: Mapping[str, ContentRule] = field(default_factory=dict[str, ContentRule])
    """By route; a route that is not named shows nothing."""
    prompt_number: PromptNumber = no_numbers
    linked: frozenset[str] | None = None
    """The routes whose answers link to their prompt; None: all.

    Langfuse's prompt page takes the median of single calls. Where a cascade chooses between a cheap and a dear one,
    that says nothing of what a request costs, so those routes are compared by their traces' version instead.
    """
    public_key: str | None = None
    """The key of the project that the traces go to."""

    def encode(self, traced: Sequence[RequestRecord | Audit]) -> bytes:
        """The traces of some requests and audits as one OTLP request."""
        spans = [span for one in traced for span in self.spans(one)]
        return encode_spans(spans, release=self.release, public_key=self.public_key)

    def spans(self, traced: RequestRecord | Audit) -> tuple[Span, ...]:
        """The trace of a request, or of what an audit cost."""
        if isinstance(traced, Audit):
            return spans_of_audit(traced, environment=self.environment, release=self.release)
        record = traced
        is_linked = self.linked is None or record.route in self.linked
        return trace_spans(
            record,
            environment=self.environment,
            release=self.release,
            prompt_number=self.prompt_number if is_linked else no_numbers,
            content=self.content.get(record.route, HIDDEN),
        )

    def scores(self, record: RequestRecord) -> tuple[Score, ...]:
        """What was known of a request's quality when it was answered."""
        return scores_of(record, environment=self.environment)

    def verdicts(self, audit: Audit) -> tuple[Score, ...]:
        """What an audit found, where it could tell, and what it cost."""
        return scores_of_audit(audit, environment=self.environment)


class TraceService:
    """Takes records and audits, and sends them in the background."""

    def __init__(
        self,
        intake: Intake,
        settings: TraceSettings,
        *,
        limits: ExportQueueLimits,
        flush_interval: float,
        clock: Clock,
        draw: Callable[[], float],
    ) -> None:
        self._intake = intake
        self._settings = settings
        self.traces = ExportQueue[RequestRecord | Audit](
            "traces", send=self._send, size_of=size_of, limits=limits, clock=clock, draw=draw
        )
        self.judgements = ExportQueue[Score](
            "scores",
            send=intake.scores,
            size_of=lambda _: _BYTES_PER_SCORE,
            limits=replace(
                limits,
                max_items=_SCORES_PER_REQUEST * limits.max_items,
                batch_items=_SCORES_PER_REQUEST * limits.batch_items,
            ),
            clock=clock,
            draw=draw,
        )
        self._exporter = Exporter([self.traces, self.judgements], flush_interval=flush_interval)

    def submit(self, record: RequestRecord) -> None:
        """Take the record of a request that has ended."""
        self.traces.put(record)
        for score in self._settings.scores(record):
            self.judgements.put(score)
        self._exporter.wake()

    def submit_audit(self, audit: Audit) -> None:
        """Take a verdict, and what it cost."""
        if self._settings.spans(audit):
            self.traces.put(audit)
        for score in self._settings.verdicts(audit):
            self.judgements.put(score)
        self._exporter.wake()

    @property
    def queues(self) -> Mapping[str, ExportQueue[Any]]:
        """The queues, by name."""
        return {queue.name: queue for queue in (self.traces, self.judgements)}

    def states(self) -> Mapping[str, ExportQueueState]:
        """What waits, went, and was lost: of `traces` and of `scores`."""
        return {name: queue.state for name, queue in self.queues.items()}

    def close(self, patience: float = 2.0) -> None:
        """Send what waits, for at most `patience` seconds. Blocks: there may be no event loop any more at the end."""
        self._exporter.close(patience)
        self._intake.close()

    def _send(self, traced: Sequence[RequestRecord | Audit]) -> Delivery:
        return self._intake.spans(self._settings.encode(traced))


def size_of(record: RequestRecord | Audit) -> int:
    """About how many bytes a record keeps in memory; quick, because every request pays for it."""
    if isinstance(record, Audit):
        return _BYTES_PER_RECORD + _BYTES_PER_CALL * len(record.calls)
    said = _said(record.input, record.output) + sum(_said(call.input, call.output) for call in record.calls)
    return _BYTES_PER_RECORD + _BYTES_PER_CALL * len(record.calls) + said


def _said(messages: Sequence[Message] | None, output: str | None) -> int:
    if messages is None and output is None:
        return 0
    return 4 * (len(output or "") + sum(_length(message.get("content")) for message in messages or ()))


def _length(content: object) -> int:
    """Of a text, or of the texts and pictures in a list of parts."""
    if isinstance(content, str):
        return len(content)
    if isinstance(content, Mapping):
        return _BYTES_PER_PART + sum(_length(part) for part in cast("Mapping[str, object]", content).values())
    if isinstance(content, Sequence):
        return _BYTES_PER_PART + sum(_length(part) for part in cast("Sequence[object]", content))
    return _BYTES_PER_PART
