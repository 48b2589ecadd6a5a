"""`thriftgate prompts`: the registry's commands, each in its own file."""

from importlib import import_module
from pathlib import Path

import click

COMMANDS = {
    "lint": "Name every mistake in the prompts.",
    "show": "Show the prompts, or all of one.",
    "render": "Show what a model would be told.",
    "diff": "Show what differs between two versions.",
    "new": "Begin a prompt, or a variant of one.",
    "promote": "Freeze a variant and serve it under a label.",
    "rollback": "Serve what a label served before.",
    "history": "List what happened to a prompt.",
    "experiment": "Say what an experiment has shown so far.",
    "push": "Copy versions and labels to Langfuse.",
    "pull": "Fetch from Langfuse what was written there.",
    "status": "Compare the prompts here with those in Langfuse.",
}
"""Every command with its help line."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"thriftgate.cli.prompts_{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command("prompts", cls=_Commands)
@click.option(
    "--prompts-dir", "directory", type=click.Path(path_type=Path), default="prompts", show_default=True,
    help="The folder with one subfolder for each prompt.",
)  # fmt: skip
@click.pass_context
def command(ctx: click.Context, directory: Path) -> None:
    """Look at the prompts and their experiments, change what is served, and mirror it to Langfuse."""
    ctx.obj = directory
