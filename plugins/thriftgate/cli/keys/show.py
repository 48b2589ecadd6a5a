"""`thriftgate keys show`: show what a key may do."""

import asyncio
import time
from pathlib import Path

import click

from thriftgate.cli.keys.parts.opening import config_option, open_keys
from thriftgate.cli.keys.parts.printing import json_option, print_one


@click.command("show")
@click.argument("key_id", metavar="ID")
@json_option
@config_option
def command(config_file: Path, *, key_id: str, as_json: bool) -> None:
    """Show what a key may do, by its id. The key itself cannot be shown: it is not kept."""

    async def read() -> None:
        from thriftgate.identity.fields import key_fields

        async with open_keys(config_file) as one:
            print_one(key_fields(await one.key(key_id), now=time.time()), as_json=as_json)

    asyncio.run(read())
