"""The report as one HTML file: no script, nothing to load, readable in light and dark, on paper and aloud.

Failure behaviour: `read_page` raises what the ledger raises (StoreUnavailableError). Whatever a name holds is escaped:
users, teams and routes are shown as they are called, and nothing that they said is read at all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from thriftgate.ports import Ledger
from thriftgate.services.books import charts
from thriftgate.services.books.charts import Bar, BarPart, PercentileRange
from thriftgate.services.books.report import MOST_RECORDS, Report, make_report
from thriftgate.types import DecisionKind, SummaryRow
from thriftgate.wording import between, counted, duration, moment, money, percent

MOST_USERS = 25
MOST_NAMES = 50
"""Routes, and models, the dearest first: clients make up as many names as they like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityNotes:
    """What is known of a route's answers, topic by topic, in sentences."""

    route: str
    lines: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPage:
    """Everything on the page."""

    routes: Report
    """By route, with latencies and intervals."""
    days: Sequence[SummaryRow]
    users: Sequence[SummaryRow]
    models: Sequence[SummaryRow]
    quality: Sequence[QualityNotes] | None
    """None when there were too many requests to be read one by one."""
    made_at: float


async def read_page(ledger: Ledger, *, since: float | None, made_at: float) -> ReportPage:
    """Read what the page shows of the requests since a time; its quality is the caller's to add."""
    routes = await make_report(ledger, "route", since=since)
    return ReportPage(
        routes=routes,
        days=await ledger.summarise("day", since=since),
        users=await ledger.summarise("user", since=since),
        models=await ledger.summarise("model", since=since),
        quality=None,
        made_at=made_at,
    )


def render(page: ReportPage) -> str:
    """The page's text."""
    total = page.routes.total
    users = page.users[:MOST_USERS]
    left_out = {"routes": len(page.routes.rows) - MOST_NAMES, "models": len(page.models) - MOST_NAMES}
    page = _shortened(page)
    return _environment().get_template("report.html").render(
        page=page,
        total=total,
        users=users,
        users_left_out=len(page.users) - len(users),
        left_out=left_out,
        most_records=MOST_RECORDS,
        kinds=list(DecisionKind),
        charts={
            "days": Markup(_days_chart(page.days)),
            "decisions": Markup(_decisions_chart(page.routes.rows)),
            "users": Markup(_users_chart(users)),
            "latency": Markup(_latency_chart(page.routes)),
        },
    )  # fmt: skip


def _shortened(page: ReportPage) -> ReportPage:
    hidden = {row.group for row in page.routes.rows[MOST_NAMES:]}
    latencies = [row for row in page.routes.latencies if row.route not in hidden]
    routes = replace(page.routes, rows=page.routes.rows[:MOST_NAMES], latencies=latencies)
    return replace(page, routes=routes, models=page.models[:MOST_NAMES])


def _days_chart(days: Sequence[SummaryRow]) -> str:
    rows = [Bar(day.group or "", charts.spent_and_saved(day.cost_usd, day.baseline_cost_usd or 0.0)) for day in days]
    top = max((sum(part.value for part in row.parts) for row in rows), default=0.0)
    words = "A column for each day: spent at the bottom, saved above it."
    return charts.columns("days", "Spent and saved by day", words, rows, top_words=money(top))


def _decisions_chart(routes: Sequence[SummaryRow]) -> str:
    rows = [
        Bar(
            route.group or "none",
            [
                BarPart(kind.value, route.decisions.get(kind, 0), f"{route.decisions.get(kind, 0):,} {kind.label}")
                for kind in DecisionKind
            ],
            counted(route.requests, "request", "requests"),
        )
        for route in routes
    ]
    words = "A bar for each route, divided by how its requests were answered."
    return charts.bars("decisions", "Decisions by route", words, rows, share=True)


def _users_chart(users: Sequence[SummaryRow]) -> str:
    rows = [
        Bar(group_name(user), [BarPart("spent", user.cost_usd, money(user.cost_usd))], money(user.cost_usd))
        for user in users
    ]
    return charts.bars("users", "Cost by user", "A bar for each user, the dearest first.", rows)


def _latency_chart(report: Report) -> str:
    rows = [PercentileRange(f"{row.route}: {row.stage}", row.p50, row.p95, row.p99) for row in report.latencies]
    words = "A line for each route and stage from its median to its 99th percentile, with a mark at the 95th."
    return charts.spans("latency", "Latency by route and stage", words, rows)


def group_name(row: SummaryRow) -> str:
    """A group as it is called, or that it has no name."""
    return row.label or row.group or "(none)"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (money, group_name, percent, between, moment, duration)
    known = cast("dict[str, Callable[..., object]]", environment.filters)
    known.update({one.__name__: one for one in filters})
    return environment
