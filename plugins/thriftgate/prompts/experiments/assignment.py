"""Which variant of an experiment somebody gets: the same one every time, and dealt fairly.

Every variant draws an exponential time for the unit, from a salted hash, at a rate of its weight; the shortest
time wins (weighted rendezvous hashing). A variant therefore wins a share of units equal to its share of the
weights, and when weights change, units move only from variants that lost share to variants that gained: for two
variants, or when one variant's weight changes, exactly as many as must move. For any change no method without
memory does better in the worst case than its 2d/(1+d), where d is the share that must move (Bavarian, Ghazi,
Haramaty, Kamath, Rivest and Sudan, "Optimality of Correlated Sampling Strategies", arXiv 1612.01041).

Failure behaviour: total; no store, no clock, no randomness.
"""

import hashlib
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from thriftgate.prompts.schema import Experiment

Reason = Literal["assigned", "not_running", "no_unit", "holdout"]


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a unit gets. `variant` is None when the experiment does not concern it: it gets `production`."""

    variant: str | None
    reason: Reason


def draw(*parts: str) -> float:
    """A number in (0, 1), always the same for the same words, independent for any others."""
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()
    return (int.from_bytes(digest[:8], "big") // 2048 + 0.5) / 2**53


def choose(weights: Mapping[str, float], unit_id: str, *, salt: str) -> str | None:
    """The variant that wins `unit_id`; None when every weight is 0."""
    times = {
        variant: -math.log(draw(salt, variant, unit_id)) / weight for variant, weight in weights.items() if weight > 0
    }
    return min(times, key=lambda variant: (times[variant], variant)) if times else None


def is_running(experiment: Experiment, now: float) -> bool:
    """Whether `now` lies between start and stop."""
    return (experiment.start is None or experiment.start <= now) and (experiment.stop is None or now < experiment.stop)


def weights_at(experiment: Experiment, now: float, *, stopped: Collection[str] = ()) -> Mapping[str, float]:
    """The weights that hold at `now`: those of the last ramp step that has begun; 0 for what was stopped.

    When everything was stopped, the control gets all.
    """
    weights: Mapping[str, float] = experiment.variants
    for step in experiment.ramp:
        if step.at <= now:
            weights = {variant: step.variants.get(variant, 0.0) for variant in experiment.variants}
    left = {variant: 0.0 if variant in stopped else weight for variant, weight in weights.items()}
    return left if any(left.values()) else {experiment.baseline: 1.0}


def assign(
    experiment: Experiment,
    unit_id: str | None,
    now: float,
    *,
    prompt: str,
    name: str,
    stopped: Collection[str] = (),
) -> Assignment:
    """What `unit_id` gets from the experiment `name` of `prompt`.

    Args:
        experiment: The plan.
        unit_id: Who asks, in the experiment's unit; None when the request does not say.
        now: Seconds since the epoch.
        prompt: Salts the holdout, which is the same for every experiment of a prompt.
        name: With `prompt`, salts the assignment unless the plan has a salt of its own.
        stopped: Variants that a guard has stopped; their units are dealt to the others.
    """
    if not is_running(experiment, now):
        return Assignment(None, "not_running")
    if unit_id is None:
        return Assignment(None, "no_unit")
    if draw(f"{prompt}/holdout", unit_id) < experiment.holdout:
        return Assignment(None, "holdout")
    weights = weights_at(experiment, now, stopped=stopped)
    return Assignment(choose(weights, unit_id, salt=experiment.salt or f"{prompt}/{name}"), "assigned")
