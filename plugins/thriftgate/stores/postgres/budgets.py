"""What has gone from budgets, in PostgreSQL, for all workers.

Failure behaviour: every method raises StoreUnavailableError when the database does not answer. A reservation whose
answer was lost holds its money until its lease ends; a settlement may be sent again.
"""

from collections.abc import Sequence

from thriftgate.identity.budgets import Account, Balance, Spent, Window
from thriftgate.ports.people import Reservation
from thriftgate.stores.postgres.connection.database import Database, Row
from thriftgate.stores.postgres.connection.text import from_text, to_text

_LEDGER_COLUMNS = {"key": "key_hash", "user": "user_id", "team": "team_id", "route": "route"}
_RESERVE = "SELECT * FROM reserve_budgets($1, $2, $3, $4, $5, $6, $7, $8)"
_SETTLE = "SELECT * FROM settle_budgets($1, $2)"
_OPEN = """
INSERT INTO budget_windows (kind, name, window_name, spent_usd)
SELECT $1, $2, $3, coalesce(sum(cost_usd), 0) FROM requests
WHERE started_at >= $4 AND started_at < $5 AND {column} = $2
ON CONFLICT DO NOTHING
"""
_BALANCES = """
SELECT b.spent_usd, (
    SELECT coalesce(sum(r.usd), 0) FROM budget_reservations r
    WHERE r.kind = u.kind AND r.name = u.name AND r.window_name = u.window_name AND r.expires_at > $4
) AS reserved_usd
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS u (kind, name, window_name, place)
LEFT JOIN budget_windows b ON (b.kind, b.name, b.window_name) = (u.kind, u.name, u.window_name)
ORDER BY place
"""
_FORGET = "WITH gone AS (DELETE FROM budget_reservations WHERE expires_at < $1 RETURNING 1) SELECT count(*) FROM gone"


class PostgresBudgetStore:
    """Reservations and what was spent (implements `ports.BudgetStore`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reserve(
        self,
        reservation_id: str,
        windows: Sequence[Window],
        limits: Sequence[float | None],
        most_usd: float,
        *,
        at: float,
        until: float,
    ) -> Reservation:
        """Hold the money in all windows, or in none."""
        names = [to_text(window.account.name) for window in windows]
        kinds, periods = [window.account.kind for window in windows], [window.name for window in windows]
        arguments = (to_text(reservation_id), kinds, names, periods, list(limits), most_usd, at, until)
        rows = await self._database.fetch(_RESERVE, *arguments)
        if any(row["spent"] is None for row in rows):
            for place, window in enumerate(windows):
                if rows[place]["spent"] is None:
                    await self._open(window)
            rows = await self._database.fetch(_RESERVE, *arguments)
        return Reservation(
            tuple(row["is_admitted"] for row in rows),
            tuple(Balance(row["spent"] or 0.0, row["reserved"]) for row in rows),
        )

    async def settle(self, reservation_id: str, cost_usd: float) -> Sequence[Spent]:
        """Book what it did cost, and give back what was held; a second time does nothing."""
        rows = await self._database.fetch(_SETTLE, to_text(reservation_id), cost_usd)
        return [Spent(_account(row), row["window_name"], row["spent"] - cost_usd, row["spent"]) for row in rows]

    async def balances(self, windows: Sequence[Window], *, at: float) -> Sequence[Balance | None]:
        """What has gone from each window and what is held; None where it was never asked for."""
        names = [to_text(window.account.name) for window in windows]
        kinds, periods = [window.account.kind for window in windows], [window.name for window in windows]
        rows = await self._database.fetch(_BALANCES, kinds, names, periods, at)
        return [None if row["spent_usd"] is None else Balance(row["spent_usd"], row["reserved_usd"]) for row in rows]

    async def forget(self, before: float) -> int:
        """Drop reservations whose lease ended before this time: nobody will settle them; returns how many."""
        return int(await self._database.fetchval(_FORGET, before))

    async def _open(self, window: Window) -> None:
        """A window begins with what the ledger has of it: a budget may be set in the middle of a month."""
        query = _OPEN.format(column=_LEDGER_COLUMNS[window.account.kind])
        await self._database.fetch(
            query,
            window.account.kind,
            to_text(window.account.name),
            window.name,
            window.start,
            window.end,
            timeout=self._database.timeouts.report,
        )


def _account(row: Row) -> Account:
    return Account(row["kind"], from_text(row["name"]))
