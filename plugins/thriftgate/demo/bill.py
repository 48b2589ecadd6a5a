"""The bill of a demo run: what it cost, what it would have cost, and whether the answers were right.

Everything is counted from the outcomes. Savings are paired: both sides of the comparison are the same requests, and
the bootstrap draws them together. A *false hit* is a semantic hit on a trap whose answer is wrong: most likely the
near-duplicate's. An exact hit cannot be one; when it is wrong, the cache kept what a model once got wrong.

Failure behaviour: pure; randomness is passed in. What cannot be known (a share of nothing, a price that nobody
told) is None.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np

from thriftgate.demo.driver import RequestOutcome
from thriftgate.demo.workload import CaseKind
from thriftgate.stats import Interval, bootstrap_interval, percentile, wilson_interval
from thriftgate.types import DecisionKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Seconds, of the requests that were answered."""

    n: int
    p50: float
    p95: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedShare:
    """How many of `n` judged answers were right, with the Wilson 95 % interval of the share."""

    right: int
    n: int
    share: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The same requests with and without thriftgate. Money in US dollars.

    `saved_share` is 1 - cost / baseline cost, with its 95 % bootstrap interval; None when a price is not known.
    """

    n: int
    cost_usd: float | None
    baseline_cost_usd: float | None
    saved_share: Interval | None
    quality: JudgedShare
    baseline_quality: JudgedShare
    latency: Latency
    baseline_latency: Latency


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day of the run, with and without thriftgate; money in US dollars."""

    day: int
    n: int
    right: int
    baseline_right: int
    cost_usd: float | None
    baseline_cost_usd: float | None

    @property
    def lost(self) -> float:
        """The share of this day's requests by which it has fewer right answers than the strong model alone."""
        return (self.baseline_right - self.right) / self.n


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongAnswers:
    """Where the wrong answers come from: a wrong answer in the cache is given again to whoever asks."""

    n: int
    repeats: int
    """Wrong answers that were given before and came again, from the cache."""
    repeated: int
    """How many different answers these are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """Everything that a run shows."""

    requests: int
    failures: Mapping[str, int]
    """Counted by reason."""
    baseline_failures: Mapping[str, int]
    streamed: int
    repeats: int
    kinds: Mapping[str, int]
    prompt_tokens: int
    completion_tokens: int
    decisions: Mapping[str, int]
    tool_turns: int
    coalesced: int
    """Requests that got the answer of an identical one in flight."""
    cost_usd: float | None
    told_saved_usd: float | None
    """What the gateway's own headers say it saved."""
    latency: Latency
    latency_by_decision: Mapping[str, Latency]
    quality: JudgedShare
    quality_by_decision: Mapping[str, JudgedShare]
    traps: int
    trap_hits: int
    """Traps that got the answer of a similar question: semantic hits."""
    false_hits: int
    """Those of them that it answered wrongly."""
    comparison: Comparison | None
    wrong: WrongAnswers
    days: Sequence[Day] = ()
    """Each day of the run that was compared, in order."""

    @property
    def failed(self) -> int:
        """Requests through thriftgate that were not answered."""
        return sum(self.failures.values())

    def as_json(self) -> dict[str, Any]:
        """Plain values, intervals as low/high/estimate; None for what is not a number."""
        return _plain(asdict(self))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in cast("dict[str, Any]", value).items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def make_bill(outcomes: Sequence[RequestOutcome], baseline: Sequence[RequestOutcome], rng: np.random.Generator) -> Bill:
    """Count a run; `baseline` are outcomes of (some of) the same cases at the strong model, or none."""
    answered = [outcome for outcome in outcomes if outcome.error is None]
    by_decision: dict[str, list[RequestOutcome]] = {}
    for outcome in answered:
        by_decision.setdefault(outcome.decision or "untold", []).append(outcome)
    traps = [outcome for outcome in answered if outcome.case.kind is CaseKind.TRAP]
    trap_hits = [outcome for outcome in traps if outcome.decision == DecisionKind.SEMANTIC_HIT.value]
    saved = [outcome.saved_usd for outcome in answered if outcome.saved_usd is not None]
    return Bill(
        requests=len(outcomes),
        failures=_failures(outcomes),
        baseline_failures=_failures(baseline),
        streamed=sum(outcome.is_streamed for outcome in outcomes),
        repeats=sum(outcome.case.is_repeat for outcome in outcomes),
        kinds=dict(Counter(outcome.case.kind.value for outcome in outcomes)),
        prompt_tokens=sum(outcome.prompt_tokens for outcome in answered),
        completion_tokens=sum(outcome.completion_tokens for outcome in answered),
        decisions={decision: len(group) for decision, group in by_decision.items()},
        tool_turns=sum(outcome.case.kind in {CaseKind.TOOL_CALL, CaseKind.TOOL_RESULT} for outcome in answered),
        coalesced=sum(outcome.is_coalesced for outcome in answered),
        cost_usd=_cost(answered),
        told_saved_usd=sum(saved) if saved else None,
        latency=_latency(answered),
        latency_by_decision={decision: _latency(group) for decision, group in by_decision.items()},
        quality=_quality(answered),
        quality_by_decision={decision: _quality(group) for decision, group in by_decision.items()},
        traps=len(traps),
        trap_hits=len(trap_hits),
        false_hits=sum(not outcome.is_right for outcome in trap_hits),
        comparison=_compare(answered, baseline, rng),
        wrong=_wrong(answered),
        days=_days(answered, baseline),
    )


