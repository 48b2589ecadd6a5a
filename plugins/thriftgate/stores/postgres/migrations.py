"""The tables, created and changed by numbered SQL files that travel in the wheel.

Each file of `sql/` is applied once, in order, in one transaction with its row in `schema_migrations`; an
advisory lock lets any number of workers start at the same time. Files are never edited after a release.

Failure behaviour: a database that cannot be used as it is (no pgvector, no right to create a schema, tables of a
newer thriftgate) is a ConfigurationError that says what to do; one that does not answer, or whose tables somebody else
holds for a minute, is a StoreUnavailableError.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import asyncpg

from thriftgate.errors import ConfigurationError, StoreUnavailableError
from thriftgate.stores.postgres.connection.database import SCHEMA, open_connection, plain_dsn

_LOCK = int.from_bytes(hashlib.sha256(b"thriftgate migrations").digest()[:8], "big", signed=True)
_LOCK_TIMEOUT_MS = 100
_PAUSE = 0.5
_MOST_TRIES = 120
_OLDEST_PGVECTOR = (0, 8)
"""The first with iterative index scans: without them a filtered search loses neighbours."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from an empty schema to ours."""

    version: int
    name: str
    sql: str


def migrations() -> Sequence[Migration]:
    """All steps, in order."""
    folder = files("thriftgate.stores.postgres") / "sql"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [Migration(int(name[:4]), name, (folder / name).read_text(encoding="utf-8")) for name in names]


async def migrate(dsn: str, *, schema: str = SCHEMA) -> Sequence[str]:
    """Bring the schema up to date; returns the names of the steps that were applied now."""
    settings = {"search_path": f'"{schema}", public, extensions', "application_name": "thriftgate"}
    try:
        connection = await open_connection(plain_dsn(dsn), timeout=10.0, server_settings=settings)
    except (OSError, TimeoutError) as error:
        raise StoreUnavailableError(f"database_url: the server does not answer ({type(error).__name__})") from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise ConfigurationError([f"database_url: the server refuses the connection ({error})"]) from None
    try:
        # Session-wide, because the steps are transactions of their own; ends with the connection at the latest.
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await _prepare_schema(connection, schema)
        return await _apply(connection)
    except asyncpg.PostgresError as error:
        raise ConfigurationError([f"database_url: the tables cannot be made: {error}"]) from error
    finally:
        await connection.close()


async def _prepare_schema(connection: Any, schema: str) -> None:
    await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public")
    except (asyncpg.FeatureNotSupportedError, asyncpg.UndefinedFileError):
        raise ConfigurationError(
            ["database_url: this PostgreSQL has no pgvector; install it, or use the image pgvector/pgvector"]
        ) from None
    except asyncpg.InsufficientPrivilegeError:
        raise ConfigurationError(
            ["database_url: let an administrator run CREATE EXTENSION vector in this database once"]
        ) from None
    version = await connection.fetchval("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST_PGVECTOR:
        raise ConfigurationError([f"database_url: pgvector {version} is too old; update it to 0.8 or newer"])
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations"
        " (version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )


async def _apply(connection: Any) -> Sequence[str]:
    steps = migrations()
    done = {row["version"] for row in await connection.fetch("SELECT version FROM schema_migrations")}
    if unknown := done - {step.version for step in steps}:
        raise ConfigurationError(
            [f"database_url: a newer thriftgate made these tables (step {max(unknown)}); update thriftgate"]
        )
    applied: list[str] = []
    for step in steps:
        if step.version in done:
            continue
        await _take(connection, step)
        applied.append(step.name)
    return applied


async def _take(connection: Any, step: Migration) -> None:
    """Apply one step. Who waits for a table holds up all readers behind: it lets them pass and tries again."""
    for _ in range(_MOST_TRIES):
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = {_LOCK_TIMEOUT_MS}")
                await connection.execute(step.sql)
                await connection.execute(
                    "INSERT INTO schema_migrations (version, name) VALUES ($1, $2)", step.version, step.name
                )
        except asyncpg.LockNotAvailableError:
            await asyncio.sleep(_PAUSE)
        else:
            return
    raise StoreUnavailableError(
        f"database_url: step {step.name} wants a table that a long transaction holds (a dump?); start again after it"
    )
