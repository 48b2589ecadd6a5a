"""The book of record in PostgreSQL: one row per request, one per model call, one per audit.

A batch is one transaction and waits for the disk. Content (`input`, `output`) is NULL unless the operator turned
its capture on; everything else is numbers, names and fixed phrases.

Failure behaviour: every method raises StoreUnavailableError when the database does not answer; nothing of the
batch is then written, and the same batch may be sent again: a request id counts once.
"""

from collections.abc import AsyncIterator, Callable, Sequence

from thriftgate.stores.postgres.connection.database import Database
from thriftgate.stores.postgres.connection.text import to_text
from thriftgate.stores.postgres.ledger import sql
from thriftgate.stores.postgres.ledger.rows import (
    audit_of,
    audit_values,
    call_values,
    record_of,
    request_values,
    summary_of,
)
from thriftgate.types import Audit, AuditKind, RequestRecord, SummaryGroup, SummaryRow

_PAGE = 500


class PostgresLedger:
    """What every request did, cost and saved (implements `ports.Ledger`)."""

    def __init__(self, database: Database, *, on_audit: Sequence[Callable[[Audit], None]] = ()) -> None:
        """All of `on_audit` are told of every verdict that was kept."""
        self._database = database
        self._on_audit = on_audit

    async def record(self, records: Sequence[RequestRecord]) -> None:
        """Write rows; the same request id twice counts once, and the first row stays."""
        if not records:
            return
        by_id = {to_text(record.request_id): record for record in reversed(records)}
        # In the order of the ids, so that two workers that send the same rows never wait for each other.
        rows = [request_values(by_id[request_id]) for request_id in sorted(by_id)]
        async with self._database.connection() as connection, connection.transaction():
            written = await connection.fetchmany(sql.INSERT_REQUEST, rows)
            calls = [values for row in written for values in call_values(by_id[row["request_id"]])]
            if calls:
                await connection.executemany(sql.INSERT_CALL, calls)

    async def get(self, request_id: str) -> RequestRecord | None:
        """The row of one request; None when there is none."""
        row = await self._database.fetchrow(sql.GET, to_text(request_id))
        return None if row is None else record_of(row)

    async def recent(self, *, limit: int = 50, route: str | None = None) -> Sequence[RequestRecord]:
        """The latest requests, newest first."""
        rows = await self._database.fetch(sql.RECENT, None if route is None else to_text(route), limit)
        return [record_of(row) for row in rows]

    async def records(
        self, *, since: float | None = None, until: float | None = None, route: str | None = None
    ) -> AsyncIterator[RequestRecord]:
        """Every request started in [since, until), oldest first.

        Read page by page: no transaction stays open, and what is written meanwhile may be seen.
        """
        after: tuple[float, str] = (float("-inf"), "") if since is None else (since, "")
        stored = None if route is None else to_text(route)
        timeout = self._database.timeouts.report
        while True:
            rows = await self._database.fetch(sql.PAGE, *after, until, stored, _PAGE, timeout=timeout)
            for row in rows:
                yield record_of(row)
            if len(rows) < _PAGE:
                return
            after = (rows[-1]["started_at"], rows[-1]["request_id"])

    async def summarise(
        self, by: SummaryGroup, *, since: float | None = None, until: float | None = None
    ) -> Sequence[SummaryRow]:
        """What the requests started in [since, until) cost and saved, the dearest group first (days: in order).

        By `model` every call is counted and priced, whatever it was for. Without any request `total` is empty too.
        """
        rows = await self._database.fetch(sql.summary(by), since, until, timeout=self._database.timeouts.report)
        return [summary_of(row) for row in rows]

    async def delete_older_than(self, before: float) -> int:
        """Forget requests started, and audits judged, before this time; returns how many requests went."""
        rows = await self._database.fetch(sql.DELETE_OLDER, before, timeout=self._database.timeouts.report)
        return rows[0]["count"]

    async def add_audit(self, audit: Audit) -> None:
        """Keep one verdict; a later one on the same request, kind and tier replaces it."""
        await self._database.execute(sql.ADD_AUDIT, *audit_values(audit))
        for tell in self._on_audit:
            tell(audit)

    async def audits(
        self, *, route: str | None = None, kind: AuditKind | None = None, since: float | None = None
    ) -> Sequence[Audit]:
        """The verdicts since a time, oldest first; what guards' judges were asked only by its `kind`."""
        rows = await self._database.fetch(
            sql.AUDITS, None if route is None else to_text(route), kind, since, timeout=self._database.timeouts.report
        )
        return [audit_of(row) for row in rows]
