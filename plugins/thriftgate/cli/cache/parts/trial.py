"""Measures fixed thresholds and the learned decision on labelled questions, for `thriftgate cache tune`.

Failure behaviour: raises ValueError, in words for the operator, when the questions cannot be used.
"""

import asyncio
import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from thriftgate.caching.artefact import CacheModel, shipped
from thriftgate.caching.calibration import calibrate_cache, shuffled
from thriftgate.caching.decision import Hit
from thriftgate.caching.learner import Learner
from thriftgate.caching.policy import FixedThreshold
from thriftgate.caching.rehearsal import Conditions, Labelled, ReplayDecider, Vectors, rehearse
from thriftgate.config import EmbedderConfig, EmbedderName
from thriftgate.services.cache.deciding import FixedDecider
from thriftgate.stats.intervals import Interval, bootstrap_interval, clopper_pearson
from thriftgate.stores.embedders import embedder_of
from thriftgate.wording import percent

Floats = npt.NDArray[np.float64]

FIXED_THRESHOLDS = (0.80, 0.85, 0.90, 0.95, 0.98)
PROMISES = (0.002, 0.005, 0.01, 0.02, 0.05)
_FEWEST_QUESTIONS = 40
_FEWEST_GROUPS = 4
_ENOUGH_QUESTIONS = 1_000
_RARE = 10
"""With fewer wrong answers than this a bootstrap is too sure of itself."""
_COLUMNS = ("question", "answer_group")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """One method at one setting, on questions it was not calibrated on."""

    method: str
    setting: str
    hit_rate: float
    error: float
    error_low: float
    error_high: float


@dataclass(frozen=True, slots=True)
class Trial:
    """The table, and the artefact that learnt from all the questions."""

    questions: int
    rows: list[TrialResult]
    artefact: CacheModel


def read_questions(path: Path, data_dir: Path, embedder: EmbedderName) -> Labelled:
    """The labelled questions of a CSV file, embedded."""
    with path.open(encoding="utf-8-sig", newline="") as handle:
        reader = csv.DictReader(handle)
        missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(f"{path} has no column {' and no column '.join(missing)}; it needs {', '.join(_COLUMNS)}")
        rows = [(row["question"] or "", row["answer_group"] or "") for row in reader]
    blank = [line for line, row in enumerate(rows, start=2) if not all(cell.strip() for cell in row)]
    if blank:
        raise ValueError(f"{path} line {blank[0]}: question and answer_group must not be empty")
    questions, groups = [row[0] for row in rows], [row[1] for row in rows]
    if len(questions) < _FEWEST_QUESTIONS or len(set(groups)) < _FEWEST_GROUPS:
        raise ValueError(
            f"{len(questions)} questions in {len(set(groups))} groups are too few: "
            f"at least {_FEWEST_QUESTIONS} in {_FEWEST_GROUPS} are needed"
        )
    return Labelled(questions, groups, asyncio.run(_embedded(questions, data_dir, embedder)))


def run_trial(
    questions: Labelled, *, embedder: EmbedderName, max_error: float, orders: int, seed: int, source: str
) -> Trial:
    """Measure every setting, each half of the groups with the artefact made from the other half."""
    halves = _halves(questions, seed)
    start = shipped(embedder)
    learned = [_tuned([half], start, source, seed) for half in halves]
    rows: list[TrialResult] = []
    for threshold in FIXED_THRESHOLDS:
        decider = FixedDecider(FixedThreshold(threshold))
        outcome = _play([(half, lambda decider=decider: decider) for half in halves], orders, seed)
        rows.append(_row("fixed threshold", f"{threshold:.2f}", *outcome))
    for promise in sorted({*PROMISES, max_error}):
        makers = [
            (half, lambda artefact=other, promise=promise: Learner(artefact, max_error=promise))
            for half, other in zip(halves, reversed(learned), strict=True)
        ]
        rows.append(_row("max_error", f"{promise:g}", *_play(makers, orders, seed)))
    return Trial(len(questions), rows, _tuned(halves, start, source, seed))


