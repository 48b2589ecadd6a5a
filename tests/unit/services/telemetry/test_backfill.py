"""What was lost is sent again from the ledger, as it would have been sent at the time."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from tests.memory_ledger import MemoryLedger
from tests.trace_setup import ACCEPTED, AUDIT, EVERY_KIND, NOW, decode

from thriftgate.errors import StoreUnavailableError
from thriftgate.services.telemetry.backfill import Backfill, Backfilled
from thriftgate.services.telemetry.traces import TraceSettings
from thriftgate.tracing import attributes as names
from thriftgate.tracing.delivery import Away, Delivered, Delivery, Unacceptable
from thriftgate.tracing.model import Score
from thriftgate.types import AuditKind


class Intake:
    """Takes what it is told to take."""

    def __init__(self, *ends: Delivery) -> None:
        self.ends = list(ends)
        self.bodies: list[bytes] = []
        self.judgements: list[Score] = []
        self.bad: set[str] = set()

    def spans(self, body: bytes) -> Delivery:
        if self.ends and not isinstance(end := self.ends.pop(0), Delivered):
            return end
        if {span.about("request_id") for span in decode(body)} & self.bad:
            return Unacceptable("refused with status 400")
        self.bodies.append(body)
        return Delivered()

    def scores(self, scores: Sequence[Score]) -> Delivery:
        self.judgements += scores
        return Delivered()

    def close(self) -> None:
        """Nothing to close."""

    @property
    def requests(self) -> list[Any]:
        spans = [span for body in self.bodies for span in decode(body)]
        return [span.about("request_id") for span in spans if names.IS_ROOT in span.attributes]


class Setup:
    """A ledger with every kind of request, and a backfill of it."""

    def __init__(self, intake: Intake | None) -> None:
        self.ledger = MemoryLedger()
        self.ledger.rows = {record.request_id: record for record in EVERY_KIND}
        self.pauses: list[float] = []
        self.told: list[int] = []
        self.backfill = Backfill(
            ledger=self.ledger,
            settings=TraceSettings(environment="test"),
            intake=intake,
            sleep=self.sleep,
            draw=lambda: 0.0,
            tell=lambda done: self.told.append(done.requests),
        )

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


async def test_every_request_and_every_verdict_is_sent_as_it_was_at_the_time() -> None:
    intake = Intake()
    setup = Setup(intake)
    guard = replace(AUDIT, kind=AuditKind.GUARD, is_acceptable=None)
    for one in (guard, AUDIT):
        await setup.ledger.add_audit(one)
    done = await setup.backfill.run(since=NOW)
    assert done == Backfilled(requests=len(EVERY_KIND), audits=2, scores=len(intake.judgements), refused=0)
    assert sorted(intake.requests) == sorted([*(record.request_id for record in EVERY_KIND), *[AUDIT.request_id] * 2])
    encode = setup.backfill.settings.encode
    assert intake.bodies == [encode(sorted(EVERY_KIND, key=lambda record: record.request_id)), encode([AUDIT, guard])]
    assert "quality" in {score.name for score in intake.judgements}


async def test_only_the_time_and_the_route_that_were_asked_for() -> None:
    intake = Intake()
    setup = Setup(intake)
    setup.ledger.rows = {
        name: replace(ACCEPTED, request_id=name, started_at=started_at, route=route)
        for name, started_at, route in (("old", 1, "a"), ("in", 2, "a"), ("other", 2, "b"), ("late", 3, "a"))
    }
    for name, at in (("old", 1), ("in", 2), ("late", 3)):
        await setup.ledger.add_audit(replace(AUDIT, request_id=name, judged_at=at, route="a"))
    await setup.backfill.run(since=2, until=3, route="a")
    assert intake.requests == ["in", "in"]  # the request, and its audit
    names_sent = [score.name for score in intake.judgements]
    assert names_sent == [
        "confidence", "saved_usd", "net_saved_usd", "decision", "quality", "audit_cost_usd", "net_saved_usd",
    ]  # fmt: skip


async def test_many_requests_go_in_batches() -> None:
    intake = Intake()
    setup = Setup(intake)
    setup.ledger.rows = {f"r{index:03}": replace(ACCEPTED, request_id=f"r{index:03}") for index in range(250)}
    done = await setup.backfill.run(since=NOW)
    assert (done.requests, done.scores, len(intake.bodies)) == (250, 1_000, 3)
    assert setup.told == [100, 200, 250]


async def test_a_dry_run_counts_and_sends_nothing() -> None:
    setup = Setup(None)
    await setup.ledger.add_audit(AUDIT)
    done = await setup.backfill.run(since=NOW)
    assert (done.requests, done.refused) == (len(EVERY_KIND), 0)
    assert done.scores > 0


async def test_a_langfuse_that_is_away_for_a_moment_is_waited_for() -> None:
    intake = Intake(Away("answers with status 429", 30.0), Away("answers with status 503"), Delivered())
    setup = Setup(intake)
    assert (await setup.backfill.run(since=NOW)).requests == len(EVERY_KIND)
    assert setup.pauses == [30.0, 1.0]


async def test_one_that_stays_away_ends_it_in_words() -> None:
    setup = Setup(Intake(*[Away("answers with status 401, its keys are not accepted")] * 20))
    with pytest.raises(StoreUnavailableError, match="Langfuse answers with status 401, its keys are not accepted"):
        await setup.backfill.run(since=NOW)
    assert len(setup.pauses) == 6


async def test_what_is_refused_is_counted_and_holds_up_nothing() -> None:
    intake = Intake()
    intake.bad = {"req-3", "req-8"}
    done = await Setup(intake).backfill.run(since=NOW)
    assert done.refused == 2
    assert set(intake.requests) == {record.request_id for record in EVERY_KIND} - intake.bad
