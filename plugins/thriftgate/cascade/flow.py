"""One request's way through the tiers, as a generator: it yields whom to ask and is told what came of it.

    flow = cascade(tiers, score=for_request(scorer, request))
    tier = next(flow)                       # ask this one
    tier = flow.send(answer)                # … and the next, until StopIteration carries the Outcome
    tier = flow.throw(TierFailedError(…))   # a failure may be thrown or sent

Failure behaviour: a tier that fails is left out and the next one is asked; a failure of the request itself
(`rejected`) is raised at once, as no other tier would take it. When every tier that could decide has failed,
AllTiersFailedError names each cause; with `serve_rejected_answer` the best answer that a cheaper tier gave is
served instead, although it did not reach its threshold: that breaks the promise of `max_quality_loss` for that
request, so it is off unless the operator asks for it. A veto (an empty answer, a broken schema) is never served so.
"""

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field

from thriftgate.errors import AllTiersFailedError, TierFailedError
from thriftgate.types import Answer, DecisionKind


@dataclass(frozen=True, slots=True)
class Tier:
    """One model group, and the confidence from which its answer is given."""

    model: str
    accept_at: float | None = None
    """In [0, 1], or infinity for "never"; None accepts whatever comes, as the last tier does."""


@dataclass(frozen=True, slots=True)
class Scored:
    """How good an answer seems."""

    confidence: float | None
    """In [0, 1]; None when nothing could be said, which counts as too little."""
    signals: Mapping[str, float] = field(default_factory=dict[str, float])
    """What was measured, by signal name."""
    veto: str | None = None
    """A fixed phrase for why the answer must not be accepted whatever the confidence; None: no objection."""
    weighed: float | None = None
    """The confidence as thresholds see it, weighed by the money at stake; None: the confidence itself."""


@dataclass(frozen=True, slots=True)
class RejectedAnswer:
    """An answer that was not accepted."""

    tier: Tier
    answer: Answer
    scored: Scored


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Which answer is given, and why."""

    answer: Answer
    tier: Tier
    decision: DecisionKind
    """ACCEPTED, ESCALATED or ONLY_TIER."""
    reason: str
    """A fixed phrase; never user text."""
    confidence: float | None = None
    """Of the given answer where it was scored, else of the last one that was rejected."""
    signals: Mapping[str, float] = field(default_factory=dict[str, float])
    """Those that the last decision saw."""
    rejected: tuple[RejectedAnswer, ...] = ()
    failures: tuple[TierFailedError, ...] = ()


CascadeFlow = Generator[Tier, Answer | TierFailedError, Outcome]
Score = Callable[[Tier, Answer], Scored]


def cascade(
    tiers: Sequence[Tier], *, score: Score, route: str = "", serve_rejected_answer: bool = False
) -> CascadeFlow:
    """Ask the tiers from the first to the last until one answer is good enough.

    The last tier's answer is given whatever it is worth, and is not scored. Raises AllTiersFailedError, and
    TierFailedError for a request that a tier rejected as such.
    """
    if not tiers:
        raise ValueError("a cascade needs at least one tier")
    rejected: list[RejectedAnswer] = []
    failures: list[TierFailedError] = []
    for place, tier in enumerate(tiers):
        came = yield from _ask(tier)
        if isinstance(came, TierFailedError):
            if came.rejected:
                raise came
            failures.append(came)
            continue
        if place == len(tiers) - 1 or tier.accept_at is None:
            return _last_word(tier, came, rejected, failures, asked=place + 1)
        scored = _scored(score, tier, came)
        reason = why_not(tier.accept_at, scored)
        if reason is None:
            return Outcome(
                answer=came,
                tier=tier,
                decision=DecisionKind.ACCEPTED if place == 0 else DecisionKind.ESCALATED,
                reason="confident",
                confidence=scored.confidence,
                signals=scored.signals,
                rejected=tuple(rejected),
                failures=tuple(failures),
            )
        rejected.append(RejectedAnswer(tier, came, scored))
    usable = [one for one in rejected if one.scored.veto is None]
    if not serve_rejected_answer or not usable:
        raise AllTiersFailedError(route, failures)
    return _degraded(usable, rejected, failures)


def why_not(accept_at: float, scored: Scored) -> str | None:
    """Why an answer is not accepted, as a fixed phrase; None when it is."""
    if scored.veto is not None:
        return scored.veto
    if scored.confidence is None:
        return "no_confidence"
    # Written so that a NaN, of which no comparison holds, escalates.
    value = scored.confidence if scored.weighed is None else scored.weighed
    return None if value >= accept_at else "below_threshold"


def _ask(tier: Tier) -> Generator[Tier, Answer | TierFailedError, Answer | TierFailedError]:
    try:
        return (yield tier)
    except TierFailedError as failure:
        return failure


def _scored(score: Score, tier: Tier, answer: Answer) -> Scored:
    """A scorer that throws costs money, never an answer: the request escalates and the error is counted."""
    try:
        return score(tier, answer)
    except Exception:
        return Scored(confidence=None, signals={"scorer_errors": 1.0}, veto=None)


def _last_word(
    tier: Tier, answer: Answer, rejected: list[RejectedAnswer], failures: list[TierFailedError], *, asked: int
) -> Outcome:
    """The outcome when a tier's answer is given unseen."""
    last = rejected[-1] if rejected else None
    if last is not None:
        reason = why_not(last.tier.accept_at if last.tier.accept_at is not None else math.inf, last.scored)
    else:
        reason = "cheaper_tier_failed" if failures else "only_tier"
    return Outcome(
        answer=answer,
        tier=tier,
        decision=DecisionKind.ONLY_TIER if asked == 1 else DecisionKind.ESCALATED,
        reason=reason or "below_threshold",
        confidence=last.scored.confidence if last else None,
        signals=last.scored.signals if last else {},
        rejected=tuple(rejected),
        failures=tuple(failures),
    )


def _degraded(usable: list[RejectedAnswer], rejected: list[RejectedAnswer], failures: list[TierFailedError]) -> Outcome:
    """The most confident of the answers that were not good enough; the strongest among equals."""
    best = max(reversed(usable), key=lambda one: -1.0 if one.scored.confidence is None else one.scored.confidence)
    return Outcome(
        answer=best.answer,
        tier=best.tier,
        decision=DecisionKind.ACCEPTED,
        reason="stronger_tiers_failed",
        confidence=best.scored.confidence,
        signals=best.scored.signals,
        rejected=tuple(one for one in rejected if one is not best),
        failures=tuple(failures),
    )
