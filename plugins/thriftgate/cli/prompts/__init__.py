"""`thriftgate prompts`: the registry's commands, each in its own file."""

from pathlib import Path

import click

from thriftgate.cli.lazy_group import LazyGroup

COMMANDS = {
    "lint": "Name every mistake in the prompts.",
    "show": "Show the prompts, one prompt's versions, or one version's text.",
    "render": "Show what a model would be told.",
    "diff": "Show what differs between two versions.",
    "new": "Begin a prompt, or another variant of one.",
    "promote": "Serve a version under a label.",
    "rollback": "Serve what a label served before.",
    "history": "List what happened to a prompt, newest first.",
    "experiment": "Say what an experiment has shown so far.",
    "push": "Copy versions and labels to Langfuse.",
    "pull": "Fetch versions that were written in Langfuse.",
    "status": "Compare the files with Langfuse.",
}
"""Every command with its help line; `x` is loaded from `cli/prompts/x.py`."""


@click.command("prompts", cls=LazyGroup, prefix="thriftgate.cli.prompts.", lines=COMMANDS)
@click.option(
    "--prompts-dir", "directory", type=click.Path(path_type=Path), default="prompts", show_default=True,
    help="The folder with one subfolder for each prompt.",
)  # fmt: skip
@click.pass_context
def command(ctx: click.Context, directory: Path) -> None:
    """Look at the prompts and their experiments, change what is served, and mirror it to Langfuse."""
    ctx.obj = directory
