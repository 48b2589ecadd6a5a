"""`thriftgate prompts diff`: what differs between two versions."""

import click

from thriftgate.cli.prompts.parts.registry import find_version, open_prompt
from thriftgate.prompts.registry import PRODUCTION
from thriftgate.prompts.versions import diff

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@click.command("diff", short_help="Show what differs between two versions.")
@click.argument("name")
@click.argument("before", default=PRODUCTION)
@click.argument("after", required=False)
@click.pass_context
def command(ctx: click.Context, name: str, before: str, after: str | None) -> None:
    """Show what differs between two versions of the prompt NAME.

    BEFORE and AFTER are labels, variants or versions. Without AFTER: BEFORE (default: what is served) against the
    file of the same variant as it is now. Exit code 0 means no difference, 1 that there is one.
    """
    _, prompt = open_prompt(ctx.obj, name)
    first = find_version(prompt, before)
    second = find_version(prompt, after or first.variant)
    text = diff(first, second)
    for line in text.splitlines():
        click.secho(line, fg=_COLOURS.get(line[:1]))
    if not text:
        click.echo(f"{first.name} and {second.name} say the same ({first.hash})")
    ctx.exit(1 if text else 0)
