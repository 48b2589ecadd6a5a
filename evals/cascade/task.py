"""Replay recorded answers through the cascade's own code: `make eval ARGS=cascade`.

Some sets only, or three resplits: `PYTHONPATH=. .venv/bin/python evals/cascade/task.py [SET …] [--quick]`.
Per data set and resplit: one half calibrates (signals, models, Learn-then-Test), the other half is served and judged.
Writes results/<set>.json, results/table.md and results/frontier.png.
"""

import json
import os
import platform
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

# Set before numpy is loaded: its matrices are small here, and threads that wait for each other on a busy machine
# made the run fifteen times slower.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")

import numpy as np
from evals.cascade import data
from evals.cascade.plot import draw
from evals.cascade.replay import (
    Curve,
    apgr,
    best_single_signal,
    confidences,
    oracle_cost,
    random_mixing_cost,
    scored,
    sweep,
)
from evals.cascade.serve import serve
from evals.cascade.table import write_table

from thriftgate.cascade.calibration.calibration import Calibration, Promise, calibrate, split
from thriftgate.cascade.calibration.labels import Label
from thriftgate.cascade.calibration.policy import Replay
from thriftgate.cascade.calibration.report import artefact_of
from thriftgate.stats import auroc_interval, mean_interval

RESULTS = data.HERE / "results"
DELTA = 0.05
LIMITS = (0.01, 0.02, 0.05)
TARGETS = (0.95, 0.98)
"""Shares of the strong tier's quality at which costs are compared."""


def run_set(name: str, resplits: int) -> dict[str, Any]:
    """All numbers of one data set."""
    started = time.time()
    recorded = next(iter(data.recorded_sets([name])))
    rows = [run_resplit(recorded, seed) for seed in range(resplits)]
    quality = np.array([label.quality for label in recorded.labels])
    price = np.array([label.cost_usd for label in recorded.labels]).mean(axis=0)
    result = {
        "set": name,
        "about": (data.SETS[name].__doc__ or "").strip(),
        "tiers": recorded.tiers,
        "n": len(recorded.labels),
        "resplits": resplits,
        "quality": {
            tier: round(float(value), 4) for tier, value in zip(recorded.tiers, quality.mean(axis=0), strict=True)
        },
        "cost_of_one_call": {
            tier: round(float(value), 4) for tier, value in zip(recorded.tiers, price / price[-1], strict=True)
        },
        "summary": summary(rows),
        "served": serve_once(recorded),
        "resplit": rows,
        "seconds": round(time.time() - started),
    }
    print(f"{name}: {result['seconds']} s", file=sys.stderr, flush=True)
    return result


def run_resplit(recorded: data.RecordedSet, seed: int) -> dict[str, Any]:
    """One random half calibrates, the other is judged."""
    rng = np.random.default_rng(seed)
    known, held = split(recorded.labels, 0.5, rng)
    row: dict[str, Any] = {"seed": seed, "promises": {}}
    for limit in LIMITS:
        for method in ("split", "cross") if _can_cross(recorded) else ("split",):
            seeded = np.random.default_rng([seed, round(limit * 1000)])
            found = calibrate(
                known,
                Promise(limit, DELTA),
                seeded,
                method=method,
                embedder=recorded.embedder,  # pyright: ignore[reportArgumentType]
            )
            row["promises"][f"{limit:g} {method}"] = kept(found, held, limit)
            if limit == LIMITS[1] and method == "split":
                row.update(hindsight(found, held))
    return row


def kept(found: Calibration, held: list[Label], limit: float) -> dict[str, Any]:
    """What a promise cost, and whether it was kept."""
    replay = scored(found, held)
    strong = float(replay.cost_usd[:, -1].mean())
    if found.chosen is None:
        return {
            "cost": 1.0,
            "loss": 0.0,
            "accepts": False,
            "hindsight_cost": within(found, replay, limit),
        }
    played = replay.play(found.chosen.policy)
    losses = played.losses(replay)
    return {
        "cost": float(played.cost_usd.mean()) / strong,
        "loss": float(losses.mean()),
        "accepts": True,
        "hindsight_cost": within(found, replay, limit),
    }


def within(found: Calibration, replay: Replay, limit: float) -> float:
    """The least cost of the calibrated score within a loss, its threshold chosen with hindsight."""
    return sweep(found, replay).cost_at(float(replay.quality[:, -1].mean()) - limit)


