"""`thriftgate keys list`: list keys."""

import asyncio
import time
from pathlib import Path

import click

from thriftgate.cli.keys.parts.opening import config_option, open_keys
from thriftgate.cli.keys.parts.printing import json_option, print_all


@click.command("list")
@click.option("--user", help="Only those of this user.")
@click.option("--team", help="Only those of this team.")
@json_option
@config_option
def command(config_file: Path, *, user: str | None, team: str | None, as_json: bool) -> None:
    """List the keys in the database; those of `identity.file` stand there."""

    async def read() -> None:
        from thriftgate.identity.fields import key_fields

        async with open_keys(config_file) as one:
            keys = await one.keys(user_id=user, team_id=team)
        print_all([key_fields(key, now=time.time()) for key in keys], as_json=as_json, what="keys")

    asyncio.run(read())
