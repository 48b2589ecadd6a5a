"""What a gateway has in its database, table by table."""

from pathlib import Path

from thriftgate.stores.embedded.database import EmbeddedPostgres
from thriftgate.stores.postgres.connection.database import Database


async def executed(folder: Path, sql: str) -> None:
    """Do something to the database behind the gateway's back."""
    server = EmbeddedPostgres(folder / ".thriftgate")
    database = Database(server.start(), max_connections=1)
    try:
        await database.execute(sql)
    finally:
        await database.close()
        server.release()


async def stored(folder: Path) -> dict[str, str]:
    """Every row of every table."""
    server = EmbeddedPostgres(folder / ".thriftgate")
    database = Database(server.start(), max_connections=1)
    try:
        rows: dict[str, str] = {}
        tables = await database.fetch(
            "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables"
            " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
        )
        for table in sorted(str(one["name"]) for one in tables):
            found = await database.fetch(f"SELECT t::text AS row FROM {table} t")
            rows[f"table {table}"] = "\n".join(str(row["row"]) for row in found)
        return rows
    finally:
        await database.close()
        server.release()