def hindsight(found: Calibration, held: list[Label]) -> dict[str, Any]:
    """The frontiers of this resplit at shares of the strong tier's quality, thresholds chosen with hindsight."""
    replay = scored(found, held)
    ours, singles = sweep(found, replay), best_single_signal(held, replay)
    strong = float(replay.quality[:, -1].mean())
    columns: dict[str, Any] = {
        "apgr": apgr(replay, ours),
        "apgr_best_signal": max(apgr(replay, one) for one in singles.values()),
    }
    for target in TARGETS:
        best = min(singles, key=lambda name: singles[name].cost_at(target * strong))
        columns[f"at_{target:g}"] = {
            "calibrated": ours.cost_at(target * strong),
            "best_fixed_threshold": singles[best].cost_at(target * strong),
            "best_signal": best,
            "random": random_mixing_cost(replay, target * strong),
            "oracle": oracle_cost(replay, target * strong),
        }
    scores = confidences(found, held)
    seen = np.isfinite(scores)
    no_worse = (replay.quality[:, 0] >= replay.quality[:, -1])[seen]
    columns["auroc_no_worse"] = _interval(auroc_interval(scores[seen], no_worse, np.random.default_rng(0)))
    columns["auroc_right"] = _interval(auroc_interval(scores[seen], replay.quality[seen, 0], np.random.default_rng(0)))
    columns["curve"] = _thinned(ours)
    return columns


def serve_once(recorded: data.RecordedSet) -> dict[str, Any]:
    """Write the artefact, read it back and drive the serving code over the held-out half, question by question."""
    rng = np.random.default_rng(0)
    groups = {label.group for label in split(recorded.labels, 0.5, rng)[0]}
    known = [label for label in recorded.labels if label.group in groups]
    held = [place for place, label in enumerate(recorded.labels) if label.group not in groups]
    found = calibrate(known, Promise(0.05, DELTA), rng, embedder=recorded.embedder)
    artefact = artefact_of(found, tiers=recorded.tiers, rng=rng, route=recorded.name)
    replay = scored(found, [recorded.labels[place] for place in held])
    expected = replay.play(found.chosen.policy) if found.chosen else None
    return serve(recorded, held, artefact, expected)


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over the resplits, and how often promises were kept."""
    made: dict[str, Any] = {"promises": {}}
    for key in rows[0]["promises"]:
        limit = float(key.split()[0])
        promises = [row["promises"][key] for row in rows]
        made["promises"][key] = {
            "cost": round(float(np.mean([one["cost"] for one in promises])), 4),
            "hindsight_cost": round(float(np.mean([one["hindsight_cost"] for one in promises])), 4),
            "loss": round(float(np.mean([one["loss"] for one in promises])), 4),
            "kept_on_held_out_half": sum(one["loss"] <= limit for one in promises),
            "accepts": sum(one["accepts"] for one in promises),
            "of": len(promises),
        }
    for name in ("apgr", "apgr_best_signal"):
        made[name] = _interval(mean_interval([row[name] for row in rows]))
    for target in TARGETS:
        at = [row[f"at_{target:g}"] for row in rows]
        made[f"at_{target:g}"] = {
            name: round(float(np.mean([one[name] for one in at])), 4)
            for name in ("calibrated", "best_fixed_threshold", "random", "oracle")
        }
    made["auroc_no_worse"], made["auroc_right"] = rows[0]["auroc_no_worse"], rows[0]["auroc_right"]
    return made


def _can_cross(recorded: data.RecordedSet) -> bool:
    return len(recorded.tiers) == 2 and bool(recorded.labels[0].features)


def _interval(interval: Any) -> list[float]:
    return [round(interval.estimate, 4), round(interval.low, 4), round(interval.high, 4)]


def _thinned(curve: Curve) -> list[list[float]]:
    order = np.argsort(curve.costs)[:: max(1, len(curve.costs) // 100)]
    return [[round(float(curve.costs[place]), 4), round(float(curve.qualities[place]), 4)] for place in order]


def main() -> None:
    """Run the sets in two processes and write the results."""
    reason = data.absent()
    if reason:
        raise SystemExit(reason)
    quick = "--quick" in sys.argv
    names = [name for name in sys.argv[1:] if not name.startswith("-")] or list(data.SETS)
    RESULTS.mkdir(exist_ok=True)
    with ProcessPoolExecutor(2) as pool:
        for result in pool.map(run_set, names, [3 if quick else 20] * len(names)):
            result["machine"] = f"{platform.machine()}, Python {platform.python_version()}"
            (RESULTS / f"{result['set']}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    paths = [RESULTS / f"{name}.json" for name in data.SETS]
    results = [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]
    write_table(results, RESULTS / "table.md")
    draw(results, RESULTS / "frontier.png")


if __name__ == "__main__":
    main()
