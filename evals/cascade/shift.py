"""What does the check for unfamiliar questions save where a new subject comes, and what does it cost where none does?

    PYTHONPATH=. nice .venv/bin/python evals/cascade/shift.py [SET …] [--runs 5] [--labels 2000]

Each subject of a set is left out in turn: an artefact is calibrated on labels of the others (at most 5 % lost net),
with a summary of their questions. Then it serves the subject that it has not seen, and those questions of the others
that were no labels, with the check and without. What the check escalates costs the strong tier's price alone and loses
nothing. Writes results/shift.json and results/shift.md.
"""

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass

# Set before numpy is loaded: its matrices are small here, and threads would wait for each other.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")

import numpy as np
from evals.cascade import data
from evals.cascade.replay import scored

from thriftgate.cascade.calibration.calibration import Calibration, Promise, calibrate
from thriftgate.cascade.calibration.labels import Label
from thriftgate.cascade.calibration.summary import summary_of_questions
from thriftgate.cascade.familiarity import Familiarity, shift_of
from thriftgate.stats import Interval, bootstrap_interval
from thriftgate.stats.intervals import Floats

RESULTS = data.HERE / "results"
SETS = ("mmlu", "mmlu_pro_embedded")
LIMIT, DELTA, SHARE = 0.05, 0.05, 0.02
TOLD_AFTER = 200
"""Questions after which it is asked whether a shift is told; all of a smaller subject."""


@dataclass(frozen=True, slots=True)
class Served:
    """Means over questions, and over the calibrations that promised."""

    questions: int
    unfamiliar: float
    """Share that the check escalates."""
    loss: float
    """Quality lost net without the check."""
    loss_checked: float
    cost: float
    """Mean price without the check, as a share of always-strong."""
    cost_checked: float
    told: float
    """Calibrations of which `thriftgate report` would warn of a shift after `TOLD_AFTER` of these questions."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One subject that no label was of; `new` and `same` are None where no calibration promised anything."""

    set: str
    subject: str
    calibrations: int
    promised: int
    new: Served | None
    same: Served | None
    """Questions of the labelled subjects that were no labels."""


def leave_out(recorded: data.RecordedSet, subject: str, labels: int, runs: int) -> LeftOut:
    """Calibrate `runs` times without a subject, and serve it."""
    others = [place for place, name in enumerate(recorded.subjects) if name != subject]
    new = [label for label, name in zip(recorded.labels, recorded.subjects, strict=True) if name == subject]
    served: list[tuple[Served, Served]] = []
    for seed in range(runs):
        rng = np.random.default_rng([seed, labels])
        order: list[int] = rng.permutation(len(others)).tolist()
        drawn = [recorded.labels[others[place]] for place in order[:labels]]
        rest = [recorded.labels[others[place]] for place in order[labels:]]
        # Where answers are there, they decide, and the vectors serve the check alone.
        embedder = "" if drawn[0].features else recorded.embedder
        made = calibrate(drawn, Promise(LIMIT, DELTA), rng, method="auto", embedder=embedder)
        if made.chosen is None:
            continue
        lengths = [_length(label) for label in drawn]
        groups = [label.group for label in drawn]
        summary = summary_of_questions(_vectors(drawn), lengths, groups, rng, embedder=recorded.embedder)
        assert summary is not None
        familiarity = Familiarity(summary)
        places: list[int] = rng.permutation(len(new)).tolist()
        served.append((_serve(made, familiarity, [new[place] for place in places]), _serve(made, familiarity, rest)))
    return LeftOut(
        set=recorded.name,
        subject=subject,
        calibrations=runs,
        promised=len(served),
        new=_mean([one for one, _ in served]),
        same=_mean([one for _, one in served]),
    )


def _serve(made: Calibration, familiarity: Familiarity, questions: Sequence[Label]) -> Served:
    assert made.chosen is not None
    replay = scored(made, questions)
    played = replay.play(made.chosen.policy)
    strong, losses = replay.cost_usd[:, -1], played.losses(replay)
    ranks = [familiarity.p_value(label.vector, _length(label)) for label in questions]
    is_far = np.array([rank is not None and rank <= SHARE for rank in ranks])
    first = is_far[:TOLD_AFTER]
    shift = shift_of(int(first.sum()), len(first), share=SHARE, held_out=familiarity.summary.held_out)
    return Served(
        questions=len(questions),
        unfamiliar=float(is_far.mean()),
        loss=float(losses.mean()),
        loss_checked=float(np.where(is_far, 0.0, losses).mean()),
        cost=float(played.cost_usd.mean() / strong.mean()),
        cost_checked=float(np.where(is_far, strong, played.cost_usd).mean() / strong.mean()),
        told=float(shift.has_shifted),
    )


