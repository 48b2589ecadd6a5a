"""From labelled answers to a cascade that keeps a promise.

    labels ─┬─ fit part ──▶ a model per tier ──▶ candidate thresholds, from safe to bold (Pareto set)
            └─ test part ─────────────────────▶ Learn-then-Test along the candidates ──▶ the cheapest that passed

Where answers bring log-probabilities, a score that nobody fitted stands beside it (`raw`): there every label tests.
Each of the two gets a share of `delta`, set by the number of labels alone, and the cheaper of what passed is taken:
together they are wrong no more often than `delta`.

The parts share no question but popular ones, of which both must speak: the tests are as honest as if the candidates had
been written down beforehand (Pareto testing; Laufer-Goldshtein et al. 2022, arXiv 2210.07913). Confidences are
calibrated on cross-fitted scores of the fit part and their error is measured on the test part.

Failure behaviour: with too few labels, or when nothing cheaper passes, the result accepts no cheap answer and
`guarantee.words` says why; nothing is raised for that. Labels with different numbers of tiers raise ValueError.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from thriftgate.cascade.calibration import words
from thriftgate.cascade.calibration.candidates import accept_candidates, route_candidates, thresholds
from thriftgate.cascade.calibration.labels import Label
from thriftgate.cascade.calibration.policy import LOSSES, Replay, ThresholdPolicy, replay_of
from thriftgate.cascade.calibration.raw import has_direct_evidence, raw_candidates, raw_tier_models
from thriftgate.cascade.calibration.tier_models import (
    LEAST_TO_FIT,
    TierModels,
    add_outlook,
    fit_outlook,
    fit_tier_models,
    is_no_worse,
    losses_of,
    outlooks,
    with_outlook,
)
from thriftgate.cascade.cost_weight import CostWeight, choose_cost_weight, fit_cost_weight
from thriftgate.cascade.models import Confidence, Probe
from thriftgate.stats import fixed_sequence, labels_needed, loss_p_value
from thriftgate.stats.intervals import Floats

Method = Literal["auto", "split", "raw", "cross"]

ENOUGH_TO_FIT = 2000
"""Labels beyond which a small model learns little more; they prove better than they teach."""


FEW_LABELS = 1_500
"""Labels below which fitting loses more of the signal than it finds: the raw score then gets most of `delta`."""
_MOST_OF_DELTA = 0.8
_RARE = 3
"""Labels up to which a question is rare whatever its share."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What the operator wants to be sure of."""

    max_quality_loss: float = 0.02
    delta: float = 0.05
    loss: str = "net"
    """`net`: quality of always-strong minus that of the cascade; `regressions`: only what got worse counts."""

    def __post_init__(self) -> None:
        if not 0 < self.max_quality_loss < 1 or not 0 < self.delta < 1 or self.loss not in LOSSES:
            raise ValueError(f"no such promise: {self}")


@dataclass(frozen=True, slots=True)
class Tested:
    """One candidate and how its test went."""

    policy: ThresholdPolicy
    cost_share: float
    """Of always asking the strongest tier, on the test labels."""
    cheap_share: float
    """Of questions that a cheaper tier answers."""
    loss: float
    """As the promise counts it."""
    net: float
    """Quality lost, less what got better."""
    got_worse: float
    """Quality lost where the answer got worse; what got better pays for none of it."""
    p_value: float
    passed: bool


