"""What waits to be sent: bounded whatever happens, sent once, and never in the way."""

import math
import threading
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.clocks import FakeClock
from tests.trace_setup import ACCEPTED, AUDIT, EVERY_KIND, SAID, decode

from thriftgate.cli.report.command import parse_since
from thriftgate.services.telemetry.exporting import Exporter, ExportQueue, ExportQueueLimits, backfill_command
from thriftgate.services.telemetry.traces import TraceService, TraceSettings, size_of
from thriftgate.tracing.content import ContentRule
from thriftgate.tracing.delivery import Away, Delivered, Delivery, Unacceptable, pause_after
from thriftgate.tracing.model import Score

AWAY = Away("answers with status 503")


class Backend:
    """Takes items, unless it is told not to."""

    def __init__(self, judge: Callable[[Sequence[int]], Delivery] | None = None) -> None:
        self.judge = judge or taken
        self.tries: list[Sequence[int]] = []
        self.taken: list[int] = []

    def __call__(self, items: Sequence[int]) -> Delivery:
        self.tries.append(items)
        delivery = self.judge(items)
        if isinstance(delivery, Delivered):
            self.taken += items
        return delivery


def taken(_: Sequence[int]) -> Delivery:
    return Delivered()


def queue_of(
    backend: Callable[[Sequence[int]], Delivery], clock: FakeClock | None = None, *, draw: float = 0.0, **limits: int
) -> ExportQueue[int]:
    bounds = {"max_items": 10, "max_bytes": 1000, "batch_items": 4} | limits
    return ExportQueue(
        "numbers",
        send=backend,
        size_of=lambda _: 10,
        limits=ExportQueueLimits(**bounds),
        clock=clock or FakeClock(),
        draw=lambda: draw,
    )


def drain(queue: ExportQueue[int]) -> float:
    while (pause := queue.step()) == 0:
        pass
    return pause


def test_items_go_in_order_and_in_batches() -> None:
    backend = Backend()
    queue = queue_of(backend)
    for item in range(10):
        queue.put(item)
    assert drain(queue) == math.inf
    assert backend.tries == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert (queue.state.sent, queue.state.waiting, queue.state.waiting_bytes) == (10, 0, 0)


def test_a_batch_ends_before_it_grows_too_large() -> None:
    backend = Backend()
    queue = queue_of(backend, batch_bytes=25)
    for item in range(5):
        queue.put(item)
    drain(queue)
    assert backend.tries == [[0, 1], [2, 3], [4]]


def test_the_oldest_make_room_and_are_counted() -> None:
    backend = Backend()
    queue = queue_of(backend, max_items=3)
    for item in range(5):
        queue.put(item)
    drain(queue)
    assert backend.taken == [2, 3, 4]
    assert queue.state.dropped == 2


def test_one_item_that_fits_nowhere_pushes_nobody_out() -> None:
    queue = ExportQueue[int](
        "numbers",
        send=Backend(),
        size_of=lambda item: item,
        limits=ExportQueueLimits(max_items=10, max_bytes=100),
        clock=FakeClock(),
        draw=lambda: 0.0,
    )
    for size in (40, 40, 101):
        queue.put(size)
    assert (queue.state.waiting, queue.state.waiting_bytes, queue.state.dropped) == (2, 80, 1)


def test_an_hour_of_outage_takes_no_more_memory_than_allowed_and_few_tries() -> None:
    clock = FakeClock()
    backend = Backend(lambda _: AWAY)
    queue = queue_of(backend, clock, max_items=5000, max_bytes=20_000, batch_items=100, draw=0.5)
    put = 0
    next_step = 0.0
    most = 0
    for second in range(3600):
        for _ in range(20):
            queue.put(put)
            put += 1
        if second >= next_step:
            next_step = second + queue.step()
        state = queue.state
        most = max(most, state.waiting_bytes)
        assert state.waiting + state.dropped == put
        clock.advance(1)
    assert most <= 20_000
    assert queue.state.waiting <= 2000
    assert queue.state.dropped == 72_000 - queue.state.waiting
    assert len(backend.tries) < 90
    assert queue.state.last_error == "answers with status 503"
    backend.judge = taken
    clock.advance(60)
    drain(queue)
    assert (queue.state.failures, queue.state.waiting) == (0, 0)
    assert backend.taken[-1] == put - 1


