"""`thriftgate cascade`: the cascade's commands, each in its own file."""

from importlib import import_module

import click

COMMANDS = {
    "calibrate": "Find out from labelled answers when a cheap one is good enough.",
    "explain": "Say why a request was answered by the tier that answered it.",
}
"""Every command with its help line; `x` is loaded from `cli/cascade_x.py`."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"thriftgate.cli.cascade_{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command("cascade", cls=_Commands)
def command() -> None:
    """Calibrate when a cheaper model's answer is good enough."""
