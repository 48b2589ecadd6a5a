"""`thriftgate cascade export`: what audits compared, as JSON lines.

Failure behaviour: a ledger that goes away in between ends with exit code 1 after the lines written by then.
"""

import asyncio
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import IO

import click

from thriftgate.cli.cache.parts.opening import config_option
from thriftgate.cli.cascade.parts.sources import cascaded_route
from thriftgate.cli.report.parts.ledger_opening import opened_ledger
from thriftgate.cli.waiting import unless_seen
from thriftgate.config import load_section


@click.command("export")
@config_option
@click.option("--route", help="The route whose audits are written.  [default: the only one with two tiers or more]")
@click.option("--since", help="Only audits since then: 24h, 7d, 2026-11-01.")
@click.option(
    "--output", type=click.File("w", encoding="utf-8"), default="-", help="A file; by default they are printed."
)
def command(config_file: Path, *, route: str | None, since: str | None, output: IO[str]) -> None:
    """Write each audited conversation, both answers, and whether the cheap one was as good, as JSON lines.

    They hold what users asked and were told, so only routes with `capture_content: true` have any: keep them as safe
    as the database. `thriftgate cascade calibrate` reads the file; without one it takes the audits out of the ledger,
    log-probabilities included, which is better.
    """
    from thriftgate.cli.report.command import parse_since

    start = parse_since(since, now=time.time()) if since else None
    left_out: Counter[str] = Counter()
    with unless_seen(output, "reading the audits …"):
        count = asyncio.run(_export(config_file, route, start, output, left_out))
    click.echo(f"{count:,} conversations written", err=True)
    for reason, number in left_out.most_common():
        click.echo(f"{number:,} left out: {reason}", err=True)


async def _export(
    config_file: Path, named: str | None, since: float | None, output: IO[str], left_out: Counter[str]
) -> int:
    from thriftgate.services.checking.audit_labels import audited_conversations

    section = load_section(config_file, os.environ)
    route = cascaded_route(section, named)
    count = 0
    async with opened_ledger(section, config_file.parent, max_connections=2) as ledger:
        async for line in audited_conversations(ledger, route=route, since=since, left_out=left_out):
            output.write(json.dumps(line, ensure_ascii=False) + "\n")
            count += 1
    return count
