"""The limiter that the services are tested with: the pure table, on a clock that a test moves."""

from collections.abc import Callable, Sequence

from thriftgate.errors import StoreUnavailableError
from thriftgate.limits.demand import Demand, Refused, Settlement, Taken
from thriftgate.limits.table import LimitTable
from thriftgate.ports import Clock


class InMemoryLimiter:
    """Implements `ports.Limiter`; can be switched off like a store that is away."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.table = LimitTable()
        self.is_away = False
        self.on_take: Callable[[], object] = lambda: None
        """Called when something was taken, before its taker knows."""
        self.taken: list[Demand] = []
        self.settled: list[Settlement] = []
        self.renewed: list[Demand] = []

    async def take(self, demand: Demand, *, lease: float) -> Taken | Refused:
        self._check()
        verdict = self.table.take(demand, lease=lease, now=self._clock.time())
        if isinstance(verdict, Taken):
            self.taken.append(demand)
            self.on_take()
        return verdict

    async def settle(self, settlement: Settlement) -> None:
        self._check()
        self.settled.append(settlement)
        self.table.settle(settlement, now=self._clock.time())

    async def renew(self, demands: Sequence[Demand], *, lease: float) -> None:
        self._check()
        self.renewed += demands
        self.table.renew(tuple(demands), lease=lease, now=self._clock.time())

    async def sweep(self) -> int:
        self._check()
        return self.table.sweep(now=self._clock.time())

    def _check(self) -> None:
        if self.is_away:
            raise StoreUnavailableError("the limiter is away")
