"""`thriftgate users create`: make a user.

Failure behaviour: a user that is there already stays as it is; exit code 1.
"""

import asyncio
from pathlib import Path
from typing import Any

import click

from thriftgate.cli.keys.parts.opening import config_option, open_keys
from thriftgate.cli.keys.parts.options import given_values, grants_options
from thriftgate.cli.keys.parts.printing import json_option, print_one


@click.command("create")
@click.argument("user_id", metavar="ID")
@grants_options
@click.option("--team", help="The team that the user is in.")
@json_option
@config_option
def command(config_file: Path, *, user_id: str, as_json: bool, **given: Any) -> None:
    """Make a user."""
    values = given_values(given)

    async def create() -> None:
        from thriftgate.identity.fields import user_fields

        async with open_keys(config_file) as one:
            print_one(user_fields(await one.create_user(user_id, values)), as_json=as_json)

    asyncio.run(create())
