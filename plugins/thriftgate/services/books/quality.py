"""What was given up for the savings, by route: audits, verifications, feedback, drift, and a control group.

Audits of accepted answers and verifications of hits are drawn at random, so their shares speak for all accepted
answers and all hits. Loss is counted from the latest calibration on, or it would tell of thresholds long replaced.
Answers that a budget shift let through have a looser promise and are left out of the test of the first one.

Failure behaviour: raises what the ledger raises (StoreUnavailableError).
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from thriftgate.caching.ageing import AGE, CHANGED, Ageing, ageing_of
from thriftgate.caching.policy import TENANT
from thriftgate.cascade.drift import Drift, drift_of
from thriftgate.cascade.familiarity import Shift, shift_of
from thriftgate.cascade.plan import UNFAMILIAR
from thriftgate.ports import Ledger
from thriftgate.stats.intervals import Interval, bootstrap_interval, wilson_interval
from thriftgate.types import Audit, AuditKind, DecisionKind, RequestRecord

FEWEST_UNITS = 20
"""With fewer users (or sessions, or keys) on either side the control group is not compared."""

FEWEST_VERIFIED = 30
"""Verified hits from which a tenant's own share of wrong ones is told."""

NOT_PROVEN = frozenset({"uncalibrated", "stale_artefact", "promise_not_proven", "collecting_labels"})
"""Reasons of requests that escalated because their route's promise has no proof."""

OUTSIDE_THE_PROMISE = frozenset({"held_out", "budget_shift", "under_load"})
"""Reasons of answers that no promise covers: of the control group, under a looser one, taken unjudged under load."""

