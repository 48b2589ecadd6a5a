"""What an experiment has shown so far, in words and numbers that stay true however often one looks.

All intervals are confidence sequences and all tests are always valid (`thriftgate.stats.sequential`), at a level
that leaves room for every variant, every phase of a ramp, and every guard: the chance that any of them ever errs is
at most the experiment's `alpha` (for guards: another `alpha`).

Failure behaviour: pure and total; too little data is a verdict ("no decision yet"), not an error.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from thriftgate.prompts.experiments.tally import METRICS, Phase, Tally
from thriftgate.prompts.schema import Experiment, Guard
from thriftgate.stats.intervals import Interval
from thriftgate.stats.sequential import TwoSampleTest, confidence_sequence, sequential_two_sample

Verdict = Literal["better", "worse", "equal", "undecided"]

HIGHER_IS_BETTER: Mapping[str, bool] = {
    "quality": True, "feedback": True, "hits": True, "cost": False, "latency": False, "escalation": False,
    "failure": False,
}  # fmt: skip
_MOST_UNITS = 10_000_000
_UNKNOWN_DEVIATION = 0.5
"""Of a difference, while there are too few observations to measure it."""


@dataclass(frozen=True, slots=True)
class VariantMetric:
    """One metric of one variant, in its own unit (US dollars, seconds, or a share)."""

    units: int
    interval: Interval


@dataclass(frozen=True, slots=True)
class ArmReport:
    """One variant's side of an experiment."""

    variant: str
    weight: float
    """Its share of the traffic now."""
    requests: int
    cost_usd: float
    """Of all its requests together."""
    versions: tuple[str, ...]
    metrics: Mapping[str, VariantMetric]
    is_stopped: bool = False


@dataclass(frozen=True, slots=True)
class VariantComparison:
    """One variant against the control."""

    variant: str
    metric: str
    difference: Interval
    """Variant minus control, in the metric's own unit."""
    p_value: float
    verdict: Verdict
    more_units: int | None
    """About how many more units, of both sides together, until there is a verdict; None when there is one."""


@dataclass(frozen=True, slots=True)
class ExperimentReport:
    """Everything `thriftgate prompts experiment` prints."""

    prompt: str
    name: str
    metric: str
    control: str
    since: float | None
    level: float
    arms: tuple[ArmReport, ...]
    comparisons: tuple[VariantComparison, ...]
    """Of every metric; those of `metric` decide."""
    notes: tuple[str, ...]

    @property
    def deciding(self) -> tuple[VariantComparison, ...]:
        """The comparisons of the metric that decides the experiment."""
        return tuple(comparison for comparison in self.comparisons if comparison.metric == self.metric)


@dataclass(frozen=True, slots=True)
class Stop:
    """A guard's decision: this variant is served to nobody from now on."""

    variant: str
    metric: str
    harm: Interval
    """How much worse than the control, on a scale from 0 to 1."""
    margin: float


def report(
    experiment: Experiment, tally: Tally, phase: Phase, *, prompt: str, name: str, now: float,
    stopped: Sequence[str] = (),
) -> ExperimentReport:  # fmt: skip
    """What the rows in `tally` say about the experiment at `now`."""
    level = _level(experiment, phase, experiment.alpha)
    total = sum(phase.weights.values())
    arms = tuple(
        ArmReport(
            variant=variant,
            weight=phase.weights.get(variant, 0.0) / total,
            requests=totals.requests,
            cost_usd=totals.cost_usd,
            versions=tuple(sorted(totals.versions)),
            metrics={metric: _measure(experiment, tally, variant, metric, now, level) for metric in METRICS},
            is_stopped=variant in stopped,
        )
        for variant, totals in tally.totals.items()
    )
    comparisons = tuple(
        _compare(experiment, tally, variant, metric, now, level)
        for variant in experiment.variants
        if variant != experiment.baseline
        for metric in METRICS
    )
    return ExperimentReport(
        prompt=prompt,
        name=name,
        metric=experiment.metric,
        control=experiment.baseline,
        since=phase.since,
        level=level,
        arms=arms,
        comparisons=comparisons,
        notes=_notes(tally, arms, now),
    )


def check_guards(experiment: Experiment, tally: Tally, phase: Phase, *, now: float) -> tuple[Stop, ...]:
    """The variants that are certainly worse than the control by more than a guard allows."""
    level = _level(experiment, phase, experiment.alpha) / max(len(experiment.guards), 1)
    stops: dict[str, Stop] = {}
    for variant in experiment.variants:
        if variant == experiment.baseline or not phase.weights.get(variant):
            continue
        for guard in experiment.guards:
            stop = _guard(experiment, tally, variant, guard, now, level)
            if stop is not None:
                stops.setdefault(variant, stop)
    return tuple(stops.values())


