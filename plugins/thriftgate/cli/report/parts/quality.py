"""The parts of `thriftgate report` below its table, in words and as JSON: what was given up, how long it took."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from thriftgate.decisions import Reason
from thriftgate.wording import counted, money, percent, with_interval

if TYPE_CHECKING:
    from thriftgate.cascade.familiarity import Shift
    from thriftgate.services.books.quality import Control, RouteQuality

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60))
_HOURLY = 24.0
"""Changes a day: of answers that may change more often than this for all that is known, nothing is known."""


def print_quality(quality: "Sequence[RouteQuality] | None") -> None:
    """Print what is known of each route's answers; None: there were too many requests."""
    from rich.console import Console

    from thriftgate.services.books.report import MOST_RECORDS

    console = Console(soft_wrap=True, highlight=False)
    if quality is None:
        console.print(
            f"\nQuality: more than {MOST_RECORDS:,} requests; choose a shorter time with --since.", style="dim"
        )
        return
    for one in quality:
        console.print(f"\nQuality of {one.route}", style="bold", markup=False)
        for topic, words in lines(one):
            is_bad = words.startswith(("drift:", "no proof", "shift:"))
            console.print(f"  {topic:<15}{words}", style="yellow" if is_bad else None, markup=False)


def lines(one: "RouteQuality") -> Iterator[tuple[str, str]]:
    """What is known of a route, topic by topic, in sentences."""
    yield "audits", _audits(one)
    if one.quality_loss is not None:
        yield "quality loss", _loss(one)
    if one.promise.limit is not None:
        yield "promise", _promise(one)
    if one.shift is not None:
        yield "questions", _questions(one.shift)
    for reason, n in one.not_proven.items():
        sent = counted(n, "request was", "requests were")
        yield "", f"no proof: {sent} answered by the strongest tier: {Reason(reason).told()}"
    if one.shifted:
        yield "budget", f"{one.shifted:,} requests of callers near their budget had a looser promise"
    if one.promise.max_error is not None or one.verifications.n:
        yield "cache", _cache(one)
        for line in _hits(one):
            yield "", line
    if one.feedback.n:
        yield "feedback", f"{one.feedback.n:,} users' verdicts: {with_interval(one.feedback.share_good)} positive"
    yield (
        "net savings",
        f"{money(one.saved_usd, 4)}, after {money(one.checking_cost_usd, 4)} for audits and verifications, their fresh "
        "answers and judges, and the guards' judge",
    )
    yield "control group", _control(one.control)


def _audits(one: "RouteQuality") -> str:
    if not one.audits.n:
        return "none of accepted answers yet: nothing is known of their quality"
    unclear = f" ({one.audits.undecided:,} more could not be judged)" if one.audits.undecided else ""
    return f"{one.audits.n:,} accepted answers: {with_interval(one.audits.share_good)} acceptable{unclear}"


def _loss(one: "RouteQuality") -> str:
    assert one.quality_loss is not None
    promise, worse = one.promise, with_interval(one.quality_loss, 2)
    verdict = f": {one.loss_verdict}" if one.loss_verdict else ""
    if one.net_loss is not None:
        lost = f"got worse: {worse} of all answers of models; net of what got better: {with_interval(one.net_loss, 2)}"
    else:
        lost = f"different from the strongest tier's: {worse} of all answers of models"
    if promise.limit is None:
        return f"{lost}; nothing is promised"
    against = f"promised: at most {percent(promise.limit, 2)}" + (" net" if promise.is_net else " that got worse")
    if one.net_loss is None and promise.got_better:
        against += f" ({percent(one.loss_limit, 2)} that differ, with what got better when that was proved)"
    return f"{lost}; {against}{verdict}"


def _promise(one: "RouteQuality") -> str:
    if one.drift is None:
        return "no audits, so no test for drift"
    if one.alarm is not None:
        return (
            f"drift: more is lost than promised ({one.alarm.bad:,} of {one.alarm.audits:,} audits bad); recalibrate "
            f"with `thriftgate cascade calibrate`"
        )
    return f"no drift seen (sequential test on {one.drift.audits:,} audits)"


def _questions(shift: "Shift") -> str:
    """How many resembled none of the labelled ones, and whether that is more than chance."""
    if not shift.questions:
        return "none was compared with the labelled ones yet"
    counted = f"{shift.unfamiliar:,} of {shift.questions:,} resemble none of the labelled ones and were escalated"
    against = f"({percent(shift.share)}; {percent(shift.expected)} are expected)"
    if shift.has_shifted:
        return f"shift: {counted} {against}: other questions come than were labelled; calibrate with labels of these"
    return f"{counted} {against}"


