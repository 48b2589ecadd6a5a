"""What a calibration says about itself: the artefact to serve from, and what more labels would buy."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from thriftgate.cascade.artefact import Artefact, Guarantee, OutlookModel, TierConfidence
from thriftgate.cascade.calibration.calibration import Calibration, Tested, run_tests
from thriftgate.cascade.calibration.tier_models import is_no_worse
from thriftgate.cascade.familiarity import QuestionSummary
from thriftgate.cascade.signals import SIGNALS
from thriftgate.stats import (
    Interval,
    auroc_interval,
    calibration_error_interval,
    design_effect,
    fixed_sequence,
    labels_needed,
    loss_p_value,
    mean_interval,
    ratio_interval,
    wilson_interval,
)

NEVER = 2.0
"""A threshold that no confidence reaches."""
_LENGTHS = ("question_length", "answer_length")
LIMITS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1)
"""Promises that an artefact carries besides its own, for `budget_shift`."""


def artefact_of(
    calibration: Calibration,
    *,
    tiers: Sequence[str],
    rng: np.random.Generator,
    route: str = "",
    prompt_version: str = "",
    deployments: Mapping[str, Sequence[str]] | None = None,
    summary: QuestionSummary | None = None,
    objections: Sequence[str] = (),
    created_at: str = "",
) -> Artefact:
    """The file to serve from. `rng` is for the folds and bootstrap of the reported errors only."""
    chosen, promise = calibration.chosen, calibration.promise
    confidences = tuple(
        found for tier, name in enumerate(tiers[:-1]) if (found := _tier_confidence(calibration, tier, name, rng))
    )
    # Stakes are told from lengths, which these two signals measure.
    used = {feature for one in confidences for feature in one.confidence.model.features} | {*_LENGTHS}
    return Artefact(
        tiers=tuple(tiers),
        signals=tuple(signal.name for signal in SIGNALS if used & set(signal.features)),
        labels=len(calibration.fit) + len(calibration.test),
        labels_tested=len(calibration.test),
        confidences=confidences,
        guarantee=Guarantee(
            max_quality_loss=promise.max_quality_loss,
            delta=promise.delta,
            loss=promise.loss,
            holds=chosen is not None,
            p_value=chosen.p_value if chosen else 1.0,
            words=calibration.why,
        ),
        expected=expected_savings(calibration, chosen) if chosen else {},
        frontier=tuple(_frontier_row(one) for one in calibration.tested),
        promises=tuple(_promise_row(calibration, confidences, limit) for limit in LIMITS),
        outlook=_outlook_model(calibration),
        probe=calibration.probe,
        summary=summary,
        objections=tuple(objections),
        deployments=dict(deployments or {}),
        prompt_version=prompt_version,
        route=route,
        created_at=created_at,
    )


def expected_savings(calibration: Calibration, one: Tested) -> dict[str, Any]:
    """What a candidate did on the test labels, with intervals."""
    replay = calibration.replay
    played = replay.play(one.policy)
    loss = mean_interval(played.losses(replay, calibration.promise.loss))
    net, got_worse, got_better = (
        mean_interval(lost)
        for lost in (
            played.losses(replay, "net"),
            played.losses(replay, "regressions"),
            np.maximum(-played.losses(replay, "net"), 0.0),
        )
    )
    strong = mean_interval(replay.quality[:, -1])
    cheap = int((played.tier < replay.quality.shape[1] - 1).sum())
    return {
        "cost_share": round(one.cost_share, 4),
        "cost": as_dict(ratio_interval(played.cost_usd, replay.cost_usd[:, -1])),
        "cheap_share": as_dict(wilson_interval(cheap, len(replay))),
        "quality_loss": as_dict(loss),
        "net": as_dict(net),
        "got_worse": as_dict(got_worse),
        "got_better": as_dict(got_better),
        "quality_strong": as_dict(strong),
    }


def with_more_labels(calibration: Calibration, more: int) -> float | None:
    """The cost share to be expected with so many more labels, if losses stay what they are; 1 for no promise.

    Each candidate's losses are repeated in proportion and tested again: the outcome of a typical, not a lucky, draw.
    None where there were too few to test any candidate: what more of them would show is not known then.
    """
    replay, promise = calibration.replay, calibration.promise
    total = len(calibration.fit) + len(calibration.test)
    needed = labels_needed(promise.max_quality_loss, calibration.level)
    if not calibration.tested:
        return None if len(replay) < needed else 1.0
    # Labels that repeat each other do so again.
    repeats = 1.0 if replay.clusters is None else design_effect(replay.clusters)
    n = round(len(replay) / repeats * (total + more) / total)
    if n < needed:
        return 1.0
    p_values = (_projected_p_value(calibration, one, n) for one in calibration.tested)
    passed = fixed_sequence(p_values, calibration.level)
    return min([1.0, *(one.cost_share for one in calibration.tested[:passed])])


def as_dict(interval: Interval) -> dict[str, float]:
    """An interval as plain, rounded numbers; what is not finite is left out."""
    parts = {"low": interval.low, "estimate": interval.estimate, "high": interval.high}
    return {name: round(value, 5) for name, value in parts.items() if math.isfinite(value)}


def _projected_p_value(calibration: Calibration, one: Tested, n: int) -> float:
    replay = calibration.replay
    losses = np.sort(replay.play(one.policy).losses(replay, calibration.promise.loss))
    if losses.mean() > calibration.promise.max_quality_loss:
        return 1.0
    # The same distribution with n values: each takes the place of its quantile.
    places = np.minimum(((np.arange(n) + 0.5) / n * len(losses)).astype(int), len(losses) - 1)
    return loss_p_value(losses[places], calibration.promise.max_quality_loss)


def _tier_confidence(calibration: Calibration, tier: int, name: str, rng: np.random.Generator) -> TierConfidence | None:
    """The tier's model and threshold, with its errors on the test labels, which it has not seen."""
    model = calibration.models.models[tier]
    if model is None:
        return None
    known = [place for place, label in enumerate(calibration.test) if tier < len(label.features)]
    confidences = [model.confidence.of(calibration.test[place].features[tier]) for place in known]
    seen = [place for place, confidence in zip(known, confidences, strict=True) if confidence is not None]
    values = [confidence for confidence in confidences if confidence is not None]
    outcomes = is_no_worse([calibration.test[place] for place in seen], tier)
    threshold = calibration.chosen.policy.accept_at[tier] if calibration.chosen else np.inf
    return TierConfidence(
        tier=name,
        confidence=model.confidence,
        accept_at=_written(threshold),
        cost_weight=model.cost_weight,
        auroc=as_dict(auroc_interval(values, outcomes, rng)),
        calibration_error=as_dict(calibration_error_interval(values, outcomes, rng)),
    )


