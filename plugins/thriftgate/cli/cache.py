"""`thriftgate cache`: the answer cache's commands, each in its own file."""

from importlib import import_module

import click

COMMANDS = {
    "tune": "Draw hits against wrong answers, and recommend settings.",
}
"""Every command with its help line; `x` is loaded from `cli/cache_x.py`."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"thriftgate.cli.cache_{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command("cache", cls=_Commands)
def command() -> None:
    """Look into the answer cache, tune it, and forget entries."""
