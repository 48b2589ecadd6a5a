"""Budgets in PostgreSQL: the same as the rule says, and never more than one request over, however many ask at once."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thriftgate.identity.budgets import Account, Balance, Spent, Window, admits, window_at
from thriftgate.identity.records import Budget, Period
from thriftgate.ports.people import Reservation
from thriftgate.stores.postgres.budgets import PostgresBudgetStore
from thriftgate.stores.postgres.connection.database import Database
from thriftgate.stores.postgres.ledger.book import PostgresLedger
from thriftgate.types import Caller, DecisionKind, RequestRecord

NOW = 1_795_824_000.0  # 2026-11-28 00:00 UTC
KEY, TEAM = Account("key", "k"), Account("team", "t\x00")
WINDOWS = [window_at(KEY, Period.DAY, NOW), window_at(TEAM, Period.MONTH, NOW), window_at(TEAM, Period.DAY, NOW)]


Hold = tuple[set[Window], float, float]


@dataclass
class Model:
    """The rule in memory: what the statements must do."""

    spent: dict[Window, float] = field(default_factory=dict[Window, float])
    held: dict[str, tuple[set[Window], float, float]] = field(
        default_factory=dict[str, tuple[set[Window], float, float]]
    )

    def reserve(
        self, name: str, windows: Sequence[Window], limits: Sequence[float | None], most: float, at: float, until: float
    ) -> Reservation:
        balances = [
            Balance(
                self.spent.get(window, 0.0),
                sum(usd for its, usd, end in self.held.values() if window in its and end > at),
            )
            for window in windows
        ]
        budgets = [Budget(limit or 1.0, Period.DAY, is_hard=limit is not None) for limit in limits]
        fine = [admits(budget, balance, most) for budget, balance in zip(budgets, balances, strict=True)]
        if all(fine):
            self.held[name] = (set(windows), most, until)
        return Reservation(tuple(fine), tuple(balances))

    def settle(self, name: str, cost: float) -> None:
        for window in self.held.pop(name, (set[Window](), 0.0, 0.0))[0]:
            self.spent[window] = self.spent.get(window, 0.0) + cost


amounts = st.integers(1, 8).map(lambda eighths: eighths / 8)  # exact in binary: sums are compared to the bit


@dataclass(frozen=True)
class Reserve:
    places: list[int]
    limits: list[float | None]
    most: float


@dataclass(frozen=True)
class Settle:
    name: int
    cost: float


steps = st.lists(
    st.one_of(
        st.builds(
            Reserve,
            st.lists(st.sampled_from(range(3)), min_size=1, max_size=4),
            st.lists(st.none() | amounts.map(lambda usd: usd * 3), min_size=4, max_size=4),
            amounts,
        ),
        st.builds(Settle, st.integers(0, 12), amounts),
        st.integers(1, 15),
    ),
    max_size=15,
)
"""A whole number: so many seconds pass."""


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
async def test_the_statements_do_what_the_rule_says(database: Database, script: list[Reserve | Settle | int]) -> None:
    await database.execute("DELETE FROM budget_windows")
    await database.execute("DELETE FROM budget_reservations")
    store, model, now, count = PostgresBudgetStore(database), Model(), NOW, 0
    for step in script:
        if isinstance(step, Reserve):
            windows = [WINDOWS[place] for place in step.places]
            name, until, wanted = str(count), now + 10, step.limits[: len(windows)]
            count += 1
            found = await store.reserve(name, windows, wanted, step.most, at=now, until=until)
            assert found == model.reserve(name, windows, wanted, step.most, now, until)
        elif isinstance(step, Settle):
            before = dict(model.spent)
            model.settle(str(step.name), step.cost)
            booked = await store.settle(str(step.name), step.cost)
            expected = {
                Spent(window.account, window.name, before.get(window, 0.0), usd)
                for window, usd in model.spent.items()
                if usd != before.get(window, 0.0)
            }
            assert set(booked) == expected
            assert await store.settle(str(step.name), step.cost) == []
        else:
            now += step
    balances = await store.balances(WINDOWS, at=now)
    spent = [0.0 if balance is None else balance.spent_usd for balance in balances]
    assert spent == [model.spent.get(window, 0.0) for window in WINDOWS]


async def test_workers_together_end_at_most_one_request_over(postgres_dsn: str, database: Database) -> None:
    """Many requests at once, through several pools as of several workers, each costing what it was said to at most."""
    draw = random.Random(7)
    limit, dearest, served = 5.0, 0.4, 0
    pools = [Database(postgres_dsn, max_connections=4) for _ in range(3)]

    async def client(store: PostgresBudgetStore, number: int) -> None:
        nonlocal served
        for turn in range(25):
            cost, name = draw.uniform(0.01, dearest), f"{number}-{turn}"
            windows = draw.sample(WINDOWS, k=len(WINDOWS))
            found = await store.reserve(name, windows, [limit] * 3, dearest, at=NOW, until=NOW + 60)
            if all(found.is_admitted):
                await asyncio.sleep(0)
                served += 1
                await store.settle(name, cost)

    await asyncio.gather(*(client(PostgresBudgetStore(pools[one % 3]), one) for one in range(12)))
    spent = [one.spent_usd for one in await PostgresBudgetStore(database).balances(WINDOWS, at=NOW) if one]
    for pool in pools:
        await pool.close()
    assert len(spent) == 3
    assert max(spent) <= limit + dearest
    assert min(spent) >= limit - dearest
    assert served < 12 * 25


async def test_all_or_none_of_the_windows_hold_the_money(database: Database) -> None:
    store = PostgresBudgetStore(database)
    assert all((await store.reserve("a", WINDOWS[:1], [1.0], 0.5, at=NOW, until=NOW + 9)).is_admitted)
    refused = await store.reserve("b", WINDOWS[:2], [1.0, 1.0], 0.75, at=NOW, until=NOW + 9)
    assert refused.is_admitted == (False, True)
    assert all((await store.reserve("c", WINDOWS[1:2], [1.0], 1.0, at=NOW, until=NOW + 9)).is_admitted)


async def test_what_a_killed_worker_held_comes_back_by_its_lease(database: Database) -> None:
    store = PostgresBudgetStore(database)
    await store.reserve("a", WINDOWS[:1], [1.0], 1.0, at=NOW, until=NOW + 9)
    assert not (await store.reserve("b", WINDOWS[:1], [1.0], 0.5, at=NOW + 8, until=NOW + 20)).is_admitted[0]
    assert (await store.reserve("b", WINDOWS[:1], [1.0], 0.5, at=NOW + 9, until=NOW + 20)).is_admitted[0]
    assert await store.forget(NOW + 10) == 1
    assert await store.settle("a", 0.25) == []


@pytest.mark.parametrize(
    ("account", "spent"),
    [(KEY, 3.0), (Account("team", "t"), 3.0), (Account("route", "r"), 5.0), (Account("user", "u"), 0.0)],
)
async def test_a_budget_that_is_set_in_mid_month_begins_with_what_the_ledger_has(
    database: Database, account: Account, spent: float
) -> None:
    ours = Caller(key_hash="k", team_id="t")
    costs = [
        (NOW + 1, ours, 1.0),
        (NOW + 2, ours, 2.0),
        (NOW + 3, Caller(key_hash="x"), 2.0),
        (NOW - 86_400, ours, 9.0),
    ]
    await PostgresLedger(database).record(
        [
            RequestRecord(
                request_id=str(at), route="r", caller=caller, started_at=at, duration=1.0, cost_usd=cost,
                decision=DecisionKind.ONLY_TIER,
            )
            for at, caller, cost in costs
        ]
    )  # fmt: skip
    window = window_at(account, Period.DAY, NOW + 50)
    found = await PostgresBudgetStore(database).reserve("a", [window], [99.0], 1.0, at=NOW + 50, until=NOW + 60)
    assert found.balances == (Balance(spent, 0.0),)