def test_nobody_is_asked_before_the_pause_is_over() -> None:
    clock = FakeClock()
    backend = Backend(lambda _: Away("slow down", 30))
    queue = queue_of(backend, clock)
    queue.put(1)
    assert queue.step() == 30
    clock.advance(29)
    assert queue.step() == pytest.approx(1)
    assert len(backend.tries) == 1
    clock.advance(1)
    queue.step()
    assert len(backend.tries) == 2


def test_a_batch_that_is_refused_loses_only_its_bad_items() -> None:
    bad = {3, 7}
    backend = Backend(lambda items: Unacceptable("refused with status 400") if bad & set(items) else Delivered())
    queue = queue_of(backend, batch_items=10)
    for item in range(10):
        queue.put(item)
    drain(queue)
    assert sorted(backend.taken) == [0, 1, 2, 4, 5, 6, 8, 9]
    assert (queue.state.refused, queue.state.sent, queue.state.dropped) == (2, 8, 0)


def test_parts_of_a_batch_that_are_not_wanted_are_counted() -> None:
    queue = queue_of(lambda _: Delivered(refused=1))
    for item in range(4):
        queue.put(item)
    drain(queue)
    assert (queue.state.sent, queue.state.refused) == (3, 1)


def test_an_item_that_cannot_be_encoded_is_lost_alone() -> None:
    taken: list[int] = []

    def encode(items: Sequence[int]) -> Delivery:
        if 2 in items:
            raise KeyError("a mistake of ours")
        taken.extend(items)
        return Delivered()

    queue = queue_of(encode)
    for item in range(6):
        queue.put(item)
    drain(queue)
    assert sorted(taken) == [0, 1, 3, 4, 5]
    assert (queue.state.refused, queue.state.last_error) == (1, "not sendable (KeyError)")


puts = st.integers(0, 5)
ends = st.sampled_from(["ok", "away", "bad", "throws"])


@given(st.lists(st.tuples(puts, ends, st.floats(0, 120)), max_size=60))
def test_whatever_happens_the_books_balance_and_nothing_is_sent_twice(turns: list[tuple[int, str, float]]) -> None:
    clock, now = FakeClock(), ["ok"]

    def judge(_items: Sequence[int]) -> Delivery:
        if now[0] == "throws":
            raise RuntimeError
        return {"ok": Delivered(), "away": AWAY, "bad": Unacceptable("no")}[now[0]]

    backend = Backend(judge)
    queue = queue_of(backend, clock, max_items=7, max_bytes=60)
    put = 0
    for count, end, seconds in turns:
        now[0] = end
        for _ in range(count):
            queue.put(put)
            put += 1
        queue.step()
        state = queue.state
        assert state.waiting + state.sent + state.dropped + state.refused == put
        assert state.waiting <= 7
        assert state.waiting_bytes <= 60
        clock.advance(seconds)
    assert len(set(backend.taken)) == len(backend.taken) == queue.state.sent
    assert backend.taken == sorted(backend.taken)


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True), st.none() | st.floats(0, 1e9))
def test_a_pause_is_bounded_and_grows(failures: int, draw: float, retry_after: float | None) -> None:
    pause = pause_after(failures, draw=draw, retry_after=retry_after)
    assert 0.5 <= pause <= 300
    assert pause_after(failures + 1, draw=draw) >= pause_after(failures, draw=draw)
    if retry_after is not None:
        assert pause >= min(retry_after, 300)


