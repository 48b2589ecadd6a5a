"""What happened to the units of an experiment: one observation for each unit, made once and never changed.

A user's requests resemble each other, and a variant was dealt to the user, not to the request. So everything a unit
does within a window after its first request is averaged into ONE observation, which counts once the window has
closed. Observations of different units are independent, come in the order in which windows close, and do not
change when somebody looks: what the always-valid tests need.

Failure behaviour: pure; records must come in the order of their start.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from thriftgate.prompts.experiments.assignment import weights_at
from thriftgate.prompts.schema import Experiment
from thriftgate.types import Audit, AuditKind, Caller, DecisionKind, RequestRecord, Status

METRICS = ("cost", "latency", "escalation", "hits", "quality", "feedback", "failure")
"""In the order of a report's columns; all on a scale from 0 to 1."""
JUDGED = frozenset({"quality", "feedback"})
"""Known only some time after the answer."""

_HITS = (DecisionKind.EXACT_HIT, DecisionKind.SEMANTIC_HIT)


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of an experiment in which weights do not change, so that both sides see the same times."""

    since: float | None
    weights: Mapping[str, float]
    count: int
    """How many phases the plan has: each may err by its share of alpha only."""


def phase_at(experiment: Experiment, now: float, *, stopped: Iterable[str] = ()) -> Phase:
    """The phase that `now` lies in."""
    begun = [step.at for step in experiment.ramp if step.at <= now]
    since = max(begun) if begun else experiment.start
    return Phase(since, weights_at(experiment, now, stopped=tuple(stopped)), len(experiment.ramp) + 1)


def unit_of(experiment: Experiment, caller: Caller, request_id: str) -> str | None:
    """Who asks, in the experiment's unit; None when the request does not say."""
    match experiment.unit:
        case "user":
            return caller.person
        case "session":
            return caller.session_id
        case "key":
            return caller.key_hash
        case "request":
            return request_id


@dataclass(slots=True)
class _Unit:
    first_at: float
    variant: str
    has_moved: bool = False
    sums: dict[str, float] = field(default_factory=dict[str, float])
    counts: Counter[str] = field(default_factory=Counter[str])

    def add(self, metric: str, value: float) -> None:
        self.sums[metric] = self.sums.get(metric, 0.0) + value
        self.counts[metric] += 1

    def mean(self, metric: str) -> float:
        return min(max(self.sums[metric] / self.counts[metric], 0.0), 1.0)


@dataclass(slots=True)
class ArmTotals:
    """Everything one variant answered, window or not."""

    requests: int = 0
    cost_usd: float = 0.0
    versions: set[str] = field(default_factory=set[str])
    """Content hashes that were served under the variant's name."""


class Tally:
    """Counts one phase of an experiment from the ledger's rows.

    Args:
        experiment: The plan.
        prompt: The prompt's name.
        name: The experiment's name.
        phase: What to count.
        audits: Verdicts on answers; only those drawn at random (`holdout`), and users' feedback, are used.
    """

    def __init__(
        self, experiment: Experiment, *, prompt: str, name: str, phase: Phase, audits: Iterable[Audit]
    ) -> None:
        self._experiment = experiment
        self._prompt = prompt
        self._name = name
        self._phase = phase
        self._verdicts: dict[str, list[Audit]] = {}
        for audit in audits:
            if audit.is_acceptable is not None and (audit.holdout or audit.kind is AuditKind.FEEDBACK):
                self._verdicts.setdefault(audit.request_id, []).append(audit)
        self._units: dict[str, _Unit] = {}
        self.totals: dict[str, ArmTotals] = {variant: ArmTotals() for variant in experiment.variants}
        self.without_unit = 0

    def add(self, record: RequestRecord) -> None:
        """Count one request, if it belongs to the experiment and the phase."""
        ref = record.prompt
        if ref is None or ref.name != self._prompt or ref.experiment != self._name or ref.variant not in self.totals:
            return
        if self._phase.since is not None and record.started_at < self._phase.since:
            return
        totals = self.totals[ref.variant]
        totals.requests += 1
        totals.cost_usd += record.cost_usd
        totals.versions.add(ref.version)
        unit_id = unit_of(self._experiment, record.caller, record.request_id)
        if unit_id is None:
            self.without_unit += 1
            return
        unit = self._units.setdefault(unit_id, _Unit(record.started_at, ref.variant))
        if record.started_at - unit.first_at > self._window:
            return  # its observation is made; whatever it does or gets later changes nothing
        if unit.variant == ref.variant:
            self._observe(unit, record)
        else:
            unit.has_moved = True

    def _observe(self, unit: _Unit, record: RequestRecord) -> None:
        caps = self._experiment.caps
        unit.add("cost", min(max(record.cost_usd, 0.0) / caps.cost, 1.0))
        unit.add("latency", min(max(record.duration, 0.0) / caps.latency, 1.0))
        unit.add("escalation", float(record.decision is DecisionKind.ESCALATED))
        unit.add("hits", float(record.decision in _HITS))
        unit.add("failure", float(record.status is Status.FAILED))
        for audit in self._verdicts.get(record.request_id, ()):
            if audit.judged_at <= unit.first_at + self._judged_after:
                metric = "feedback" if audit.kind is AuditKind.FEEDBACK else "quality"
                unit.add(metric, float(bool(audit.is_acceptable)))

    @property
    def _window(self) -> float:
        return 0.0 if self._experiment.unit == "request" else self._experiment.window

    @property
    def _judged_after(self) -> float:
        """Verdicts may come one more window later; after that an observation is closed."""
        return self._window + self._experiment.window

    def values(self, variant: str, metric: str, now: float) -> list[float]:
        """One value in [0, 1] for each unit whose window has closed, in the order in which they did."""
        closing = self._judged_after if metric in JUDGED else self._window
        units = [
            unit
            for unit in self._units.values()
            if unit.variant == variant and not unit.has_moved and unit.counts[metric] and unit.first_at + closing <= now
        ]
        return [unit.mean(metric) for unit in sorted(units, key=lambda unit: unit.first_at)]

    def open_units(self, now: float) -> int:
        """Units whose window has not closed yet."""
        return sum(unit.first_at + self._window > now for unit in self._units.values())

    @property
    def moved_units(self) -> int:
        """Units that saw more than one variant within their window, and count for none."""
        return sum(unit.has_moved for unit in self._units.values())
