"""`thriftgate langfuse`: what concerns traces and scores there; prompts are mirrored by `thriftgate prompts`."""

import click

from thriftgate.cli.lazy_group import LazyGroup

COMMANDS = {
    "status": "Say whether Langfuse takes our traces, and what was lost.",
    "backfill": "Send the traces and scores of a time again, from the ledger.",
    "dashboard": 'Make the dashboard "Cost and savings" in Langfuse.',
}
"""Every command with its help line; `x` is loaded from `cli/langfuse/x.py`."""


@click.command("langfuse", cls=LazyGroup, prefix="thriftgate.cli.langfuse.", lines=COMMANDS)
def command() -> None:
    """Look after the traces in Langfuse."""
