"""`thriftgate prompts new`: begin a prompt, or a variant of one."""

from pathlib import Path

import click

from thriftgate.cli.prompts.parts.registry import find_version, open_prompt
from thriftgate.prompts.changes import SETTINGS, Changes
from thriftgate.prompts.parse import is_name
from thriftgate.prompts.versions import dump
from thriftgate.stores.files.prompts import PromptFiles

_SETTINGS = """description: What the prompt is for.

labels:
  production: control
"""
_CONTROL = """---
description: The first version.
variables:
  company: {default: Example Ltd, max_length: 80, single_line: true, description: Who the assistant works for.}
params:
  temperature: 0.2
---
[[system]]
You are an assistant of {{ company }}. Answer politely and to the point.
"""


@click.command("new", short_help="Begin a prompt, or a variant of one.")
@click.argument("name")
@click.argument("variant", default="control")
@click.option("--from", "source", help="Copy this variant or version instead of beginning with an example.")
@click.pass_context
def command(ctx: click.Context, name: str, variant: str, *, source: str | None) -> None:
    """Begin the prompt NAME, or another VARIANT of it. Nothing that exists is overwritten."""
    directory: Path = ctx.obj
    for text, what in ((name, "prompt"), (variant, "variant")):
        if not is_name(text):
            raise click.BadParameter(f"'{text}' is not a {what}'s name: lower-case letters, digits, - and _")
    begins = not (directory / name / SETTINGS).exists()
    if begins and source is not None:
        raise click.UsageError(f"there is no prompt '{name}' yet; --from copies within one prompt")
    text = _CONTROL
    if source is not None:
        _, prompt = open_prompt(directory, name)
        version = find_version(prompt, source)
        text = dump(version).replace(f"frozen: {version.hash}\n", "", 1)
    new_files = {f"{variant}.md": text}
    if begins:
        new_files[SETTINGS] = _SETTINGS.replace("production: control", f"production: {variant}")
    PromptFiles(directory).write(name, Changes(summary=(), new_files=new_files))
    for path in new_files:
        click.echo(f"wrote {directory / name / path}")
