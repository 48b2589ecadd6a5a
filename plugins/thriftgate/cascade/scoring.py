"""How confident one may be in an answer, before and after a route is calibrated.

Failure behaviour: a signal that throws is counted in `signals["signal_errors"]` and the confidence becomes None,
so that the request escalates; nothing is raised.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from thriftgate.cascade.flow import Score, Scored
from thriftgate.cascade.signals import SIGNALS, Signal, SignalEvidence, measure
from thriftgate.cascade.signals import tools as tools_signal
from thriftgate.cascade.signals import validity as validity_signal
from thriftgate.decisions import Reason
from thriftgate.types import Answer, ChatRequest, Vector

TOP_LOGPROBS = 2
"""Asked for, so that the margin to the runner-up is known."""


ConfidenceOf = Callable[[Mapping[str, float]], float | None]


class Scorer(Protocol):
    """Judges the answers of one route."""

    def score(
        self,
        request: ChatRequest,
        answer: Answer,
        *,
        second: Answer | None = None,
        rating: float | None = None,
        vector: Vector | None = None,
    ) -> Scored:
        """How good `answer` seems.

        `second` is another cheap answer to the same request, and `rating` what a judge model made of the answer, in
        [0, 1], where there is one; `vector` the question's embedding.
        """
        ...


class StaticScorer:
    """Judges without calibration: the tokens' geometric mean probability where known, lowered by what the text says.

    Its confidence is a score that orders answers, no probability: `accept_at` must be chosen by trial until the
    route is calibrated.
    """

    def __init__(self, signals: Sequence[Signal] = SIGNALS) -> None:
        self._signals = signals

    def score(
        self,
        request: ChatRequest,
        answer: Answer,
        *,
        second: Answer | None = None,
        rating: float | None = None,
        vector: Vector | None = None,
    ) -> Scored:
        """The worst of the answer's choices decides; the vector is not used."""
        return worst_choice(request, answer, static_confidence, self._signals, second=second, rating=rating)


def worst_choice(
    request: ChatRequest,
    answer: Answer,
    confidence_of: ConfidenceOf,
    signals: Sequence[Signal] = SIGNALS,
    *,
    second: Answer | None = None,
    rating: float | None = None,
) -> Scored:
    """Score each of the answer's choices and keep the worst: a client that asks for `n` answers may use any."""
    other = second.choices[0] if second and second.choices else None
    scored = [
        score_choice(SignalEvidence(request, one, second=other, rating=rating), confidence_of, signals)
        for one in answer.choices
    ]
    if not scored:
        return Scored(confidence=None, veto=Reason.EMPTY_ANSWER)
    vetoed = next((one for one in scored if one.veto is not None), None)
    if vetoed is not None:
        return vetoed
    return min(scored, key=lambda one: -1.0 if one.confidence is None else one.confidence)


def score_choice(evidence: SignalEvidence, confidence_of: ConfidenceOf, signals: Sequence[Signal] = SIGNALS) -> Scored:
    """Veto, signals and confidence of one choice."""
    features = measure(evidence, signals)
    if features.errors:
        return Scored(confidence=None, signals={**features, "signal_errors": float(features.errors)})
    veto = validity_signal.objection(evidence) or tools_signal.objection(evidence)
    confidence = confidence_of(features)
    if confidence is not None and math.isnan(confidence):
        confidence = None
    return Scored(confidence=confidence, signals=dict(features), veto=veto)


def answer_features(
    request: ChatRequest,
    answer: Answer,
    *,
    second: Answer | None = None,
    rating: float | None = None,
    signals: Sequence[Signal] = SIGNALS,
) -> tuple[dict[str, float], Reason | None]:
    """What calibration learns from: the features of an answer's first choice, and the objection to it if any."""
    if not answer.choices:
        return {}, Reason.EMPTY_ANSWER
    other = second.choices[0] if second and second.choices else None
    evidence = SignalEvidence(request, answer.choices[0], second=other, rating=rating)
    scored = score_choice(evidence, lambda features: None, signals)
    return dict(scored.signals), scored.veto


def static_confidence(features: Mapping[str, float]) -> float:
    """Rules of thumb in place of labels; in [0, 1]."""
    mean_logprob = features.get("logprob_mean")
    confidence = 0.9 if mean_logprob is None else math.exp(min(0.0, mean_logprob))
    confidence = min(confidence, features.get("self_confidence", 1.0), features.get("judge_score", 1.0))
    if "agreement" in features:
        confidence = min(confidence, 0.9 if features["agreement"] else 0.4)
    confidence *= 0.1 if features.get("refusal") else 1.0
    confidence *= 0.3 if features.get("ignorance") else 1.0
    # One hedge is manners, several are doubt.
    confidence *= math.exp(-0.4 * max(0.0, features.get("hedges", 0.0) - math.log(2)))
    confidence *= math.exp(-0.5 * features.get("sums_wrong", 0.0))
    return confidence * (0.5 if features.get("repetition", 0.0) > 0.5 else 1.0)


def static_contributions(features: Mapping[str, float]) -> dict[str, float]:
    """How far each feature moved the static confidence, as the logarithm of the factor, the strongest first.

    Those that moved nothing are left out.
    """
    whole = static_confidence(features)
    if whole <= 0:
        return {}
    moved = {
        name: math.log(whole / without)
        for name in features
        if (without := static_confidence({other: features[other] for other in features if other != name})) > 0
    }
    return dict(sorted(((name, by) for name, by in moved.items() if by), key=lambda part: -abs(part[1])))


def scoring(scorer: Scorer, request: ChatRequest, *, vector: Vector | None = None) -> Score:
    """The `score` that `flow.cascade` takes, for one request."""

    def score(answer: Answer, second: Answer | None, rating: float | None) -> Scored:
        return scorer.score(request, answer, second=second, rating=rating, vector=vector)

    return score
