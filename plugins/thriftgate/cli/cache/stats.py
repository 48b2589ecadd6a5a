"""`thriftgate cache stats`: how full the caches are, how useful, and whether they keep their promise.

Failure behaviour: a store or database that is away ends with exit code 1 and a sentence.
"""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from thriftgate.cli.cache.parts.opening import config_option, opened
from thriftgate.cli.consoles import table_console
from thriftgate.cli.report.parts.ledger_opening import opened_ledger
from thriftgate.cli.waiting import waiting
from thriftgate.wording import percent, with_interval

if TYPE_CHECKING:
    from thriftgate.config import ThriftgateConfig
    from thriftgate.services.cache.figures import CacheFigures, Contents
    from thriftgate.stats.intervals import Interval

_DAY = 86_400.0


@click.command("stats")
@config_option
@click.option("--days", type=click.FloatRange(min=0.01), default=7.0, show_default=True, help="How far to look back.")
@click.option("--route", help="Only this route.")
@click.option("--contents", "reads", is_flag=True, help="Also read every entry: its age, and how much text is kept.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def command(config_file: Path, *, days: float, route: str | None, reads: bool, as_json: bool) -> None:
    """Say how full and how useful the cache of each route is, and how often it was wrong.

    The error is estimated from the hits that were checked beside the requests (`cache.verify`), with its interval.
    """
    with waiting("reading the ledger and the cache …"):
        figures, contents = asyncio.run(_read(config_file, days * _DAY, route, reads=reads))
    if as_json:
        import json
        from dataclasses import asdict

        rows = [{**asdict(one), "hit_rate": one.hit_rate} for one in figures]
        for row in rows:
            if row["route"] in contents:
                row["contents"] = asdict(contents[row["route"]])
        click.echo(json.dumps(rows, indent=2))
    else:
        _print(figures, days)
        for name, one in contents.items():
            click.echo(f"{name}: {one}")


async def _read(
    config_file: Path, seconds: float, route: str | None, *, reads: bool
) -> "tuple[list[CacheFigures], dict[str, Contents]]":
    from thriftgate.services.cache.figures import cache_figures_of, contents_of
    from thriftgate.stores.files.clock import SystemClock
    from thriftgate.types import AuditKind

    async with opened(config_file) as one:
        if route is not None:
            one.route(route)
        since = SystemClock().time() - seconds
        async with opened_ledger(one.section, one.base_dir) as ledger:
            promises = {
                name: route.cache.max_error if route.cache.min_similarity is None else None
                for name, route in one.section.routes.items()
                if route.cache is not None
            }
            figures = cache_figures_of(
                promises,
                await one.cache.stats(),
                await ledger.summarise("route", since=since),
                await ledger.audits(kind=AuditKind.CACHE, since=since),
            )
            shown = [
                replace(figure, max_error_of_hits=_promised_of_hits(one.section, figure.route))
                for figure in figures
                if route in (None, figure.route)
            ]
            names = [figure.route for figure in shown] if reads else []
            now = since + seconds
            return shown, {name: await contents_of(one.cache.entries(name), now=now) for name in names}


def _promised_of_hits(section: "ThriftgateConfig", route: str) -> float | None:
    cache = section.routes[route].cache
    return None if cache is None or cache.min_similarity is not None else cache.max_error_of_hits


def _print(figures: "list[CacheFigures]", days: float) -> None:
    from rich.table import Table

    table = Table(
        title=f"the last {days:g} days", title_justify="left", box=None, pad_edge=False, collapse_padding=True
    )
    table.add_column("route")
    for name in ("entries", "scopes", "answers", "exact", "semantic", "hit rate", "checked", "wrong", "learnt"):
        table.add_column(name, justify="right")
    for one in figures:
        cells = (one.entries, one.scopes, one.answers, one.exact_hits, one.semantic_hits)
        rest = (one.checked, one.wrong, one.observations)
        table.add_row(
            one.route, *(f"{cell:,}" for cell in cells), percent(one.hit_rate), *(f"{cell:,}" for cell in rest)
        )
    console = table_console(highlight=True)
    console.print(table)
    for one in figures:
        console.print(_promise(one), highlight=False)
        if one.error_of_hits is not None and one.max_error_of_hits is not None:
            console.print(_of_hits(one.error_of_hits, one.max_error_of_hits), highlight=False)


def _of_hits(error: "Interval", promised: float) -> str:
    return f"  and at most {percent(promised)} of the semantic hits; {_seen(error, promised)}"


def _promise(one: "CacheFigures") -> str:
    if one.max_error is None:
        return f"{one.route}: a fixed threshold, which promises nothing"
    if one.error is None:
        return f"{one.route}: promised at most {percent(one.max_error)} wrong; no semantic hit was checked in this time"
    seen = _seen(one.error, one.max_error)
    return f"{one.route}: promised at most {percent(one.max_error)} of all answers wrong; {seen}"


def _seen(error: "Interval", promised: float) -> str:
    from thriftgate.services.books.standing import held_against

    return f"seen {with_interval(error, 2)}: {held_against(error, promised)}"
