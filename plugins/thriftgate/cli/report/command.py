"""`thriftgate report`: what the gateway cost and what it saved, as a table, CSV, JSON or a page."""

import asyncio
import csv
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from thriftgate import wording
from thriftgate.cli.consoles import table_console
from thriftgate.cli.report.parts.ledger_opening import opened_ledger
from thriftgate.cli.waiting import waiting
from thriftgate.config import load_section
from thriftgate.config.sections.base import parse_duration

if TYPE_CHECKING:
    from rich.table import Table

    from thriftgate.services.books.quality import RouteQuality
    from thriftgate.services.books.report import Report
    from thriftgate.stats.intervals import Interval
    from thriftgate.types import SummaryGroup, SummaryRow

_WIDE = 140
"""Columns of text that the whole table takes with ordinary names."""
_ONLY_WHEN_WIDE = ("failed", "only tier", "tokens in", "out", "baseline $", "saved $", "checks $", "p50 s")
_NOT_BY_MODEL = ("hits", "accepted", "escalated", "only tier", "baseline $", "saved $", "checks $", "net $", "saved %")
_WITH_QUALITY = ("total", "route")
_SEED = 0
"""The bootstrap's: the same ledger gives the same interval."""
_SHORT_KEY = 12
_GROUPS = ("total", "user", "team", "route", "model", "day", "key")


def parse_since(text: str, *, now: float) -> float:
    """Seconds since the epoch of `7d` (ago), `2026-11-01` or `2026-11-01T09:30` (UTC unless it says otherwise)."""
    try:
        ago = parse_duration(text)
    except ValueError:
        ago = None
    if isinstance(ago, float):
        return now - ago
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"'{text}' is neither a time span (24h, 7d, 2w) nor a date (2026-11-01)", param_hint="--since"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def month_of(text: str) -> tuple[float, float]:
    """When a month (`2026-11`) begins and ends, UTC, in seconds since the epoch."""
    try:
        start = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        raise click.BadParameter(f"'{text}' is no month: write 2026-11", param_hint="--month") from None
    return start.timestamp(), (start + timedelta(days=32)).replace(day=1).timestamp()


@click.command("report")
@click.option("--by", type=click.Choice(_GROUPS), default="total", show_default=True, help="One row for each of these.")
@click.option("--since", help="Only requests since then: a time span (24h, 7d, 2w) or a date (2026-11-01, UTC).")
@click.option("--month", metavar="YEAR-MONTH", help="Only this month (2026-11, UTC): what each team is charged for it.")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write one page with charts to this file: nothing to load, no script. Shows all groups, so not with --by.",
)
@click.option(
    "--config", type=click.Path(path_type=Path), default="litellm_config.yaml", show_default=True,
    help="The configuration that names the database.",
)  # fmt: skip
@click.pass_context
def command(
    ctx: click.Context,
    *,
    by: "SummaryGroup",
    since: str | None,
    month: str | None,
    as_csv: bool,
    as_json: bool,
    html: Path | None,
    config: Path,
) -> None:
    """Print what the gateway cost and what it saved.

    `saved` is against the route's baseline model answering the same requests, net of every extra call that was made
    for them; `net` also of `checks`, what audits, verifications and the guards' judge cost for these requests
    besides.
    Its share comes with a 95 % interval that takes the requests as a sample of such traffic. `hits` are exact and
    semantic ones; `accepted` answers came from a cheaper tier, `escalated` ones from a stronger one after it.

    By total and by route follow latency, by route and stage, and quality: what audits of accepted answers, verified
    hits and users' feedback say, whether the promised quality is kept, and what the requests cost beside those of a
    control group.
    """
    if sum((as_csv, as_json, html is not None)) > 1:
        raise click.UsageError("--csv, --json and --html exclude each other")
    if month and (since or html is not None):
        raise click.UsageError("--month goes neither with --since nor with --html")
    start = parse_since(since, now=time.time()) if since else None
    until = None
    if month:
        start, until = month_of(month)
    if html is not None:
        if ctx.get_parameter_source("by") is not click.core.ParameterSource.DEFAULT:
            raise click.UsageError("--html shows every group: leave --by out")
        from thriftgate.cli.report.parts.html import write_page

        write_page(html, config, start, now=time.time())
        return
    with waiting("reading the ledger …"):
        report, quality = asyncio.run(_read(config, by, start, until))
    if as_json:
        print(json.dumps(_as_json(report, quality), indent=2))
    elif as_csv:
        _print_csv(report)
    else:
        print_table(report)
        if by in _WITH_QUALITY and report.total is not None:
            from thriftgate.cli.report.parts.quality import print_latency, print_quality

            print_latency(report.latencies)
            print_quality(quality)


async def _read(
    path: Path, by: "SummaryGroup", since: float | None, until: float | None
) -> tuple["Report", "Sequence[RouteQuality] | None"]:
    """The report, and the quality where it belongs to it and the requests are few enough to be read one by one."""
    import numpy as np

    from thriftgate.services.books.promises import promises_of
    from thriftgate.services.books.quality import make_quality
    from thriftgate.services.books.report import MOST_RECORDS, make_report

    config = load_section(path, os.environ)
    async with opened_ledger(config, path.parent) as ledger:
        report = await make_report(ledger, by, since=since, until=until)
        if by not in _WITH_QUALITY or (report.total is not None and report.total.requests > MOST_RECORDS):
            return report, None
        promises = promises_of(config, path.parent)
        draw = np.random.default_rng(_SEED)
        return report, await make_quality(ledger, promises, draw, since=since, until=until)


