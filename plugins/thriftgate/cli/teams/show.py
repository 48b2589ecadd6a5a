"""`thriftgate teams show`: show what a team may do."""

import asyncio
from pathlib import Path

import click

from thriftgate.cli.keys.parts.opening import config_option, open_keys
from thriftgate.cli.keys.parts.printing import json_option, print_one


@click.command("show")
@click.argument("team_id", metavar="ID")
@json_option
@config_option
def command(config_file: Path, *, team_id: str, as_json: bool) -> None:
    """Show what a team may do."""

    async def read() -> None:
        from thriftgate.identity.fields import team_fields

        async with open_keys(config_file) as one:
            print_one(team_fields(await one.team(team_id)), as_json=as_json)

    asyncio.run(read())
