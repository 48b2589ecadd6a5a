"""How much money an acceptance saves, and how much risk it is therefore worth.

Of all ways to spend an allowed loss, accepting answers by risk per dollar saves most. The dollars are what the
strongest tier would have cost, told from the lengths of the prompt and of the cheap answer; the risk is the chance
that the answer is worse, less what cheap answers win by being better now and then.

Failure behaviour: none; without costs or lengths every cost is the usual one, and confidences stay as they are.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import numpy.typing as npt

from thriftgate.stats.intervals import Floats

POWERS = (0.0, 0.5, 1.0)
"""How strongly money may weigh: not at all, by its square root, in proportion."""
_WORTH_IT = 0.01
"""Weighing must save at least this share of the cost on the fit labels, or it is left alone."""
_LEAST, _MOST = 0.1, 10.0
_LENGTHS = ("question_length", "context_length", "answer_length")


@dataclass(frozen=True, slots=True)
class CostWeight:
    """The strongest tier's cost as a multiple of its usual cost, and what that does to a confidence."""

    fixed: float = 1.0
    per_prompt_character: float = 0.0
    per_answer_character: float = 0.0
    """Of the cheap answer, which is about as long as the strong one would be."""
    power: float = 0.0
    """How strongly money weighs; 0: not at all."""
    riskless_at: float = 1.0
    """The confidence at which nothing is lost on average: from here on there is no risk to weigh."""

    def of(self, features: Mapping[str, float]) -> float:
        """The multiple, between a tenth and ten; lengths that are missing count as 0."""
        prompt = math.expm1(features.get("question_length", 0.0)) + math.expm1(features.get("context_length", 0.0))
        answer = math.expm1(features.get("answer_length", 0.0))
        multiple = self.fixed + self.per_prompt_character * prompt + self.per_answer_character * answer
        return max(_LEAST, min(_MOST, multiple))

    def weigh(self, confidence: float, features: Mapping[str, float]) -> float:
        """The confidence as thresholds see it; at the usual cost it stays what it is."""
        risk = self.riskless_at - confidence
        return confidence if risk <= 0 or self.power == 0 else self.riskless_at - risk / self.of(features) ** self.power


def fit_cost_weight(rows: Sequence[Mapping[str, float]], costs: npt.ArrayLike) -> CostWeight:
    """How the strongest tier's cost follows from what is known before it is asked; never falling with length."""
    from scipy.optimize import nnls  # pyright: ignore[reportUnknownVariableType]

    target = np.asarray(costs, dtype=np.float64)
    if len(target) == 0 or not target.mean() > 0:
        return CostWeight()
    characters = np.expm1(np.array([[row.get(name, 0.0) for name in _LENGTHS] for row in rows]))
    design = np.column_stack([np.ones(len(rows)), characters[:, 0] + characters[:, 1], characters[:, 2]])
    scales = np.maximum(design.mean(axis=0), 1e-9)
    solution = cast("Floats", nnls(design / scales, target / target.mean())[0]) / scales
    return CostWeight(float(solution[0]), float(solution[1]), float(solution[2]))


def choose_cost_weight(
    cost_weight: CostWeight,
    rows: Sequence[Mapping[str, float]],
    confidences: Sequence[float],
    losses: Floats,
    costs: npt.ArrayLike,
    *,
    limit: float,
) -> tuple[CostWeight, Floats]:
    """The weight, of `POWERS`, that saves most within losses around `limit`, and the weighed confidences.

    `losses` are what accepting each answer would lose (negative: win), `costs` what it would save.
    """
    saved = np.asarray(costs, dtype=np.float64)
    riskless_at = 1.0 - float((losses < 0).mean())
    options = [replace(cost_weight, power=power, riskless_at=riskless_at) for power in POWERS]
    weighed = [
        np.array([option.weigh(confidence, row) for confidence, row in zip(confidences, rows, strict=True)])
        for option in options
    ]
    savings = [
        float(np.mean([saving_within(one, losses, saved, share * limit) for share in (0.5, 1.0, 2.0)]))
        for one in weighed
    ]
    best = int(np.argmax(savings))
    best = best if savings[best] > savings[0] + _WORTH_IT else 0
    return options[best], weighed[best]


def saving_within(scores: Floats, losses: Floats, saved: Floats, limit: float) -> float:
    """The largest share of the cost that is saved by accepting from the top while the mean loss stays in the limit."""
    order = np.argsort(-scores, kind="stable")
    lost, gained = np.cumsum(losses[order]) / len(order), np.cumsum(saved[order]) / saved.sum()
    # Equal scores are accepted together.
    last = np.append(np.diff(scores[order]) != 0, True)
    fine = last & (lost <= limit)
    return float(gained[fine].max()) if fine.any() else 0.0
