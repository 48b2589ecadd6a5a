"""`thriftgate cascade`: the cascade's commands, each in its own file."""

import click

from thriftgate.cli.lazy_group import LazyGroup

COMMANDS = {
    "calibrate": "Find out from labelled answers when a cheap one is good enough.",
    "export": "Write audited conversations with both answers, to read or to fine-tune on.",
    "explain": "Say why a request was answered by the tier that answered it.",
}
"""Every command with its help line; `x` is loaded from `cli/cascade/x.py`."""


@click.command("cascade", cls=LazyGroup, prefix="thriftgate.cli.cascade.", lines=COMMANDS)
def command() -> None:
    """Calibrate when a cheaper model's answer is good enough."""
