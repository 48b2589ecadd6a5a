"""How long requests and their stages took: percentiles by route.

A percentile is that of all requests in question, exactly (linear between neighbours), not a sum of percentiles and
not read from a histogram's buckets.

Failure behaviour: pure and total; what was never measured has no row.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from thriftgate.stats.intervals import percentile
from thriftgate.types import RequestRecord

WHOLE = "request"
"""The row of whole requests, from arrival at the route to the last token."""
FIRST_TOKEN = "first token"
"""The row of streamed requests up to their first token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyRow:
    """Durations of one stage of one route, in seconds."""

    route: str
    stage: str
    """A stage of the pipeline, or `request`, or `first token`."""
    n: int
    p50: float
    p95: float
    p99: float


@dataclass(slots=True)
class LatencySample:
    """Durations of requests by route and stage, as they come."""

    _seconds: dict[tuple[str, str], "array[float]"] = field(default_factory=dict[tuple[str, str], "array[float]"])

    def add(self, record: RequestRecord) -> None:
        """Take one more request into the sample."""
        self._add(record.route, WHOLE, record.duration)
        if record.stream and record.time_to_first_token is not None:
            self._add(record.route, FIRST_TOKEN, record.time_to_first_token)
        for stage in record.stages:
            self._add(record.route, stage.name, stage.duration)

    def _add(self, route: str, stage: str, seconds: float) -> None:
        self._seconds.setdefault((route, stage), array("d")).append(seconds)

    def rows(self) -> Sequence[LatencyRow]:
        """One row for each stage that was measured: routes by name, each with whole requests first."""
        order = {WHOLE: 0, FIRST_TOKEN: 1}
        places = sorted(self._seconds, key=lambda place: (place[0], order.get(place[1], 2), place[1]))
        return [self._row(*place) for place in places]

    def _row(self, route: str, stage: str) -> LatencyRow:
        seconds = self._seconds[route, stage]
        p50, p95, p99 = (percentile(seconds, q) for q in (50, 95, 99))
        return LatencyRow(route=route, stage=stage, n=len(seconds), p50=p50, p95=p95, p99=p99)
