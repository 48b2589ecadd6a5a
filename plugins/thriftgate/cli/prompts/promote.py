"""`thriftgate prompts promote`: freeze a variant and serve it under a label."""

import time

import click

from thriftgate.cli.prompts.parts.registry import open_prompt
from thriftgate.prompts.changes import SETTINGS, promote
from thriftgate.prompts.registry import PRODUCTION


@click.command("promote", short_help="Freeze a variant and serve it under a label.")
@click.argument("name")
@click.argument("reference")
@click.option("--label", default=PRODUCTION, show_default=True, help="The label to move.")
@click.option("--note", default="", help="Why; kept in the history.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.pass_context
def command(ctx: click.Context, name: str, reference: str, *, label: str, note: str, dry_run: bool) -> None:
    """Serve REFERENCE (a variant, version or label) of the prompt NAME under a label.

    A variant is frozen first, as the next control@n under versions/; what the label served until now is frozen as
    well, so that `rollback` brings back exactly that. A running gateway notices by itself.
    """
    files, prompt = open_prompt(ctx.obj, name)
    changes = promote(prompt, files.text(name, SETTINGS), reference, label=label, now=time.time(), note=note)
    if not dry_run:
        files.write(name, changes)
    for line in changes.summary:
        click.echo(f"dry run: {line}" if dry_run else line)
