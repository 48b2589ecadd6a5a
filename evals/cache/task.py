"""How often the cache hits, and how often it is wrong: `uv run python -m evals.cache.task [--orders 10] [PART …]`.

`--embedder fast` plays the rows by the fast embedder's vectors and its own artefact, under names of their own.

Runs the caching/ code that serves. Without the public data sets only our own support questions are played. Intervals
are by answers (clusters). A part is one of `PARTS`, or words of a row's name; the other results stay as they are.
"""

import argparse
import json
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

# Set before numpy is loaded: its matrices are small here, and threads would wait for each other.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")

import numpy as np
from evals.cache import data
from evals.cache.artefact import foreign_artefact, halves
from evals.cache.detectors import detector_rates, guard_rates
from evals.cache.streams import Outcome, play
from evals.cache.traps import trap_table

from thriftgate.caching.artefact import CacheModel, shipped
from thriftgate.caching.calibration import shuffled
from thriftgate.caching.learner import Learner
from thriftgate.caching.policy import FixedThreshold
from thriftgate.caching.rehearsal import Conditions, Labelled, ReplayDecider
from thriftgate.services.cache.deciding import FixedDecider

RESULTS = data.HERE / "results"
FIXED = (0.80, 0.85, 0.90, 0.95)
PROMISES = (0.002, 0.005, 0.01, 0.02, 0.05)


def ours(artefact: CacheModel, *, max_error: float = 0.01, explore: float = 0.0) -> Callable[[], ReplayDecider]:
    """Makes fresh learners."""
    return lambda: Learner(artefact, max_error=max_error, explore=explore)


def fixed(threshold: float) -> Callable[[], ReplayDecider]:
    """Makes deciders by a fixed threshold."""
    return lambda: FixedDecider(FixedThreshold(threshold))


JUDGE = Conditions(missed_agreement=0.02, false_agreement=0.02, untold=0.5)
"""The free judge on answers that mostly state a result; evals/cache/judge.py measures how far it tells others."""
POOR_JUDGE = Conditions(missed_agreement=0.07, false_agreement=0.29, untold=0.5)
"""A judge far worse than any that was measured: of pairs that differ it takes 29 % for the same."""


PARTS = ("promise", "traps", "support", "fixed", "curve", "guards")


def promise_jobs() -> dict[str, tuple[str, str, Conditions]]:
    """Name -> (data set, artefact, conditions) of the main table, the most important first."""
    plain = Conditions()
    return {
        "BANKING77, 3,080 of its test file": ("test", "shipped", plain),
        "BANKING77, all 13,083": ("all", "shipped", plain),
        "Home Assistant, English, with slots": ("ha en", "shipped", plain),
        "Home Assistant, German, with slots": ("ha de", "shipped", plain),
        "Home Assistant, Dutch, with slots": ("ha nl", "shipped", plain),
        "HWU64 with slots": ("hwu slots", "shipped", plain),
        "Bitext, which the artefact has seen": ("bitext", "shipped", plain),
        "BANKING77, 3,080, as the free judge tells": ("test", "shipped", JUDGE),
        "Home Assistant, English, as the free judge tells": ("ha en", "shipped", JUDGE),
        "Home Assistant, German, as the free judge tells": ("ha de", "shipped", JUDGE),
        "Home Assistant, Dutch, as the free judge tells": ("ha nl", "shipped", JUDGE),
        "HWU64 with slots, as the free judge tells": ("hwu slots", "shipped", JUDGE),
        "SNIPS, as the free judge tells": ("snips", "shipped", JUDGE),
        "five tenants, as the free judge tells": ("tenants", "shipped", JUDGE),
        "five tenants of one route": ("tenants", "shipped", plain),
        "BANKING77, 6,408 of unseen intents": ("unseen", "shipped", plain),
        "HWU64 by intents": ("hwu", "shipped", plain),
        "SNIPS with slots": ("snips", "shipped", plain),
        "BANKING77, 3,080, artefact without BANKING77": ("test", "foreign", plain),
        "BANKING77, 3,080, no hit checked after the first": ("test", "shipped", Conditions(verify_share=0.0)),
        "BANKING77, all, as the free judge tells": ("all", "shipped", JUDGE),
        "BANKING77, 3,080, as a poor judge tells": ("test", "shipped", POOR_JUDGE),
        "Home Assistant, Dutch, as a poor judge tells": ("ha nl", "shipped", POOR_JUDGE),
        "Home Assistant, German, as a poor judge tells": ("ha de", "shipped", POOR_JUDGE),
        "HWU64 with slots, as a poor judge tells": ("hwu slots", "shipped", POOR_JUDGE),
    }


def run_promise(name: str, spec: tuple[str, str, Conditions], orders: int) -> Outcome:
    """One row of the main table."""
    which, artefact, conditions = spec
    start = shipped(data.chosen()) if artefact == "shipped" else foreign_artefact()
    return play(_named(name), _dataset(which), ours(start), orders=orders, conditions=conditions)


