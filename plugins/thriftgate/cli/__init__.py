"""The command line, one command per file, each loaded only when it is called.

`thriftgate --help` must answer at once, and a command must not pay for the imports of another; so the group knows
names and help lines, and imports `thriftgate.cli.<name>` when that command is asked for. Each module exports
`command`.
"""

import platform
from importlib import import_module, metadata
from typing import Any

import click

COMMANDS = {
    "up": "Start the gateway.",
    "check": "Name every mistake in a configuration.",
    "demo": "Drive a support desk's questions through the gateway and print the bill.",
    "report": "Print what the gateway cost and what it saved.",
    "cache": "Look into the answer cache, tune it, and forget entries.",
    "cascade": "Calibrate when a cheaper model's answer is good enough.",
    "prompts": "Look at the prompts and their experiments, change what is served, and mirror it to Langfuse.",
    "doctor": "Say what this machine lacks to run the gateway.",
}
"""Every command with its help line, in the order of `thriftgate --help`."""


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command's name."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None when there is no such command."""
        return load_command(cmd_name) if cmd_name in COMMANDS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that `args` name; a word close to a command's name is met with a suggestion."""
        from thriftgate.config.problems import did_you_mean

        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise click.UsageError(f"no such command '{args[0]}'{did_you_mean(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands' help lines, without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def load_command(name: str) -> click.Command:
    """The command `name`, from the module of that name."""
    try:
        command: Any = import_module(f"thriftgate.cli.{name}").command
    except ModuleNotFoundError as error:
        if error.name != f"thriftgate.cli.{name}":
            raise
        raise click.UsageError(f"this build has no command '{name}'") from error
    if not isinstance(command, click.Command):
        raise TypeError(f"thriftgate.cli.{name}.command is not a click command")
    return command


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    versions = " ".join((f"litellm {_version('litellm')}, Python {platform.python_version()}", platform.system()))
    click.echo(f"thriftgate {_version('thriftgate')} ({versions})")
    ctx.exit()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version,
    help="Print the versions of thriftgate, LiteLLM and Python.",
)  # fmt: skip
def main_group() -> None:
    """A LiteLLM gateway that answers from a cache or a cheap model where that is good enough.

    Exit codes: 0 done, 1 failed, 2 the configuration or the command line is wrong, 130 interrupted.
    """