@dataclass(frozen=True, slots=True)
class FittedOutlook:
    """The outlook on questions before anybody is asked."""

    confidence: Confidence
    cost_weight: CostWeight | None = None
    """Given where the question alone decides: the risk is then weighed; else the outlook is a plain chance."""

    def outlooks(self, labels: Sequence[Label]) -> Floats:
        """Per label; NaN where features are missing."""
        return outlooks(self.confidence, [label.question for label in labels], self.cost_weight)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Everything calibration learnt; `artefact.of_calibration` makes the file of it."""

    promise: Promise
    fit: list[Label]
    test: list[Label]
    models: TierModels
    replay: Replay
    """The test labels, scored."""
    tested: tuple[Tested, ...]
    """Safest first; those after the first failure did not pass, whatever their p-value."""
    chosen: Tested | None
    """The cheapest that passed; None: only the strongest tier is asked."""
    why: str
    """The promise in a sentence, or why there is none."""
    fitted_outlook: FittedOutlook | None = None
    """The outlook on questions, as the candidates used it."""
    probe: Probe | None = None
    level: float
    """The part of `promise.delta` that these tests spent."""

    @property
    def outlook(self) -> FittedOutlook | None:
        """The outlook on questions, where the chosen policy decides by it."""
        return self.fitted_outlook if self.chosen and np.isfinite(self.chosen.policy.skip_below) else None


def calibrate(
    labels: Sequence[Label],
    promise: Promise,
    rng: np.random.Generator,
    *,
    method: Method = "split",
    fit_share: float | None = None,
    embedder: str = "",
) -> Calibration:
    """Learn scores and thresholds from labels, and prove what can be proved.

    Args:
        labels: All with the same tiers. Without answer features (`features` empty) the choice between the first
            and the last tier is made from the question alone.
        promise: What must hold.
        rng: Decides the split and the folds; the same seed gives the same artefact.
        method: `split` fits on one part and tests on the other, `raw` fits nothing and tests on all, and `auto` does
            both and takes the cheaper; these guarantees are exact. `cross` lets every label do both, scored by models
            that have not seen it: for two tiers and without vectors only; its guarantee is approximate, since the
            served model is fitted on all (see the evals).
        fit_share: Part of the labels that models are fitted on; the rest proves. Default: 0.35, and at most
            `ENOUGH_TO_FIT` labels.
        embedder: Fingerprint of what made the labels' vectors; empty: vectors are not used.
    """
    if len({len(label.quality) for label in labels}) > 1:
        raise ValueError("labels must all have the same number of tiers")
    if method == "cross":
        return _calibrate_crosswise(list(labels), promise, rng)
    if method == "raw":
        return _calibrate_raw(list(labels), promise, promise.delta)
    if method == "auto" and has_direct_evidence(labels):
        raw_share = _MOST_OF_DELTA if len(labels) < FEW_LABELS else 1 - _MOST_OF_DELTA
        raw = _calibrate_raw(list(labels), promise, raw_share * promise.delta)
        fitted = _calibrate_split(labels, promise, rng, fit_share, embedder, (1 - raw_share) * promise.delta)
        return min(raw, fitted, key=_cost)
    return _calibrate_split(labels, promise, rng, fit_share, embedder, promise.delta)


def _cost(one: Calibration) -> tuple[float, int]:
    """The cheaper comes first; without a promise, the one that lacks the fewest labels for it."""
    return (one.chosen.cost_share if one.chosen else 1.0, -len(one.test))


def _calibrate_split(
    labels: Sequence[Label],
    promise: Promise,
    rng: np.random.Generator,
    fit_share: float | None,
    embedder: str,
    level: float,
) -> Calibration:
    share = min(0.35, ENOUGH_TO_FIT / max(1, len(labels))) if fit_share is None else fit_share
    largest = rarest(len(labels), promise)
    fit, test = split(labels, share, rng, largest=largest)
    clusters = clusters_of(test, labels, largest=largest)
    probe = None
    if embedder and len(fit) >= LEAST_TO_FIT and all(label.vector is not None for label in labels):
        probe, fit = with_outlook(fit, rng, embedder=embedder)
        vectors = np.array([label.vector for label in test], dtype=np.float64).reshape(len(test), -1)
        test = add_outlook(test, vectors @ np.array(probe.weights) + probe.intercept if len(test) else np.empty(0))
    models, fit_scores = fit_tier_models(fit, rng, limit=promise.max_quality_loss, loss=promise.loss)
    routes_only = not any(label.features for label in labels)
    outlook, policies = (_route if routes_only else _accept)(fit, fit_scores, promise, rng)
    replay = replay_of(test, models.scores(test), outlook.outlooks(test) if outlook else None, clusters)
    tested, chosen, why = run_tests(policies, replay, promise, level)
    return Calibration(
        promise=promise,
        level=level,
        fit=fit,
        test=test,
        models=models,
        replay=replay,
        tested=tested,
        chosen=chosen,
        why=why,
        fitted_outlook=outlook,
        probe=probe,
    )


def split(
    labels: Sequence[Label], share: float, rng: np.random.Generator, *, largest: int | None = None
) -> tuple[list[Label], list[Label]]:
    """Two parts at random, about `share` in the first; labels of one group stay together.

    Groups of more than `largest` labels are divided label by label: a popular question that fell into the first part
    alone would be missing from the second, which then speaks of another traffic.
    """
    counts = Counter(label.group for label in labels)
    units = sorted(counts)
    units = [group for group in units if largest is None or counts[group] <= largest]
    whole = set(units)
    first: set[str] = {units[i] for i in rng.permutation(len(units))[: round(share * len(units))]}
    popular = [place for place, label in enumerate(labels) if label.group not in whole]
    taken = round(share * len(popular))
    # Asked for only where there are some: files without popular questions are split as they always were.
    drawn: set[int] = {popular[i] for i in rng.permutation(len(popular))[:taken]} if popular else set()
    is_first = [label.group in first or place in drawn for place, label in enumerate(labels)]
    return (
        [label for label, here in zip(labels, is_first, strict=True) if here],
        [label for label, here in zip(labels, is_first, strict=True) if not here],
    )


def rarest(n: int, promise: Promise) -> int:
    """Labels of one group, of `n`, up to which it may be missing from a part: a quarter of what may be lost."""
    return max(_RARE, int(promise.max_quality_loss / 4 * n))


def clusters_of(part: Sequence[Label], labels: Sequence[Label], *, largest: int) -> npt.NDArray[np.intp]:
    """A number per label of `part`: equal where labels came into it together, so that they may repeat each other."""
    counts = Counter(label.group for label in labels)
    numbers: dict[str, int] = {}
    own = len(part)
    return np.array(
        [
            numbers.setdefault(label.group, len(numbers)) if counts[label.group] <= largest else own + place
            for place, label in enumerate(part)
        ],
        dtype=np.intp,
    )


def _calibrate_crosswise(labels: list[Label], promise: Promise, rng: np.random.Generator) -> Calibration:
    """Every label is scored by models that have not seen it, and then used in the test.

    Candidates must not depend on what is tested, so they are quantiles of the scores alone, from strict to loose.
    """
    if labels and (len(labels[0].quality) != 2 or not any(label.features for label in labels)):
        raise ValueError("crosswise calibration needs exactly two tiers and the features of the cheaper one's answers")
    models, scores = fit_tier_models(labels, rng, limit=promise.max_quality_loss, loss=promise.loss)
    replay = _replay_of_all(labels, scores, promise)
    policies = [ThresholdPolicy((rung,)) for rung in thresholds(replay.scores[:, 0], 60)]
    return _tested_by_all(labels, models, replay, policies, promise, promise.delta)


def _calibrate_raw(labels: list[Label], promise: Promise, level: float) -> Calibration:
    """Nothing is fitted, so every label tests."""
    models, scores = raw_tier_models(labels)
    replay = _replay_of_all(labels, scores, promise)
    return _tested_by_all(labels, models, replay, raw_candidates(replay), promise, level)


def _replay_of_all(labels: list[Label], scores: Floats, promise: Promise) -> Replay:
    return replay_of(labels, scores, clusters=clusters_of(labels, labels, largest=rarest(len(labels), promise)))


def _tested_by_all(
    labels: list[Label],
    models: TierModels,
    replay: Replay,
    policies: Sequence[ThresholdPolicy],
    promise: Promise,
    level: float,
) -> Calibration:
    """Every label tests; none was kept for fitting alone."""
    tested, chosen, why = run_tests(policies, replay, promise, level)
    return Calibration(
        promise=promise,
        level=level,
        fit=[],
        test=labels,
        models=models,
        replay=replay,
        tested=tested,
        chosen=chosen,
        why=why,
    )


def _accept(
    fit: list[Label], scores: Floats, promise: Promise, rng: np.random.Generator
) -> tuple[FittedOutlook | None, list[ThresholdPolicy]]:
    """Candidates that accept by the answer's confidence, with hopeless questions skipped where that saves money."""
    if not np.isfinite(scores).any():
        return None, []
    replay = replay_of(fit, scores)
    # What will be accepted in the end is not known yet; half the allowed loss is a fair guess.
    likely = [
        policy
        for policy in accept_candidates(replay, loss=promise.loss)
        if replay.play(policy).losses(replay, promise.loss).mean() <= promise.max_quality_loss / 2
    ]
    accepted = (replay.scores[:, 0] >= likely[-1].accept_at[0]).astype(float)
    found = fit_outlook([label.question for label in fit], accepted, rng)
    if found is None:
        return None, accept_candidates(replay, loss=promise.loss)
    confidence, outlook = found
    return FittedOutlook(confidence), accept_candidates(replay_of(fit, scores, outlook), loss=promise.loss)


