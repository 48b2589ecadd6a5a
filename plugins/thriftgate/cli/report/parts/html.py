"""`thriftgate report --html`: reads the ledger and writes the page."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from thriftgate.cli.report.parts.ledger_opening import opened_ledger
from thriftgate.cli.waiting import waiting
from thriftgate.config import load_section

if TYPE_CHECKING:
    from thriftgate.services.books.report_page import ReportPage

_SEED = 0
"""The bootstrap's: the same ledger gives the same interval."""


def write_page(target: Path, config: Path, since: float | None, *, now: float) -> None:
    """Write the page of the requests since a time, whole or not at all. Raises ClickException when it cannot."""
    from thriftgate.services.books.report_page import render

    with waiting("reading the ledger …"):
        page = asyncio.run(_read(config, since, now))
    text = render(page)
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        aside.write_text(text, encoding="utf-8")
        aside.replace(target)
    except OSError as error:
        raise click.ClickException(f"{target} cannot be written: {error.strerror}") from error
    total = page.routes.total
    click.echo(f"{target}: {total.requests if total else 0:,} requests, {len(text) / 1000:,.0f} kB")


async def _read(path: Path, since: float | None, now: float) -> "ReportPage":
    import numpy as np

    from thriftgate.cli.report.parts.quality import lines
    from thriftgate.services.books.promises import promises_of
    from thriftgate.services.books.quality import make_quality
    from thriftgate.services.books.report import MOST_RECORDS
    from thriftgate.services.books.report_page import QualityNotes, read_page

    config = load_section(path, os.environ)
    async with opened_ledger(config, path.parent) as ledger:
        page = await read_page(ledger, since=since, made_at=now)
        if page.routes.total is None or page.routes.total.requests > MOST_RECORDS:
            return page
        promises = promises_of(config, path.parent)
        found = await make_quality(ledger, promises, np.random.default_rng(_SEED), since=since)
        return replace(page, quality=[QualityNotes(route=one.route, lines=list(lines(one))) for one in found])
