"""Sends what happened to somewhere else, without ever being in the way of a request.

An `ExportQueue` keeps what waits, bounded by count and by bytes; an `Exporter` empties its queues in batches from one
thread of its own, so that neither a slow network nor the encoding touches the event loop's work.

Failure behaviour: `put()` never blocks and never raises. While the other side is away the queue fills up, then the
oldest go and are counted; tries come ever more rarely. What is refused as a batch is sent in ever smaller parts, so
that one bad item is dropped (and counted) alone. `close()` sends what it can within its patience.
"""

import logging
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from thriftgate.ports import Clock
from thriftgate.services.request.retrying import RetryQueue
from thriftgate.tracing.delivery import Away, Delivery, Unacceptable, pause_after

logger = logging.getLogger(__name__)

T = TypeVar("T")

_LONGEST_REQUEST = 900.0
"""Seconds by which a request may have begun before its trace was there to be sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportQueueLimits:
    """How much a queue holds, and how much of it goes at once."""

    max_items: int
    max_bytes: int
    batch_items: int = 100
    batch_bytes: int = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportQueueState:
    """How a queue is doing."""

    waiting: int
    waiting_bytes: int
    sent: int
    dropped: int
    """Lost because the other side was away for too long."""
    refused: int
    """Lost because the other side does not want them."""
    failures: int
    """Tries in a row that nobody took; 0 while all is well."""
    last_error: str | None
    """Why the last of them failed, in a fixed phrase."""
    away_since: float | None = None
    """Unix time of the first of these failures; None while all is well."""
    lost_since: float | None = None
    """Unix time from which on items were lost, or a little before; None while none was."""


class ExportQueue(Generic[T]):
    """Waiting items of one kind. `put()` from any thread; `step()` from one."""

    def __init__(
        self,
        name: str,
        *,
        send: Callable[[Sequence[T]], Delivery],
        size_of: Callable[[T], int],
        limits: ExportQueueLimits,
        clock: Clock,
        draw: Callable[[], float],
    ) -> None:
        self.name = name
        self._send = send
        self._clock = clock
        self._draw = draw
        self._lock = threading.Lock()
        self._queue = RetryQueue[T](
            max_items=limits.max_items, max_bytes=limits.max_bytes, batch_items=limits.batch_items,
            batch_bytes=limits.batch_bytes, size_of=size_of,
        )  # fmt: skip
        self._failures = 0
        self._last_error: str | None = None
        self._away_since: float | None = None
        self._waiting_since = 0.0
        """When the queue was empty the last time: whatever is lost from it came later."""
        self._lost_since: float | None = None
        self._next_at = -math.inf

    @property
    def state(self) -> ExportQueueState:
        """How it is doing."""
        with self._lock:
            return ExportQueueState(
                waiting=self._queue.waiting,
                waiting_bytes=self._queue.waiting_bytes,
                sent=self._queue.sent,
                dropped=self._queue.dropped,
                refused=self._queue.rejected,
                failures=self._failures,
                last_error=self._last_error,
                away_since=self._away_since,
                lost_since=self._lost_since,
            )

    @property
    def waiting(self) -> int:
        """Items that are not sent yet."""
        return self.state.waiting

    @property
    def dropped(self) -> int:
        """Items that were lost, whatever the reason."""
        state = self.state
        return state.dropped + state.refused

    def put(self, item: T) -> None:
        """Let an item wait; the oldest make room for it."""
        with self._lock:
            if not self._queue.waiting:
                self._waiting_since = self._clock.time()
            if self._queue.put(item):
                self._note_lost()

    def step(self, *, patient: bool = True) -> float:
        """Send one batch, if it is time for it; without `patient` it is.

        Returns the seconds after which another step makes sense; infinity: when something new waits.
        """
        now = self._clock.monotonic()
        if patient and now < self._next_at:
            return self._next_at - now
        with self._lock:
            batch = self._queue.take()
        if not batch:
            return math.inf
        try:
            delivery = self._send(batch)
        except Exception as error:
            # A mistake of ours about one item; it must not keep the others from being sent.
            delivery = Unacceptable(f"not sendable ({type(error).__name__})")
        return self._settle(delivery)

    def _note_lost(self) -> None:
        self._lost_since = self._waiting_since if self._lost_since is None else self._lost_since

    def _settle(self, delivery: Delivery) -> float:
        with self._lock:
            lost = self._queue.dropped + self._queue.rejected
            pause = self._settled(delivery)
            if self._queue.dropped + self._queue.rejected > lost:
                self._note_lost()
            return pause

    def _settled(self, delivery: Delivery) -> float:
        if isinstance(delivery, Away):
            self._queue.away()
            return self._note_failure(delivery)
        if isinstance(delivery, Unacceptable):
            if self._queue.refused():
                return 0.0
            self._last_error = delivery.reason
        else:
            self._queue.taken(rejected=delivery.refused)
        self._failures, self._next_at, self._away_since = 0, -math.inf, None
        return 0.0

    def _note_failure(self, away: Away) -> float:
        self._failures += 1
        if self._failures == 1:
            self._away_since = self._clock.time()
            logger.warning("%s cannot be sent, they wait: %s", self.name, away.reason)
        self._last_error = away.reason
        pause = pause_after(self._failures, draw=self._draw(), retry_after=away.retry_after)
        self._next_at = self._clock.monotonic() + pause
        return pause

    def give_up(self) -> int:
        """Forget what waits, and count it as dropped."""
        with self._lock:
            lost = self._queue.give_up()
            if lost:
                self._note_lost()
            return lost


def backfill_command(lost_since: float | None) -> str:
    """What sends again all that was lost from a time on; a moment, since a log line is read later."""
    if lost_since is None:
        return "thriftgate langfuse backfill"
    began = datetime.fromtimestamp(lost_since - _LONGEST_REQUEST, UTC)
    return f"thriftgate langfuse backfill --since {began:%Y-%m-%dT%H:%M}"


class Exporter:
    """Empties queues from a daemon thread that starts with the first item."""

    def __init__(self, queues: Sequence[ExportQueue[Any]], *, flush_interval: float) -> None:
        self._queues = tuple(queues)
        self._flush_interval = flush_interval
        self._has_work = threading.Event()
        self._is_closing = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Something was put into a queue."""
        if self._thread is None and not self._is_closing.is_set():
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="thriftgate:exporter", daemon=True)
                    self._thread.start()
        if not self._has_work.is_set():
            self._has_work.set()

    def close(self, patience: float) -> None:
        """Send what waits, for at most `patience` seconds; what is left then is dropped and counted."""
        self._is_closing.set()
        self._has_work.set()
        if self._thread is not None:
            self._thread.join(patience)
        if lost := sum(queue.give_up() for queue in self._queues):
            since = min(at for queue in self._queues if (at := queue.state.lost_since) is not None)
            logger.warning(
                "%d traces and scores could not be sent before the end; the ledger has them: `%s` sends them again",
                lost,
                backfill_command(since),
            )

    def _run(self) -> None:
        while not self._is_closing.is_set():
            self._has_work.clear()
            pause = min(queue.step() for queue in self._queues)
            if pause == math.inf:
                self._has_work.wait()
                pause = self._flush_interval  # what else comes in a moment goes in the same batch
            if pause > 0:
                self._is_closing.wait(pause)
        for queue in self._queues:
            while queue.step(patient=False) == 0:
                pass
