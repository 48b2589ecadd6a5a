"""Budgets that hold: money is held before a request is served, and booked after it, for all workers together.

Failure behaviour: `reserve` raises BudgetExceededError where a hard budget has no room, and StoreUnavailableError when
the store is away: without it nobody spends. `settle` never raises and never waits: while the store is away up to
`max_queue` settlements wait for it, beyond that the oldest are dropped, counted and logged; what they held comes back
by its lease. A webhook that fails is tried again a few times, then logged.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from thriftgate.errors import BudgetExceededError, StoreUnavailableError
from thriftgate.identity.budgets import (
    Account,
    Balance,
    BudgetCharge,
    Spent,
    Window,
    charges_of,
    crossed,
    used_share,
    window_at,
    window_end,
)
from thriftgate.identity.records import Budget, Identity, Period
from thriftgate.ports import Clock
from thriftgate.ports.people import BudgetStore
from thriftgate.services.request.outages import Outages
from thriftgate.services.request.retry_task import RetryTask
from thriftgate.services.request.retrying import RetryQueue

logger = logging.getLogger(__name__)

OUTAGE = "the store of budgets"

LEASE = 600.0
"""Seconds after which what a request held comes back by itself, where a worker was killed; nearly all take less."""
_SMALLEST = 1e-9
"""A request whose price nobody knows holds at least this, so that it counts as one under way."""
_IN_FLIGHT_RETRY = 1.0
_PAUSE = 1.0
"""Seconds until a store that is away is tried again."""
_AT_ONCE = 3
"""Reservations of this process that ask the store together. Those of one account wait for each other's row there, each
with a connection of the pool: without a bound the flood of one caller would leave none for anybody's key."""
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Held:
    """What a request holds."""

    reservation_id: str
    charges: Sequence[BudgetCharge]
    at: float
    used_share: float | None
    """Of the tightest budget, how much had gone before the request."""


@dataclass(slots=True)
class _Settlement:
    held: Held
    cost_usd: float


class BudgetService:
    """Holds and books money."""

    def __init__(
        self,
        store: BudgetStore,
        clock: Clock,
        *,
        routes: Mapping[str, Sequence[Budget]],
        new_id: Callable[[], str],
        tell: Callable[[Mapping[str, Any]], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        max_queue: int = 10_000,
        outages: Outages | None = None,
    ) -> None:
        """`routes` are the budgets of routes; `tell` is told of each soft budget that was used up."""
        self._store = store
        self._clock = clock
        self._outages = outages or Outages(clock)
        self._routes = routes
        self._new_id = new_id
        self._tell = tell
        self._queue = RetryQueue[_Settlement](max_items=max_queue, batch_items=1)
        self._work = RetryTask("thriftgate:budgets", self._queue, self._book, pause=_PAUSE, sleep=sleep)
        self._is_away = False
        self._turn = asyncio.Semaphore(_AT_ONCE)

    @property
    def waiting(self) -> int:
        """Settlements that are not booked yet."""
        return self._queue.waiting

    @property
    def dropped(self) -> int:
        """Settlements that were lost because the store was away for too long."""
        return self._queue.dropped

    def charges(self, identity: Identity, route: str | None) -> Sequence[BudgetCharge]:
        """Every budget that a request counts against; with none, nothing need be held."""
        return charges_of(identity, route, self._routes.get(route, ()) if route is not None else ())

    async def reserve(self, charges: Sequence[BudgetCharge], most_usd: float) -> Held:
        """Hold the most that a request may cost. Raises BudgetExceededError or StoreUnavailableError."""
        async with self._turn:
            try:
                return await self._reserve(charges, most_usd)
            except StoreUnavailableError as error:
                self._outages.refused(OUTAGE, error.cause)
                raise

    async def _reserve(self, charges: Sequence[BudgetCharge], most_usd: float) -> Held:
        at = self._clock.time()
        reservation_id = self._new_id()
        windows = [window_at(charge.account, charge.budget.period, at) for charge in charges]
        limits = [charge.budget.usd if charge.budget.is_hard else None for charge in charges]
        most = max(most_usd, _SMALLEST)
        found = await self._store.reserve(reservation_id, windows, limits, most, at=at, until=at + LEASE)
        self._outages.answered(OUTAGE)
        for charge, is_admitted, balance in zip(charges, found.is_admitted, found.balances, strict=True):
            if not is_admitted:
                raise _refusal(charge, at=at, is_final=balance.spent_usd >= charge.budget.usd)
        return Held(reservation_id, charges, at, used_share(charges, found.balances))

    def settle(self, held: Held, cost_usd: float) -> None:
        """Book what the request did cost, soon."""
        if self._work.put(_Settlement(held, max(0.0, cost_usd))):
            logger.error("a settlement of a budget was lost: the store has been away for too long")

    async def balances(self, account: Account) -> Sequence[tuple[Window, Balance]]:
        """What has gone from the account, and what is held, this day and this month; only windows that were used."""
        now = self._clock.time()
        windows = [window_at(account, period, now) for period in Period]
        found = await self._store.balances(windows, at=now)
        return [(window, balance) for window, balance in zip(windows, found, strict=True) if balance is not None]

    async def aclose(self, patience: float = 2.0) -> None:
        """Book what waits, within the patience."""
        await self._work.drain(patience)

    async def forget_expired(self) -> None:
        """Drop what nobody will settle any more; a store that does it is not away, also where nobody spends."""
        await self._store.forget(self._clock.time() - _DAY)
        self._outages.answered(OUTAGE)

    async def _book(self, batch: Sequence[_Settlement]) -> bool:
        (settlement,) = batch
        try:
            spent = await self._store.settle(settlement.held.reservation_id, settlement.cost_usd)
        except StoreUnavailableError as error:
            self._outages.note(OUTAGE, error.cause)
            if not self._is_away:
                logger.warning("budgets cannot be booked: %d settlements wait", self._queue.waiting)
            self._is_away = True
            self._queue.away()
            return False
        self._is_away = False
        self._outages.answered(OUTAGE)
        self._queue.taken()
        for charge, one in crossed(settlement.held.charges, spent, settlement.held.at):
            self._tell(_event(charge, one, at=self._clock.time()))
        return True


def _refusal(charge: BudgetCharge, *, at: float, is_final: bool) -> BudgetExceededError:
    period, kind = charge.budget.period.value, charge.account.kind
    if not is_final:
        words = f"what is left of this {period}'s budget of this {kind} is held by requests under way"
        return BudgetExceededError(words, retry_after=_IN_FLIGHT_RETRY, is_final=False)
    until_then = window_end(charge.budget.period, at) - at
    return BudgetExceededError(
        f"this {period}'s budget of this {kind} is used up", retry_after=until_then, is_final=True
    )


def _event(charge: BudgetCharge, spent: Spent, *, at: float) -> Mapping[str, Any]:
    return {
        "event": "soft_budget_used_up",
        "account": {"kind": charge.account.kind, "name": charge.account.name},
        "period": charge.budget.period.value,
        "window": spent.window,
        "budget_usd": charge.budget.usd,
        "spent_usd": spent.after_usd,
        "at": at,
    }
