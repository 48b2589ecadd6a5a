"""`thriftgate users list`: list users."""

import asyncio
from pathlib import Path

import click

from thriftgate.cli.keys.parts.opening import config_option, open_keys
from thriftgate.cli.keys.parts.printing import json_option, print_all


@click.command("list")
@json_option
@config_option
def command(config_file: Path, *, as_json: bool) -> None:
    """List the users in the database."""

    async def read() -> None:
        from thriftgate.identity.fields import user_fields

        async with open_keys(config_file) as one:
            print_all([user_fields(found) for found in await one.users()], as_json=as_json, what="users")

    asyncio.run(read())