class Intake:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.judgements: list[Score] = []
        self.gate = threading.Event()
        self.gate.set()
        self.reached = threading.Event()
        self.is_closed = False

    def spans(self, body: bytes) -> Delivery:
        self.reached.set()
        self.gate.wait()
        self.bodies.append(body)
        return Delivered()

    def scores(self, scores: Sequence[Score]) -> Delivery:
        self.judgements += scores
        return Delivered()

    def close(self) -> None:
        self.is_closed = True


def service_of(intake: Intake, settings: TraceSettings | None = None) -> TraceService:
    return TraceService(
        intake,
        settings or TraceSettings(),
        limits=ExportQueueLimits(max_items=1000, max_bytes=10_000_000),
        flush_interval=0.0,
        clock=FakeClock(),
        draw=lambda: 0.0,
    )


def test_everything_that_was_submitted_is_there_when_it_is_closed() -> None:
    intake = Intake()
    service = service_of(intake)
    for record in EVERY_KIND:
        service.submit(record)
    service.submit_audit(AUDIT)
    service.close(patience=30)
    roots = [
        span for body in intake.bodies for span in decode(body) if "langfuse.internal.is_app_root" in span.attributes
    ]
    assert [span.about("request_id") for span in roots] == [
        *(record.request_id for record in EVERY_KIND),
        AUDIT.request_id,
    ]
    assert "quality" in {score.name for score in intake.judgements}
    assert service.states()["traces"].sent == len(EVERY_KIND) + 1
    assert intake.is_closed


def test_a_backend_that_hangs_holds_up_neither_a_request_nor_the_end() -> None:
    intake = Intake()
    intake.gate.clear()
    service = service_of(intake)
    service.submit(ACCEPTED)
    assert intake.reached.wait(30)
    for record in EVERY_KIND:
        service.submit(record)  # returns, though nobody takes anything
    service.close(patience=0.01)
    state = service.states()["traces"]
    assert (state.waiting, state.sent) == (0, 0) or state.dropped == len(EVERY_KIND) + 1
    intake.gate.set()


def test_a_service_that_was_never_used_closes() -> None:
    intake = Intake()
    service_of(intake).close()
    assert intake.is_closed


def test_content_is_shown_only_for_routes_that_allow_it() -> None:
    shown = TraceSettings(content={"support": ContentRule()})
    assert b"ada@example.com" in shown.encode([SAID])
    assert b"ada@example.com" not in TraceSettings(content={"other": ContentRule()}).encode([SAID])


def test_what_was_said_counts_as_memory() -> None:
    assert size_of(SAID) > size_of(ACCEPTED)


def test_an_exporter_that_is_closed_starts_no_thread() -> None:
    running = set(threading.enumerate())  # other tests' exporters may still be ending
    exporter = Exporter([], flush_interval=0)
    exporter.close(0)
    exporter.wake()
    assert not {thread for thread in threading.enumerate() if thread.name == "thriftgate:exporter"} - running


def test_the_command_for_what_was_lost_reaches_back_to_the_first_of_it_however_late_it_is_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    queue = queue_of(Backend(lambda _: AWAY), clock, max_items=4)
    began = clock.time()
    for number in range(6):
        queue.put(number)
        clock.advance(3_600)
    assert (queue.state.dropped, queue.state.lost_since) == (2, began)
    exporter = Exporter([queue], flush_interval=1.0)
    exporter.close(0.0)
    assert queue.state.lost_since == began
    command = backfill_command(began)
    assert command in caplog.text
    assert parse_since(command.rpartition(" ")[2], now=0.0) == pytest.approx(began - 900, abs=60)


def test_nothing_lost_is_no_moment() -> None:
    queue = queue_of(Backend())
    queue.put(1)
    drain(queue)
    assert queue.state.lost_since is None
    assert queue.give_up() == 0
    assert queue.state.lost_since is None
