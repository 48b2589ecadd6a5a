"""`thriftgate users`: users of the gateway's own keys, a command in each file."""

import click

from thriftgate.cli.lazy_group import LazyGroup

COMMANDS = {
    "create": "Make a user.",
    "list": "List users.",
    "show": "Show what a user may do.",
    "set": "Change what a user may do, or block it.",
}
"""Every command with its help line; `x` is loaded from `cli/users/x.py`."""


@click.command("users", cls=LazyGroup, prefix="thriftgate.cli.users.", lines=COMMANDS)
def command() -> None:
    """Make, list, change and block users.

    What holds for a user holds for all of its keys.
    """
