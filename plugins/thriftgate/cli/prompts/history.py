"""`thriftgate prompts history`: what happened to a prompt."""

from dataclasses import asdict

import click

from thriftgate.cli.prompts.parts.registry import open_prompt, print_json
from thriftgate.wording import moment


@click.command("history", short_help="List what happened to a prompt.")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, name: str, *, as_json: bool) -> None:
    """List what happened to the prompt NAME, newest first: versions frozen, labels moved, and why."""
    _, prompt = open_prompt(ctx.obj, name)
    if as_json:
        print_json([asdict(event) for event in prompt.history])
        return
    if not prompt.history:
        click.echo(f"nothing was promoted yet; '{prompt.labels['production']}' is served")
    for event in reversed(prompt.history):
        moved = f"{event.label}: {event.before or '-'} -> " if event.label else ""
        note = f"  {event.note}" if event.note else ""
        click.echo(f"{moment(event.at)}  {event.action:<8}  {moved}{event.version}  {event.hash or ''}{note}")
