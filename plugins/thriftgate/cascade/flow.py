"""One request's way through the tiers, as a generator: it yields what to do next and is sent what came of it.

    flow = cascade(tiers, score=scoring(scorer, request))
    effect = next(flow)                     # Ask(tier): ask this tier …
    effect = flow.send(Reply(answer))       # … Sample(model), Rate(answer), the next Ask …
    effect = flow.send(TierFailedError(…))  # … until StopIteration carries the Outcome

Serving, streams, evaluations and rehearsals are drivers of this one flow: they perform effects and decide nothing.

Failure behaviour: a tier that fails or refuses the request is left out and the next one is asked, for another model
may take what this one does not. When every tier that could decide has failed, AllTiersFailedError names each cause;
with `serve_rejected_answer` the best answer that a cheaper tier gave is served instead, although it did not reach its
threshold: that breaks the promise of `max_quality_loss` for that request, so it is off unless the operator asks for
it. A veto (an empty answer, a broken schema) is never served so. A reply that comes with a veto of its own is not given
from the last tier either: its refusal is raised then. What the client has seen a part of cannot be taken back: its
refusal or failure is raised at once.
"""

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Literal

from thriftgate.decisions import Reason
from thriftgate.errors import AllTiersFailedError, OutputInvalidError, TierFailedError
from thriftgate.types import Answer, DecisionKind

Streaming = Literal["hold", "optimistic", "strong_first_token"]
"""How much of an answer a client sees before it is judged, as routes are configured."""


class Showing(Enum):
    """From when on the client may see an answer."""

    WHOLE = "whole"
    """When it is whole, and given."""
    IF_SURE = "if_sure"
    """While it is written, once its first tokens look good."""
    AT_ONCE = "at_once"


@dataclass(frozen=True, slots=True)
class Tier:
    """One model group, and the confidence from which its answer is given."""

    model: str
    accept_at: float | None = None
    """In [0, 1], or infinity for "never"; None accepts whatever comes, as the last tier does."""
    strict_at: float | None = None
    """The threshold that holds for everybody, where `accept_at` was loosened or taken away for this request; None: it
    was not."""

    @property
    def keep_at(self) -> float | None:
        """The confidence from which its answer would do for everybody; None: whatever it is worth."""
        return self.accept_at if self.strict_at is None else self.strict_at


@dataclass(frozen=True, slots=True)
class Scored:
    """How good an answer seems."""

    confidence: float | None
    """In [0, 1]; None when nothing could be said, which counts as too little."""
    signals: Mapping[str, float] = field(default_factory=dict[str, float])
    """What was measured, by signal name."""
    veto: Reason | None = None
    """A fixed phrase for why the answer must not be accepted whatever the confidence; None: no objection."""
    weighed: float | None = None
    """The confidence as thresholds see it, weighed by the money at stake; None: the confidence itself."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask this tier; send a Reply, or the TierFailedError it ended with."""

    tier: Tier
    is_final: bool
    """Its answer is given whatever it is worth; else it will be judged."""
    showing: Showing
    expected: DecisionKind
    """How the request will have been answered if this tier's answer is given."""
    reason: Reason | None = None
    """Why it will have been given, where that is known before it is written: it is final."""
    confidence: float | None = None
    """Of the answer that was rejected before it, where it is final."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Ask for a second answer to compare with; send it, or None when there is none in time."""

    model: str


@dataclass(frozen=True, slots=True)
class Rate:
    """Ask a judge model about the answer; send its rating in [0, 1], or None when there is none in time."""

    model: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Reply:
    """What a tier answered."""

    answer: Answer | None
    """None: it was given up while it was written, since its first tokens were too unsure."""
    is_shown: bool = False
    """The client has it already: it can no longer be taken back."""
    veto: Reason | None = None
    """A fixed phrase for why it must not be given, whichever tier it is from; None: no objection."""
    refusal: OutputInvalidError | None = None
    """What the client hears of the veto, where nobody else is left to ask."""
    evidence: Mapping[str, float] = field(default_factory=dict[str, float])
    """What is known of it before it is scored; goes into the signals."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A tier's answer broke off after the client had seen a part of it."""

    failure: TierFailedError


@dataclass(frozen=True, slots=True)
class MoreEvidence:
    """A model that may be asked for more evidence, and between which confidences that is worth it."""

    model: str | None
    """None: the very tier that answered."""
    only_between: tuple[float, float] = (0.0, 1.0)

    def may_settle(self, scored: Scored) -> bool:
        """Whether more evidence may change the decision; without a confidence it is just what may be missing."""
        if scored.veto is not None:
            return False
        return scored.confidence is None or self.only_between[0] <= scored.confidence <= self.only_between[1]


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
    reason: Reason
    """A fixed phrase; never user text."""
    confidence: float | None = None
    """Of the given answer where it was scored, else of the last one that was rejected."""
    signals: Mapping[str, float] = field(default_factory=dict[str, float])
    """Those that the last decision saw."""
    rejected: tuple[RejectedAnswer, ...] = ()
    failures: tuple[TierFailedError, ...] = ()
    is_eased: bool = False
    """It would not do for everybody: below the threshold that holds for them, or unjudged though there is one."""