def recommend(trial: Trial, *, max_error: float, artefact_file: Path | None) -> dict[str, object]:
    """The settings to put into a route's `cache` section, and why."""
    ours = next(row for row in trial.rows if row.method == "max_error" and row.setting == f"{max_error:g}")
    kept = ours.error_high <= max_error
    safe = [row for row in trial.rows if row.method == "fixed threshold" and row.error_high <= max_error]
    best = max(safe, key=lambda row: row.hit_rate, default=None)
    because = (
        f"max_error {max_error:g} served {percent(ours.hit_rate)} from the cache with {percent(ours.error, 2)} of "
        f"all answers wrong (at most {percent(ours.error_high, 2)})."
    )
    because += (
        f" The best fixed threshold that is as safe is {best.setting}, with {percent(best.hit_rate)}."
        if best
        else " No fixed threshold was as safe."
    )
    if not kept:
        because += " The upper end of that interval is above the promise: take a smaller max_error, or label more."
    if trial.questions < _ENOUGH_QUESTIONS:
        because += f" {trial.questions:,} questions are few: the shipped artefact still counts for most."
    lines = ["cache:", f"  max_error: {max_error:g}"]
    if artefact_file is not None:
        lines.append(f"  artefact: {artefact_file}")
    return {"max_error": max_error, "promise_kept": kept, "because": because, "yaml": "\n".join(lines)}


def _tuned(parts: Sequence[Labelled], start: CacheModel, source: str, seed: int) -> CacheModel:
    size = sum(map(len, parts))
    return calibrate_cache(
        parts,
        calibrated_on=f"{size:,} questions of {source}, from: {start.calibrated_on}",
        seed=seed,
        prior=start,
        embedder=start.embedder,
    )


def _play(
    parts: Sequence[tuple[Labelled, Callable[[], ReplayDecider]]], orders: int, seed: int
) -> tuple[float, Interval]:
    """Hit rate, and the share of wrong answers with its bootstrap interval over answers."""
    hits = 0
    wrong: list[Floats] = []
    groups: list[str] = []
    for data, make in parts:
        counts = np.zeros(len(data))
        for number in range(orders):
            order = shuffled(len(data), np.random.default_rng([seed, number]))
            steps = rehearse(data.take(order), make(), conditions=Conditions(), seed=number)
            for place, step in zip(order, steps, strict=True):
                hits += isinstance(step.decision, Hit)
                counts[place] += step.is_wrong_hit
        wrong.append(counts / orders)
        groups += data.groups
    per_question = np.concatenate(wrong)
    return hits / (orders * len(per_question)), share_interval(per_question, groups, np.random.default_rng(seed))


def share_interval(per_question: Floats, groups: Sequence[str], rng: np.random.Generator) -> Interval:
    """The mean of each question's share of wrong answers, 95 %: by bootstrap over answers, exact when rare.

    Questions of one answer are right or wrong together (a mistaken group, a trap), so that answers are what is drawn.
    """
    total = float(per_question.sum())
    if total < _RARE:
        exact = clopper_pearson(math.ceil(total), len(per_question))
        return Interval(min(exact.low, total / len(per_question)), exact.high, total / len(per_question))
    return bootstrap_interval(by_answer(per_question, groups), ratio, rng)


def by_answer(values: Floats, groups: Sequence[str], per: Floats | None = None) -> Floats:
    """The sum of the values of each answer's questions, and of what they are shares of (1 each): shape (answers, 2)."""
    places = np.unique(np.array(groups), return_inverse=True)[1]
    below = np.ones(len(values)) if per is None else per
    sums = np.zeros((int(places.max()) + 1 if len(places) else 0, 2))
    np.add.at(sums, places, np.column_stack([values, below]))
    return sums


def ratio(rows: Floats) -> float:
    """The first column's sum over the second's; 0 for nothing."""
    below = float(rows[:, 1].sum())
    return float(rows[:, 0].sum()) / below if below else 0.0


def _row(method: str, setting: str, hit_rate: float, error: Interval) -> TrialResult:
    return TrialResult(
        method=method,
        setting=setting,
        hit_rate=hit_rate,
        error=error.estimate,
        error_low=error.low,
        error_high=error.high,
    )


def _halves(questions: Labelled, seed: int) -> list[Labelled]:
    """The questions in two parts that share no answer group."""
    groups = sorted(set(questions.groups))
    first = {groups[place] for place in shuffled(len(groups), np.random.default_rng(seed))[: len(groups) // 2]}
    parts = (
        [place for place, group in enumerate(questions.groups) if (group in first) is side] for side in (True, False)
    )
    return [questions.take(part) for part in parts]


async def _embedded(texts: Sequence[str], data_dir: Path, model: EmbedderName) -> Vectors:
    embedder = embedder_of(EmbedderConfig(model=model), data_dir, remembers=False)
    try:
        parts = [await embedder.embed(texts[start : start + 256]) for start in range(0, len(texts), 256)]
        return np.concatenate(parts)
    finally:
        await embedder.close()
