"""A group of commands, each imported only when it is called.

`--help` must answer at once, and a command must not pay for the imports of another. So a group knows names and help
lines, and imports its module when that command is asked for; the module exports `command`.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is called."""

    def __init__(
        self,
        *args: Any,
        prefix: str = "",
        lines: Mapping[str, str] | None = None,
        modules: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        """A command's module is `prefix` and its name, or what `modules` says; `lines` are the help lines, in order."""
        super().__init__(*args, **kwargs)
        self._prefix = prefix
        self._lines = lines or {}
        self._modules = modules or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command's name."""
        return list(self._lines)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None when there is no such command."""
        if cmd_name not in self._lines:
            return None
        return load_command(self._prefix, cmd_name, module=self._modules.get(cmd_name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that `args` name; a word close to a command's name is met with a suggestion."""
        from thriftgate.forms import did_you_mean

        if args and not args[0].startswith("-") and args[0] not in self._lines:
            raise click.UsageError(f"no such command '{args[0]}'{did_you_mean(args[0], self._lines)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands' help lines, without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._lines.items()))


def load_command(prefix: str, name: str, *, module: str | None = None) -> click.Command:
    """The command `name`, from the module of that name, or from `module` behind the same prefix.

    Raises:
        click.UsageError: there is no such module.
        TypeError: it exports something else as `command`.
    """
    path = prefix + (module or name)
    try:
        command: Any = import_module(path).command
    except ModuleNotFoundError as error:
        if error.name != path:
            raise
        raise click.UsageError(f"this build has no command '{name}'") from error
    if not isinstance(command, click.Command):
        raise TypeError(f"{path}.command is not a click command")
    return command