Effect = Ask | Sample | Rate
Sent = Reply | Broken | TierFailedError | Answer | float | None
CascadeFlow = Generator[Effect, Sent, Outcome]
Score = Callable[[Answer, Answer | None, float | None], Scored]
"""How good an answer seems, with another answer to the same request and a judge's rating where there are any."""


def cascade(
    tiers: Sequence[Tier],
    *,
    score: Score,
    route: str = "",
    reason: Reason = Reason.CASCADE,
    serve_rejected_answer: bool = False,
    sampling: MoreEvidence | None = None,
    judging: MoreEvidence | None = None,
    earlier: Answer | None = None,
    streaming: Streaming | None = None,
    must_fit: bool = False,
) -> CascadeFlow:
    """Ask the tiers from the first to the last until one answer is good enough.

    The last tier's answer is given whatever it is worth, and is not scored. An answer that a cheaper tier gave and
    that was not accepted is what the next tier's is compared with (`earlier`: one that was there before). Where a
    confidence lies within bounds, a second sample and a judge are asked, unless the client has the answer already.
    `reason` is the plan's for leaving tiers out; `cascade` when it left out none. `streaming` says how early a client
    that asked for a stream sees an answer, `must_fit` that it must have a shape: what is held back can be repaired and
    asked for again, what was shown only be stopped. Raises AllTiersFailedError, OutputInvalidError where the last
    answer must not be given, and what broke off or was refused after the client had seen a part.
    """
    if not tiers:
        raise ValueError("a cascade needs at least one tier")
    way = _Way(score=score, sampling=sampling, judging=judging, earlier=earlier)
    for place, tier in enumerate(tiers):
        ask = _ask_of(tier, first=place == 0, last=place == len(tiers) - 1, streaming=streaming, must_fit=must_fit)
        ask = way.settled(ask, reason)
        came = yield from _asked(ask)
        way.refusal = came.refusal if isinstance(came, Reply) else None
        if isinstance(came, TierFailedError):
            way.failures.append(came)
        elif came.answer is None:
            way.failures.append(TierFailedError(tier.model, "its first tokens were too unsure"))
            way.has_collapsed = True
        elif came.veto is not None:
            unfit = Scored(confidence=None, signals=came.evidence, veto=came.veto)
            way.rejected.append(RejectedAnswer(tier, came.answer, unfit))
        elif ask.is_final:
            return way.last_word(ask, came.answer)
        else:
            scored = yield from way.judged(ask, came.answer, is_shown=came.is_shown)
            if came.evidence:
                scored = replace(scored, signals={**scored.signals, **came.evidence})
            if why_not(_threshold(tier), scored) is None:
                return way.named(way.given(ask, came.answer, scored, Reason.CONFIDENT), reason)
            if came.is_shown:
                # An optimistic stream is out, whatever its score says: the cascade ends with it.
                return way.given(ask, came.answer, scored, Reason.STREAMED_OPTIMISTICALLY)
            way.rejected.append(RejectedAnswer(tier, came.answer, scored))
    return way.named(way.degraded(route, serve_rejected_answer=serve_rejected_answer), reason)


def play(flow: CascadeFlow, perform: Callable[[Effect], Sent]) -> Outcome:
    """The outcome of a flow whose effects can be performed at once: with recorded answers, or in a test."""
    effect = next(flow)
    while True:
        try:
            effect = flow.send(perform(effect))
        except StopIteration as end:
            return end.value


def why_not(accept_at: float, scored: Scored) -> Reason | None:
    """Why an answer is not accepted; None when it is."""
    if scored.veto is not None:
        return scored.veto
    if scored.confidence is None:
        return Reason.NO_CONFIDENCE
    # Written so that a NaN, of which no comparison holds, escalates.
    value = scored.confidence if scored.weighed is None else scored.weighed
    return None if value >= accept_at else Reason.BELOW_THRESHOLD


