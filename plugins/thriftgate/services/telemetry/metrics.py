"""Counts what requests did, from the very record that the ledger gets; so both say the same.

Each worker counts for itself. What it has counted is a `Samples`, which turns into JSON and back, and those of
several workers add up (`merged`).

Failure behaviour: `submit()` never blocks. JSON that is no snapshot raises ValueError.
"""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from thriftgate.services.output.notes import OUTCOMES
from thriftgate.services.telemetry import catalogue
from thriftgate.services.telemetry.catalogue import FAMILIES, Family
from thriftgate.stats.histogram import Histogram
from thriftgate.tracing.scores import quality_name
from thriftgate.types import Audit, AuditKind, RequestRecord, Status, TierCall

MOST_VALUES = 100
"""Of one label, besides what is configured; what comes after is `other`."""
OTHER = "other"
REFUSED = "refused"
NONE = "none"
"""Where a request has no such thing: one that failed has no tier."""
_LONGEST = 200
_VERDICTS: Mapping[bool | None, str] = {True: "good", False: "bad", None: "undecided"}

Labels = tuple[str, ...]


class Samples:
    """Numbers and histograms by metric and label values."""

    def __init__(self) -> None:
        self.numbers: dict[tuple[str, Labels], float] = {}
        self.histograms: dict[tuple[str, Labels], Histogram] = {}

    def add(self, family: Family, labels: Labels, by: float = 1.0) -> None:
        """Count on. A counter never falls: what is below zero is not counted."""
        if by < 0 and family.kind == "counter":
            return
        place = family.name, labels
        self.numbers[place] = self.numbers.get(place, 0.0) + by

    def put(self, family: Family, labels: Labels, value: float) -> None:
        """Set a gauge, or a counter that is kept elsewhere."""
        self.numbers[family.name, labels] = value

    def observe(self, family: Family, labels: Labels, value: float) -> None:
        """Count one observation of a histogram."""
        place = family.name, labels
        histogram = self.histograms.get(place)
        if histogram is None:
            histogram = self.histograms[place] = Histogram(family.bounds)
        histogram.observe(value)

    def value(self, name: str, *labels: str) -> float:
        """A number by its metric's name and label values; 0 where nothing was counted."""
        return self.numbers.get((name, labels), 0.0)

    def merge(self, other: "Samples", *, is_alive: bool = True) -> None:
        """Take another worker's. Of one that has ended only what it had counted stays, not what it was doing."""
        for (name, labels), value in other.numbers.items():
            family = FAMILIES[name]
            if family.kind == "gauge" and family is not catalogue.SAVED and not is_alive:
                continue
            mine = self.numbers.get((name, labels))
            if mine is None:
                self.numbers[name, labels] = value
            else:
                self.numbers[name, labels] = max(mine, value) if family.is_shared else mine + value
        for (name, labels), histogram in other.histograms.items():
            if (name, labels) not in self.histograms:
                self.histograms[name, labels] = Histogram(histogram.bounds)
            self.histograms[name, labels].add(histogram)

    def to_json(self) -> dict[str, Any]:
        """As values that JSON can hold."""
        return {
            "numbers": [[name, labels, value] for (name, labels), value in self.numbers.items()],
            "histograms": [[name, labels, one.counts, one.total] for (name, labels), one in self.histograms.items()],
        }

    @classmethod
    def from_json(cls, read: Mapping[str, Any]) -> "Samples":
        """The reverse. Metrics of another version are left out. Raises ValueError."""
        samples = cls()
        try:
            for name, labels, value in read["numbers"]:
                if _is_known(name, labels):
                    samples.numbers[name, tuple(labels)] = float(value)
            for name, labels, counts, total in read["histograms"]:
                if _is_known(name, labels) and len(counts) == len(FAMILIES[name].bounds) + 1:
                    samples.histograms[name, tuple(labels)] = Histogram(FAMILIES[name].bounds, list(counts), total)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError("this is no snapshot of metrics") from error
        return samples


def _is_known(name: object, labels: object) -> bool:
    if not isinstance(name, str) or not isinstance(labels, list) or name not in FAMILIES:
        return False
    return len(cast("list[object]", labels)) == len(FAMILIES[name].labels)


