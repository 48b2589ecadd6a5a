"""What the live page says of quality: each route against its promises, and the experiments with prompts.

Failure behaviour: pure and total; what is not known says what would make it known.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from thriftgate import wording
from thriftgate.prompts.experiments.verdicts import ArmReport, ExperimentReport, VariantComparison
from thriftgate.services.books.charts import Whisker, whisker
from thriftgate.services.books.overview import ExperimentStanding
from thriftgate.services.books.standing import PromiseVerdict, RouteStanding, held_against
from thriftgate.stats.intervals import Interval

_SHIFTED = "Other questions come than were labelled: recalibrate with labels of these."
_LOOKS = {PromiseVerdict.KEPT: "good", PromiseVerdict.BROKEN: "bad", PromiseVerdict.OPEN: "warn"}
_VAGUE = 0.1
"""A share that may lie anywhere in a wider stretch than this is not known yet."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One promise and what is known of it."""

    title: str
    look: str
    verdict: str
    value: str
    interval: str
    promise: str
    basis: str
    whisker: Whisker | None
    words: str
    """The drawing for who cannot see it."""


@dataclass(frozen=True, slots=True)
class RouteCard:
    """One route's quality."""

    route: str
    measures: Sequence[Measure]
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Arm:
    """One variant of an experiment."""

    name: str
    share: str
    requests: str
    cost: str
    metric: str
    interval: str


@dataclass(frozen=True, slots=True)
class ExperimentCard:
    """One experiment."""

    title: str
    when: str
    metric: str
    arms: Sequence[Arm]
    verdicts: Sequence[str]
    notes: Sequence[str]


def route_cards(standings: Sequence[RouteStanding]) -> list[RouteCard]:
    """Quality, route by route."""
    return [RouteCard(one.route, list(_measures(one)), list(_notes(one))) for one in standings]


def _measures(one: RouteStanding) -> Iterator[Measure]:
    # Those that the loss is counted from: beside audits that rank, earlier ones that do not are left out of it.
    n, good = (
        (one.audits.n, one.audits.good) if one.drift is None else (one.drift.audits, one.drift.audits - one.drift.bad)
    )
    judged = wording.counted(n, "audited answer", "audited answers")
    title, worse = "Lost by answers that got worse", ""
    if one.net_loss is not None and one.promise.is_net and one.quality_loss is not None:
        title = "Lost, net of answers that got better"
        worse = f"; {wording.percent(one.quality_loss.estimate, 2)} lost by those that got worse alone"
    elif one.net_loss is not None:
        worse = f"; {wording.percent(one.net_loss.estimate, 2)} lost net of those that got better"
    elif one.net_loss is None and one.quality_loss is not None:
        title = "Different from the strongest tier's answer"
    yield measure(
        title,
        one.promised_loss,
        one.promise.limit and one.loss_limit,
        is_broken=one.alarm is not None,
        basis=f"{judged}, {good:,} as good as the strongest tier's{worse}",
        unknown="No accepted answer was audited in this time",
    )
    if one.promise.max_error is not None or one.verifications.n:
        verified = wording.counted(one.verifications.n, "verified hit", "verified hits")
        yield measure(
            "Wrong answers from the cache",
            one.wrong_share,
            one.promise.max_error,
            is_broken=False,
            basis=f"{verified}, {one.verifications.good:,} right",
            unknown="No hit was verified in this time",
        )
        yield measure(
            "Wrong ones among the cache's hits",
            one.hits.wrong,
            one.promise.max_error_of_hits,
            is_broken=False,
            basis=_tenants(one) or verified,
            unknown="No hit was verified in this time",
        )


def _tenants(one: RouteStanding) -> str:
    """How the worst tenant fares, at worst, where some have verified hits enough."""
    worst = one.hits.worst_tenant
    if worst is None:
        return ""
    among = wording.counted(one.hits.tenants, "tenant", "tenants")
    wrong, limit = wording.percent(worst.estimate, 2), wording.percent(worst.high, 2)
    return f"of {among} with enough verified hits the worst has {wrong} wrong (it alone: at most {limit})"


def measure(
    title: str, share: Interval | None, limit: float | None, *, is_broken: bool, basis: str, unknown: str
) -> Measure:
    """A share held against the limit that was promised; `share` is None while nothing is known."""
    promise = "nothing is promised" if limit is None else f"promised: at most {wording.percent(limit)}"
    if share is None:
        return Measure(title, "unknown", "no data", wording.UNKNOWN, "", promise, unknown, None, "")
    look, verdict = _verdict(share, limit, is_broken=is_broken)
    value, between = wording.percent(share.estimate, 2), wording.between(share, 2)
    if share.high - share.low > max(_VAGUE, 2 * (limit or 0.0)):
        # An estimate of so few would be read as a finding.
        value, between = wording.between(share, 0), "too few for one number"
    return Measure(
        title=title,
        look=look,
        verdict=verdict,
        value=value,
        interval=between,
        promise=promise,
        basis=basis,
        whisker=whisker(share, limit),
        words=f"{title}: between {wording.between(share, 2).replace(' to ', ' and ')}; {promise}.",
    )


