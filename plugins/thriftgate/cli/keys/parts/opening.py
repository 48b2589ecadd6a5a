"""Opens the database of keys for a command.

Failure behaviour: raises ConfigurationError or StoreUnavailableError, which the command line says in a sentence.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from thriftgate.cli.waiting import waiting

if TYPE_CHECKING:
    from thriftgate.services.identity.administration import IdentityAdministration

config_option = click.option(
    "--config", "config_file", type=click.Path(path_type=Path), default="litellm_config.yaml", show_default=True,
    help="The configuration that names the database.",
)  # fmt: skip


@asynccontextmanager
async def open_keys(config_file: Path) -> AsyncGenerator["IdentityAdministration"]:
    """Keys, users and teams of the gateway, until the block ends."""
    from thriftgate.config import load_section
    from thriftgate.errors import ConfigurationError
    from thriftgate.services.identity.administration import IdentityAdministration
    from thriftgate.stores.embedded.database import prepare_embedded
    from thriftgate.stores.files.clock import SystemClock
    from thriftgate.stores.postgres.connection.database import connect
    from thriftgate.stores.postgres.identity import PostgresIdentityStore

    section = load_section(config_file, os.environ)
    if section.identity is None:
        words = "is missing: `identity: {}` there turns the gateway's own keys on, once `thriftgate reload` is done"
        raise ConfigurationError([f"{config_file.name}: callback_settings.thriftgate.identity: {words}"])
    with waiting("opening the database …"):
        dsn = await asyncio.to_thread(prepare_embedded, section.database_url, config_file.parent / section.data_dir)
    database = connect(dsn, max_connections=1)
    try:
        yield IdentityAdministration(PostgresIdentityStore(database), SystemClock(), entropy=secrets.token_bytes)
    finally:
        await database.close()
