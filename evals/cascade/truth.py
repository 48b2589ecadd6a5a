"""Is a promise true, and what does it cost? Judged on a world that is known whole.

    PYTHONPATH=. nice .venv/bin/python evals/cascade/truth.py [SET …] [--runs 100] [--labels 500,1000] [--methods auto]

A recorded set is the whole world. Labels are drawn from it with replacement, as traffic repeats itself, an artefact is
calibrated on them, and its thresholds are played on every question of the world: no label that chose a threshold is
counted as evidence for it. Each draw is a group of its own (`drawn_from` says why). Adds its rows to
results/truth.json and results/truth.md.
"""

import argparse
import json
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import product

# Set before numpy is loaded: its matrices are small here, and threads would wait for each other.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")

import numpy as np
from evals.cascade import data
from evals.cascade.replay import scored

from thriftgate.cascade.calibration.calibration import Method, Promise, calibrate
from thriftgate.cascade.calibration.labels import Label
from thriftgate.stats import mean_interval, wilson_interval

RESULTS = data.HERE / "results"
LIVE = ("bitext_live", "banking77_live", "snips_live")
"""With log-probabilities."""
SETS = ("gsm8k", "mmlu", "mmlu_pro", "mmlu_pro_qwen", "wildbench", *LIVE)
LIMIT, DELTA = 0.02, 0.05


@dataclass(frozen=True, slots=True)
class Truth:
    """How the calibrations of one set with so many labels went."""

    name: str
    world: int
    labels: int
    method: str
    calibrations: int
    promised: int
    """Calibrations that promised something; the others escalate everything, which cannot be false."""
    false: int
    """Promises whose loss on the whole world is above the limit."""
    cost: float
    """Share of always-strong, mean over all calibrations: those without a promise cost 1."""
    cost_interval: tuple[float, float]
    net: float
    """Quality lost on the whole world, mean over the promises."""
    got_worse: float
    """The same without what got better."""


def drawn_from(world: Sequence[Label], n: int, rng: np.random.Generator) -> list[Label]:
    """So many independent draws from a world, with replacement; each is a group of its own.

    The promise is about the mean loss over the world, and a draw has that mean whatever the other draws were. So the
    losses of one policy on draws that had no part in choosing it are independent and equally distributed, which is all
    that the tests assume, and a question that was drawn twice is two draws: as popular as it is in the world, neither
    less nor more. That one of them may have helped to fit the policy is no leak either: the policy is then as good at
    that question in the world as in the test. To count repeats as one would throw evidence away (1,000 draws of 1,319
    as about 570). In a file nothing says that a repeated line was drawn: there its group stays (`labels`).
    """
    places: list[int] = rng.integers(0, len(world), n).tolist()
    return [replace(world[place], group=str(draw)) for draw, place in enumerate(places)]


def truth_of(name: str, labels: int, method: Method, runs: int) -> Truth:
    """Calibrate `runs` times on `labels` draws, and judge each on the whole world."""
    recorded = next(iter(data.recorded_sets([name])))
    world = recorded.labels
    costs: list[float] = []
    losses: list[tuple[float, float]] = []
    for seed in range(runs):
        rng = np.random.default_rng([seed, labels])
        drawn = drawn_from(world, labels, rng)
        found = calibrate(drawn, Promise(LIMIT, DELTA), rng, method=method, embedder=recorded.embedder)
        if found.chosen is None:
            costs.append(1.0)
            continue
        replay = scored(found, world)
        played = replay.play(found.chosen.policy)
        costs.append(float(played.cost_usd.mean() / replay.cost_usd[:, -1].mean()))
        losses.append((float(played.losses(replay).mean()), float(played.losses(replay, "regressions").mean())))
    cost = mean_interval(costs)
    return Truth(
        name=name,
        world=len(world),
        labels=labels,
        method=method,
        calibrations=runs,
        promised=len(losses),
        false=sum(net > LIMIT for net, _ in losses),
        cost=cost.estimate,
        cost_interval=(cost.low, cost.high),
        net=float(np.mean([net for net, _ in losses])) if losses else 0.0,
        got_worse=float(np.mean([worse for _, worse in losses])) if losses else 0.0,
    )


def table(found: list[Truth]) -> str:
    """The rows as Markdown."""
    lines = [
        f"At most {LIMIT:.0%} lost net, with {1 - DELTA:.0%} confidence; each judged on the whole recorded set.",
        "",
        "| set | world | labels | method | promised | false | of all calibrations | cost | lost net | got worse |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in found:
        share = wilson_interval(one.false, one.calibrations)
        lines.append(
            f"| {one.name} | {one.world:,} | {one.labels:,} | {one.method} | {one.promised}/{one.calibrations} "
            f"| {one.false} | {share.estimate:.1%} [{share.low:.1%}, {share.high:.1%}] | {one.cost:.1%} "
            f"[{one.cost_interval[0]:.1%}, {one.cost_interval[1]:.1%}] | {one.net:.2%} | {one.got_worse:.2%} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Judge the sets and write the results as they come."""
    reason = data.absent()
    if reason:
        raise SystemExit(reason)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=list(SETS))
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--labels", default="1000")
    parser.add_argument("--methods", default="auto")
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args()
    sizes = [int(size) for size in given.labels.split(",")]
    tasks = [(*task, given.runs) for task in product(given.sets, sizes, given.methods.split(","))]
    RESULTS.mkdir(exist_ok=True)
    kept = RESULTS / "truth.json"
    rows = [Truth(**row) for row in json.loads(kept.read_text(encoding="utf-8"))] if kept.exists() else []
    found = {(row.name, row.labels, row.method): row for row in rows}
    with ProcessPoolExecutor(given.processes) as pool:
        # Written as it comes: a run that is cut short leaves what it knows.
        for one in pool.map(truth_of, *zip(*tasks, strict=True)):
            found[one.name, one.labels, one.method] = one
            rows = [found[key] for key in sorted(found)]
            kept.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
            (RESULTS / "truth.md").write_text(table(rows), encoding="utf-8")
            print(one, flush=True)


if __name__ == "__main__":
    main()