def _verdict(share: Interval, limit: float | None, *, is_broken: bool) -> tuple[str, str]:
    if limit is None:
        return "unknown", "measured"
    verdict = held_against(share, limit, is_drifting=is_broken)
    return _LOOKS[verdict], verdict.value


def _notes(one: RouteStanding) -> Iterator[str]:
    if one.alarm is not None:
        yield "More is lost than promised, and that is no accident: recalibrate with `thriftgate cascade calibrate`."
    if one.shift is not None and one.shift.unfamiliar:
        share, expected = wording.percent(one.shift.share), wording.percent(one.shift.expected)
        unfamiliar = wording.counted(one.shift.unfamiliar, "question resembles", "questions resemble")
        told = f"{unfamiliar} none of the labelled ones ({share}; {expected} expected): the strongest tier answered."
        yield f"{told} {_SHIFTED}" if one.shift.has_shifted else told
    if one.not_proven:
        sent = wording.counted(sum(one.not_proven.values()), "request", "requests")
        yield f"{sent} went to the strongest tier: the promise has no proof yet. Run `thriftgate cascade calibrate`."
    if one.feedback.n:
        good = wording.percent(one.feedback.share_good.estimate)
        yield f"{wording.counted(one.feedback.n, 'verdict', 'verdicts')} of users, {good} positive."


def experiment_cards(experiments: Sequence[ExperimentStanding], *, now: float) -> list[ExperimentCard]:
    """The experiments with prompts."""
    return [_experiment(one, now) for one in experiments]


def _experiment(one: ExperimentStanding, now: float) -> ExperimentCard:
    report = one.report
    title = f"{one.prompt} / {one.name}"
    if report is None:
        waiting = one.starts_at is not None and one.starts_at > now
        note = (
            "It has not begun."
            if waiting
            else f"Too many requests to be read here: run `thriftgate prompts experiment {one.prompt} {one.name}`."
        )
        return ExperimentCard(title, _when(one, now), "", (), (), (note,))
    return ExperimentCard(
        title=title,
        when=_when(one, now),
        metric=report.metric,
        arms=[_arm(arm, report.metric) for arm in report.arms],
        verdicts=[_sentence(report, comparison) for comparison in report.deciding],
        notes=report.notes,
    )


def _when(one: ExperimentStanding, now: float) -> str:
    if one.starts_at is not None and one.starts_at > now:
        return f"begins {wording.moment(one.starts_at, seconds=True)}"
    if one.ends_at is not None and one.ends_at <= now:
        return f"ended {wording.moment(one.ends_at, seconds=True)}"
    return "running" if one.ends_at is None else f"running until {wording.moment(one.ends_at, seconds=True)}"


def _arm(arm: ArmReport, metric: str) -> Arm:
    measured = arm.metrics[metric]
    is_known = measured.units > 0 and not math.isnan(measured.interval.estimate)
    per_request = arm.cost_usd / arm.requests if arm.requests else math.nan
    return Arm(
        name=arm.variant,
        share="stopped by its guard" if arm.is_stopped else wording.percent(arm.weight, 0),
        requests=f"{arm.requests:,}",
        cost=wording.UNKNOWN if math.isnan(per_request) else wording.money(per_request, 6),
        metric=_in_unit(metric, measured.interval.estimate) if is_known else wording.UNKNOWN,
        interval=f"{_in_unit(metric, measured.interval.low)} to {_in_unit(metric, measured.interval.high)}, "
        f"{wording.counted(measured.units, 'unit', 'units')}"
        if is_known
        else "no unit counts yet",
    )


def _in_unit(metric: str, value: float) -> str:
    if metric == "cost":
        return wording.money(value, 6)
    return wording.duration(value) if metric == "latency" else wording.percent(value)


def _sentence(report: ExperimentReport, comparison: VariantComparison) -> str:
    about = f"{comparison.metric.capitalize()} of {comparison.variant} against {report.control}"
    if comparison.verdict == "undecided":
        more = comparison.more_units or 0
        rounded = f"{round(more, 1 - len(str(more)) + 1):,}" if more >= 100 else f"{more:,}"
        return f"{about}: no decision yet, about {rounded} more units needed."
    words = {"better": "better", "worse": "worse", "equal": "no difference that would matter"}
    return f"{about}: {words[comparison.verdict]}."