def merged(own: Samples, others: Iterable[tuple[Samples, bool]]) -> Samples:
    """This worker's samples and those of others, with whether each still runs; the parts stay as they are."""
    whole = Samples()
    whole.merge(own)
    for samples, is_alive in others:
        whole.merge(samples, is_alive=is_alive)
    return whole


def status_label(record: RequestRecord) -> str:
    """How a request ended; `refused` where the fault was the client's (4xx), which should wake nobody."""
    code = (record.error or "").rpartition(" ")[2]
    is_refused = record.status is Status.FAILED and len(code) == 3 and code.isdecimal() and code.startswith("4")
    return REFUSED if is_refused else record.status.value


class Metrics:
    """Counts the records of this worker; a sink of `services.recording.Recorders`."""

    def __init__(self, configured: Iterable[str] = (), *, most_values: int = MOST_VALUES) -> None:
        """`configured` are the routes and their tiers, which always have their own labels."""
        self.samples = Samples()
        self._configured = frozenset(configured)
        self._most_values = most_values
        self._seen: dict[str, set[str]] = {}

    def submit(self, record: RequestRecord) -> None:
        """Count a request that has ended."""
        samples = self.samples
        status = status_label(record)
        # A client may ask for any name: one that was refused takes no place from those that are answered.
        may_be_new = status != REFUSED
        route = self._known("route", record.route, may_be_new=may_be_new)
        tier = self._known("model", record.tier, may_be_new=may_be_new)
        decision = record.decision.value
        samples.add(catalogue.REQUESTS, (route, decision, tier, status))
        if record.coalesced:
            samples.add(catalogue.COALESCED, (route,))
        samples.observe(catalogue.REQUEST_DURATION, (route, decision), record.duration)
        if record.stream and record.time_to_first_token is not None:
            samples.observe(catalogue.FIRST_TOKEN, (route,), record.time_to_first_token)
        if (cause := record.metadata.get("cache_cause")) is not None:
            samples.add(catalogue.CACHE_UNAVAILABLE, (route, self._known("cause", str(cause))))
        for stage in record.stages:
            samples.observe(catalogue.STAGE_DURATION, (route, self._known("stage", stage.name)), stage.duration)
        for call in record.calls:
            self._call(route, call, may_be_new=may_be_new)
        samples.add(catalogue.BASELINE_COST, (route,), record.baseline_cost_usd)
        samples.add(catalogue.SAVED, (route,), record.saved_usd)
        outcome = record.metadata.get("output")
        if outcome in OUTCOMES:
            samples.add(catalogue.OUTPUTS, (route, str(outcome)))
            samples.add(catalogue.OUTPUT_REASKS, (route,), float(record.metadata.get("output_reasks") or 0))

    def submit_audit(self, audit: Audit) -> None:
        """Count a verdict, and what it cost."""
        route = self._known("route", audit.route)
        if audit.kind is not AuditKind.FEEDBACK:
            self.samples.add(catalogue.CHECKING_COST, (route, audit.kind.value), audit.cost_usd)
        if (about := quality_name(audit)) is not None:
            self.samples.add(catalogue.JUDGED, (route, about, _VERDICTS[audit.is_acceptable]))

    def note_stranger(self) -> None:
        """Count a request without a valid key."""
        self.samples.add(catalogue.STRANGERS, ())

    def _call(self, route: str, call: TierCall, *, may_be_new: bool) -> None:
        model = self._known("model", call.model, may_be_new=may_be_new)
        self.samples.add(catalogue.MODEL_CALLS, (route, model, call.purpose.value, call.status.value))
        self.samples.observe(catalogue.CALL_DURATION, (model,), call.duration)
        self.samples.add(catalogue.COST, (route, model), call.cost_usd)
        usage = call.usage
        kinds = {
            "prompt": usage.prompt_tokens,
            "completion": usage.completion_tokens,
            "cached": usage.cached_tokens,
            "reasoning": usage.reasoning_tokens,
        }
        for kind, tokens in kinds.items():
            if tokens:
                self.samples.add(catalogue.TOKENS, (route, model, kind), tokens)

    def _known(self, label: str, value: str | None, *, may_be_new: bool = True) -> str:
        if not value:
            return NONE
        seen = self._seen.setdefault(label, set())
        if value in seen or value in self._configured:
            return value
        if not may_be_new or len(seen) >= self._most_values or len(value) > _LONGEST:
            return OTHER
        seen.add(value)
        return value
