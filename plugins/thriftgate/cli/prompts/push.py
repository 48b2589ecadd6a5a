"""`thriftgate prompts push`: copy versions and labels to Langfuse."""

import asyncio
from pathlib import Path

import click

from thriftgate.cli.prompts.parts.langfuse import chosen, data_dir_option, open_numbers
from thriftgate.cli.waiting import waiting
from thriftgate.prompts.registry import Prompt


@click.command("push", short_help="Copy versions and labels to Langfuse.")
@click.argument("name", required=False)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--force", is_flag=True, help="Move labels also off versions that were written in Langfuse.")
@data_dir_option
@click.pass_context
def command(ctx: click.Context, name: str | None, *, dry_run: bool, force: bool, data_dir: Path) -> None:
    """Copy versions and labels of every prompt, or of NAME, to Langfuse.

    Langfuse is found by LANGFUSE_HOST, LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY. Nothing is made twice, and
    nothing there is deleted. Exit code 1 means that there are conflicts, which were left as they are.
    """
    _, prompts = chosen(ctx.obj, name)
    conflicts = [asyncio.run(_push(prompt, dry_run=dry_run, force=force, data_dir=data_dir)) for prompt in prompts]
    ctx.exit(1 if any(conflicts) else 0)


async def _push(prompt: Prompt, *, dry_run: bool, force: bool, data_dir: Path) -> bool:
    from thriftgate.services.upkeep.prompt_mirror import push
    from thriftgate.stores.langfuse.client import LangfuseClient, keys_from

    async with LangfuseClient(keys_from()) as client:
        with waiting("asking Langfuse …"):
            pushed = await push(client, prompt, force=force, dry_run=dry_run)
        if not dry_run:
            open_numbers(data_dir, client.project).keep(prompt.name, pushed.numbers)
    start = "dry run: " if dry_run else ""
    for version in pushed.plan.creates:
        number = f" = version {pushed.numbers[version.hash]}" if version.hash in pushed.numbers else ""
        click.echo(f"{start}{prompt.name}: new {version.name} ({version.hash}){number}")
    for move in pushed.plan.moves:
        before = f"version {move.from_number}" if move.from_number is not None else "nothing"
        after = f"version {pushed.numbers[move.hash]}" if move.hash in pushed.numbers else move.hash
        click.echo(f"{start}{prompt.name}: label {move.label}: {before} -> {after}")
    for conflict in pushed.plan.conflicts:
        click.secho(f"{prompt.name}: conflict: {conflict}", fg="red", err=True)
    if pushed.plan.is_empty:
        click.echo(f"{prompt.name}: Langfuse has everything")
    return bool(pushed.plan.conflicts)
