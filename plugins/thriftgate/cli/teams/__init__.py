"""`thriftgate teams`: teams of the gateway's own keys, a command in each file."""

import click

from thriftgate.cli.lazy_group import LazyGroup

COMMANDS = {
    "create": "Make a team.",
    "list": "List teams.",
    "show": "Show what a team may do.",
    "set": "Change what a team may do, or block it.",
}
"""Every command with its help line; `x` is loaded from `cli/teams/x.py`."""


@click.command("teams", cls=LazyGroup, prefix="thriftgate.cli.teams.", lines=COMMANDS)
def command() -> None:
    """Make, list, change and block teams.

    What holds for a team holds for all of its keys.
    """
