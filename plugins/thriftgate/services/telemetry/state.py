"""What metrics say beside the requests: queues, losses, and how routes stand against their promises.

Failure behaviour: a scrape never waits for the ledger: `StandingWatch` looks behind it, and gives what it last saw
until that is `STALE` seconds old. When the ledger is away the look is counted as a failed background task.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from thriftgate.ports import Clock
from thriftgate.services.books.standing import RouteStanding
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.telemetry import catalogue
from thriftgate.services.telemetry.metrics import Samples
from thriftgate.stats.intervals import Interval

EVERY = 60.0
"""Seconds between two looks at the ledger, of a worker that is scraped."""
STALE = 900.0
"""Seconds after which figures that cannot be renewed are no longer given."""


class WorkQueue(Protocol):
    """Work behind the requests that waits, and may be given up."""

    @property
    def waiting(self) -> int:
        """What is not done yet."""
        ...

    @property
    def dropped(self) -> int:
        """What was given up, since the start of this worker."""
        ...


def put_work(samples: Samples, queues: Mapping[str, WorkQueue], background: BackgroundTasks) -> None:
    """Write the depth and the losses of every queue, by its name, and what became of background tasks."""
    for name, queue in queues.items():
        samples.put(catalogue.WAITING, (name,), queue.waiting)
        samples.put(catalogue.DROPPED, (name,), queue.dropped)
    samples.put(catalogue.WAITING, ("background",), background.running)
    samples.put(catalogue.DROPPED, ("background",), background.dropped.total())
    for task, n in background.failures.items():
        samples.put(catalogue.TASK_FAILURES, (task,), n)


def put_standings(samples: Samples, standings: Sequence[RouteStanding]) -> None:
    """Write the ratios of every route that has been judged, what they are held against, and the verdicts behind."""
    for standing in standings:
        route, promise = standing.route, standing.promise
        _put_ratio(samples, catalogue.CACHE_ERROR, route, standing.wrong_share, promise.max_error)
        _put_ratio(samples, catalogue.CACHE_HIT_ERROR, route, standing.hits.wrong, promise.max_error_of_hits)
        if standing.hits.worst_tenant is not None:
            worst = standing.hits.worst_tenant
            _put_ratio(samples, catalogue.CACHE_WORST_TENANT, route, worst, promise.max_error_of_hits)
        _put_ratio(
            samples, catalogue.QUALITY_LOSS, route, standing.promised_loss, promise.limit and standing.loss_limit
        )
        if standing.net_loss is not None and standing.quality_loss is not None:
            # One of the two is the estimate above; said by their names, since each hides what the other tells.
            samples.put(catalogue.QUALITY_LOSS, (route, "net"), standing.net_loss.estimate)
            samples.put(catalogue.QUALITY_LOSS, (route, "got_worse"), standing.quality_loss.estimate)
        if standing.shift is not None and standing.shift.questions:
            shift = standing.shift
            told = {"estimate": shift.share, "expected": shift.expected, "shifted": float(shift.has_shifted)}
            for bound, value in told.items():
                samples.put(catalogue.UNFAMILIAR, (route, bound), value)
        verdicts = {
            "cache": standing.verifications.n, "cascade": standing.audits.n, "feedback": standing.feedback.n,
        }  # fmt: skip
        for kind, n in verdicts.items():
            samples.put(catalogue.VERDICTS, (route, kind), n)


def _put_ratio(
    samples: Samples, family: catalogue.Family, route: str, ratio: Interval | None, promised: float | None
) -> None:
    if ratio is not None:
        samples.put(family, (route, "estimate"), ratio.estimate)
        samples.put(family, (route, "low"), ratio.low)
        samples.put(family, (route, "high"), ratio.high)
    if promised is not None:
        samples.put(family, (route, "promised"), promised)


class StandingWatch:
    """Knows how the routes stood a minute ago."""

    def __init__(
        self, read: Callable[[], Awaitable[Sequence[RouteStanding]]], background: BackgroundTasks, clock: Clock
    ) -> None:
        self._read = read
        self._background = background
        self._clock = clock
        self._standings: Sequence[RouteStanding] = ()
        self._looked_at = -EVERY
        self._seen_at = -STALE
        self._is_looking = False

    def standings(self) -> Sequence[RouteStanding]:
        """What was seen last; has a new look taken in the background when it is time."""
        now = self._clock.monotonic()
        if not self._is_looking and now - self._looked_at >= EVERY:
            self._looked_at = now
            self._is_looking = True
            if not self._background.start("metrics_standings", self._look()):
                self._is_looking = False  # too much runs: it is tried again when it is time
        return self._standings if now - self._seen_at < STALE else ()

    async def _look(self) -> None:
        try:
            self._standings = await self._read()
            self._seen_at = self._clock.monotonic()
        finally:
            self._is_looking = False
