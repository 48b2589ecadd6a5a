"""`thriftgate keys revoke`: make keys open nothing any more.

Failure behaviour: an id that nobody has ends with exit code 1; the keys named before it are revoked.
"""

import asyncio
from pathlib import Path

import click

from thriftgate.cli.keys.parts.opening import config_option, open_keys


@click.command("revoke")
@click.argument("key_ids", metavar="ID...", nargs=-1, required=True)
@config_option
def command(config_file: Path, *, key_ids: tuple[str, ...]) -> None:
    """Make keys open nothing any more, in every worker within a second. It cannot be undone; to pause one, block it."""

    async def revoke() -> None:
        async with open_keys(config_file) as one:
            for key_id in key_ids:
                await one.revoke_key(key_id)
                click.echo(f"revoked {key_id}")

    asyncio.run(revoke())
