"""How a route stands against its promises: one way to count it, for the page, the report, metrics and commands.

Audits of accepted answers and verifications of hits are drawn at random, so their shares speak for all accepted
answers and all hits. Loss is counted from the latest calibration on, or it would tell of thresholds long replaced.
Answers that a budget shift let through have a looser promise and are left out of the test of the first one.

Failure behaviour: pure and total; what is not known is None.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from thriftgate.caching.ageing import AGE, CHANGED, Ageing, ageing_of
from thriftgate.caching.policy import TENANT
from thriftgate.cascade.drift import AS_GOOD, BETTER, IS_BETTER, WORSE, Drift, drift_of
from thriftgate.cascade.familiarity import Shift, shift_of
from thriftgate.decisions import DecisionKind, Reason
from thriftgate.stats.intervals import Interval, wilson_interval
from thriftgate.types import Audit, AuditKind

Decided = Mapping[tuple[DecisionKind, str], int]
"""How many requests were decided how and why; the reason as the ledger has it, empty where there is none."""

FEWEST_VERIFIED = 30
"""Verified hits from which a tenant's own share of wrong ones is told."""

NOT_PROVEN = frozenset(
    {Reason.UNCALIBRATED, Reason.STALE_ARTEFACT, Reason.PROMISE_NOT_PROVEN, Reason.COLLECTING_LABELS}
)
"""Reasons of requests that escalated because their route's promise has no proof."""
FROM_MODELS = frozenset({DecisionKind.ACCEPTED, DecisionKind.ESCALATED, DecisionKind.ONLY_TIER})
_OUTSIDE_THE_PROMISE = frozenset({Reason.HELD_OUT, Reason.BUDGET_SHIFT, Reason.PRIVATE, Reason.UNDER_LOAD})
"""Reasons of answers that no promise covers: of the control group, under a looser one, of private models alone, taken
unjudged under load."""
_NOT_RANKED = NOT_PROVEN | {
    Reason.HELD_OUT, Reason.ONLY_TIER, Reason.PRIVATE, Reason.STRONG_FIRST_TOKEN, Reason.TIER_CANNOT_CARRY,
    Reason.TOOL_REQUIRED, Reason.TOOL_RESULT, Reason.TOOLS_OFFERED, Reason.UNDER_LOAD,
}  # fmt: skip
"""Reasons of requests of which nobody asked whether their question resembles the labelled ones."""


class PromiseVerdict(StrEnum):
    """Whether a share keeps the limit that was promised."""

    KEPT = "promise kept"
    BROKEN = "above the promise"
    OPEN = "not certain yet"


def held_against(share: Interval, limit: float, *, is_drifting: bool = False) -> PromiseVerdict:
    """Kept only when the whole interval is below the limit, broken when all of it is above, or a test has rung."""
    if is_drifting or share.low > limit:
        return PromiseVerdict.BROKEN
    return PromiseVerdict.KEPT if share.high <= limit else PromiseVerdict.OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutePromise:
    """What a route promises."""

    max_quality_loss: float | None = None
    delta: float = 0.05
    max_error: float | None = None
    """Of the cache; None without one, and with a fixed threshold, which promises nothing."""
    max_error_of_hits: float | None = None
    """Of the semantic hits themselves; None as above."""
    calibrated_at: float | None = None
    """When the artefact that is served was made, in seconds since the epoch."""
    max_regressions: float | None = None
    """What answers that got worse may lose, where that is promised instead of a net loss."""
    got_better: float = 0.0
    """At most so much was gained by cheaper answers that were better, when the artefact was made."""

    unfamiliar_share: float | None = None
    """Of questions like the labelled ones that the route takes for unfamiliar; None where it does not look."""
    ranked_labels: int = 0
    """Labels that a question is ranked among to tell."""

    @property
    def limit(self) -> float | None:
        """The promised limit, whichever it is; None where nothing is promised."""
        return self.max_quality_loss if self.max_regressions is None else self.max_regressions

    @property
    def is_net(self) -> bool:
        """Whether what gets better pays for what gets worse."""
        return self.max_regressions is None

    @property
    def of_differing(self) -> float:
        """How many answers may be found different from the strongest tier's before the promise is broken.

        For audits by a judge that does not say which of two different answers is better: both kinds differ, those
        that got better by as much as when the promise was proved, and under a net promise they pay for as many that
        got worse.
        """
        return min(0.99, (self.limit or 0.0) + (2 if self.is_net else 1) * self.got_better)


