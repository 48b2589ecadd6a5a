"""`thriftgate keys import`: take over keys, users and teams from a file.

Failure behaviour: a file with mistakes changes nothing and ends with exit code 2; an import that breaks off may be done
again.
"""  # noqa: N999  it is the command's name

import asyncio
from pathlib import Path

import click

from thriftgate.cli.keys.parts.opening import config_option, open_keys
from thriftgate.wording import counted


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@config_option
def command(config_file: Path, *, file: Path) -> None:
    """Take over keys, users and teams from a keys.yaml, which has only digests.

    Keys that were made elsewhere come by their SHA-256, in hexadecimal: LiteLLM's virtual keys stand so in its table
    LiteLLM_VerificationToken. Who is there already becomes what the file says; a revoked key stays revoked.
    """
    from thriftgate.errors import ConfigurationError
    from thriftgate.stores.files.keys import read_keys

    try:
        found = read_keys(file)
    except (OSError, ValueError) as error:
        raise ConfigurationError([f"{file.name}: {line}" for line in str(error).splitlines()]) from None

    async def take_over() -> None:
        async with open_keys(config_file) as one:
            done = await one.take_over(found)
        people = f"{counted(done.teams, 'team', 'teams')}, {counted(done.users, 'user', 'users')}"
        click.echo(f"{people}, {counted(done.keys_added, 'new key', 'new keys')}; {done.keys_changed} were there")

    asyncio.run(take_over())