_HITS = frozenset({DecisionKind.EXACT_HIT, DecisionKind.SEMANTIC_HIT})


def _wrong(answered: Sequence[RequestOutcome]) -> WrongAnswers:
    wrong = [outcome for outcome in answered if not outcome.is_right]
    given = Counter(outcome.said for outcome in wrong)
    again = [outcome for outcome in wrong if outcome.decision in _HITS and outcome.said and given[outcome.said] > 1]
    return WrongAnswers(n=len(wrong), repeats=len(again), repeated=len({outcome.said for outcome in again}))


def _days(answered: Sequence[RequestOutcome], baseline: Sequence[RequestOutcome]) -> tuple[Day, ...]:
    without = {outcome.case.id: outcome for outcome in baseline if outcome.error is None}
    by_day: dict[int, list[tuple[RequestOutcome, RequestOutcome]]] = {}
    for outcome in answered:
        if outcome.case.id in without:
            by_day.setdefault(outcome.case.day, []).append((outcome, without[outcome.case.id]))
    return tuple(
        Day(
            day=day,
            n=len(pairs),
            right=sum(mine.is_right for mine, _ in pairs),
            baseline_right=sum(other.is_right for _, other in pairs),
            cost_usd=_cost([mine for mine, _ in pairs]),
            baseline_cost_usd=_cost([other for _, other in pairs]),
        )
        for day, pairs in sorted(by_day.items())
    )


def _compare(
    answered: Sequence[RequestOutcome], baseline: Sequence[RequestOutcome], rng: np.random.Generator
) -> Comparison | None:
    without = {outcome.case.id: outcome for outcome in baseline if outcome.error is None}
    pairs = [(outcome, without[outcome.case.id]) for outcome in answered if outcome.case.id in without]
    if not pairs:
        return None
    ours, theirs = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    cost, baseline_cost = _cost(ours), _cost(theirs)
    saved = None
    if cost is not None and baseline_cost:
        costs = np.asarray([(mine.cost_usd, other.cost_usd) for mine, other in pairs], dtype=np.float64)
        saved = bootstrap_interval(costs, lambda sample: float(1 - sample[:, 0].sum() / sample[:, 1].sum()), rng)
    return Comparison(
        n=len(pairs),
        cost_usd=cost,
        baseline_cost_usd=baseline_cost,
        saved_share=saved,
        quality=_quality(ours),
        baseline_quality=_quality(theirs),
        latency=_latency(ours),
        baseline_latency=_latency(theirs),
    )


def _failures(outcomes: Sequence[RequestOutcome]) -> dict[str, int]:
    return dict(Counter(outcome.error for outcome in outcomes if outcome.error is not None).most_common())


def _cost(outcomes: Sequence[RequestOutcome]) -> float | None:
    """What they cost together; None when one of them was not priced."""
    costs = [outcome.cost_usd for outcome in outcomes]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known and len(known) == len(costs) else None


def _latency(outcomes: Sequence[RequestOutcome]) -> Latency:
    seconds = [outcome.latency for outcome in outcomes]
    return Latency(n=len(seconds), p50=percentile(seconds, 50), p95=percentile(seconds, 95))


def _quality(outcomes: Sequence[RequestOutcome]) -> JudgedShare:
    right = sum(outcome.is_right for outcome in outcomes)
    return JudgedShare(right=right, n=len(outcomes), share=wilson_interval(right, len(outcomes)))