def _route(
    fit: list[Label], scores: Floats, promise: Promise, rng: np.random.Generator
) -> tuple[FittedOutlook | None, list[ThresholdPolicy]]:
    """Candidates that choose between the first and the last tier from the question alone."""
    questions = [label.question for label in fit]
    found = fit_outlook(questions, is_no_worse(fit, 0), rng) if fit else None
    if found is None:
        return None, []
    confidence, outlook = found
    costs = [label.cost_usd[-1] for label in fit]
    lost = losses_of(fit, 0, promise.loss)
    chances, limit = np.nan_to_num(outlook).tolist(), promise.max_quality_loss
    cost_weight, weighed = choose_cost_weight(
        fit_cost_weight(questions, costs), questions, chances, lost, costs, limit=limit
    )
    replay = replay_of(fit, scores, weighed)
    return FittedOutlook(confidence, cost_weight), route_candidates(replay, loss=promise.loss)


def run_tests(
    policies: Sequence[ThresholdPolicy], replay: Replay, promise: Promise, level: float | None = None
) -> tuple[tuple[Tested, ...], Tested | None, str]:
    """Learn-then-Test along the candidates, and the cheapest that passed; `level` is the part of delta to spend."""
    limit, delta = promise.max_quality_loss, promise.delta
    level = delta if level is None else level
    needed = labels_needed(limit, level)
    if len(replay) < needed:
        return (), None, words.too_few(tested=len(replay), needed=needed, limit=limit, delta=delta)
    plays = [replay.play(policy) for policy in policies]
    losses = [played.losses(replay, promise.loss) for played in plays]
    # No test passes a candidate whose own estimate breaks the promise; said once more, since the estimate is printed.
    p_values = [1.0 if loss.mean() > limit else loss_p_value(loss, limit, replay.clusters) for loss in losses]
    passed = fixed_sequence(p_values, level)
    strong_cost = max(float(replay.cost_usd[:, -1].mean()), 1e-300)
    tested = tuple(
        Tested(
            policy=policy,
            cost_share=float(played.cost_usd.mean()) / strong_cost,
            cheap_share=float((played.tier < replay.quality.shape[1] - 1).mean()),
            loss=float(loss.mean()),
            net=float(played.losses(replay, "net").mean()),
            got_worse=float(played.losses(replay, "regressions").mean()),
            p_value=p_value,
            passed=place < passed,
        )
        for place, (policy, played, loss, p_value) in enumerate(zip(policies, plays, losses, p_values, strict=True))
    )
    accepting = [one for one in tested if one.passed and one.cheap_share > 0]
    if not accepting:
        return tested, None, words.nothing_passed(limit=limit, delta=delta, tested=len(replay))
    best = min(accepting, key=lambda one: one.cost_share)
    if best.cost_share >= 1:
        return tested, None, words.nothing_cheaper(limit=limit)
    why = words.promised(
        limit=limit,
        delta=delta,
        loss=promise.loss,
        cost_share=best.cost_share,
        tested=len(replay),
        net=best.net,
        got_worse=best.got_worse,
    )
    return tested, best, why
