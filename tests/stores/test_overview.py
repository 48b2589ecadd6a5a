"""The live page's sums: PostgreSQL makes those that a loop over the requests makes."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.memory_ledger import MemoryLedger
from tests.memory_overview import MemoryOverview
from tests.page_setup import NOW, request

from thriftgate.errors import StoreUnavailableError
from thriftgate.stats.search import EVERYTHING, KINDS, Search
from thriftgate.stats.tallies import RequestTally
from thriftgate.stores.postgres.connection.database import Database
from thriftgate.stores.postgres.ledger.book import PostgresLedger
from thriftgate.stores.postgres.ledger.overview import PostgresOverview
from thriftgate.types import Audit, AuditKind, Caller, DecisionKind, RequestRecord, Status, TierCall

SINCE, UNTIL, STEP = NOW - 1_000.0, NOW, 100.0

PEOPLE = st.builds(
    Caller,
    user_id=st.none() | st.sampled_from(["ann", "bo", "odd\x00\\name", "\udce4"]),
    team_id=st.none() | st.sampled_from(["t1", "t2"]),
)
CALLS = st.builds(
    TierCall,
    model=st.sampled_from(["small", "large"]),
    deployment=st.sampled_from(["openai/gpt", "gpt", "azure/eu/gpt", ""]),
    started_at=st.floats(SINCE, UNTIL),
    duration=st.floats(0, 10),
    status=st.sampled_from(Status),
)
# Squares of thousandths have six decimals: sums agree in nine, in whatever order they were made.
MONEY = st.integers(0, 2_000).map(lambda thousandths: thousandths / 1e3)
REQUESTS = st.lists(
    st.builds(
        request,
        st.integers(0, 999),
        st.sampled_from(DecisionKind),
        route=st.sampled_from(["support", "sales"]),
        caller=PEOPLE,
        status=st.sampled_from(Status),
        started_at=st.floats(SINCE - 300, UNTIL + 300),
        duration=st.floats(0, 10),
        reason=st.none() | st.sampled_from(["confident", "budget_shift"]),
        cost_usd=MONEY,
        baseline_cost_usd=MONEY,
        calls=st.lists(CALLS, max_size=3).map(tuple),
    ),
    max_size=25,
    unique_by=lambda record: record.request_id,
)


def comparable(tally: RequestTally | None) -> dict[str, Any] | None:
    if tally is None:
        return None
    money = tally.money
    sums = (money.cost, money.baseline, money.cost_squared, money.baseline_squared, money.product)
    return {
        "group": tally.group,
        "label": tally.label,
        "started_at": tally.started_at,
        "n": money.n,
        "failures": tally.failures,
        "decisions": dict(tally.decisions),
        "sums": [round(value, 9) + 0.0 for value in sums],
    }


def by_name(tallies: Any) -> list[Any]:
    """In the order of their names: groups of one cost may come in any order."""
    return [comparable(tally) for tally in sorted(tallies, key=lambda one: (one.group is None, one.group or ""))]


SEARCHES = st.builds(
    Search,
    kind=st.none() | st.sampled_from(sorted(KINDS)),
    route=st.sampled_from(["", "support", "nowhere"]),
    who=st.sampled_from(["", "t1", "ann", "odd\x00\\name", "\udce4", "' OR true --"]),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=REQUESTS, whose=SEARCHES)
async def test_the_database_sums_as_a_loop_does(
    database: Database, records: list[RequestRecord], whose: Search
) -> None:
    named = [
        replace(record, caller=replace(record.caller, team_alias=f"Team {record.caller.team_id}"))
        if record.caller.team_id
        else record
        for record in records
    ]
    await database.execute("DELETE FROM requests")
    await PostgresLedger(database).record(named)
    memory = MemoryLedger()
    await memory.record(named)
    real, plain = PostgresOverview(database), MemoryOverview(memory)
    within: dict[str, float] = {"since": SINCE, "until": UNTIL}

    one = await real.tallies(whose, **within, stretch=STEP, most=100)
    other = await plain.tallies(whose, **within, stretch=STEP, most=100)
    assert comparable(one.total) == comparable(other.total)
    for way in ("routes", "teams", "users"):
        assert by_name(getattr(one, way)) == by_name(getattr(other, way)), way
    assert [comparable(tally) for tally in one.stretches] == [comparable(tally) for tally in other.stretches]
    assert one.sizes == other.sizes

    audits = [
        Audit(
            request_id=record.request_id,
            kind=kind,
            route=record.route,
            judged_at=UNTIL - 1,
            is_acceptable=True,
            cost_usd=record.cost_usd,
        )
        for number, record in enumerate(named)
        if (kind := [AuditKind.CASCADE, AuditKind.CACHE, AuditKind.FEEDBACK, None][number % 4]) is not None
    ]
    await database.execute("DELETE FROM audits")
    for audit in audits:
        await PostgresLedger(database).add_audit(audit)
        await memory.add_audit(audit)
    assert await real.checking_cost(whose, **within) == pytest.approx(await plain.checking_cost(whose, **within))

    assert await real.count(**within) == await plain.count(**within)
    assert await real.count(since=None, until=UNTIL) == await plain.count(since=None, until=UNTIL)
    assert await real.latencies(whose, **within) == pytest.approx(await plain.latencies(whose, **within), nan_ok=True)
    for route in ("support", "sales", "nothing"):
        assert await real.reasons(route, **within) == await plain.reasons(route, **within)
    ids = [record.request_id for record in named] + ["unknown"]
    assert await real.shifted(ids) == await plain.shifted(ids)
    for mine, theirs in zip(
        await real.deployments(whose, **within), await plain.deployments(whose, **within), strict=True
    ):
        assert (mine.group, mine.deployment) == (theirs.group, theirs.deployment)
        assert (mine.calls, mine.failures, mine.last_failure_at) == (
            theirs.calls,
            theirs.failures,
            theirs.last_failure_at,
        )
        assert (mine.duration_p50, mine.duration_p95) == pytest.approx((theirs.duration_p50, theirs.duration_p95))


async def test_only_the_dearest_groups_are_read_but_all_are_counted(database: Database) -> None:
    ledger = PostgresLedger(database)
    await ledger.record(
        [request(n, started_at=NOW - 10, cost_usd=float(n), caller=Caller(user_id=f"u{n}")) for n in range(6)]
    )
    tallies = await PostgresOverview(database).tallies(EVERYTHING, since=SINCE, until=UNTIL, stretch=STEP, most=2)
    assert [user.group for user in tallies.users] == ["u5", "u4"]
    assert tallies.sizes["users"] == 6
    assert tallies.total is not None
    assert tallies.total.requests == 6


async def test_every_stretch_of_time_is_read_whatever_the_number_of_groups(database: Database) -> None:
    await PostgresLedger(database).record([request(n, started_at=SINCE + STEP * n + 1) for n in range(10)])
    tallies = await PostgresOverview(database).tallies(EVERYTHING, since=SINCE, until=UNTIL, stretch=STEP, most=1)
    assert [tally.started_at for tally in tallies.stretches] == [SINCE + STEP * n for n in range(10)]


async def test_an_empty_ledger_has_nothing_to_sum(database: Database) -> None:
    overview = PostgresOverview(database)
    tallies = await overview.tallies(EVERYTHING, since=SINCE, until=UNTIL, stretch=STEP, most=5)
    assert tallies.total is None
    assert tallies.sizes == {"routes": 0, "teams": 0, "users": 0}
    assert all(math.isnan(quantile) for quantile in await overview.latencies(EVERYTHING, since=SINCE, until=UNTIL))
    assert await overview.shifted([]) == frozenset()


async def test_a_database_that_is_away_is_said_to_be() -> None:
    away = PostgresOverview(Database("postgresql://nobody@127.0.0.1:9/none"))
    with pytest.raises(StoreUnavailableError):
        await away.tallies(EVERYTHING, since=SINCE, until=UNTIL, stretch=STEP, most=5)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=REQUESTS, search=SEARCHES, limit=st.integers(1, 10))
async def test_what_is_looked_for_is_what_a_loop_finds(
    database: Database, records: list[RequestRecord], search: Search, limit: int
) -> None:
    memory = MemoryLedger()
    await memory.record(records)
    await database.execute("DELETE FROM requests")
    await PostgresLedger(database).record(records)
    mine = await PostgresOverview(database).find(search, since=SINCE, until=UNTIL, limit=limit)
    assert mine == await MemoryOverview(memory).find(search, since=SINCE, until=UNTIL, limit=limit)
