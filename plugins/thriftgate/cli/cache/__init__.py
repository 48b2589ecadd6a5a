"""`thriftgate cache`: the answer cache's commands, each in its own file."""

import click

from thriftgate.cli.lazy_group import LazyGroup

COMMANDS = {
    "stats": "Say how full and how useful each cache is, and how often it was wrong.",
    "inspect": "Say why a question would hit or miss.",
    "purge": "Forget answers that are out of date.",
    "warm": "Put questions with their answers into the cache.",
    "export": "Write every answer in the cache as JSON lines.",
    "tune": "Draw hits against wrong answers, and recommend settings.",
}
"""Every command with its help line; `x` is loaded from `cli/cache/x.py`."""


@click.command("cache", cls=LazyGroup, prefix="thriftgate.cli.cache.", lines=COMMANDS)
def command() -> None:
    """Look into the answer cache, tune it, and forget entries."""
