"""Opens the ledger for a command.

Failure behaviour: raises ConfigurationError or StoreUnavailableError, which the command line says in a sentence.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from thriftgate.config import ThriftgateConfig

if TYPE_CHECKING:
    from thriftgate.stores.postgres.ledger.book import PostgresLedger


@asynccontextmanager
async def opened_ledger(
    section: ThriftgateConfig, base_dir: Path, *, max_connections: int = 1
) -> AsyncGenerator["PostgresLedger"]:
    """The gateway's ledger, until the block ends; `base_dir` is the folder of its configuration."""
    from thriftgate.stores.embedded.database import prepare_embedded
    from thriftgate.stores.postgres.connection.database import connect
    from thriftgate.stores.postgres.ledger.book import PostgresLedger

    dsn = await asyncio.to_thread(prepare_embedded, section.database_url, base_dir / section.data_dir)
    database = connect(dsn, max_connections=max_connections)
    try:
        yield PostgresLedger(database)
    finally:
        await database.close()
