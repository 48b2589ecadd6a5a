"""`thriftgate keys rotate`: give a key another secret.

Failure behaviour: a key that was revoked, or was made elsewhere, keeps what it has; exit code 1.
"""

import asyncio
import time
from pathlib import Path

import click

from thriftgate.cli.keys.parts.opening import config_option, open_keys
from thriftgate.cli.keys.parts.printing import json_option, print_new_key


@click.command("rotate")
@click.argument("key_id", metavar="ID")
@click.option("--grace", default="0s", show_default=True, metavar="DURATION", help="How long the old secret is good.")
@json_option
@config_option
def command(config_file: Path, *, key_id: str, grace: str, as_json: bool) -> None:
    """Give a key another secret, and show it once. Its id, budgets and history stay."""
    from thriftgate.config.sections.base import parse_duration

    try:
        seconds = float(parse_duration(grace))
    except ValueError as error:
        raise click.UsageError(f"--grace: {error}") from None

    async def rotate() -> None:
        from thriftgate.identity.fields import key_fields

        async with open_keys(config_file) as one:
            key, made = await one.rotate_key(key_id, grace=seconds)
        print_new_key(made.text, key_fields(key, now=time.time()), as_json=as_json)

    asyncio.run(rotate())
