"""What the live page says, worked out before a template sees it: money, decisions, deployments, the last requests.

Failure behaviour: pure and total; what is not known is a dash, and what is empty says what to do next.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from thriftgate import wording
from thriftgate.proxy.page.state import ShownDeployment, State
from thriftgate.services.books.charts import Box, SpendStep, divided_bar, spending_columns
from thriftgate.services.books.explaining import why
from thriftgate.services.books.overview import Overview
from thriftgate.stats.search import Search
from thriftgate.stats.tallies import DeploymentTally, RequestTally
from thriftgate.tracing.identity import trace_id_of
from thriftgate.types import DecisionKind, RequestRecord

_NAMELESS = {
    "Team": "No request came from a team: give virtual keys a team_id to see what each team spends.",
    "User": "No request named a user: give virtual keys an owner, or send the field user.",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One of the figures on top."""

    title: str
    value: str
    detail: str


@dataclass(frozen=True, slots=True)
class Share:
    """One decision's part of all requests."""

    look: str
    name: str
    meaning: str
    n: str
    percent: str


@dataclass(frozen=True, slots=True)
class Spend:
    """One row of a table of money."""

    name: str
    query: str
    """What finds its requests, as part of a query string; empty for those without a name."""
    requests: str
    cost: str
    baseline: str
    saved: str
    interval: str


@dataclass(frozen=True, slots=True)
class SpendTable:
    """Money by one kind of group."""

    title: str
    column: str
    rows: Sequence[Spend]
    note: str
    """How many groups are not shown, or why there are none; empty when there is nothing to add."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """The columns over time, with the same numbers as rows."""

    boxes: Sequence[Box]
    words: str
    rows: Sequence[tuple[str, str, str, str]]
    first: str
    last: str
    top: str


@dataclass(frozen=True, slots=True)
class DeploymentRow:
    """One deployment."""

    look: str
    state: str
    group: str
    model: str
    calls: str
    shared: str
    """That the figures are those of several deployments, which cannot be told apart; else empty."""
    failed: str
    latency: str


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One of the last requests, without anything that was said."""

    request_id: str
    at: str
    machine_at: str
    ago: str
    route: str
    who: str
    look: str
    decision: str
    why: str
    cost: str
    saved: str
    duration: str
    calls: str
    trace: str
    """The address of its trace; empty where that is not known."""


def headline(overview: Overview) -> tuple[str, str, str]:
    """What was saved, its share, and the sentence below."""
    total = overview.tallies.total
    if total is None:
        return "", "", ""
    digits = wording.digits_for(max(total.money.cost, total.money.baseline))
    share = total.money.saved_share()
    estimate = "" if share is None else wording.percent(share.estimate)
    sure = "" if share is None else f" Share saved: {wording.between(share)}, a 95% interval like all ranges here."
    checking = overview.checking_cost_usd
    net = wording.money(total.saved_usd - checking, digits)
    checked = (
        f" Checking the answers' quality cost {wording.money(checking, digits)} besides: saved, net, {net}."
        if checking
        else ""
    )
    words = (
        f"{wording.money(total.money.cost, digits)} spent instead of the {wording.money(total.money.baseline, digits)} "
        f"that the strongest tiers alone would have taken for the same answers.{sure}{_past_routes(overview, digits)}"
        f"{checked}"
    )
    return wording.money(total.saved_usd, digits), estimate, words


def _past_routes(overview: Overview, digits: int) -> str:
    """What plain models were paid, on which nothing can be saved: without it the share would belie the routes'."""
    # Only groups of plain models have a name beside the model's own.
    past = sum(one.money.cost for one in overview.tallies.routes if one.label)
    total = overview.tallies.total
    if total is None or not past:
        return ""
    rest = total.money.baseline - past
    on_routes = f"; on the routes {wording.percent(total.saved_usd / rest)} was saved" if rest > 0 else ""
    return f" {wording.money(past, digits)} of it went to plain models past the routes{on_routes}."


def facts(overview: Overview) -> list[Fact]:
    """The figures on top."""
    total = overview.tallies.total
    if total is None:
        return []
    failed = "none failed" if not total.failures else f"{total.failures:,} failed or broke off"
    hits, escalated = total.hit_share, total.escalated_share
    asked_first = (
        f"{wording.percent(escalated.estimate)} of those that a cheaper tier was asked for"
        if not math.isnan(escalated.estimate)
        else "no cheaper tier was asked"
    )
    return [
        Fact("Requests", f"{total.requests:,}", failed),
        Fact("From the cache", wording.percent(hits.estimate), wording.between(hits)),
        # Of all requests, as every other share on the page.
        Fact(
            "Escalated",
            wording.percent(total.decisions.get(DecisionKind.ESCALATED, 0) / total.requests),
            asked_first,
        ),
        Fact("Median duration", wording.duration(overview.duration_p50),
             f"95% within {wording.duration(overview.duration_p95)}"),
    ]  # fmt: skip


def shares(total: RequestTally) -> tuple[list[Box], list[Share]]:
    """How requests were answered, as a bar and as rows."""
    counts = {kind: total.decisions.get(kind, 0) for kind in DecisionKind}
    rows = [
        Share(kind.value, kind.label, kind.words, f"{n:,}", wording.percent(n / total.requests))
        for kind, n in counts.items()
        if n
    ]
    return divided_bar({kind.value: n for kind, n in counts.items()}), rows


