"""`thriftgate prompts pull`: fetch from Langfuse what was written there."""

import asyncio
import time

import click

from thriftgate.cli.prompts.parts.langfuse import chosen
from thriftgate.cli.waiting import waiting
from thriftgate.prompts.registry import Prompt
from thriftgate.stores.files.prompts import PromptFiles


@click.command("pull", short_help="Fetch from Langfuse what was written there.")
@click.argument("name", required=False)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.pass_context
def command(ctx: click.Context, name: str | None, *, dry_run: bool) -> None:
    """Fetch versions that were written in Langfuse, of every prompt or of NAME, as frozen versions.

    No file that exists is changed and nothing else is served: `promote` does that. Labels that are on something
    else in Langfuse are listed.
    """
    files, prompts = chosen(ctx.obj, name)
    for prompt in prompts:
        asyncio.run(_pull(files, prompt, dry_run=dry_run))


async def _pull(files: PromptFiles, prompt: Prompt, *, dry_run: bool) -> None:
    from thriftgate.services.upkeep.prompt_mirror import pull
    from thriftgate.stores.langfuse.client import LangfuseClient, keys_from

    async with LangfuseClient(keys_from()) as client:
        with waiting("asking Langfuse …"):
            pulled = await pull(client, prompt, now=time.time())
    if not dry_run:
        files.write(prompt.name, pulled.changes)
    for line in pulled.changes.summary:
        click.echo(f"{'dry run: ' if dry_run else ''}{prompt.name}: {line}")
    for line in pulled.differing_labels:
        click.echo(f"{prompt.name}: label {line}")
    for line in pulled.unreadable:
        click.secho(f"{prompt.name}: cannot be used here: {line}", fg="yellow", err=True)
    if not pulled.changes.summary:
        click.echo(f"{prompt.name}: nothing new in Langfuse")
