"""`thriftgate teams set`: change what a team may do, or block it.

Failure behaviour: a change that makes no sense changes nothing.
"""

import asyncio
from pathlib import Path
from typing import Any

import click

from thriftgate.cli.keys.parts.opening import config_option, open_keys
from thriftgate.cli.keys.parts.options import clear_option, given_values, grants_options
from thriftgate.cli.keys.parts.printing import json_option, print_one


@click.command("set")
@click.argument("team_id", metavar="ID")
@grants_options
@click.option("--blocked/--not-blocked", default=None, help="Refuse all of its keys, or no longer.")
@clear_option
@json_option
@config_option
def command(config_file: Path, *, team_id: str, cleared: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Change what a team may do; what is not named stays."""
    values = given_values(given, cleared=cleared)

    async def change() -> None:
        from thriftgate.identity.fields import team_fields

        async with open_keys(config_file) as one:
            print_one(team_fields(await one.change_team(team_id, values)), as_json=as_json)

    asyncio.run(change())