def _as_json(report: "Report", quality: "Sequence[RouteQuality] | None") -> dict[str, object]:
    from thriftgate.cli.report.parts.quality import latency_record, quality_record
    from thriftgate.services.books.report import as_record

    return {
        "by": report.by,
        "since": report.since,
        "until": report.until,
        "rows": [as_record(row, report.saved_shares.get(row.group)) for row in report.rows],
        "total": as_record(report.total, report.total_share) if report.total else None,
        "saved_usd_low": report.total_saved.low if report.total_saved else None,
        "saved_usd_high": report.total_saved.high if report.total_saved else None,
        "latency": [latency_record(row) for row in report.latencies],
        "quality": None if quality is None else [quality_record(one) for one in quality],
    }


def _print_csv(report: "Report") -> None:
    from thriftgate.services.books.report import as_record

    records = [as_record(row, report.saved_shares.get(row.group)) for row in report.rows]
    if records:
        writer = csv.DictWriter(sys.stdout, fieldnames=list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _plain(value) for name, value in record.items()} for record in records)


def _plain(value: object) -> object:
    """A number without the digits that a binary sum leaves behind (0.022541000000000002)."""
    return round(value, 12) if isinstance(value, float) else value


def print_table(report: "Report") -> None:
    """Print the report for a person: on a narrow terminal the columns that matter most, elsewhere all."""
    console = table_console()
    if report.total is None:
        when = f" since {wording.moment(report.since)}" if report.since is not None else ""
        console.print(f"No request was answered{when}.")
        return
    is_narrow = console.is_terminal and console.width < _WIDE
    console.print(_table(report, report.total, is_narrow=is_narrow))
    if report.total_share is None and report.by != "model":
        console.print("No interval: too few requests, or too many to read one by one.", style="dim")
    if any(row.usage.is_estimated for row in report.rows):
        console.print("~ some tokens were counted by us: the provider sent no usage", style="dim")
    if is_narrow:
        console.print("A wider terminal, --csv and --json show more columns.", style="dim")


def _table(report: "Report", total: "SummaryRow", *, is_narrow: bool) -> "Table":
    from rich.table import Table

    what = "Model calls" if report.by == "model" else "Requests"
    since = f"since {wording.moment(report.since)}" if report.since is not None else "all time"
    if report.until is not None:
        since += f" until {wording.moment(report.until)}"
    table = Table(title=f"{what}, {since}", title_justify="left", box=None, pad_edge=False)
    table.add_column("" if report.by == "total" else report.by, overflow="fold", min_width=10)
    digits = wording.digits_for(max(total.cost_usd, total.baseline_cost_usd or 0.0))
    summed = _cells(total, report.total_share, digits)
    names = [name for name in summed if not (is_narrow and name in _ONLY_WHEN_WIDE)]
    names = [name for name in names if not (report.by == "model" and name in _NOT_BY_MODEL)]
    for name in names:
        table.add_column(
            "calls" if report.by == "model" and name == "requests" else name, justify="right", no_wrap=True
        )
    if report.by != "total":
        length = _length_of_keys(row.group for row in report.rows if row.group is not None)
        for row in report.rows:
            cells = _cells(row, report.saved_shares.get(row.group), digits)
            table.add_row(_name(row, report.by, length), *(cells[name] for name in names))
        table.add_section()
    table.add_row("total", *(summed[name] for name in names), style="bold")
    return table


def _cells(row: "SummaryRow", share: "Interval | None", digits: int) -> dict[str, str]:
    """Every cell of a row by its column, in the order of the columns."""
    from thriftgate.types import DecisionKind

    count = {kind: row.decisions.get(kind, 0) for kind in DecisionKind}
    mark = "~" if row.usage.is_estimated else ""
    return {
        "requests": f"{row.requests:,}",
        "failed": f"{row.failures:,}",
        "hits": f"{count[DecisionKind.EXACT_HIT]:,}+{count[DecisionKind.SEMANTIC_HIT]:,}",
        "accepted": f"{count[DecisionKind.ACCEPTED]:,}",
        "escalated": f"{count[DecisionKind.ESCALATED]:,}",
        "only tier": f"{count[DecisionKind.ONLY_TIER]:,}",
        "tokens in": f"{mark}{row.usage.prompt_tokens:,}",
        "out": f"{mark}{row.usage.completion_tokens:,}",
        "cost $": wording.plain(row.cost_usd, digits),
        "baseline $": wording.plain(row.baseline_cost_usd, digits),
        "saved $": wording.plain(row.saved_usd, digits),
        "checks $": wording.plain(row.checking_cost_usd, digits),
        "net $": wording.plain(row.net_saved_usd, digits),
        "saved %": _share(row, share),
        "p50 s": wording.plain(row.duration_p50),
        "p95 s": wording.plain(row.duration_p95),
    }


def _length_of_keys(keys: Iterable[str]) -> int:
    """How many characters tell every key from the others; names that begin alike need more than a hash's twelve."""
    distinct = set(keys)
    length = _SHORT_KEY
    while len({key[:length] for key in distinct}) < len(distinct):
        length += 1
    return length


def _name(row: "SummaryRow", by: "SummaryGroup", length: int) -> str:
    if row.group is None:
        return "(none)"
    # A key's hash is long; its first characters tell keys apart, its alias is what people know.
    short = f"{row.group[:length]}…" if by == "key" and len(row.group) > length else row.group
    if by == "route" and row.label:
        return row.label
    return f"{row.label} ({short})" if row.label and row.label != row.group else short


def _share(row: "SummaryRow", share: "Interval | None") -> str:
    if share is not None:
        return wording.give_or_take(share)
    return wording.percent(row.saved_share).removesuffix("%")
