"""Money is held before and booked after; a store that is away lets nobody spend and loses nothing that was spent."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from thriftgate.errors import BudgetExceededError, StoreUnavailableError
from thriftgate.identity.budgets import Account, Balance, Spent, Window, admits
from thriftgate.identity.records import Budget, Grants, Identity, Key, Period
from thriftgate.ports.people import Reservation
from thriftgate.services.identity.alerts import PAUSES, Alerts
from thriftgate.services.identity.budgets import LEASE, OUTAGE, BudgetService
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.request.outages import Outages

NOW = 1_795_824_000.0  # 2026-11-28 00:00 UTC
HARD, SOFT = Budget(1.0, Period.DAY), Budget(0.5, Period.DAY, is_hard=False)
IDENTITY = Identity(key=Key(key_id="k", digest=bytes(32), grants=Grants(budgets=(HARD, SOFT))))


class StandingClock:
    def time(self) -> float:
        return NOW

    def monotonic(self) -> float:
        return NOW


class MemoryBudgets:
    """Implements `ports.BudgetStore`; can be away."""

    def __init__(self) -> None:
        self.spent_usd: dict[tuple[Account, str], float] = {}
        self.held: dict[str, tuple[set[tuple[Account, str]], float]] = {}
        self.is_away = False
        self.forgotten: list[float] = []

    def _ask(self) -> None:
        if self.is_away:
            raise StoreUnavailableError("away")

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
        self._ask()
        assert until == at + LEASE
        names = [(window.account, window.name) for window in windows]
        balances = [
            Balance(self.spent_usd.get(name, 0.0), sum(usd for its, usd in self.held.values() if name in its))
            for name in names
        ]
        budgets = [Budget(limit or 1.0, Period.DAY, is_hard=limit is not None) for limit in limits]
        fine = [admits(budget, balance, most_usd) for budget, balance in zip(budgets, balances, strict=True)]
        if all(fine):
            self.held[reservation_id] = (set(names), most_usd)
        return Reservation(tuple(fine), tuple(balances))

    async def settle(self, reservation_id: str, cost_usd: float) -> Sequence[Spent]:
        self._ask()
        booked: list[Spent] = []
        for account, window in self.held.pop(reservation_id, (set[tuple[Account, str]](), 0.0))[0]:
            before = self.spent_usd.get((account, window), 0.0)
            self.spent_usd[account, window] = before + cost_usd
            booked.append(Spent(account, window, before, before + cost_usd))
        return booked

    async def balances(self, windows: Sequence[Window], *, at: float) -> Sequence[Balance | None]:
        names = [(window.account, window.name) for window in windows]
        return [Balance(self.spent_usd[name], 0.0) if name in self.spent_usd else None for name in names]

    async def forget(self, before: float) -> int:
        self.forgotten.append(before)
        return 0


class Events:
    def __init__(self) -> None:
        self.seen: list[Mapping[str, Any]] = []

    def __call__(self, event: Mapping[str, Any]) -> None:
        self.seen.append(event)


async def at_once(_: float) -> None:
    await asyncio.sleep(0)


def service(store: MemoryBudgets, events: Events, **options: Any) -> BudgetService:
    ids = iter(range(1000))
    return BudgetService(
        store, StandingClock(), routes={"support": (Budget(9.0, Period.MONTH),)}, new_id=lambda: str(next(ids)),
        tell=events, sleep=at_once, **options,
    )  # fmt: skip


async def test_a_used_up_budget_refuses_until_its_window_ends_and_says_so_once_softly() -> None:
    store, events = MemoryBudgets(), Events()
    one = service(store, events)
    charges = one.charges(IDENTITY, "support")
    assert len(charges) == 3
    for cost in (0.4, 0.4, 0.4):
        held = await one.reserve(charges, 0.4)
        one.settle(held, cost)
        await one.aclose()
    with pytest.raises(BudgetExceededError, match="this day's budget of this key is used up") as refused:
        await one.reserve(charges, 0.4)
    assert (refused.value.is_final, refused.value.retry_after, refused.value.status_code) == (True, 86_400.0, 429)
    (event,) = events.seen
    assert (event["account"], event["budget_usd"], event["spent_usd"]) == ({"kind": "key", "name": "k"}, 0.5, 0.8)


async def test_money_that_is_only_held_is_worth_trying_again_for() -> None:
    one = service(MemoryBudgets(), Events())
    charges = one.charges(IDENTITY, None)
    held = await one.reserve(charges, 0.9)
    assert held.used_share == 0.0
    with pytest.raises(BudgetExceededError, match="held by requests under way") as refused:
        await one.reserve(charges, 0.2)
    assert not refused.value.is_final
    one.settle(held, 0.1)
    await one.aclose()
    assert (await one.reserve(charges, 0.2)).used_share == pytest.approx(0.2)


async def test_whoever_has_no_budget_costs_no_question() -> None:
    assert service(MemoryBudgets(), Events()).charges(Identity(), "plain") == ()


async def test_nobody_spends_while_the_store_is_away_and_what_was_spent_is_booked_when_it_is_back() -> None:
    store = MemoryBudgets()
    outages = Outages(StandingClock())
    one = service(store, Events(), outages=outages)
    charges = one.charges(IDENTITY, None)
    held = await one.reserve(charges, 0.3)
    store.is_away = True
    with pytest.raises(StoreUnavailableError):
        await one.reserve(charges, 0.3)
    one.settle(held, 0.25)
    for _ in range(20):
        await asyncio.sleep(0)
    assert one.waiting == 1
    assert (outages.of(OUTAGE).since, outages.of(OUTAGE).requests) == (NOW, 1)
    store.is_away = False
    await one.aclose()
    assert one.waiting == 0
    assert outages.of(OUTAGE).since is None
    assert [balance for _, balance in await one.balances(Account("key", "k"))] == [Balance(0.25, 0.0)]


async def test_a_store_that_is_back_is_known_to_be_though_nobody_spends() -> None:
    store = MemoryBudgets()
    outages = Outages(StandingClock())
    one = service(store, Events(), outages=outages)
    store.is_away = True
    with pytest.raises(StoreUnavailableError):
        await one.reserve(one.charges(IDENTITY, None), 0.3)
    store.is_away = False
    await one.forget_expired()
    assert outages.of(OUTAGE).since is None


async def test_a_flood_of_one_caller_leaves_connections_to_the_keys_of_all_others() -> None:
    class Slow(MemoryBudgets):
        asking = most = 0

        async def reserve(self, *arguments: Any, **options: Any) -> Reservation:
            self.asking += 1
            self.most = max(self.most, self.asking)
            await asyncio.sleep(0)
            self.asking -= 1
            return await super().reserve(*arguments, **options)

    store = Slow()
    one = service(store, Events())
    charges = one.charges(IDENTITY, None)
    await asyncio.gather(*(one.reserve(charges, 0.001) for _ in range(50)))
    assert store.most == 3


async def test_settlements_that_wait_are_bounded() -> None:
    store = MemoryBudgets()
    one = service(store, Events(), max_queue=2)
    held = [await one.reserve(one.charges(IDENTITY, None), 0.01) for _ in range(3)]
    store.is_away = True
    for each in held:
        one.settle(each, 0.01)
    assert (one.waiting, one.dropped) == (2, 1)
    await one.aclose(patience=0.01)


async def test_leases_that_ended_long_ago_are_forgotten() -> None:
    store = MemoryBudgets()
    await service(store, Events()).forget_expired()
    assert store.forgotten == [NOW - 86_400.0]


EVENT = {"event": "soft_budget_used_up", "account": {"kind": "key", "name": "k"}, "window": "2026-11"}


@pytest.mark.parametrize(("failures", "given_up"), [(0, 0), (len(PAUSES), 0), (len(PAUSES) + 1, 1)])
async def test_a_webhook_is_tried_five_times(failures: int, given_up: int) -> None:
    tries: list[Mapping[str, Any]] = []
    pauses: list[float] = []

    async def post(event: Mapping[str, Any]) -> bool:
        tries.append(event)
        return len(tries) > failures

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    background = BackgroundTasks()
    alerts = Alerts(post, background, sleep=sleep)
    alerts.tell(EVENT)
    await background.drain()
    assert len(tries) == min(failures, len(PAUSES)) + 1
    assert pauses == list(PAUSES[:failures])
    assert alerts.given_up == given_up


async def test_without_a_webhook_an_event_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    Alerts(None, BackgroundTasks()).tell(EVENT)
    assert "soft_budget_used_up: key k, 2026-11" in caplog.text


async def test_an_event_that_there_is_no_room_to_post_is_counted_and_said(caplog: pytest.LogCaptureFixture) -> None:
    async def post(event: Mapping[str, Any]) -> bool:
        return True

    alerts = Alerts(post, BackgroundTasks(limit=0))
    alerts.tell(EVENT)
    assert alerts.given_up == 1
    assert "the webhook was not told of soft_budget_used_up" in caplog.text
