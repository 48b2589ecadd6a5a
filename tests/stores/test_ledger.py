"""The book of record: what goes in comes out, counts once, and adds up."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.trace_setup import EVERY_KIND, TRACEPARENT

from thriftgate.stores.postgres.connection.database import Database
from thriftgate.stores.postgres.ledger.book import PostgresLedger
from thriftgate.tracing.audits import spans_of_audit
from thriftgate.tracing.content import ContentRule
from thriftgate.tracing.otlp import encode_spans
from thriftgate.tracing.scores import scores_of
from thriftgate.tracing.spans import trace_spans
from thriftgate.types import (
    Audit,
    AuditKind,
    Caller,
    CallPurpose,
    DecisionKind,
    PromptRef,
    RequestRecord,
    Stage,
    Status,
    SummaryGroup,
    SummaryRow,
    TierCall,
    Usage,
)

NOON = 1_700_049_600.0  # 2023-11-15 12:00 UTC
DAY = 86_400.0


@pytest.fixture
def ledger(database: Database) -> PostgresLedger:
    return PostgresLedger(database)


def record(request_id: str, **fields: Any) -> RequestRecord:
    defaults: dict[str, Any] = {
        "route": "support",
        "started_at": NOON,
        "duration": 0.5,
        "decision": DecisionKind.ACCEPTED,
        "cost_usd": 0.01,
        "baseline_cost_usd": 0.1,
        "usage": Usage(10, 5, 2, 1),
    }
    return RequestRecord(request_id=request_id, **(defaults | fields))


def call(model: str, **fields: Any) -> TierCall:
    defaults: dict[str, Any] = {"started_at": NOON, "duration": 0.25, "cost_usd": 0.01, "usage": Usage(10, 5)}
    return TierCall(model=model, **(defaults | fields))


FULL = record(
    "full",
    caller=Caller(
        key_hash="hash",
        key_alias="alias",
        user_id="ann",
        end_user_id="zoe",
        team_id="t1",
        team_alias="Team",
        session_id="s",
        tags=("a",),
    ),
    started_at=NOON + 0.123456789,
    time_to_first_token=0.1,
    status=Status.FAILED,
    error="TierFailedError 502",
    stream=True,
    decision=DecisionKind.ESCALATED,
    reason="low confidence",
    tier="large",
    confidence=0.25,
    similarity=0.75,
    usage=Usage(1, 2, 3, 4, is_estimated=True, cache_write_tokens=5, cache_write_1h_tokens=6),
    calls=(
        call(
            "small",
            deployment="anthropic/x",
            confidence=0.25,
            mean_logprob=-0.5,
            min_logprob=-2.5,
            parameters={"temperature": 0.5, "thinking": {"type": "enabled"}},
            cost_parts={"input": 0.25, "output": 0.75},
            time_to_first_token=0.1,
        ),
        call("large", purpose=CallPurpose.AUDIT, status=Status.CANCELLED, error="Timeout", usage=Usage(9, 8, 7, 6)),
    ),
    stages=(Stage(name="cache", started_at=NOON, duration=0.01, attributes={"outcome": "miss", "n": [1, None]}),),
    signals={"mean_logprob": -0.5, "refusal": 0.0},
    prompt=PromptRef(name="support", variant="control", version="abc", experiment="tone"),
    coalesced=True,
    cache_entry_id="entry",
    traceparent="00-aa-bb-01",
    metadata={"region": "eu", "nested": {"x": [1, 2.5, True]}},
    input=({"role": "user", "content": "hé\x00 \ud800 \\0"},),
    output="answer \x00 😀",
)


async def test_a_record_comes_back_as_it_was_written(ledger: PostgresLedger) -> None:
    await ledger.record([FULL])
    assert await ledger.get("full") == FULL


async def test_a_record_that_comes_back_makes_the_same_trace(ledger: PostgresLedger) -> None:
    await ledger.record(EVERY_KIND)
    for one in EVERY_KIND:
        kept = await ledger.get(one.request_id)
        assert kept is not None
        calls = tuple(replace(call, input=None, output=None) for call in one.calls)  # the ledger has the answer's only
        assert encode_spans(trace_spans(kept, content=ContentRule())) == encode_spans(
            trace_spans(replace(one, calls=calls), content=ContentRule())
        )
        assert scores_of(kept) == scores_of(one)


async def test_a_verdict_comes_back_with_the_trace_of_its_request(ledger: PostgresLedger, database: Database) -> None:
    told: list[Audit] = []
    telling = PostgresLedger(database, on_audit=[told.append])
    asked = record("a", traceparent=TRACEPARENT, caller=Caller(user_id="ada", team_id="t-1", team_alias="acme"))
    await telling.record([asked])
    made = call("judge", purpose=CallPurpose.JUDGE, cost_usd=0.02, cost_parts={"input": 0.02}, deployment="a\\b")
    about = {"caller": asked.caller, "asked_at": asked.started_at}
    await telling.add_audit(audit("a", traceparent=TRACEPARENT, cost_usd=0.02, calls=(made,), **about))
    assert told == list(await ledger.audits())
    assert encode_spans(spans_of_audit(told[0])) == encode_spans(spans_of_audit((await ledger.audits())[0]))


async def test_an_audit_of_an_earlier_release_has_its_requests_time(ledger: PostgresLedger) -> None:
    await ledger.record([record("a")])
    await ledger.add_audit(audit("a"))
    assert [found.asked_at for found in await ledger.audits()] == [record("a").started_at]


async def test_a_bare_record_comes_back_as_it_was_written(ledger: PostgresLedger) -> None:
    bare = record("bare")
    await ledger.record([bare])
    assert await ledger.get("bare") == bare


async def test_an_unknown_request_is_none(ledger: PostgresLedger) -> None:
    assert await ledger.get("none") is None


async def test_the_same_request_counts_once_and_the_first_row_stays(ledger: PostgresLedger) -> None:
    first, second = record("a", calls=(call("small"),)), record("a", cost_usd=5.0, calls=(call("large"),) * 2)
    await ledger.record([first, second])
    await ledger.record([second])
    assert await ledger.get("a") == first
    (total,) = await ledger.summarise("total")
    assert (total.requests, total.cost_usd) == (1, 0.01)


async def test_batches_with_the_same_rows_may_be_written_at_the_same_time(ledger: PostgresLedger) -> None:
    rows = [record(f"r{i}", calls=(call("small"),)) for i in range(50)]
    await asyncio.gather(*(ledger.record(rows if i % 2 else rows[::-1]) for i in range(6)))
    (total,) = await ledger.summarise("total")
    (small,) = await ledger.summarise("model")
    assert (total.requests, small.requests) == (50, 50)
    assert small.usage.prompt_tokens == 500


async def test_nothing_to_write_is_fine(ledger: PostgresLedger) -> None:
    await ledger.record([])


async def test_odd_values_do_not_lose_the_batch(ledger: PostgresLedger) -> None:
    odd = record(
        "odd\x00",
        cost_usd=float("nan"),
        confidence=float("inf"),
        signals={"x": float("nan")},
        metadata={"a\x00": "b\x00", "surrogate": "\ud800", "object": {1}, "emoji": "😀"},
    )
    await ledger.record([odd, record("good")])
    kept = await ledger.get("odd\x00")
    assert kept is not None
    assert (kept.cost_usd, kept.confidence) == (0.0, None)
    assert kept.metadata == {"a\ufffd": "b\ufffd", "surrogate": "\ufffd", "object": [1], "emoji": "😀"}
    assert await ledger.get("good") is not None


async def test_recent_requests_come_newest_first(ledger: PostgresLedger) -> None:
    await ledger.record([record(f"r{i}", started_at=NOON + i, route=f"route{i % 2}") for i in range(6)])
    assert [row.request_id for row in await ledger.recent(limit=3)] == ["r5", "r4", "r3"]
    assert [row.request_id for row in await ledger.recent(route="route0")] == ["r4", "r2", "r0"]


async def test_records_come_oldest_first_and_within_their_time(ledger: PostgresLedger) -> None:
    await ledger.record([record(f"r{i}", started_at=NOON + i, route=f"route{i % 2}") for i in range(6)])
    found = [row.request_id async for row in ledger.records(since=NOON + 1, until=NOON + 4)]
    assert found == ["r1", "r2", "r3"]
    assert [row.request_id async for row in ledger.records(route="route1")] == ["r1", "r3", "r5"]


async def test_records_are_read_to_the_end_page_by_page(ledger: PostgresLedger) -> None:
    rows = [record(f"r{i:04}", started_at=NOON + i // 700) for i in range(1200)]
    await ledger.record(rows)
    assert [row.request_id async for row in ledger.records()] == [row.request_id for row in rows]


def by_group(rows: Sequence[SummaryRow]) -> dict[str | None, SummaryRow]:
    return {row.group: row for row in rows}


async def test_a_summary_by_route_adds_up(ledger: PostgresLedger) -> None:
    await ledger.record(
        [
            record("a", duration=1.0),
            record("b", duration=3.0, decision=DecisionKind.EXACT_HIT, cost_usd=0.0, usage=Usage()),
            record("c", route="billing", status=Status.FAILED, decision=DecisionKind.FAILED, baseline_cost_usd=0.0),
        ]
    )
    found = by_group(await ledger.summarise("route"))
    support = found["support"]
    assert (support.requests, support.failures) == (2, 0)
    assert support.decisions == {DecisionKind.ACCEPTED: 1, DecisionKind.EXACT_HIT: 1}
    assert support.usage == Usage(10, 5, 2, 1)
    assert support.cost_usd == pytest.approx(0.01)
    assert support.saved_usd == pytest.approx(0.19)
    assert (support.duration_p50, support.duration_p95) == (pytest.approx(2.0), pytest.approx(2.9))
    assert (found["billing"].failures, found["billing"].saved_usd) == (1, pytest.approx(-0.01))


async def test_groups_without_a_name_are_kept_and_aliases_are_shown(ledger: PostgresLedger) -> None:
    await ledger.record(
        [
            record("a", caller=Caller(key_hash="k1", key_alias="web", user_id="ann", team_id="t", team_alias="Team")),
            record("b"),
            record("c", route="large", reason="plain_model"),
        ]
    )
    routes = {row.group: row.label for row in await ledger.summarise("route")}
    assert routes.pop("large") == "large (plain model)"
    assert set(routes.values()) == {None}
    assert {row.group: row.label for row in await ledger.summarise("key")} == {"k1": "web", None: None}
    assert {row.group: row.label for row in await ledger.summarise("team")} == {"t": "Team", None: None}
    assert {row.group for row in await ledger.summarise("user")} == {"ann", None}


async def test_days_are_utc_and_in_order(ledger: PostgresLedger) -> None:
    midnight = NOON + DAY / 2
    await ledger.record([record("c", started_at=midnight), record("b", started_at=midnight - 1)])
    await ledger.record([record("a", started_at=NOON - 2 * DAY, cost_usd=99.0)])
    assert [row.group for row in await ledger.summarise("day")] == ["2023-11-13", "2023-11-15", "2023-11-16"]


async def test_the_dearest_group_comes_first(ledger: PostgresLedger) -> None:
    await ledger.record([record(f"r{i}", route=f"route{i}", cost_usd=cost) for i, cost in enumerate([1.0, 3.0, 2.0])])
    assert [row.group for row in await ledger.summarise("route")] == ["route1", "route2", "route0"]


async def test_models_are_summed_by_their_calls(ledger: PostgresLedger) -> None:
    await ledger.record(
        [
            record("a", calls=(call("small"), call("small", purpose=CallPurpose.SECOND_SAMPLE), call("large"))),
            record("b", calls=(call("small", status=Status.FAILED, cost_usd=0.0, usage=Usage()),)),
            record("old", started_at=NOON - DAY, calls=(call("small"),)),
        ]
    )
    found = by_group(await ledger.summarise("model", since=NOON))
    small = found["small"]
    assert (small.requests, small.failures, small.usage) == (2, 1, Usage(20, 10))
    assert small.cost_usd == pytest.approx(0.02)
    assert (small.baseline_cost_usd, small.saved_usd, small.decisions) == (None, None, {})
    assert found["large"].requests == 1


async def test_an_empty_ledger_has_no_groups(ledger: PostgresLedger) -> None:
    for by in get_args(SummaryGroup):
        assert list(await ledger.summarise(by)) == []


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.builds(
            record,
            request_id=st.uuids().map(str),
            route=st.sampled_from(["a", "b", "c"]),
            started_at=st.floats(NOON, NOON + 10),
            duration=st.floats(0, 100),
            cost_usd=st.floats(0, 10),
            baseline_cost_usd=st.floats(0, 10),
            decision=st.sampled_from(list(DecisionKind)),
            status=st.sampled_from(list(Status)),
            usage=st.builds(Usage, *[st.integers(0, 10**6)] * 4, cache_write_tokens=st.integers(0, 10**6)),
        ),
        max_size=20,
    ),
    since=st.floats(NOON, NOON + 10),
)
async def test_a_summary_says_what_the_rows_say(
    ledger: PostgresLedger, rows: list[RequestRecord], since: float
) -> None:
    await ledger.delete_older_than(NOON + DAY)
    await ledger.record(rows)
    found = by_group(await ledger.summarise("route", since=since))
    chosen = [row for row in rows if row.started_at >= since]
    assert set(found) == {row.route for row in chosen}
    for route, summed in found.items():
        mine = [row for row in chosen if row.route == route]
        assert summed.requests == len(mine) == sum(summed.decisions.values())
        assert summed.failures == sum(row.status is not Status.OK for row in mine)
        assert summed.usage == sum((row.usage for row in mine), Usage())
        assert summed.cost_usd == pytest.approx(sum(row.cost_usd for row in mine))
        assert summed.saved_usd == pytest.approx(sum(row.saved_usd for row in mine), abs=1e-9)
        expected = np.percentile([row.duration for row in mine], [50, 95])
        assert [summed.duration_p50, summed.duration_p95] == pytest.approx(expected, abs=1e-9)


async def test_old_requests_calls_and_audits_are_forgotten_together(ledger: PostgresLedger, database: Database) -> None:
    await ledger.record([record("old", started_at=NOON - DAY, calls=(call("small"),)), record("new")])
    await ledger.add_audit(audit("old", judged_at=NOON - DAY))
    await ledger.add_audit(audit("new"))
    assert await ledger.delete_older_than(NOON) == 1
    assert [row.request_id async for row in ledger.records()] == ["new"]
    assert [found.request_id for found in await ledger.audits()] == ["new"]
    assert await database.fetchval("SELECT count(*) FROM calls") == 0


def audit(request_id: str, **fields: Any) -> Audit:
    defaults: dict[str, Any] = {
        "kind": AuditKind.CASCADE,
        "route": "support",
        "tier": "small",
        "judged_at": NOON,
        "is_acceptable": True,
    }
    return Audit(request_id=request_id, **(defaults | fields))


async def test_audits_come_back_as_they_were_written_oldest_first(ledger: PostgresLedger) -> None:
    full = audit("a", score=0.5, cost_usd=0.02, holdout=True, details={"mean_logprob": -1.5}, judged_at=NOON + 2)
    unsure = audit("b", tier=None, is_acceptable=None, kind=AuditKind.FEEDBACK, judged_at=NOON + 1)
    other = audit("c", route="billing", kind=AuditKind.CACHE)
    guard = audit("d", kind=AuditKind.GUARD, is_acceptable=None, judged_at=NOON + 2)
    for one in (full, unsure, other, guard):
        await ledger.add_audit(one)
    assert list(await ledger.audits()) == [other, unsure, full], "what a guard's judge was asked is no verdict"
    assert list(await ledger.audits(kind=AuditKind.GUARD, route="support")) == [guard]
    assert list(await ledger.audits(route="support")) == [unsure, full]
    assert list(await ledger.audits(kind=AuditKind.CACHE)) == [other]
    assert list(await ledger.audits(since=NOON + 2)) == [full]


async def test_a_later_verdict_replaces_an_earlier_one_and_never_the_other_way(ledger: PostgresLedger) -> None:
    await ledger.add_audit(audit("a", judged_at=NOON))
    await ledger.add_audit(audit("a", judged_at=NOON + 1, is_acceptable=False))
    await ledger.add_audit(audit("a", judged_at=NOON - 1, is_acceptable=None))
    await ledger.add_audit(audit("a", kind=AuditKind.FEEDBACK, judged_at=NOON + 2))
    assert [(found.kind, found.is_acceptable) for found in await ledger.audits()] == [
        (AuditKind.CASCADE, False),
        (AuditKind.FEEDBACK, True),
    ]
