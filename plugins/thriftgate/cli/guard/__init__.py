"""`thriftgate guard`: what the guards make of a text, each command in its own file."""

import click

from thriftgate.cli.lazy_group import LazyGroup

COMMANDS = {"test": "Say what the guards find in a text, and why."}
"""Every command with its help line; `x` is loaded from `cli/guard/x.py`."""


@click.command("guard", cls=LazyGroup, prefix="thriftgate.cli.guard.", lines=COMMANDS)
def command() -> None:
    """Try the guards on a text."""
