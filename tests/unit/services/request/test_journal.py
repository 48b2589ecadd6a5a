"""The journal's record says what happened, adds up, and never holds an error's text."""

from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import FakeClock, answer_of, ask, failure

from thriftgate.services.request.journal import Journal, covered
from thriftgate.types import DecisionKind, Status, TierCall, Usage


def journal(*, capture_content: bool = False, clock: FakeClock | None = None, **request: Any) -> Journal:
    return Journal(
        ask("how much is it", **request), clock=clock or FakeClock(), stream=True, capture_content=capture_content
    )


def call(model: str = "small", *, duration: float = 1.0, **fields: Any) -> TierCall:
    return TierCall(model=model, started_at=0.0, duration=duration, **fields)


@given(st.lists(st.floats(0, 100), max_size=6), st.floats(0, 1000))
def test_costs_and_savings_add_up(costs: list[float], baseline: float) -> None:
    book = journal()
    for cost in costs:
        book.add_call(call(cost_usd=cost))
    book.baseline_cost_usd = baseline
    record = book.record()
    assert record.cost_usd == sum(one.cost_usd for one in record.calls) == sum(costs)
    assert record.saved_usd == book.saved_usd == baseline - sum(costs)


def test_times_are_measured_from_the_arrival() -> None:
    clock = FakeClock(1000.0)
    book = journal(clock=clock)
    clock.advance(0.5)
    book.first_token()
    clock.advance(1.0)
    book.first_token()
    with book.stage("cascade") as notes:
        clock.advance(2.0)
        notes["tier"] = "small"
    record = book.record()
    assert (record.started_at, record.time_to_first_token, record.duration) == (1000.0, 0.5, 3.5)
    (stage,) = record.stages
    assert (stage.name, stage.started_at, stage.duration) == ("cascade", 1001.5, 2.0)
    assert stage.attributes == {"tier": "small"}


def test_our_own_time_is_that_in_which_no_model_and_nobody_s_answer_was_waited_for() -> None:
    clock = FakeClock()
    book = journal(clock=clock)
    clock.advance(0.25)
    with book.stage("cache"):
        clock.advance(0.5)
    with book.stage("coalesce"):
        clock.advance(3.0)
    clock.advance(2.0)
    book.add_call(call(duration=2.0))
    book.add_call(call(duration=1.5))  # beside the other
    clock.advance(0.125)
    assert book.summary()["overhead_ms"] == 875.0
    assert book.record().metadata["overhead_ms"] == 875.0
    assert "overhead_ms" not in book.summary(is_complete=False)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9))))
def test_intervals_cover_every_moment_once(spans: list[tuple[int, int]]) -> None:
    moments = {moment for start, length in spans for moment in range(start, start + length)}
    assert covered((start, start + length) for start, length in spans) == len(moments)


def test_a_stage_that_fails_is_timed_as_well() -> None:
    clock = FakeClock()
    book = journal(clock=clock)
    with suppress(KeyError), book.stage("cache"):
        clock.advance(3.0)
        raise KeyError
    assert [(stage.name, stage.duration) for stage in book.record().stages] == [("cache", 3.0)]


def test_a_request_is_failed_until_it_is_served() -> None:
    assert journal().record().decision is DecisionKind.FAILED


def test_a_served_request_says_how_by_whom_and_why() -> None:
    book = journal()
    book.served(answer_of("five"), decision=DecisionKind.ACCEPTED, reason="confident", tier="small")
    record = book.record()
    assert (record.decision, record.reason, record.tier) == (DecisionKind.ACCEPTED, "confident", "small")
    assert (record.usage, record.status, record.error) == (Usage(10, 1), Status.OK, None)


def test_a_failure_takes_the_decision_back_and_keeps_only_the_error_s_class() -> None:
    book = journal()
    book.served(answer_of("five"), decision=DecisionKind.ACCEPTED, reason="confident", tier="small")
    book.ended(Status.FAILED, failure(cause="what the user said", status_code=429))
    record = book.record()
    assert (record.status, record.decision, record.error) == (Status.FAILED, DecisionKind.FAILED, "TierFailedError 429")
    assert "what the user said" not in repr(record)


def test_what_was_said_is_kept_only_where_the_operator_asked_for_it() -> None:
    for capture in (False, True):
        book = journal(capture_content=capture)
        book.served(answer_of("five"), decision=DecisionKind.ACCEPTED, reason=None, tier="small")
        record = book.record()
        assert (record.output == "five") is capture
        assert (record.input == book.request.messages) is capture
        assert ("how much is it" in repr(record)) is capture


def test_a_confidence_goes_to_the_latest_call_of_its_tier() -> None:
    book = journal()
    for model in ("small", "small", "large"):
        book.add_call(call(model))
    book.note_confidence("small", 0.7)
    book.note_confidence("nobody", 0.1)
    assert [one.confidence for one in book.calls] == [None, 0.7, None]


def test_a_summary_says_nothing_of_money_before_the_end() -> None:
    book = journal(request_id="r9")
    book.add_call(call(cost_usd=0.0000012))
    book.decision, book.tier, book.baseline_cost_usd = DecisionKind.ACCEPTED, "small", 0.5
    early = book.summary(is_complete=False)
    assert early == {"decision": "accepted", "tier": "small", "request_id": "r9"}
    book.confidence, book.similarity, book.coalesced = 0.123456, 1.0, True
    book.usage = Usage(1, 1, is_estimated=True)
    assert book.summary() == {
        "decision": "accepted",
        "tier": "small",
        "confidence": 0.1235,
        "similarity": 1.0,
        "cost": "0.00000120",
        "saved": "0.49999880",
        "overhead_ms": 0.0,
        "request_id": "r9",
        "coalesced": True,
        "cost_is_estimated": True,
    }
