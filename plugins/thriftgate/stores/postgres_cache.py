"""The answer cache in PostgreSQL with pgvector."""

import time
from collections.abc import Callable

from thriftgate.stores.postgres import Database


class PostgresAnswerCache:
    """Answers given before, found by exact key or by meaning, in PostgreSQL (implements ports.AnswerCache)."""

    def __init__(self, database: Database, *, dimensions: int, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._dimensions = dimensions
        self._clock = clock
