"""`thriftgate prompts`: the registry's commands, each in its own file."""

from importlib import import_module
from pathlib import Path
from typing import Any

import click

COMMANDS = ("lint", "show", "render", "diff", "new", "promote", "rollback", "history", "experiment", "push", "pull",
            "status")  # fmt: skip
"""Every command, in the order of the help."""


class _InOrder(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group("prompts", cls=_InOrder)
@click.option(
    "--prompts-dir", "directory", type=click.Path(path_type=Path), default="prompts", show_default=True,
    help="The folder with one subfolder for each prompt.",
)  # fmt: skip
@click.pass_context
def command(ctx: click.Context, directory: Path) -> None:
    """Look at the prompts and their experiments, change what is served, and mirror it to Langfuse."""
    ctx.obj = directory


def _load(name: str) -> click.Command:
    loaded: Any = import_module(f"thriftgate.cli.prompts_{name}").command
    assert isinstance(loaded, click.Command)
    return loaded


for _name in COMMANDS:
    command.add_command(_load(_name))
