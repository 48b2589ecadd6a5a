"""Identical misses of all workers fly together, through PostgreSQL."""

from thriftgate.stores.postgres import Database


class PostgresFlights:
    """One call upstream for identical concurrent misses of all workers (implements ports.Flights)."""

    def __init__(self, database: Database) -> None:
        self._database = database
