"""Which policies are worth testing: the Pareto set of cost and loss, from the safest to the boldest.

A few hundred labels see few losses, so the set has wide gaps: everything between two policies looks dominated by the
bolder one. The gaps are filled with steps of the thresholds; Learn-then-Test pays nothing for candidates that pass.

Failure behaviour: where nothing can be accepted the only candidate is the one that accepts nothing.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import product

import numpy as np

from thriftgate.cascade.calibration.policy import Replay, ThresholdPolicy
from thriftgate.stats.intervals import Floats

_RUNGS = {1: 60, 2: 20}
"""Thresholds tried per tier, by the number of cheaper tiers; with more tiers `_RUNGS_OTHERWISE`."""
_RUNGS_OTHERWISE = 9
_SKIPPED = (0.15, 0.3, 0.45, 0.6)
"""Shares of questions, those of the poorest outlook, that are tried without asking the cheaper tiers."""

_CHEAP_ENOUGH = 0.1
"""Share of the strongest tier's cost up to which the first tier is always asked: what a guess saves there is less than
what it loses."""


def accept_candidates(replay: Replay, *, loss: str = "net") -> list[ThresholdPolicy]:
    """Policies that accept by score, and skip the cheaper tiers where the outlook is poor; safest first.

    Skipping saves a wasted cheap call, so it survives in the Pareto set only where such calls cost more than the
    accepted answers among them would have saved.
    """
    cheaper = replay.scores.shape[1]
    rungs = _RUNGS.get(cheaper, _RUNGS_OTHERWISE)
    ladders = [thresholds(replay.scores[:, tier], rungs) for tier in range(cheaper)]
    known = replay.outlook[np.isfinite(replay.outlook)]
    tried = np.unique(np.quantile(known, _SKIPPED)).tolist() if len(known) and _is_waste(replay) else ()
    skips = [-np.inf, *tried]
    policies = (ThresholdPolicy(rung, skip_below=skip) for skip in skips for rung in product(*ladders))
    front = pareto(policies, replay, loss=loss)
    filled = front[:1]
    for bolder in front[1:]:
        steps = _steps(filled[-1].accept_at, bolder.accept_at, ladders)
        filled += [*(replace(bolder, accept_at=step) for step in steps), bolder]
    return filled


def _is_waste(replay: Replay) -> bool:
    """Whether a cheap answer that is thrown away costs enough to be worth a guess that it will be."""
    cheap, strong = float(replay.cost_usd[:, 0].mean()), float(replay.cost_usd[:, -1].mean())
    return cheap > _CHEAP_ENOUGH * strong


def route_candidates(replay: Replay, *, loss: str = "net") -> list[ThresholdPolicy]:
    """Policies that choose between the first and the last tier before anybody is asked."""
    never = (np.inf,) * replay.scores.shape[1]
    ladder = thresholds(replay.outlook, _RUNGS[1])
    front = pareto((ThresholdPolicy(never, skip_below=rung, trust_above=rung) for rung in ladder), replay, loss=loss)
    filled = front[:1]
    for bolder in front[1:]:
        steps = _steps((filled[-1].skip_below,), (bolder.skip_below,), [ladder])
        filled += [*(replace(bolder, skip_below=step, trust_above=step) for (step,) in steps), bolder]
    return filled


def _steps(safer: tuple[float, ...], bolder: tuple[float, ...], ladders: list[list[float]]) -> list[tuple[float, ...]]:
    """The thresholds on the way from one policy to the next, rung by rung on all ladders at once, without the ends."""
    starts = [ladder.index(one) for ladder, one in zip(ladders, safer, strict=True)]
    ways = [ladder.index(one) - start for ladder, one, start in zip(ladders, bolder, starts, strict=True)]
    count = max(abs(way) for way in ways)
    return [
        tuple(
            ladder[start + round(way * step / count)] for ladder, start, way in zip(ladders, starts, ways, strict=True)
        )
        for step in range(1, count)
    ]


def thresholds(scores: Floats, rungs: int) -> list[float]:
    """Infinity and then quantiles of the scores, descending, so that each rung accepts about as many more."""
    known = scores[np.isfinite(scores)]
    if len(known) == 0:
        return [np.inf]
    return [np.inf, *np.unique(np.quantile(known, np.linspace(0, 1, rungs), method="higher"))[::-1].tolist()]


def pareto(policies: Iterable[ThresholdPolicy], replay: Replay, *, loss: str) -> list[ThresholdPolicy]:
    """The policies that no other beats in both cost and loss, by rising loss; asking only the strongest comes first."""
    played = [(policy, replay.play(policy)) for policy in policies]
    points = sorted(
        ((float(one.losses(replay, loss).mean()), float(one.cost_usd.mean()), policy) for policy, one in played),
        key=lambda point: point[:2],
    )
    front = [ThresholdPolicy((np.inf,) * replay.scores.shape[1], skip_below=np.inf)]
    least = np.inf
    for _, cost, policy in points:
        if cost < least - 1e-15:
            least = cost
            front.append(policy)
    return front
