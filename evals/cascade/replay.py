"""What each way of choosing between the tiers costs and loses on held-out questions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from thriftgate.cascade.calibration.calibration import Calibration
from thriftgate.cascade.calibration.candidates import thresholds
from thriftgate.cascade.calibration.labels import Label
from thriftgate.cascade.calibration.policy import Replay, ThresholdPolicy, replay_of
from thriftgate.cascade.calibration.tier_models import add_outlook
from thriftgate.stats import average_performance_gap_recovered, cost_at_quality
from thriftgate.stats.intervals import Floats


@dataclass(frozen=True, slots=True)
class Curve:
    """Cost (as a share of always-strong) against quality, one point per threshold."""

    costs: Floats
    qualities: Floats
    strong_shares: Floats

    def cost_at(self, quality: float) -> float:
        """The least cost that reaches a quality, at most that of asking only the strongest."""
        found = cost_at_quality(self.costs, self.qualities, quality)
        return 1.0 if np.isnan(found) else min(1.0, found)


def scored(calibration: Calibration, labels: Sequence[Label]) -> Replay:
    """Labels as the calibrated cascade sees them."""
    labels = _with_outlook(calibration, labels)
    outlook = calibration.fitted_outlook
    return replay_of(labels, calibration.models.scores(labels), outlook.outlooks(labels) if outlook else None)


def confidences(calibration: Calibration, labels: Sequence[Label]) -> Floats:
    """The first tier's calibrated confidences before money weighs on them; NaN where there is none."""
    labels = _with_outlook(calibration, labels)
    model, outlook = calibration.models.models[0], calibration.fitted_outlook
    if model is not None:
        found = (model.confidence.of(label.features[0]) for label in labels)
        return np.array([np.nan if one is None else one for one in found])
    return replace(outlook, cost_weight=None).outlooks(labels) if outlook else np.full(len(labels), np.nan)


def _with_outlook(calibration: Calibration, labels: Sequence[Label]) -> Sequence[Label]:
    if calibration.probe is None or not labels:
        return labels
    vectors = np.array([label.vector for label in labels], dtype=np.float64)
    return add_outlook(labels, vectors @ np.array(calibration.probe.weights) + calibration.probe.intercept)


def curve(replay: Replay, policies: Sequence[ThresholdPolicy]) -> Curve:
    """The frontier of some policies."""
    strong = float(replay.cost_usd[:, -1].mean())
    played = [replay.play(policy) for policy in policies]
    last = replay.quality.shape[1] - 1
    return Curve(
        np.array([one.cost_usd.mean() / strong for one in played]),
        np.array([one.quality.mean() for one in played]),
        np.array([(one.tier == last).mean() for one in played]),
    )


def sweep(calibration: Calibration, replay: Replay) -> Curve:
    """The calibrated confidence with every threshold, and every tested candidate, to choose from with hindsight."""
    policies = [one.policy for one in calibration.tested]
    if replay.scores.shape[1] == 1 and np.isfinite(replay.scores).any():
        policies += [ThresholdPolicy((rung,)) for rung in thresholds(replay.scores[:, 0], 400)]
    elif not np.isfinite(replay.scores).any():
        never = (np.inf,) * replay.scores.shape[1]
        policies += [
            ThresholdPolicy(never, skip_below=rung, trust_above=rung) for rung in thresholds(replay.outlook, 400)
        ]
    return curve(replay, policies)


def best_single_signal(labels: Sequence[Label], replay: Replay) -> dict[str, Curve]:
    """A fixed threshold on each raw feature of the first tier's answer (or of the question), either way round."""
    rows = [label.features[0] if label.features else label.question for label in labels]
    curves: dict[str, Curve] = {}
    for name in sorted(name for name in rows[0] if all(name in row for row in rows)):
        values = np.array([row[name] for row in rows])
        if values.std() == 0:
            continue
        for sign, mark in ((1.0, "+"), (-1.0, "-")):
            never = (np.inf,) * (replay.scores.shape[1] - 1)
            if labels[0].features:
                single = Replay(replay.scores.copy(), replay.quality, replay.cost_usd, np.full(len(rows), np.nan))
                single.scores[:, 0] = sign * values
                policies = [ThresholdPolicy((rung, *never)) for rung in thresholds(sign * values, 100)]
            else:
                single = Replay(replay.scores, replay.quality, replay.cost_usd, sign * values)
                policies = [ThresholdPolicy((np.inf, *never), rung, rung) for rung in thresholds(sign * values, 100)]
            curves[mark + name] = curve(single, policies)
    return curves


def random_mixing_cost(replay: Replay, quality: float) -> float:
    """A coin decides which of the first and the last tier is asked, without looking at anything."""
    weak, strong = float(replay.quality[:, 0].mean()), float(replay.quality[:, -1].mean())
    share = min(1.0, max(0.0, (quality - weak) / (strong - weak))) if strong > weak else 0.0
    cheap = float(replay.cost_usd[:, 0].mean() / replay.cost_usd[:, -1].mean())
    return share + (1 - share) * cheap


def oracle_cost(replay: Replay, quality: float) -> float:
    """The first tier is always asked, and the last only where that is known to gain something."""
    gain = replay.quality[:, -1] - replay.quality[:, 0]
    costs = replay.cost_usd[:, -1]
    spare = (float(np.maximum(replay.quality[:, -1], replay.quality[:, 0]).mean()) - quality) * len(gain)
    worth = np.flatnonzero(gain > 0)
    # The spare quality is given up where it saves most.
    given_up = worth[np.argsort(-costs[worth])][: max(0, int(np.floor(spare + 1e-9)))]
    asked = np.setdiff1d(worth, given_up)
    return float((replay.cost_usd[:, 0].sum() + costs[asked].sum()) / costs.sum())


def apgr(replay: Replay, found: Curve) -> float:
    """RouteLLM's average performance gap recovered."""
    return average_performance_gap_recovered(
        found.strong_shares,
        found.qualities,
        weak_quality=float(replay.quality[:, 0].mean()),
        strong_quality=float(replay.quality[:, -1].mean()),
    )