_FORECAST = frozenset({"poor_outlook", "good_outlook", "no_outlook", UNFAMILIAR})
NOT_RANKED = NOT_PROVEN | {
    "held_out", "only_tier", "strong_first_token", "tier_cannot_carry", "tool_required", "tool_result",
    "tools_offered", "under_load",
}  # fmt: skip
"""Reasons of requests of which nobody asked whether their question resembles the labelled ones."""
FROM_MODELS = frozenset({DecisionKind.ACCEPTED, DecisionKind.ESCALATED, DecisionKind.ONLY_TIER})
_HITS = frozenset({DecisionKind.EXACT_HIT, DecisionKind.SEMANTIC_HIT})


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutePromise:
    """What a route promises."""

    max_quality_loss: float | None = None
    delta: float = 0.05
    max_error: float | None = None
    """Of the cache; None without one."""
    max_error_of_hits: float | None = None
    """Of the semantic hits themselves; None without a cache."""
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
    def watched(self) -> float:
        """What answers that got worse may lose before the promise is broken.

        Audits see only those. Under a net promise what gets better pays for some of them: as much as it did when the
        promise was proved.
        """
        if self.max_regressions is not None:
            return self.max_regressions
        return min(0.99, (self.max_quality_loss or 0.0) + self.got_better)


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
class Control:
    """The requests that always went to the strongest tier, beside comparable ones that did not."""

    requests: int
    units: int
    """Users, else sessions, else keys: whoever stays on one side."""
    cost_per_request: float
    """US dollars; NaN without requests."""
    rest_requests: int
    rest_units: int
    rest_cost_per_request: float
    saved_share: Interval | None
    """What the rest cost less per request; None where either side has too few units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteQuality:
    """What is known of the answers of one route."""

    route: str
    promise: RoutePromise
    audits: Judged
    """Of accepted answers, since the calibration."""
    drift: Drift | None
    """None for a route that promises nothing or has no audits: then there is nothing to compare."""
    quality_loss: Interval | None
    """Lost by answers that got worse, over all answers of models; None without audits."""
    verifications: Judged
    wrong_share: Interval | None
    """Wrong hits over all answers of the route; None without verifications."""
    hits: Hits = field(default_factory=Hits)
    """What verified hits say besides."""
    feedback: Judged
    checking_cost_usd: float
    """What all audits and verifications themselves cost."""
    saved_usd: float
    """Net of these."""
    control: Control
    shift: Shift | None = None
    """Of the questions since the calibration; None where nobody looks."""
    not_proven: Mapping[str, int] = field(default_factory=dict[str, int])
    """Requests by the reason why they were sent to the strongest tier for want of a proof."""
    shifted: int = 0
    """Requests whose thresholds a budget shift loosened."""


async def make_quality(
    ledger: Ledger,
    promises: Mapping[str, RoutePromise],
    rng: np.random.Generator,
    *,
    since: float | None,
    until: float | None = None,
) -> list[RouteQuality]:
    """The quality of every route that was asked something in [since, until), in the order of their names.

    Reads every request of that time; routes of `promises` without requests are left out.
    """
    records: defaultdict[str, list[RequestRecord]] = defaultdict(list)
    async for record in ledger.records(since=since, until=until):
        records[record.route].append(record)
    audits: defaultdict[str, list[Audit]] = defaultdict(list)
    for audit in await ledger.audits(since=since):
        if is_within(audit, since, until):
            audits[audit.route].append(audit)
    return [
        quality_of(name, found, audits[name], promises.get(name, RoutePromise()), rng)
        for name, found in sorted(records.items())
    ]


def is_within(audit: Audit, since: float | None, until: float | None) -> bool:
    """Whether the request that was checked started in [since, until), as everything else is counted."""
    at = audit.judged_at if audit.asked_at is None else audit.asked_at
    return (since is None or at >= since) and (until is None or at < until)


def quality_of(
    route: str,
    records: Sequence[RequestRecord],
    audits: Sequence[Audit],
    promise: RoutePromise,
    rng: np.random.Generator,
) -> RouteQuality:
    """The quality of one route by its requests and verdicts, both oldest first."""
    start = promise.calibrated_at or 0.0
    current = [record for record in records if record.started_at >= start]
    shifted = {record.request_id for record in records if record.reason == "budget_shift"}
    asked = [
        audit
        for audit in audits
        if audit.kind is AuditKind.CASCADE
        and audit.holdout
        and audit.details.get("is_accepted")
        and audit.judged_at >= start
        and audit.request_id not in shifted
    ]
    verdicts = [audit.is_acceptable for audit in asked if audit.is_acceptable is not None]
    accepted_share = _accepted_share(current)
    drift = drift_of(
        verdicts,
        accepted_share=accepted_share,
        max_quality_loss=promise.watched,
        alpha=promise.delta,
    )
    verified = judged([audit for audit in audits if audit.kind is AuditKind.CACHE and audit.holdout])
    checking_cost = sum(audit.cost_usd for audit in audits if audit.kind is not AuditKind.FEEDBACK)
    return RouteQuality(
        route=route,
        promise=promise,
        audits=judged(asked),
        drift=drift if verdicts and promise.limit is not None else None,
        quality_loss=drift.quality_loss if verdicts else None,
        verifications=verified,
        wrong_share=_wrong_share(verified, records) if verified.n else None,
        hits=hits_of(audits),
        feedback=judged([audit for audit in audits if audit.kind is AuditKind.FEEDBACK]),
        checking_cost_usd=checking_cost,
        saved_usd=sum(record.saved_usd for record in records) - checking_cost,
        control=control_of(records, rng),
        shift=shift_seen(promise, Counter((record.decision, str(record.reason)) for record in current)),
        not_proven=Counter(str(record.reason) for record in records if record.reason in NOT_PROVEN),
        shifted=len(shifted),
    )


def shift_seen(promise: RoutePromise, reasons: Mapping[tuple[DecisionKind, str], int]) -> Shift | None:
    """Whether unfamiliar questions are more than they should be, by how often requests were decided how and why."""
    if promise.unfamiliar_share is None:
        return None
    ranked = {place: n for place, n in reasons.items() if place[0] in FROM_MODELS and place[1] not in NOT_RANKED}
    unfamiliar = sum(n for (_, reason), n in ranked.items() if reason == UNFAMILIAR)
    share, held_out = promise.unfamiliar_share, promise.ranked_labels
    return shift_of(unfamiliar, sum(ranked.values()), share=share, held_out=held_out)


def judged(audits: Sequence[Audit]) -> Judged:
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
    verdicts = judged(checked)
    by_tenant: defaultdict[float, list[Audit]] = defaultdict(list)
    for audit in checked:
        if audit.details.get(TENANT):
            by_tenant[audit.details[TENANT]].append(audit)
    shares = [one for one in map(judged, by_tenant.values()) if one.n >= FEWEST_VERIFIED]
    worst = max((wilson_interval(one.bad, one.n) for one in shares), key=lambda one: one.estimate, default=None)
    ages = [audit for audit in checked if audit.is_acceptable is not None and AGE in audit.details]
    return Hits(
        wrong=wilson_interval(verdicts.bad, verdicts.n) if verdicts.n else None,
        tenants=len(shares),
        worst_tenant=worst,
        ageing=ageing_of((float(audit.details[AGE]), bool(audit.details.get(CHANGED))) for audit in ages),
    )


def _accepted_share(records: Sequence[RequestRecord]) -> float:
    """Of the answers that models gave under the first promise; the control group and shifted ones are outside it."""
    answered = [
        record for record in records if record.decision in FROM_MODELS and record.reason not in OUTSIDE_THE_PROMISE
    ]
    accepted = sum(record.decision is DecisionKind.ACCEPTED for record in answered)
    return accepted / len(answered) if answered else 0.0


def _wrong_share(verified: Judged, records: Sequence[RequestRecord]) -> Interval:
    """The share of wrong hits, times the share of semantic hits among all answers: exact hits are never wrong."""
    answers = [record for record in records if record.decision in FROM_MODELS | _HITS]
    hits = sum(record.decision is DecisionKind.SEMANTIC_HIT for record in answers)
    share = hits / len(answers) if answers else 0.0
    wrong = wilson_interval(verified.bad, verified.n)
    return Interval(wrong.low * share, wrong.high * share, wrong.estimate * share)


def control_of(records: Sequence[RequestRecord], rng: np.random.Generator) -> Control:
    """Held-out requests beside those that would have been held out had their user been drawn.

    Hits, tool turns and requests without a proof never had the choice, so they stand on neither side. The interval
    is a bootstrap over users, not requests: one user's requests resemble each other, and all fall on one side.
    """
    held, rest = _by_unit(records, is_held_out=True), _by_unit(records, is_held_out=False)
    enough = min(len(held), len(rest)) >= FEWEST_UNITS and held[:, 0].sum() > 0
    return Control(
        requests=int(held[:, 1].sum()),
        units=len(held),
        cost_per_request=_mean_cost(held),
        rest_requests=int(rest[:, 1].sum()),
        rest_units=len(rest),
        rest_cost_per_request=_mean_cost(rest),
        saved_share=_saved_share(held, rest, rng) if enough else None,
    )


def _saved_share(held: npt.NDArray[np.float64], rest: npt.NDArray[np.float64], rng: np.random.Generator) -> Interval:
    sides = np.concatenate([np.ones(len(held)), np.zeros(len(rest))])
    rows = np.column_stack([sides, np.concatenate([held, rest])])

    def saved(drawn: npt.NDArray[np.float64]) -> float:
        is_held = drawn[:, 0] == 1
        reference = _mean_cost(drawn[is_held, 1:])
        return 1 - _mean_cost(drawn[~is_held, 1:]) / reference if reference > 0 else np.nan

    return bootstrap_interval(rows, saved, rng)


def _by_unit(records: Sequence[RequestRecord], *, is_held_out: bool) -> npt.NDArray[np.float64]:
    """Cost and number of requests of each unit of one side: shape (units, 2)."""
    sums: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for record in records:
        if _side(record) is is_held_out:
            caller = record.caller
            unit = sums[caller.person or caller.session_id or caller.key_hash or record.request_id]
            unit[0] += record.cost_usd
            unit[1] += 1
    return np.array(list(sums.values()), dtype=np.float64).reshape(-1, 2)


def _side(record: RequestRecord) -> bool | None:
    """True: held out; False: it could have been; None: it never had the choice, or failed."""
    if record.decision not in FROM_MODELS or record.reason in NOT_PROVEN:
        return None
    if record.reason == "held_out":
        return True
    went_through = record.decision in (DecisionKind.ACCEPTED, DecisionKind.ESCALATED)
    return False if went_through or record.reason in _FORECAST else None


def _mean_cost(units: npt.NDArray[np.float64]) -> float:
    return float(units[:, 0].sum() / units[:, 1].sum()) if len(units) else float("nan")
