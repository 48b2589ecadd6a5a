"""`thriftgate prompts rollback`: serve what a label served before."""

import time

import click

from thriftgate.cli.prompts.parts.registry import open_prompt
from thriftgate.prompts.changes import SETTINGS, roll_back
from thriftgate.prompts.registry import PRODUCTION


@click.command("rollback", short_help="Serve what a label served before.")
@click.argument("name")
@click.option("--label", default=PRODUCTION, show_default=True, help="The label to move.")
@click.option("--note", default="", help="Why; kept in the history.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.pass_context
def command(ctx: click.Context, name: str, *, label: str, note: str, dry_run: bool) -> None:
    """Serve what a label of the prompt NAME served before; repeated, it goes further back.

    A label that was edited by hand since the last promotion returns to that promotion first.
    """
    files, prompt = open_prompt(ctx.obj, name)
    changes = roll_back(prompt, files.text(name, SETTINGS), label=label, now=time.time(), note=note)
    if not dry_run:
        files.write(name, changes)
    for line in changes.summary:
        click.echo(f"dry run: {line}" if dry_run else line)
