"""`thriftgate langfuse backfill`: send traces and scores again, from the ledger.

Failure behaviour: exit code 1 when Langfuse or the database does not answer, or refused something; what was sent by
then stays sent, and the same command may be run again. Exit code 2 for a wrong configuration or missing keys.
"""

import asyncio
import json
import os
import random
import time
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from thriftgate.cli.report.command import parse_since
from thriftgate.cli.report.parts.ledger_opening import opened_ledger
from thriftgate.cli.waiting import waiting
from thriftgate.config import load_section

if TYPE_CHECKING:
    from thriftgate.services.telemetry.backfill import Backfilled


@click.command("backfill")
@click.option("--since", required=True, help="From then on: a time span (24h, 2d) or a date (2026-11-01, UTC).")
@click.option("--until", help="Up to then; absent: now.")
@click.option("--route", help="Only requests of this route.")
@click.option("--dry-run", is_flag=True, help="Only say how much would be sent.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path), default="litellm_config.yaml", show_default=True,
    help="The configuration that names the database.",
)  # fmt: skip
@click.pass_context
def command(
    ctx: click.Context, *, since: str, until: str | None, route: str | None, dry_run: bool, as_json: bool,
    config_file: Path,
) -> None:  # fmt: skip
    """Send the traces and scores of a time again, from the ledger.

    What Langfuse has already is replaced by itself: a trace's ids come from its request's. Content is sent for routes
    that capture it, through the mask; what single tiers were asked is not kept in the ledger.
    """
    now = time.time()
    start, end = parse_since(since, now=now), parse_since(until, now=now) if until else None
    is_told = not (as_json or dry_run)
    with nullcontext() if is_told else waiting("reading the ledger …"):
        done = asyncio.run(_backfill(config_file, start, end, route, dry_run=dry_run, is_told=is_told))
    if as_json:
        print(json.dumps({**asdict(done), "dry_run": dry_run}))
    else:
        verb = "would be sent" if dry_run else "sent"
        traces = f"{done.requests:,} traces of requests, {done.audits:,} of audits"
        click.echo(f"{traces} and {done.scores:,} scores {verb}; {done.refused:,} refused")
    ctx.exit(1 if done.refused else 0)


async def _backfill(
    path: Path, since: float, until: float | None, route: str | None, *, dry_run: bool, is_told: bool
) -> "Backfilled":
    from thriftgate.services.telemetry.backfill import Backfill, Backfilled
    from thriftgate.services.telemetry.trace_settings import settings_of
    from thriftgate.stores.files.prompt_sources import NUMBERS
    from thriftgate.stores.langfuse.client import keys_from
    from thriftgate.stores.langfuse.intake import LangfuseIntake
    from thriftgate.stores.langfuse.prompts import LangfuseNumbers

    config = load_section(path, os.environ)
    keys = keys_from()
    data_dir = path.parent / config.data_dir
    intake = LangfuseIntake(keys, timeout=config.tracing.langfuse.timeout)

    def tell(done: Backfilled) -> None:
        if is_told:
            click.echo(f"{done.requests + done.audits:,} traces, {done.scores:,} scores", err=True)

    try:
        async with opened_ledger(config, path.parent) as ledger:
            return await Backfill(
                ledger=ledger,
                settings=settings_of(config, os.environ, LangfuseNumbers(data_dir / NUMBERS, keys.project)),
                intake=None if dry_run else intake,
                sleep=asyncio.sleep,
                draw=random.random,
                tell=tell,
            ).run(since=since, until=until, route=route)
    finally:
        intake.close()