def drawing(overview: Overview) -> Drawing | None:
    """Money over time; None without any."""
    tallies, step = overview.tallies.stretches, overview.period.step
    steps = [SpendStep(one.started_at or overview.since, one.money.cost, one.money.baseline) for one in tallies]
    boxes = spending_columns(steps, since=overview.since, until=overview.until, step=step)
    if not boxes:
        return None
    top = max(max(one.cost, one.baseline) for one in steps)
    digits = wording.digits_for(top)
    rows = [
        (
            wording.moment(one.at, seconds=True).removesuffix(":00 UTC"),
            wording.money(one.cost, digits),
            wording.money(one.baseline, digits),
            wording.money(one.baseline - one.cost, digits),
        )
        for one in steps
    ]
    return Drawing(
        boxes=boxes,
        words=f"Columns: what was spent and what was saved in {overview.period.words}, "
        f"in {len(steps)} stretches with requests; the tallest stands for {wording.money(top, digits)}.",
        rows=rows,
        first=wording.tick(overview.since, step=step),
        last="now",
        top=wording.money(top, digits),
    )


def spend_tables(overview: Overview) -> list[SpendTable]:
    """Money by route, team and user."""
    tallies = overview.tallies
    kinds = (("Route", "routes", tallies.routes), ("Team", "teams", tallies.teams), ("User", "users", tallies.users))
    return [
        _spend_table(f"By {kind.lower()}", kind, found, tallies.sizes.get(size, 0), overview.whose)
        for kind, size, found in kinds
    ]


def _spend_table(title: str, column: str, found: Sequence[RequestTally], size: int, whose: Search) -> SpendTable:
    digits = wording.digits_for(max((max(one.money.cost, one.money.baseline) for one in found), default=0.0))
    more = size - len(found)
    is_nameless = [one.group for one in found] == [None]
    note = f"and {wording.counted(more, 'other', 'others')} that cost less" if more > 0 else ""
    return SpendTable(
        title=title,
        column=column,
        rows=() if is_nameless else [_spend(one, column, digits, whose) for one in found],
        note=_NAMELESS.get(column, "") if is_nameless else note,
    )


def _spend(one: RequestTally, column: str, digits: int, whose: Search) -> Spend:
    share = one.money.saved_share()
    name = one.label or one.group or f"no {column.lower()}"
    field = "route" if column == "Route" else "who"
    saved = one.saved_usd / one.money.baseline if one.money.baseline > 0 else float("nan")
    return Spend(
        name=name,
        query=urlencode({**whose.fields, field: one.group}) if one.group else "",
        requests=f"{one.requests:,}",
        cost=wording.money(one.money.cost, digits),
        baseline=wording.money(one.money.baseline, digits),
        saved=wording.percent(saved),
        interval=wording.between(share, 0),
    )


def deployment_rows(state: State, tallies: Sequence[DeploymentTally], *, now: float) -> list[DeploymentRow]:
    """Every deployment that is configured, with what became of its calls."""
    found = {(one.group, one.deployment): one for one in tallies}
    places = [(one.group, one.model.rpartition("/")[2]) for one in state.deployments]
    return [
        _deployment(one, found.get(place), places.count(place) - 1, now)
        for one, place in zip(state.deployments, places, strict=True)
    ]


def _deployment(one: ShownDeployment, tally: DeploymentTally | None, twins: int, now: float) -> DeploymentRow:
    look, state = "unknown", "not checked yet"
    if one.is_cooling_down:
        look, state = "bad", "left out by the breaker"
    elif one.health == "unhealthy":
        look, state = "bad", "fails its health check"
    elif one.health == "healthy":
        look, state = "good", "healthy"
    elif tally is not None and tally.calls > tally.failures:
        look, state = "good", "answers"
    last = "" if tally is None or tally.last_failure_at is None else f", {wording.ago(tally.last_failure_at, now)}"
    together = "both together" if twins == 1 else f"all {twins + 1} together"
    return DeploymentRow(
        look=look,
        state=state,
        group=one.group,
        model=one.model,
        calls=wording.UNKNOWN if tally is None else f"{tally.calls:,}",
        # The ledger knows deployments by their model: twins cannot be told apart.
        shared=together if twins and tally is not None else "",
        failed=wording.UNKNOWN if tally is None else f"{tally.failures:,}{last}",
        latency=wording.UNKNOWN if tally is None else wording.duration(tally.duration_p50),
    )


def request_rows(records: Sequence[RequestRecord], *, now: float, traces_at: str | None = None) -> list[RequestRow]:
    """The last requests, newest first; `traces_at` is the address of a trace without its id."""
    digits = wording.digits_for(max((max(one.cost_usd, one.baseline_cost_usd) for one in records), default=0.0))
    return [_request(record, digits, now, traces_at) for record in records]


def _request(record: RequestRecord, digits: int, now: float, traces_at: str | None) -> RequestRow:
    caller = record.caller
    return RequestRow(
        request_id=record.request_id,
        at=wording.moment(record.started_at, seconds=True),
        machine_at=wording.machine_moment(record.started_at),
        ago=wording.ago(record.started_at, now),
        route=record.route,
        who=caller.user_id or caller.key_alias or caller.team_alias or caller.team_id or "",
        look=record.decision.value,
        decision=record.decision.label,
        why=why(record),
        cost=wording.money(record.cost_usd, digits),
        saved=wording.money(record.saved_usd, digits),
        duration=wording.duration(record.duration),
        calls=", ".join(f"{call.model} ({wording.duration(call.duration)})" for call in record.calls),
        trace=f"{traces_at}{trace_id_of(record.request_id, record.traceparent)}" if traces_at else "",
    )