def run_fixed(which: str, threshold: float, orders: int) -> Outcome:
    """One baseline."""
    return play(_named(f"{which}, fixed {threshold:.2f}"), _dataset(which), fixed(threshold), orders=orders)


def run_curve(max_error: float, orders: int) -> Outcome:
    """One point of our curve, on the 3,080 stream."""
    start = shipped(data.chosen())
    name = _named(f"test, max_error {max_error}")
    return play(name, _dataset("test"), ours(start, max_error=max_error), orders=orders)


def _named(row: str) -> str:
    """Rows by another embedder than the usual one say so."""
    return row if data.chosen() == "local" else f"{row}, by {data.chosen()}"


def run_support(orders: int) -> list[Outcome]:
    """Our own questions: a young cache full of traps."""
    questions = data.support()
    makers = [("support, shipped artefact", ours(shipped(data.chosen())))]
    makers += [(f"support, fixed {threshold:.2f}", fixed(threshold)) for threshold in FIXED]
    return [play(name, questions, make, orders=orders) for name, make in makers]


def main(parts: Sequence[str], *, orders: int) -> None:
    """The parts, or everything, into results/cache.json and results/curve.png; what is done is written as it comes."""
    RESULTS.mkdir(exist_ok=True)
    kept = RESULTS / "cache.json"
    results: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8")) if parts and kept.exists() else {}
    if not data.has_public_data():
        print(f"no public data sets in {data.DATA}: only our own support questions were played")
        results["support"] = _report(run_support(2 * orders))
        _write(results)
        return
    for name, spec in promise_jobs().items():
        if not parts or "promise" in parts or any(part in name for part in parts if part not in PARTS):
            rows = [row for row in results.get("promise", []) if row["name"] != _named(name)]
            results["promise"] = [*rows, *_report([run_promise(name, spec, orders)])]
            _write(results)
    others: dict[str, Callable[[], object]] = {
        "traps": trap_table,
        "support": lambda: _report(run_support(2 * orders)),
        "fixed": lambda: _report(run_fixed("test", threshold, orders) for threshold in FIXED),
        "curve": lambda: _report(run_curve(promise, orders) for promise in PROMISES),
        "guards": lambda: {
            "vetoes": guard_rates(_dataset("all")),
            "detectors": detector_rates(_dataset("all"), data.bitext()),
        },
    }
    for part, make in others.items():
        if not parts or part in parts:
            results[part] = make()
            _write(results)
    if "fixed" in results and "curve" in results:
        _draw(results)


def _write(results: dict[str, Any]) -> None:
    (RESULTS / "cache.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def _dataset(which: str) -> Labelled:
    if which.startswith("ha "):
        return data.home_assistant(which.removeprefix("ha "))
    if which.startswith("hwu"):
        return data.hwu64(slots=which == "hwu slots")
    if which == "snips":
        return data.snips()
    if which == "bitext":
        return data.bitext()
    questions, files = data.banking77()
    if which == "test":
        return questions.take([place for place, file in enumerate(files) if file == "test"])
    if which == "tenants":
        parts = [questions, data.hwu64(slots=False), data.hwu64(slots=True)]
        sampled = [
            part.take(shuffled(len(part), np.random.default_rng(place))[:2_500]) for place, part in enumerate(parts)
        ]
        return data.tenants([data.home_assistant("nl"), data.home_assistant("en"), *sampled])
    return halves(questions)[1] if which == "unseen" else questions


def _report(outcomes: Iterable[Outcome]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for outcome in outcomes:
        low, high = outcome.error_interval
        print(
            f"{outcome.name:52} {outcome.hit_rate:6.1%} hits  {outcome.error:.2%} wrong [{low:.2%}, {high:.2%}]  "
            f"worst of {outcome.orders} orders {outcome.worst_order:.2%} (at most {outcome.worst_order_upper:.2%}); "
            f"of the hits {outcome.error_of_hits:.2%}, worst {outcome.worst_order_of_hits:.2%}",
            flush=True,
        )
        rows.append(outcome.as_json())
    return rows


def _draw(results: dict[str, Any]) -> None:
    from thriftgate.cli.charts import Curve, draw_curves

    thresholds = [row for row in results["fixed"] if row["name"].startswith("test")]
    draw_curves(
        [
            Curve("fixed threshold", [(r["error"], r["hit_rate"], r["name"].split()[-1]) for r in thresholds]),
            Curve("max_error", [(r["error"], r["hit_rate"], r["name"].split()[-1]) for r in results["curve"]]),
        ],
        RESULTS / "curve.png",
        title="BANKING77, 3,080 questions in random order",
        promise=0.01,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*")
    parser.add_argument("--orders", type=int, default=10)
    parser.add_argument("--embedder", choices=["local", "fast", "multilingual"], default="local")
    given = parser.parse_args()
    data.choose(given.embedder)
    main(given.parts, orders=given.orders)
