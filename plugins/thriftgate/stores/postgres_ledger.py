"""The book of record in PostgreSQL."""

from thriftgate.stores.postgres import Database


class PostgresLedger:
    """One row per request and one per model call (implements ports.Ledger)."""

    def __init__(self, database: Database) -> None:
        self._database = database
