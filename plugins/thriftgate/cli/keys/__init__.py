"""`thriftgate keys`: the gateway's own keys, a command in each file.

- `create`, `list`, `show`, `set`, `revoke`, `rotate`, `import`: the commands
- `parts`: the database that they work on, what may be said of a key, a user or a team, and how it is printed
"""

import click

from thriftgate.cli.lazy_group import LazyGroup

COMMANDS = {
    "create": "Make a key, and show it once.",
    "list": "List keys.",
    "show": "Show what a key may do.",
    "set": "Change what a key may do.",
    "revoke": "Make a key open nothing any more.",
    "rotate": "Give a key another secret.",
    "import": "Take over keys by their digests from a file.",
}
"""Every command with its help line; `x` is loaded from `cli/keys/x.py`."""


@click.command("keys", cls=LazyGroup, prefix="thriftgate.cli.keys.", lines=COMMANDS)
def command() -> None:
    """Make, list, change and revoke the keys that clients call with.

    The configuration needs the section `identity`. A running gateway knows of every change within a second.
    """
