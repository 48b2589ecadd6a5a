"""Play a data set in several random orders and say what came of it, with intervals."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import perf_counter

import numpy as np

from thriftgate.caching.calibration import shuffled
from thriftgate.caching.decision import Hit
from thriftgate.caching.rehearsal import Conditions, Labelled, ReplayDecider, rehearse
from thriftgate.cli.cache.parts.trial import by_answer, ratio, share_interval
from thriftgate.stats.intervals import bootstrap_interval, clopper_pearson


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Hits and wrong answers as shares of all questions."""

    name: str
    questions: int
    orders: int
    hit_rate: float
    hit_rate_interval: tuple[float, float]
    error: float
    error_interval: tuple[float, float]
    """95 %, bootstrap over answers, whose questions are wrong together (each with its mean over the orders)."""
    error_of_hits: float
    """Wrong hits as a share of the hits."""
    error_of_hits_interval: tuple[float, float]
    worst_order_of_hits: float
    worst_order: float
    worst_order_upper: float
    """Upper end of the exact two-sided 95 % interval of the worst single order."""
    promised: float
    """Mean expected error of the hits, by their own confidences; 0 for a fixed threshold."""
    seconds_per_decision: float

    def as_json(self) -> dict[str, object]:
        """For the results file."""
        return {name: round(value, 5) if isinstance(value, float) else value for name, value in asdict(self).items()}


def play(
    name: str,
    data: Labelled,
    make: Callable[[], ReplayDecider],
    *,
    orders: int,
    conditions: Conditions | None = None,
    first_seed: int = 1000,
) -> Outcome:
    """Each order begins with a fresh decider and an empty cache."""
    hits, wrong = np.zeros(len(data)), np.zeros(len(data))
    per_order: list[int] = []
    of_hits: list[float] = []
    expected = 0.0
    started = perf_counter()
    for seed in range(first_seed, first_seed + orders):
        order = shuffled(len(data), np.random.default_rng(seed))
        before, hits_before = float(wrong.sum()), float(hits.sum())
        steps = rehearse(data.take(order), make(), conditions=conditions or Conditions(), seed=seed)
        for place, step in zip(order, steps, strict=True):
            if isinstance(step.decision, Hit):
                hits[place] += 1
                wrong[place] += step.is_wrong_hit
                expected += 1 - step.decision.confidence if step.decision.confidence is not None else 0.0
        per_order.append(int(wrong.sum() - before))
        of_hits.append(per_order[-1] / max(1.0, float(hits.sum()) - hits_before))
    seconds = (perf_counter() - started) / (orders * len(data))
    rng = np.random.default_rng(7)
    hit_rate = bootstrap_interval(by_answer(hits / orders, data.groups), ratio, rng)
    error = share_interval(wrong / orders, data.groups, rng)
    among_hits = bootstrap_interval(by_answer(wrong, data.groups, hits), ratio, rng)
    return Outcome(
        name=name,
        questions=len(data),
        orders=orders,
        hit_rate=hit_rate.estimate,
        hit_rate_interval=(hit_rate.low, hit_rate.high),
        error=error.estimate,
        error_interval=(error.low, error.high),
        error_of_hits=among_hits.estimate,
        error_of_hits_interval=(among_hits.low, among_hits.high),
        worst_order_of_hits=max(of_hits),
        worst_order=max(per_order) / len(data),
        worst_order_upper=clopper_pearson(max(per_order), len(data)).high,
        promised=expected / (orders * len(data)),
        seconds_per_decision=seconds,
    )
