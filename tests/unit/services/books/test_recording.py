"""Records reach the ledger in order, wait for it while it is away, and never wait for ever."""

import asyncio
import logging
from collections.abc import Sequence
from contextvars import ContextVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import MemoryLedger, settle

from thriftgate.services.books.recording import LedgerWriter, Recorders
from thriftgate.types import Audit, AuditKind, DecisionKind, RequestRecord


def record(name: object) -> RequestRecord:
    return RequestRecord(
        request_id=str(name), route="support", started_at=0.0, duration=1.0, decision=DecisionKind.ACCEPTED
    )


def audit(name: str) -> Audit:
    return Audit(
        request_id=name, kind=AuditKind.CASCADE, route="support", tier="small", judged_at=0.0, is_acceptable=True,
        cost_usd=0.01,
    )  # fmt: skip


def audited(ledger: MemoryLedger) -> list[str]:
    """The requests whose audits were kept, in order."""
    return [request_id for request_id, _, _ in ledger.verdicts]


def submit(writer: LedgerWriter, names: Sequence[object]) -> None:
    for name in names:
        writer.submit(record(name))


def written(ledger: MemoryLedger) -> list[str]:
    """The rows in the order in which they were written."""
    return list(ledger.rows)


class SlowLedger(MemoryLedger):
    """Holds every batch up until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = asyncio.Event()
        self.release = asyncio.Event()

    async def record(self, records: Sequence[RequestRecord]) -> None:
        self.reached.set()
        await self.release.wait()
        await super().record(records)


class PickyLedger(MemoryLedger):
    """Refuses some rows, and with them every batch they are in."""

    def __init__(self, *refused: str) -> None:
        super().__init__()
        self.refused = refused

    async def record(self, records: Sequence[RequestRecord]) -> None:
        if any(row.request_id in self.refused for row in records):
            raise ValueError("what the user said")
        await super().record(records)


async def test_a_record_is_written_without_anybody_waiting_for_it() -> None:
    ledger = MemoryLedger()
    writer = LedgerWriter(ledger, flush_interval=0, max_queue=10)
    submit(writer, "ab")
    assert written(ledger) == []
    await settle()
    assert written(ledger) == ["a", "b"]
    submit(writer, "c")
    await settle()
    assert (written(ledger), writer.waiting) == (["a", "b", "c"], 0)
    await writer.aclose()


async def test_the_writer_outlives_a_request_and_keeps_nothing_of_it() -> None:
    asking, seen = ContextVar("asking", default="nobody"), list[str]()

    class NosyLedger(MemoryLedger):
        async def record(self, records: Sequence[RequestRecord]) -> None:
            seen.append(asking.get())

    writer = LedgerWriter(NosyLedger(), flush_interval=0, max_queue=10)
    asking.set("ada")
    submit(writer, "a")
    await settle()
    await writer.aclose()
    assert seen == ["nobody"]


async def test_many_records_are_written_in_batches() -> None:
    ledger = MemoryLedger()
    writer = LedgerWriter(ledger, flush_interval=3600, max_queue=2000)
    submit(writer, range(1200))
    await writer.flush()
    assert ledger.batches == [500, 500, 200]
    assert written(ledger) == [str(i) for i in range(1200)]
    await writer.aclose()


async def test_what_waits_through_an_outage_is_written_afterwards_in_order(caplog: pytest.LogCaptureFixture) -> None:
    ledger = MemoryLedger()
    ledger.is_away = True
    writer = LedgerWriter(ledger, flush_interval=0, max_queue=100)
    with caplog.at_level(logging.WARNING):
        submit(writer, range(5))
        await settle()
        submit(writer, range(5, 10))
        await settle()
        assert (written(ledger), writer.waiting) == ([], 10)
        ledger.is_away = False
        await settle()
    assert written(ledger) == [str(i) for i in range(10)]
    assert (writer.dropped, writer.waiting) == (0, 0)
    assert caplog.messages == [
        "the ledger is away: it cannot be used; 5 records wait for it"
    ]  # once, not at each attempt
    await writer.aclose()


async def test_an_audit_that_was_paid_for_waits_for_the_ledger_too() -> None:
    ledger = MemoryLedger()
    writer = LedgerWriter(ledger, flush_interval=0, max_queue=10)
    ledger.is_away = True
    for name in "ab":
        await writer.add_audit(audit(name))
    await settle()
    assert (writer.waiting, audited(ledger)) == (2, [])
    ledger.is_away = False
    await settle()
    assert (writer.waiting, audited(ledger)) == (0, ["a", "b"])
    await writer.aclose()


async def test_an_audit_that_the_ledger_refuses_keeps_no_other_from_it(caplog: pytest.LogCaptureFixture) -> None:
    class Picky(MemoryLedger):
        async def add_audit(self, audit: Audit) -> None:
            if audit.request_id == "a" and not self.is_away:
                raise ValueError("what the user said")
            await super().add_audit(audit)

    ledger = Picky()
    writer = LedgerWriter(ledger, flush_interval=0, max_queue=10)
    ledger.is_away = True
    for name in "ab":
        await writer.add_audit(audit(name))
    ledger.is_away = False
    with caplog.at_level(logging.WARNING):
        await settle()
    assert (writer.waiting, writer.dropped, audited(ledger)) == (0, 1, ["b"])
    assert caplog.messages == ["the ledger refused a record: ValueError"]
    await writer.aclose()


async def test_closing_counts_the_audits_that_could_not_be_written(caplog: pytest.LogCaptureFixture) -> None:
    ledger = MemoryLedger()
    ledger.is_away = True
    writer = LedgerWriter(ledger, flush_interval=3600, max_queue=10)
    submit(writer, "a")
    await writer.add_audit(audit("a"))
    await writer.aclose()
    assert "lost: 2 ledger records could not be written before the end: the ledger is away" in caplog.text


@given(max_queue=st.integers(1, 20), before=st.integers(0, 30), after=st.integers(0, 30))
async def test_beyond_the_queue_the_oldest_are_dropped_and_counted(max_queue: int, before: int, after: int) -> None:
    ledger = MemoryLedger()
    writer = LedgerWriter(ledger, flush_interval=3600, max_queue=max_queue)
    ledger.is_away = True
    submit(writer, range(before))
    if before:
        with pytest.raises(Exception, match="away"):
            await writer.flush()
    submit(writer, range(before, before + after))
    assert writer.waiting == min(max_queue, before + after)
    assert writer.dropped == max(0, before + after - max_queue)
    ledger.is_away = False
    await writer.flush()
    assert written(ledger) == [str(i) for i in range(before + after)][-max_queue:]
    await writer.aclose()


async def test_records_that_come_in_while_a_batch_fails_push_the_oldest_out() -> None:
    ledger = SlowLedger()
    writer = LedgerWriter(ledger, flush_interval=3600, max_queue=3)
    submit(writer, "abc")
    flushing = asyncio.create_task(writer.flush())
    await ledger.reached.wait()
    submit(writer, "de")
    ledger.is_away = True
    ledger.release.set()
    with pytest.raises(Exception, match="away"):
        await flushing
    assert (writer.waiting, writer.dropped) == (3, 2)
    ledger.is_away = False
    await writer.flush()
    assert written(ledger) == ["c", "d", "e"]
    await writer.aclose()


async def test_a_flush_returns_when_also_those_rows_are_written_that_another_flush_had_taken() -> None:
    ledger = SlowLedger()
    writer = LedgerWriter(ledger, flush_interval=3600, max_queue=10)
    submit(writer, "ab")
    first = asyncio.create_task(writer.flush())
    await ledger.reached.wait()
    submit(writer, "c")
    second = asyncio.create_task(writer.flush())
    await settle()
    assert not second.done()
    ledger.release.set()
    await asyncio.gather(first, second)
    assert written(ledger) == ["a", "b", "c"]
    await writer.aclose()


async def test_one_row_that_is_refused_keeps_no_other_from_being_written(caplog: pytest.LogCaptureFixture) -> None:
    ledger = PickyLedger("c", "e")
    writer = LedgerWriter(ledger, flush_interval=0, max_queue=100)
    with caplog.at_level(logging.WARNING):
        submit(writer, "abcdef")
        await settle(100)
    submit(writer, "gh")
    await settle()
    assert written(ledger) == ["a", "b", "d", "f", "g", "h"]
    assert (writer.dropped, writer.waiting) == (2, 0)
    assert ledger.batches == [1, 1, 1, 1, 2]
    assert caplog.messages == ["the ledger refused a record: ValueError"] * 2
    await writer.aclose()


async def test_closing_writes_what_is_left() -> None:
    ledger = MemoryLedger()
    writer = LedgerWriter(ledger, flush_interval=3600, max_queue=10)
    submit(writer, "ab")
    await writer.aclose()
    assert written(ledger) == ["a", "b"]


async def test_closing_gives_up_after_its_patience_and_says_what_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    ledger = SlowLedger()
    writer = LedgerWriter(ledger, flush_interval=0, max_queue=10)
    submit(writer, "ab")
    await ledger.reached.wait()
    with caplog.at_level(logging.WARNING):
        await writer.aclose(patience=0)
    assert writer.waiting == 2
    assert caplog.messages == ["lost: 2 ledger records could not be written before the end: the time was up"]


async def test_closing_while_the_ledger_is_away_does_not_raise(caplog: pytest.LogCaptureFixture) -> None:
    ledger = MemoryLedger()
    ledger.is_away = True
    writer = LedgerWriter(ledger, flush_interval=3600, max_queue=10)
    submit(writer, "a")
    await writer.aclose()
    assert writer.waiting == 1
    assert "lost: 1 ledger records could not be written before the end: the ledger is away" in caplog.text


async def test_closing_a_writer_that_never_wrote_is_nothing() -> None:
    await LedgerWriter(MemoryLedger(), flush_interval=3600, max_queue=10).aclose()


def test_a_sink_that_fails_keeps_no_record_from_the_others(caplog: pytest.LogCaptureFixture) -> None:
    first: list[str] = []
    last: list[str] = []

    def take_first(taken: RequestRecord) -> None:
        first.append(taken.request_id)

    def broken(taken: RequestRecord) -> None:
        raise ValueError("what the user said")

    def take_last(taken: RequestRecord) -> None:
        last.append(taken.request_id)

    recorders = Recorders([take_first, broken, take_last])
    with caplog.at_level(logging.WARNING):
        recorders.submit(record("a"))
        recorders.submit(record("b"))
    assert first == last == ["a", "b"]
    assert recorders.failures == 2
    assert caplog.messages == ["a record could not be handed on: ValueError"] * 2
