"""How often the cache hits, and how often it is wrong: `uv run python -m evals.cache.task [--quick]`.

Runs the caching/ code that serves. Without the public data sets only our own support questions are played.
"""

import json
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from evals.cache import data
from evals.cache.artefact import foreign_artefact, halves
from evals.cache.detectors import detector_rates, guard_rates
from evals.cache.streams import Outcome, play
from evals.cache.traps import trap_table

from thriftgate.caching.artefact import Artefact, shipped
from thriftgate.caching.learner import Learner
from thriftgate.caching.policy import FixedThreshold
from thriftgate.caching.rehearsal import Conditions, Decider, Labelled, Unlearning

RESULTS = data.HERE / "results"
FIXED = (0.80, 0.85, 0.90, 0.95)
PROMISES = (0.002, 0.005, 0.01, 0.02, 0.05)
_PROCESSES = 2

Job = tuple[str, Callable[[], Outcome]]


def ours(artefact: Artefact, *, max_error: float = 0.01, explore: float = 0.0) -> Callable[[], Decider]:
    """Makes fresh learners."""
    return lambda: Learner(artefact, max_error=max_error, explore=explore)


def fixed(threshold: float) -> Callable[[], Decider]:
    """Makes deciders by a fixed threshold."""
    return lambda: Unlearning(FixedThreshold(threshold))


def promise_jobs(orders: int) -> dict[str, tuple[str, str, int, Conditions]]:
    """Name -> (data set, artefact, orders, conditions) of the main table."""
    plain = Conditions()
    few = max(2, orders // 2)
    return {
        "3,080 stream, shipped artefact": ("test", "shipped", 2 * orders, plain),
        "13,083 stream, shipped artefact": ("all", "shipped", orders, plain),
        "6,408 stream of unseen intents, shipped artefact": ("unseen", "shipped", orders, plain),
        "3,080 stream, artefact without BANKING77": ("test", "foreign", 2 * orders, plain),
        "13,083 stream, artefact without BANKING77": ("all", "foreign", orders, plain),
        "3,080 stream, 2 % of judgements wrong": ("test", "shipped", orders, _noise(0.02)),
        "3,080 stream, 5 % of judgements wrong": ("test", "shipped", orders, _noise(0.05)),
        "13,083 stream, 2 % of judgements wrong": ("all", "shipped", few, _noise(0.02)),
        "13,083 stream, 5 % of judgements wrong": ("all", "shipped", few, _noise(0.05)),
        "13,083 stream, no hit is ever verified": ("all", "shipped", few, Conditions(verify_share=0.0)),
        "13,083 stream, 10 % of hits verified": ("all", "shipped", few, Conditions(verify_share=0.1)),
        "13,083 stream, 3 answers compared": ("all", "shipped", few, Conditions(comparisons=3)),
        "13,083 stream, 1 answer compared": ("all", "shipped", few, Conditions(comparisons=1)),
    }


def run_promise(name: str, spec: tuple[str, str, int, Conditions]) -> Outcome:
    """One row of the main table."""
    which, artefact, orders, conditions = spec
    start = shipped() if artefact == "shipped" else foreign_artefact()
    return play(name, _dataset(which), ours(start), orders=orders, conditions=conditions)


def run_fixed(which: str, threshold: float, orders: int) -> Outcome:
    """One baseline."""
    return play(f"{which}, fixed {threshold:.2f}", _dataset(which), fixed(threshold), orders=orders)


def run_curve(max_error: float, orders: int) -> Outcome:
    """One point of our curve, on the 3,080 stream."""
    return play(f"test, max_error {max_error}", _dataset("test"), ours(shipped(), max_error=max_error), orders=orders)


def run_support(orders: int) -> list[Outcome]:
    """Our own questions: a young cache full of traps."""
    questions = data.support()
    makers = [("support, shipped artefact", ours(shipped()))]
    makers += [(f"support, fixed {threshold:.2f}", fixed(threshold)) for threshold in FIXED]
    return [play(name, questions, make, orders=orders) for name, make in makers]


def main(*, quick: bool) -> None:
    """Everything, into results/cache.json and results/curve.png."""
    orders = 2 if quick else 5
    results: dict[str, Any] = {"support": [outcome.as_json() for outcome in run_support(4 * orders)]}
    if data.has_public_data():
        with ProcessPoolExecutor(_PROCESSES) as pool:
            promises = [pool.submit(run_promise, name, spec) for name, spec in promise_jobs(orders).items()]
            baselines = [pool.submit(run_fixed, which, t, 2) for which in ("test", "all") for t in FIXED]
            curve = [pool.submit(run_curve, promise, orders) for promise in PROMISES]
            results["promise"] = _report(future.result() for future in promises)
            results["fixed"] = _report(future.result() for future in baselines)
            results["curve"] = _report(future.result() for future in curve)
        results["traps"] = trap_table()
        results["guards"] = guard_rates(_dataset("all"))
        results["detectors"] = detector_rates(_dataset("all"), data.bitext())
        _draw(results)
    else:
        print(f"no public data sets in {data.DATA}: only our own support questions were played")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "cache.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def _dataset(which: str) -> Labelled:
    questions, files = data.banking77()
    if which == "test":
        return questions.take([place for place, file in enumerate(files) if file == "test"])
    return halves(questions)[1] if which == "unseen" else questions


def _noise(share: float) -> Conditions:
    """Equal answers are missed more often than different ones are taken for equal."""
    return Conditions(missed_agreement=share, false_agreement=share / 2)


def _report(outcomes: Iterable[Outcome]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for outcome in outcomes:
        low, high = outcome.error_interval
        print(
            f"{outcome.name:52} {outcome.hit_rate:6.1%} hits  {outcome.error:.2%} wrong [{low:.2%}, {high:.2%}]  "
            f"worst of {outcome.orders} orders {outcome.worst_order:.2%} (at most {outcome.worst_order_upper:.2%})",
            flush=True,
        )
        rows.append(outcome.as_json())
    return rows


def _draw(results: dict[str, Any]) -> None:
    from thriftgate.cli.cache.curve import Curve, draw_curves

    RESULTS.mkdir(exist_ok=True)
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
    main(quick="--quick" in sys.argv)