def _length(label: Label) -> float:
    return label.question["question_length"]


def _vectors(labels: Sequence[Label]) -> Floats:
    return np.array([label.vector for label in labels], dtype=np.float64)


def _mean(served: Sequence[Served]) -> Served | None:
    if not served:
        return None

    def mean(figure: str) -> float:
        return float(np.mean([getattr(one, figure) for one in served]))

    return Served(
        questions=served[0].questions,
        unfamiliar=mean("unfamiliar"),
        loss=mean("loss"),
        loss_checked=mean("loss_checked"),
        cost=mean("cost"),
        cost_checked=mean("cost_checked"),
        told=mean("told"),
    )


def pooled(found: Sequence[LeftOut], which: str, figure: str) -> Interval:
    """A figure over all questions of the subjects left out, with a bootstrap over subjects."""
    rows = [one.new if which == "new" else one.same for one in found]
    table = np.array([(one.questions, getattr(one, figure)) for one in rows if one is not None], dtype=np.float64)

    def weighted(sample: Floats) -> float:
        return float(np.average(sample[:, 1], weights=sample[:, 0]))

    return bootstrap_interval(table, weighted, np.random.default_rng(0))


def table(found: Sequence[LeftOut], labels: int) -> str:
    """The results as Markdown: all subjects of a set together, then each."""
    lines = [
        f"{labels:,} labels of all subjects but one, a promise of {LIMIT:.0%} net, `unfamiliar.share` {SHARE:.0%}; "
        "[95 %, bootstrap over subjects].",
        "",
        "| set | subjects | served | n | called unfamiliar | lost without | lost with | cost without | cost with "
        f"| told after {TOLD_AFTER} |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(one.set for one in found):
        ours = [one for one in found if one.set == name and one.new is not None]
        for which, words in (("new", "the new subject"), ("same", "labelled subjects")) if ours else ():
            served = [one.new if which == "new" else one.same for one in ours]
            questions = sum(one.questions for one in served if one is not None)
            figures = ("unfamiliar", "loss", "loss_checked", "cost", "cost_checked")
            told = sum(one.told * promised.promised for promised, one in zip(ours, served, strict=True) if one)
            cells = " | ".join(_said(pooled(ours, which, figure)) for figure in figures)
            lines.append(
                f"| {name} | {len(ours)} | {words} | {questions:,} | {cells} "
                f"| {told:.0f} of {sum(one.promised for one in ours)} |"
            )
    lines += [
        "",
        "| set | new subject | n | promised | called unfamiliar | lost, without → with | cost, without → with | told |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in found:
        if one.new is None:
            lines.append(f"| {one.set} | {one.subject} | | 0/{one.calibrations} | | | | |")
            continue
        lines.append(
            f"| {one.set} | {one.subject} | {one.new.questions:,} | {one.promised}/{one.calibrations} "
            f"| {one.new.unfamiliar:.1%} | {one.new.loss:.1%} → {one.new.loss_checked:.1%} "
            f"| {one.new.cost:.1%} → {one.new.cost_checked:.1%} | {one.new.told * one.promised:.0f} |"
        )
    return "\n".join(lines) + "\n"


def _said(one: Interval) -> str:
    return f"{one.estimate:.1%} [{one.low:.1%}, {one.high:.1%}]"


def main() -> None:
    """Leave each subject of the sets out and write the results as they come."""
    reason = data.absent()
    if reason:
        raise SystemExit(reason)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=list(SETS))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--labels", type=int, default=2000)
    given = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    found: list[LeftOut] = []
    for recorded in data.recorded_sets(given.sets):
        for subject in sorted(set(recorded.subjects)):
            found.append(leave_out(recorded, subject, given.labels, given.runs))
            rows = [asdict(one) for one in found]
            (RESULTS / "shift.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
            (RESULTS / "shift.md").write_text(table(found, given.labels), encoding="utf-8")
            print(found[-1], flush=True)


if __name__ == "__main__":
    main()
