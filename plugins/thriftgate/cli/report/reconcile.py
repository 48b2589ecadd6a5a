"""`thriftgate reconcile`: the ledger beside a provider's invoice.

Failure behaviour: a file that is no known export, or a database that is away, ends with exit code 1 and a sentence.
"""

import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from thriftgate.cli.report.parts.ledger_opening import opened_ledger
from thriftgate.cli.waiting import waiting
from thriftgate.config import load_section

if TYPE_CHECKING:
    from thriftgate.services.books.invoices import InvoiceTally
    from thriftgate.services.books.reconciling import Reconciliation

_DIFFERS = 1


@click.command("reconcile")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--all", "everything", is_flag=True, help="Show also the days and models on which both agree.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--config", type=click.Path(path_type=Path), default="litellm_config.yaml", show_default=True,
    help="The configuration that names the database.",
)  # fmt: skip
@click.pass_context
def command(ctx: click.Context, *, file: Path, everything: bool, as_json: bool, config: Path) -> None:
    """Compare the ledger with what a provider says it was asked and what it charges.

    FILE is a CSV that the console of OpenAI or Anthropic exports, of usage or of costs. Both sides are compared by day
    (UTC) and model, tokens exactly and money to the cent, with what may be the reason where they differ. Exit code 1
    when they do.
    """
    from thriftgate.errors import InvalidRequestError
    from thriftgate.services.books.invoices import read_invoice

    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            invoice = read_invoice(lines)
    except (InvalidRequestError, UnicodeDecodeError) as error:
        words = str(error) if isinstance(error, InvalidRequestError) else "is not a UTF-8 text file"
        raise click.ClickException(f"{file.name}: {words}") from None

    async def read() -> "Reconciliation":
        from thriftgate.services.books.reconciling import reconcile

        async with opened_ledger(load_section(config, os.environ), config.parent) as ledger:
            return await reconcile(ledger, invoice)

    with waiting("reading the ledger …"):
        found = asyncio.run(read())
    if as_json:
        click.echo(json.dumps({"provider": invoice.provider, **asdict(found), "agrees": found.agrees}, indent=2))
    else:
        _print(found, everything=everything)
    if not found.agrees:
        ctx.exit(_DIFFERS)


def _print(found: "Reconciliation", *, everything: bool) -> None:
    shown = [line for line in found.lines if everything or not line.agrees]
    for line in shown:
        click.echo(f"{line.day}  {line.model}")
        click.echo(f"    invoice  {_said(line.invoice)}")
        click.echo(f"    ledger   {_said(line.ledger)}")
        for reason in line.reasons:
            click.echo(f"    - {reason}")
    agreeing = sum(line.agrees for line in found.lines)
    click.echo(f"{agreeing} of {len(found.lines)} days and models agree")


def _said(tally: "InvoiceTally | None") -> str:
    if tally is None:
        return "nothing"
    words = [
        f"{count:,} {name}"
        for name, count in (
            ("requests", tally.requests),
            ("input tokens", tally.input_tokens),
            ("cached", tally.cached_tokens),
            ("output tokens", tally.output_tokens),
        )
        if count is not None
    ]
    if tally.cost_usd is not None:
        words.append(f"{tally.cost_usd:,.4f} $")
    return ", ".join(words)
