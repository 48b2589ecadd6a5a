"""`thriftgate keys set`: change what a key may do.

Failure behaviour: a change that makes no sense changes nothing.
"""

import asyncio
import time
from pathlib import Path
from typing import Any

import click

from thriftgate.cli.keys.parts.opening import config_option, open_keys
from thriftgate.cli.keys.parts.options import clear_option, expires_option, given_values, grants_options
from thriftgate.cli.keys.parts.printing import json_option, print_one


@click.command("set")
@click.argument("key_id", metavar="ID")
@grants_options
@click.option("--user", help="The user who owns it.")
@click.option("--team", help="The team that pays.")
@click.option("--role", type=click.Choice(["caller", "viewer", "admin"]), help="What it is for.")
@expires_option
@click.option("--blocked/--not-blocked", default=None, help="Refuse it for the time being, or no longer.")
@clear_option
@json_option
@config_option
def command(config_file: Path, *, key_id: str, cleared: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Change what a key may do; what is not named stays."""
    values = given_values(given, cleared=cleared)

    async def change() -> None:
        from thriftgate.identity.fields import key_fields

        async with open_keys(config_file) as one:
            print_one(key_fields(await one.change_key(key_id, values), now=time.time()), as_json=as_json)

    asyncio.run(change())
