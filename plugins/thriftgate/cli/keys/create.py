"""`thriftgate keys create`: make a key, and show it once.

Failure behaviour: nothing is kept of a key whose user or team is not there, nor while the database is away.
"""

import asyncio
import time
from pathlib import Path
from typing import Any

import click

from thriftgate.cli.keys.parts.opening import config_option, open_keys
from thriftgate.cli.keys.parts.options import expires_option, given_values, grants_options
from thriftgate.cli.keys.parts.printing import json_option, print_new_key


@click.command("create")
@grants_options
@click.option("--user", help="The user who owns it.")
@click.option("--team", help="The team that pays; default: the user's.")
@click.option("--role", type=click.Choice(["caller", "viewer", "admin"]), help="What it is for. Default: caller.")
@expires_option
@click.option(
    "--print-digest", is_flag=True, help="Keep nothing: print the key, and the entry for a keys.yaml with its digest."
)
@json_option
@config_option
def command(config_file: Path, *, print_digest: bool, as_json: bool, **given: Any) -> None:
    """Make a key, and show it once.

    Only the key's SHA-256 is kept. The key alone goes to standard output: KEY=$(thriftgate keys create --team support)
    """
    values = given_values(given)
    if print_digest:
        _print_entry(values)
        return

    async def create() -> None:
        from thriftgate.identity.fields import key_fields

        async with open_keys(config_file) as one:
            key, made = await one.create_key(values)
        print_new_key(made.text, key_fields(key, now=time.time()), as_json=as_json)

    asyncio.run(create())


def _print_entry(values: dict[str, Any]) -> None:
    import secrets

    import yaml

    from thriftgate.identity.fields import key_fields
    from thriftgate.identity.forms import KeyForm
    from thriftgate.identity.keys import ENTROPY_BYTES, make_key

    made = make_key(secrets.token_bytes(ENTROPY_BYTES))
    key = KeyForm.model_validate(values).record(made.key_id, made.digest, at=time.time())
    fields = key_fields(key, now=time.time())
    said = {name: fields[name] for name in values}
    entry = {"id": made.key_id, "sha256": made.digest.hex(), **said}
    click.echo("the key, shown only now, and its entry for `keys:` of a keys.yaml:", err=True)
    click.echo(made.text)
    click.echo(yaml.safe_dump([entry], sort_keys=False).rstrip())