@dataclass(frozen=True, slots=True)
class Judged:
    """How many answers were judged, and how many were good."""

    good: int = 0
    bad: int = 0
    undecided: int = 0
    """The judge could not tell; they count as neither."""
    cost_usd: float = 0.0

    @property
    def n(self) -> int:
        """Those with a verdict."""
        return self.good + self.bad

    @property
    def share_good(self) -> Interval:
        """The share of good ones with its 95 % interval."""
        return wilson_interval(self.good, self.n)


@dataclass(frozen=True, slots=True)
class Hits:
    """What verified semantic hits say of hits themselves, of tenants, and of how fast answers change."""

    wrong: Interval | None = None
    """Wrong ones over all verified ones; None without any."""
    tenants: int = 0
    """Tenants with enough verified hits (`FEWEST_VERIFIED`) to tell."""
    worst_tenant: Interval | None = None
    """The share of wrong hits of the one with the most; None where no tenant has enough."""
    ageing: Ageing = field(default_factory=lambda: Ageing(0, 0, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteStanding:
    """How a route stands against its promises."""

    route: str
    promise: RoutePromise
    audits: Judged
    """Of accepted answers, drawn at random, since the calibration."""
    drift: Drift | None
    """None without audits, or without a promise to test."""
    earlier: Drift | None = None
    """Of audits that do not tell worse answers from better ones, where there are some beside those that do."""
    quality_loss: Interval | None
    """Lost by answers that got worse, over all answers of models; None without audits."""
    net_loss: Interval | None = None
    """The same, less what got better; None without audits that tell it."""
    verifications: Judged
    wrong_share: Interval | None
    """Wrong hits over all answers; None without verified hits."""
    hits: Hits = field(default_factory=Hits)
    """What verified hits say of hits themselves, and of tenants."""
    feedback: Judged
    shift: Shift | None = None
    """Of the questions since the calibration; None where nobody looks for unfamiliar ones."""
    not_proven: Mapping[str, int] = field(default_factory=dict[str, int])
    """Requests by the reason why they were sent to the strongest tier for want of a proof."""

    @property
    def alarm(self) -> Drift | None:
        """The test that found more lost than is promised; None where none did."""
        return next((test for test in (self.drift, self.earlier) if test is not None and test.is_drifting), None)

    @property
    def promised_loss(self) -> Interval | None:
        """The loss that the promise is about, as far as audits tell it; None without audits."""
        return self.quality_loss if self.net_loss is None or not self.promise.is_net else self.net_loss

    @property
    def loss_limit(self) -> float:
        """What `promised_loss` is held against, or will be with the first audit."""
        only_differs = self.net_loss is None and self.quality_loss is not None
        return self.promise.of_differing if only_differs else self.promise.limit or 0.0

    @property
    def loss_verdict(self) -> PromiseVerdict | None:
        """Whether the promised quality is kept; None where nothing is promised or known."""
        if self.promised_loss is None or self.promise.limit is None:
            return None
        return held_against(self.promised_loss, self.loss_limit, is_drifting=self.alarm is not None)


def standing_of(
    route: str,
    promise: RoutePromise,
    audits: Sequence[Audit],
    *,
    decided: Decided,
    current: Decided,
    shifted: frozenset[str] = frozenset(),
) -> RouteStanding:
    """A route by its verdicts, oldest first, and its decisions in the period and since the calibration, counted.

    `shifted` are the requests whose thresholds a budget shift loosened.
    """
    drawn = [audit for audit in drawn_since(audits, promise.calibrated_at or 0.0) if audit.request_id not in shifted]
    judged = [audit for audit in drawn if audit.is_acceptable is not None]
    # A judge that says which answer is better tells what the promise is about: the loss is counted from its audits
    # alone. The others stay evidence against the promise: each kind has a test, at levels that add up to delta.
    ranked = [audit for audit in judged if IS_BETTER in audit.details]
    others = [audit for audit in judged if IS_BETTER not in audit.details]
    accepted_share, half = _accepted_share(current), promise.delta / 2
    earlier = drift_of(
        map(_loss_of, others), accepted_share=accepted_share, max_quality_loss=promise.of_differing, alpha=half
    )
    drift = earlier
    if ranked:
        drift = drift_of(
            map(_loss_of, ranked),
            accepted_share=accepted_share,
            max_quality_loss=promise.limit or 0.0,
            alpha=half if others else promise.delta,
            is_net=promise.is_net,
        )
    verified = verdicts_of([audit for audit in audits if audit.kind is AuditKind.CACHE and audit.holdout])
    unproven = Counter[str]()
    for (_, reason), n in decided.items():
        if reason in NOT_PROVEN:
            unproven[reason] += n
    return RouteStanding(
        route=route,
        promise=promise,
        audits=verdicts_of(drawn),
        drift=drift if judged and promise.limit is not None else None,
        earlier=earlier if ranked and others and promise.limit is not None else None,
        quality_loss=drift.quality_loss if judged else None,
        net_loss=drift.net_loss if ranked else None,
        verifications=verified,
        wrong_share=_wrong_share(verified, decided) if verified.n else None,
        hits=hits_of(audits),
        feedback=verdicts_of([audit for audit in audits if audit.kind is AuditKind.FEEDBACK]),
        shift=_shift_seen(promise, current),
        not_proven=unproven,
    )


def _loss_of(audit: Audit) -> int:
    if not audit.is_acceptable:
        return WORSE
    return BETTER if audit.details.get(IS_BETTER) else AS_GOOD


def drawn_since(audits: Sequence[Audit], start: float) -> Iterator[Audit]:
    """Audits of accepted answers that were drawn at random: they alone speak for all accepted answers."""
    for audit in audits:
        is_of_accepted = audit.kind is AuditKind.CASCADE and audit.details.get("is_accepted")
        if is_of_accepted and audit.holdout and audit.judged_at >= start:
            yield audit


def is_within(audit: Audit, since: float | None, until: float | None) -> bool:
    """Whether the request that was checked started in [since, until), as everything else is counted."""
    at = audit.judged_at if audit.asked_at is None else audit.asked_at
    return (since is None or at >= since) and (until is None or at < until)


def _shift_seen(promise: RoutePromise, decided: Decided) -> Shift | None:
    """Whether unfamiliar questions are more than they should be."""
    if promise.unfamiliar_share is None:
        return None
    ranked = {place: n for place, n in decided.items() if place[0] in FROM_MODELS and place[1] not in _NOT_RANKED}
    unfamiliar = sum(n for (_, reason), n in ranked.items() if Reason.known(reason) is Reason.UNFAMILIAR)
    share, held_out = promise.unfamiliar_share, promise.ranked_labels
    return shift_of(unfamiliar, sum(ranked.values()), share=share, held_out=held_out)


def verdicts_of(audits: Sequence[Audit]) -> Judged:
    """Verdicts, counted."""
    return Judged(
        good=sum(audit.is_acceptable is True for audit in audits),
        bad=sum(audit.is_acceptable is False for audit in audits),
        undecided=sum(audit.is_acceptable is None for audit in audits),
        cost_usd=sum(audit.cost_usd for audit in audits),
    )


def hits_of(audits: Sequence[Audit]) -> Hits:
    """Sum up the verifications among `audits`."""
    checked = [audit for audit in audits if audit.kind is AuditKind.CACHE and audit.holdout]
    verdicts = verdicts_of(checked)
    by_tenant: defaultdict[float, list[Audit]] = defaultdict(list)
    for audit in checked:
        if audit.details.get(TENANT):
            by_tenant[audit.details[TENANT]].append(audit)
    shares = [one for one in map(verdicts_of, by_tenant.values()) if one.n >= FEWEST_VERIFIED]
    worst = max((wilson_interval(one.bad, one.n) for one in shares), key=lambda one: one.estimate, default=None)
    ages = [audit for audit in checked if audit.is_acceptable is not None and AGE in audit.details]
    return Hits(
        wrong=wilson_interval(verdicts.bad, verdicts.n) if verdicts.n else None,
        tenants=len(shares),
        worst_tenant=worst,
        ageing=ageing_of((float(audit.details[AGE]), bool(audit.details.get(CHANGED))) for audit in ages),
    )


def _accepted_share(decided: Decided) -> float:
    """Of the answers that models gave under the first promise; the control group and shifted ones are outside it."""
    answered = {
        place: n for place, n in decided.items() if place[0] in FROM_MODELS and place[1] not in _OUTSIDE_THE_PROMISE
    }
    total = sum(answered.values())
    return sum(n for (kind, _), n in answered.items() if kind is DecisionKind.ACCEPTED) / total if total else 0.0


def _wrong_share(verified: Judged, decided: Decided) -> Interval:
    """The share of wrong hits, times the share of semantic hits among all answers: exact hits are never wrong."""
    answers = sum(n for (kind, _), n in decided.items() if kind is not DecisionKind.FAILED)
    hits = sum(n for (kind, _), n in decided.items() if kind is DecisionKind.SEMANTIC_HIT)
    share = hits / answers if answers else 0.0
    wrong = wilson_interval(verified.bad, verified.n)
    return Interval(wrong.low * share, wrong.high * share, wrong.estimate * share)