@dataclass(slots=True)
class _Way:
    """What happened on the way so far, and what follows from it."""

    score: Score
    sampling: MoreEvidence | None
    judging: MoreEvidence | None
    earlier: Answer | None
    rejected: list[RejectedAnswer] = field(default_factory=list[RejectedAnswer])
    failures: list[TierFailedError] = field(default_factory=list[TierFailedError])
    has_collapsed: bool = False
    refusal: OutputInvalidError | None = None
    """What the client hears if the tier asked last was the last."""

    def judged(self, ask: Ask, answer: Answer, *, is_shown: bool) -> Generator[Effect, Sent, Scored]:
        """How good the answer seems, with as much evidence as it takes to settle it."""
        second, rating = self.earlier, None
        scored = self._scored(answer, second, rating)
        if self.sampling and second is None and not is_shown and self.sampling.may_settle(scored):
            came = yield Sample(self.sampling.model or ask.tier.model)
            if isinstance(came, Answer):
                second = came
                scored = self._scored(answer, second, rating)
        if self.judging and not is_shown and self.judging.may_settle(scored):
            came = yield Rate(self.judging.model or ask.tier.model, answer)
            if isinstance(came, float):
                scored = self._scored(answer, second, came)
        self.earlier = answer
        return scored

    def _scored(self, answer: Answer, second: Answer | None, rating: float | None) -> Scored:
        """A scorer that throws costs money, never an answer: the request escalates and the error is counted."""
        try:
            return self.score(answer, second, rating)
        except Exception:
            return Scored(confidence=None, signals={"scorer_errors": 1.0}, veto=None)

    def given(self, ask: Ask, answer: Answer, scored: Scored, reason: Reason) -> Outcome:
        """The outcome when a judged answer is given."""
        return Outcome(
            answer=answer,
            tier=ask.tier,
            decision=ask.expected,
            reason=reason,
            confidence=scored.confidence,
            signals=scored.signals,
            rejected=tuple(self.rejected),
            failures=tuple(self.failures),
            is_eased=ask.tier.keep_at is not None and why_not(ask.tier.keep_at, scored) is not None,
        )

    def settled(self, ask: Ask, reason: Reason) -> Ask:
        """A final ask says why its answer will be given: a stream's headers are sent before its last word."""
        if not ask.is_final:
            return ask
        last = self.rejected[-1] if self.rejected else None
        if last is not None:
            found = why_not(_threshold(last.tier), last.scored) or Reason.BELOW_THRESHOLD
        else:
            found = Reason.CHEAPER_TIER_FAILED if self.failures else Reason.ONLY_TIER
        return replace(
            ask,
            reason=self._counting(ask.expected, found, reason),
            confidence=last.scored.confidence if last else None,
        )

    def last_word(self, ask: Ask, answer: Answer) -> Outcome:
        """The outcome when a tier's answer is given unseen."""
        last = self.rejected[-1] if self.rejected else None
        return Outcome(
            answer=answer,
            tier=ask.tier,
            decision=ask.expected,
            reason=ask.reason or Reason.BELOW_THRESHOLD,
            confidence=ask.confidence,
            signals=last.scored.signals if last else {},
            rejected=tuple(self.rejected),
            failures=tuple(self.failures),
            is_eased=ask.tier.keep_at is not None,
        )

    def degraded(self, route: str, *, serve_rejected_answer: bool) -> Outcome:
        """The most confident of the answers that were not good enough; the strongest among equals."""
        usable = [one for one in self.rejected if one.scored.veto is None]
        if not serve_rejected_answer or not usable:
            raise self.refusal or AllTiersFailedError(route, self.failures)
        best = max(reversed(usable), key=lambda one: -1.0 if one.scored.confidence is None else one.scored.confidence)
        return Outcome(
            answer=best.answer,
            tier=best.tier,
            decision=DecisionKind.ACCEPTED,
            reason=Reason.STRONGER_TIERS_FAILED,
            confidence=best.scored.confidence,
            signals=best.scored.signals,
            rejected=tuple(one for one in self.rejected if one is not best),
            failures=tuple(self.failures),
            is_eased=True,
        )

    def named(self, outcome: Outcome, reason: Reason) -> Outcome:
        """The outcome with the reason that counts."""
        return replace(outcome, reason=self._counting(outcome.decision, outcome.reason, reason))

    def _counting(self, decision: DecisionKind, found: Reason, reason: Reason) -> Reason:
        """Where the plan left tiers out, its reason is the one that counts."""
        if reason is not Reason.CASCADE:
            return reason
        return Reason.COLLAPSED if self.has_collapsed and decision is DecisionKind.ESCALATED else found


def _ask_of(tier: Tier, *, first: bool, last: bool, streaming: Streaming | None, must_fit: bool) -> Ask:
    is_final = last or tier.accept_at is None
    given_first = DecisionKind.ONLY_TIER if is_final else DecisionKind.ACCEPTED
    expected = given_first if first else DecisionKind.ESCALATED
    showing = Showing.WHOLE if streaming is None else _showing(tier, streaming, is_final=is_final, must_fit=must_fit)
    return Ask(tier, is_final=is_final, showing=showing, expected=expected)


def _showing(tier: Tier, streaming: Streaming, *, is_final: bool, must_fit: bool) -> Showing:
    """An answer that must not be accepted is never shown before it is judged."""
    if is_final:
        return Showing.WHOLE if must_fit and streaming == "hold" else Showing.AT_ONCE
    is_tried = streaming == "optimistic" and tier.accept_at != math.inf and not must_fit
    return Showing.IF_SURE if is_tried else Showing.WHOLE


def _asked(ask: Ask) -> Generator[Effect, Sent, Reply | TierFailedError]:
    try:
        came = yield ask
    except TierFailedError as failure:
        return failure
    if isinstance(came, Broken):
        raise came.failure
    if isinstance(came, Reply) and came.is_shown and came.refusal is not None:
        raise came.refusal
    if not isinstance(came, Reply | TierFailedError):
        raise TypeError(f"Ask is answered with a Reply or a TierFailedError, not with {type(came).__name__}")
    return came


def _threshold(tier: Tier) -> float:
    return math.inf if tier.accept_at is None else tier.accept_at