def _written(threshold: float) -> float:
    """A threshold as it stands in the file; infinity is `NEVER`."""
    return float(threshold) if np.isfinite(threshold) else NEVER


def _outlook_model(calibration: Calibration) -> OutlookModel | None:
    if calibration.outlook is None or calibration.chosen is None:
        return None
    policy = calibration.chosen.policy
    trust = policy.trust_above
    return OutlookModel(
        confidence=calibration.outlook.confidence,
        skip_below=float(policy.skip_below),
        trust_above=float(trust) if np.isfinite(trust) else None,
        cost_weight=calibration.outlook.cost_weight,
    )


def _promise_row(calibration: Calibration, confidences: Sequence[TierConfidence], limit: float) -> Mapping[str, Any]:
    """The cheapest candidate for another limit; each limit's own test holds with probability 1 - delta."""
    chosen = run_tests(
        [one.policy for one in calibration.tested],
        calibration.replay,
        replace(calibration.promise, max_quality_loss=limit),
        calibration.level,
    )[1]
    # Skipping was tested along with the thresholds; a promise that skips differently is not the route's to make.
    own = calibration.chosen.policy.skip_below if calibration.chosen else -np.inf
    if chosen is None or chosen.policy.skip_below != own or len(confidences) != len(chosen.policy.accept_at):
        return {"max_quality_loss": limit, "holds": False, "accept_at": [], "cost_share": 1.0}
    levels = [_written(threshold) for threshold in chosen.policy.accept_at]
    return {"max_quality_loss": limit, "holds": True, "accept_at": levels, "cost_share": round(chosen.cost_share, 4)}


def _frontier_row(one: Tested) -> Mapping[str, Any]:
    return {
        "cost_share": round(one.cost_share, 4),
        "cheap_share": round(one.cheap_share, 4),
        "loss": round(one.loss, 5),
        "net": round(one.net, 5),
        "got_worse": round(one.got_worse, 5),
        "p_value": round(one.p_value, 6),
        "passed": one.passed,
    }