def _guard(experiment: Experiment, tally: Tally, variant: str, guard: Guard, now: float, level: float) -> Stop | None:
    control, tried = (tally.values(name, guard.metric, now) for name in (experiment.baseline, variant))
    if min(len(control), len(tried)) < guard.min_units:
        return None
    difference = _test(experiment, variant, control, tried, level).difference
    sign = -1.0 if HIGHER_IS_BETTER[guard.metric] else 1.0
    ends = sorted((sign * difference.low, sign * difference.high))
    harm = Interval(ends[0], ends[1], sign * difference.estimate)
    return Stop(variant, guard.metric, harm, guard.margin) if harm.low > guard.margin else None


def _level(experiment: Experiment, phase: Phase, alpha: float) -> float:
    """Alpha shared among the comparisons with the control and the phases of the ramp (Bonferroni)."""
    return alpha / (max(len(experiment.variants) - 1, 1) * phase.count)


def _scale(experiment: Experiment, metric: str) -> float:
    return {"cost": experiment.caps.cost, "latency": experiment.caps.latency}.get(metric, 1.0)


def _scaled(interval: Interval, factor: float) -> Interval:
    return Interval(interval.low * factor, interval.high * factor, interval.estimate * factor)


def _measure(
    experiment: Experiment, tally: Tally, variant: str, metric: str, now: float, level: float
) -> VariantMetric:
    values = tally.values(variant, metric, now)
    interval = confidence_sequence(values, 1 - level)
    return VariantMetric(len(values), _scaled(interval, _scale(experiment, metric)))


def _test(
    experiment: Experiment, variant: str, control: Sequence[float], tried: Sequence[float], level: float
) -> TwoSampleTest:
    # The planned weights: fixed before any data, as the test asks; only the way values are paired depends on them.
    planned = (experiment.variants[experiment.baseline] or 1.0, experiment.variants[variant] or 1.0)
    return sequential_two_sample(control, tried, confidence=1 - level, weights=planned)


def _compare(
    experiment: Experiment, tally: Tally, variant: str, metric: str, now: float, level: float
) -> VariantComparison:
    control, tried = (tally.values(name, metric, now) for name in (experiment.baseline, variant))
    test = _test(experiment, variant, control, tried, level)
    verdict = _verdict(test, HIGHER_IS_BETTER[metric], experiment.min_effect)
    more = _more_units(experiment, variant, test, level) if verdict == "undecided" else None
    difference = _scaled(test.difference, _scale(experiment, metric))
    return VariantComparison(variant, metric, difference, test.p_value, verdict, more)


def _verdict(test: TwoSampleTest, higher_is_better: bool, min_effect: float) -> Verdict:
    if test.is_different:
        return "better" if (test.difference.estimate > 0) == higher_is_better else "worse"
    if test.difference.low > -min_effect and test.difference.high < min_effect:
        return "equal"
    return "undecided"


def _more_units(experiment: Experiment, variant: str, test: TwoSampleTest, level: float) -> int:
    """Units until the interval of the difference is short enough, if it goes on as it began.

    Its half-width shrinks like sqrt(log(n) / n). Either of two things ends the experiment: the interval leaves
    zero out, or it fits between -min_effect and +min_effect; counted is the one that comes first.
    """
    observed = 0.0 if test.blocks == 0 else abs(test.difference.estimate)
    target = max(observed, experiment.min_effect - observed)
    spread = _UNKNOWN_DEVIATION * math.sqrt(2 * math.log(2 / level))
    if test.blocks >= 10:
        spread = test.difference.half_width / _shrinkage(test.blocks)
    low, high = max(test.blocks, 2), _MOST_UNITS
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if spread * _shrinkage(middle) <= target else (middle + 1, high)
    weights = (experiment.variants[experiment.baseline] or 1.0, experiment.variants[variant] or 1.0)
    per_block = max(1, round(weights[0] / weights[1])) + max(1, round(weights[1] / weights[0]))
    return max(low - test.blocks, 1) * per_block


def _shrinkage(blocks: int) -> float:
    return math.sqrt(math.log1p(blocks) / blocks)


def _notes(tally: Tally, arms: Sequence[ArmReport], now: float) -> tuple[str, ...]:
    notes: list[str] = []
    if waiting := tally.open_units(now):
        notes.append(_counted(waiting, "unit is within its window and does", "units are within their window and do")
                     + " not count yet")  # fmt: skip
    if moved := tally.moved_units:
        words = ("unit saw more than one variant and counts", "units saw more than one variant and count")
        notes.append(_counted(moved, *words) + " for none")
    if tally.without_unit:
        words = ("request does not say whose it is and counts", "requests do not say whose they are and count")
        notes.append(_counted(tally.without_unit, *words) + " for no unit")
    notes += [
        f"'{arm.variant}' was edited while the experiment ran: {len(arm.versions)} versions were served under its name"
        for arm in arms
        if len(arm.versions) > 1
    ]
    return tuple(notes)


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