def _cache(one: "RouteQuality") -> str:
    promised, of_hits = one.promise.max_error, one.promise.max_error_of_hits
    against = f"; promised: at most {percent(promised, 2)}" if promised else ""
    if one.wrong_share is None:
        both = f" of all answers and {percent(of_hits, 2)} of the hits" if of_hits else " of all answers"
        return "no hit was verified" + (against and f" yet{against}{both} wrong")
    return (
        f"{one.verifications.n:,} verified hits: {with_interval(one.verifications.share_good)} right; "
        f"wrong among all answers: {with_interval(one.wrong_share, 2)}{against}"
    )


def _hits(one: "RouteQuality") -> Iterator[str]:
    """The promise about the hits themselves, the worst tenant, and how fast answers change."""
    hits, promised = one.hits, one.promise.max_error_of_hits
    if hits.wrong is not None:
        against = f"; promised: at most {percent(promised, 2)}" if promised else ""
        yield f"wrong among the hits: {with_interval(hits.wrong, 2)}{against}"
    if hits.worst_tenant is not None:
        among = counted(hits.tenants, "tenant", "tenants")
        yield f"the worst of {among}: {with_interval(hits.worst_tenant, 2)} of its hits"
    rate = hits.ageing.per_day
    if rate is not None and not hits.ageing.changed and rate.high > _HOURLY:
        yield "how often an answer changes is not known: the verified ones are too young"
    elif rate is not None:
        told = f"an answer changes {rate.estimate:.3g} times a day [{rate.low:.3g}, {rate.high:.3g}]"
        ttl = hits.ageing.longest_ttl(promised) if promised else None
        yield told + (f": a ttl of at most {_as_ttl(ttl)} keeps half of that promise for it" if ttl else "")


def _as_ttl(seconds: float) -> str:
    """Rounded down to what can be written after `ttl:`, in the largest unit of which there are two at least."""
    unit, size = next((one for one in _UNITS if seconds >= 2 * one[1]), ("s", 1))
    return f"{max(1, math.floor(seconds / size))}{unit}"


def _control(control: "Control") -> str:
    from thriftgate.services.books.quality import FEWEST_UNITS

    if not control.requests:
        return "no request was held out: savings are estimated against the baseline's prices"
    counted = f"{control.requests:,} requests of {control.units:,} users"
    if control.saved_share is None:
        words = f"too few for a comparison, which takes {FEWEST_UNITS} users on each side"
        return f"{counted} held out, beside {control.rest_units:,} others: {words}"
    return (
        f"{counted} held out at {money(control.cost_per_request, 6)} each, the others at "
        f"{money(control.rest_cost_per_request, 6)}: {with_interval(control.saved_share)} saved"
    )


def quality_record(one: "RouteQuality") -> dict[str, Any]:
    """All that is known of a route, as JSON has it; what is not a number is null."""
    plain = cast("dict[str, Any]", _plain(asdict(one)))
    for name in ("audits", "verifications", "feedback"):
        counted = getattr(one, name)
        plain[name] |= {"n": counted.n, "share_good": _plain(asdict(counted.share_good)) if counted.n else None}
    return plain


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in cast("dict[object, object]", value).items()}
    return None if isinstance(value, float) and math.isnan(value) else value


if TYPE_CHECKING:
    from thriftgate.services.books.latency import LatencyRow


def print_latency(rows: "Sequence[LatencyRow]") -> None:
    """Print a row for each route and stage; nothing when nothing was measured."""
    from rich.console import Console
    from rich.table import Table

    from thriftgate.wording import duration

    if not rows:
        return
    table = Table(title="\nLatency", title_justify="left", box=None, pad_edge=False)
    table.add_column("route", overflow="fold", min_width=10)
    table.add_column("stage")
    for name in ("n", "p50", "p95", "p99"):
        table.add_column(name, justify="right", no_wrap=True)
    route = None
    for row in rows:
        name = row.route if row.route != route else ""
        route = row.route
        table.add_row(name, row.stage, f"{row.n:,}", duration(row.p50), duration(row.p95), duration(row.p99))
    Console(highlight=False, markup=False).print(table)


def latency_record(row: "LatencyRow") -> Mapping[str, Any]:
    """A row with the unit in its names."""
    plain = asdict(row)
    return {f"{name}_seconds" if name.startswith("p") else name: value for name, value in plain.items()}
