"""Limits that all workers and gateways share, in PostgreSQL: one statement, one round trip, the database's own clock.

The statements call functions that the migrations made: a request locks the names of its limits, all in one order,
looks, and then takes everything or nothing. The tables are unlogged, so nothing waits for a disk. The rule is
`limits.bucket.TokenBucket`'s, number for number, and the contract suite holds both to the same cases.

Failure behaviour: every method raises StoreUnavailableError when the database does not answer; the caller decides
what that means (by default: nobody is let in). A take of which the answer was lost is a reservation that nobody
settles: it comes back with its lease. After a crash of the database every bucket is full.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

from thriftgate.limits.demand import Demand, Refused, Settlement, Taken
from thriftgate.stores.postgres.connection.database import Database
from thriftgate.stores.postgres.connection.text import to_text

_SWEPT_AT_ONCE = 200

_TAKE = "SELECT * FROM limits_take($1, $2, $3, $4, $5, $6, $7, $8, $9)"
_SETTLE = "SELECT limits_settle($1, $2, $3, $4, $5, $6, $7, $8)"
_RENEW = "SELECT limits_renew($1, $2, $3)"
_SWEEP = "SELECT limits_sweep($1, $2)"


class PostgresLimiter:
    """Limits in PostgreSQL (implements `ports.Limiter`).

    `clock` takes the place of the database's own, for tests.
    """

    def __init__(self, database: Database, *, clock: Callable[[], float] | None = None) -> None:
        self._database = database
        self._clock = clock

    async def take(self, demand: Demand, *, lease: float) -> Taken | Refused:
        """Take everything that is demanded, or nothing."""
        buckets = _buckets(demand)
        slots = [to_text(slot.name) for slot in demand.slots]
        sizes = [slot.most for slot in demand.slots]
        row = await self._database.fetchrow(
            _TAKE, to_text(demand.id), float(lease), self._now(), *buckets, slots, sizes
        )
        row = cast("dict[str, Any]", row)
        limiting, numbers = int(row["limiting"]), cast("list[float]", row["numbers"])
        n = len(demand.charges)
        if limiting == 0:
            return Taken(tuple(numbers[:n]), tuple(int(number) for number in numbers[n:]))
        retry_after = float(row["wait"]) if limiting <= n else None
        return Refused(demand.names[limiting - 1], retry_after, tuple(numbers[:n]))

    async def settle(self, settlement: Settlement) -> None:
        """Give back what was not used, or take the difference."""
        demand = settlement.demand
        used = [float(amount) for amount in settlement.used]
        slots = [to_text(slot.name) for slot in demand.slots]
        await self._database.execute(_SETTLE, to_text(demand.id), self._now(), *_buckets(demand), used, slots)

    async def renew(self, demands: Sequence[Demand], *, lease: float) -> None:
        """Prolong reservations whose owner is still at work."""
        await self._database.execute(_RENEW, [to_text(demand.id) for demand in demands], float(lease), self._now())

    async def sweep(self) -> int:
        """Give back the reservations of owners that have died; returns how many."""
        return int(await self._database.fetchval(_SWEEP, _SWEPT_AT_ONCE, self._now()))

    def _now(self) -> float | None:
        return None if self._clock is None else self._clock()


def _buckets(demand: Demand) -> tuple[list[str], list[float], list[float], list[float]]:
    """Names, capacities, refills and amounts."""
    charges = demand.charges
    return (
        [to_text(charge.name) for charge in charges],
        [float(charge.bucket.capacity) for charge in charges],
        [float(charge.bucket.refill_per_second) for charge in charges],
        [float(charge.n) for charge in charges],
    )
