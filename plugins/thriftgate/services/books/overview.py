"""Everything the live page shows of the past: money, decisions, quality against the promise, experiments.

One snapshot serves all who look, and is kept for at least `FRESH` seconds and `REST` times as long as it took to
make: however many watch, the page takes a small share of the database's time and none of the requests'.

Failure behaviour: raises what the ledger and the store of stops raise (StoreUnavailableError); then nothing is kept,
and the next look tries again. Experiments with too many requests to be read here are named without figures.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from thriftgate.ports import Clock, Ledger, PromptSource, StopStore
from thriftgate.prompts.experiments.tally import phase_at
from thriftgate.prompts.experiments.verdicts import ExperimentReport
from thriftgate.prompts.registry import Prompt
from thriftgate.services.books.experiments import examine_experiment
from thriftgate.services.books.standing import (
    Decided,
    Judged,
    RoutePromise,
    RouteStanding,
    drawn_since,
    is_within,
    standing_of,
)
from thriftgate.stats.search import EVERYTHING, Search
from thriftgate.stats.tallies import DeploymentTally, RequestTally, Tallies
from thriftgate.types import DecisionKind, RequestRecord

FRESH = 5.0
REST = 20.0
MOST_GROUPS = 8
MOST_RECENT = 20
_MOST_KEPT = 32
"""Overviews that are kept: an operator may narrow them to anybody."""
MOST_READ = 10_000
"""An experiment with more requests is left to `thriftgate prompts experiment`."""


class OverviewSource(Protocol):
    """Sums and counts of the ledger; times in seconds since the epoch. All raise StoreUnavailableError.

    Of `whose`, a search, only the route and the caller count.
    """

    async def tallies(self, whose: Search, *, since: float, until: float, stretch: float, most: int) -> Tallies:
        """Sums of the requests started in [since, until), by stretches of so many seconds and by `most` groups each."""
        ...

    async def count(self, *, since: float | None, until: float) -> int:
        """How many requests were started in [since, until)."""
        ...

    async def latencies(self, whose: Search, *, since: float, until: float) -> tuple[float, float]:
        """Median and 95th percentile of the requests' durations, in seconds; NaN without requests."""
        ...

    async def checking_cost(self, whose: Search, *, since: float, until: float) -> float:
        """US dollars that checks (audits, verifications …) of the requests started in [since, until) cost."""
        ...

    async def deployments(self, whose: Search, *, since: float, until: float) -> Sequence[DeploymentTally]:
        """What became of the calls of each deployment."""
        ...

    async def reasons(self, route: str, *, since: float, until: float) -> Decided:
        """How many requests of a route were decided how and why."""
        ...

    async def find(self, search: Search, *, since: float, until: float, limit: int) -> Sequence[str]:
        """The ids of requests started in [since, until) that fit: the latest first, or the dearest."""
        ...

    async def shifted(self, request_ids: Sequence[str]) -> frozenset[str]:
        """Those of the requests whose thresholds a budget shift loosened."""
        ...


@dataclass(frozen=True, slots=True)
class OverviewPeriod:
    """A stretch of time up to now, in seconds, and the steps in which it is drawn."""

    name: str
    words: str
    seconds: float
    step: float


PERIODS: Mapping[str, OverviewPeriod] = {
    period.name: period
    for period in (
        OverviewPeriod("1h", "the last hour", 3_600.0, 120.0),
        OverviewPeriod("24h", "the last 24 hours", 86_400.0, 3_600.0),
        OverviewPeriod("7d", "the last 7 days", 604_800.0, 21_600.0),
        OverviewPeriod("30d", "the last 30 days", 2_592_000.0, 86_400.0),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentStanding:
    """One experiment of a prompt."""

    prompt: str
    name: str
    starts_at: float | None
    ends_at: float | None
    report: ExperimentReport | None
    """None when it has not begun, or has too many requests to be read here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """One period, as the ledger has it: of everything, or of one route or caller.

    Promises and their checks are told of routes, so that an overview of one caller has no standings and no experiments.
    """

    whose: Search = EVERYTHING
    period: OverviewPeriod
    since: float
    until: float
    tallies: Tallies
    duration_p50: float
    """In seconds; NaN without requests."""
    duration_p95: float
    checking_cost_usd: float
    """What audits, verifications and guards' judges of these requests cost."""
    deployments: Sequence[DeploymentTally]
    standings: Sequence[RouteStanding]
    experiments: Sequence[ExperimentStanding]
    recent: Sequence[RequestRecord]
    """The latest requests, newest first, whenever they were."""
    broken_prompts: Sequence[str] = ()
    """Mistakes in prompt files, because of which an older state is served; file and line first."""


class OverviewService:
    """Makes overviews, and keeps each for a while."""

    def __init__(
        self,
        source: OverviewSource,
        ledger: Ledger,
        prompts: PromptSource,
        stops: StopStore,
        promises: Mapping[str, RoutePromise],
        clock: Clock,
    ) -> None:
        self._source = source
        self._ledger = ledger
        self._prompts = prompts
        self._stops = stops
        self._promises = promises
        self._clock = clock
        self._kept: dict[tuple[str, Search], tuple[float, Overview]] = {}
        self._making = asyncio.Lock()

    async def get(self, period: OverviewPeriod, whose: Search = EVERYTHING) -> Overview:
        """The overview of a period, at most a few moments old. Raises StoreUnavailableError."""
        # One at a time, also for different periods: a page must never keep the whole pool of connections busy.
        async with self._making:
            started = self._clock.monotonic()
            name = (period.name, whose)
            good_until, overview = self._kept.pop(name, (started, None))
            if overview is None or started >= good_until:
                overview = await self._make(period, whose)
                ended = self._clock.monotonic()
                good_until = ended + max(FRESH, REST * (ended - started))
            self._kept[name] = good_until, overview
            if len(self._kept) > _MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            return overview

    async def find(self, search: Search, period: OverviewPeriod) -> Sequence[RequestRecord]:
        """What was looked for; a request's id finds it whenever it was. Raises StoreUnavailableError."""
        async with self._making:
            if search.request_id:
                ids: Sequence[str] = (search.request_id,)
            else:
                until = self._clock.time()
                ids = await self._source.find(search, since=until - period.seconds, until=until, limit=MOST_RECENT)
            found = [await self._ledger.get(one) for one in ids]
        return [record for record in found if record is not None]

    async def _make(self, period: OverviewPeriod, whose: Search) -> Overview:
        until = self._clock.time()
        # Steps begin at round times, so that a drawing does not wobble from look to look; the first one is whole.
        since = (until - period.seconds) // period.step * period.step
        source = self._source
        p50, p95 = await source.latencies(whose, since=since, until=until)
        told = [] if whose.who else [name for name in self._promises if whose.route in ("", name)]
        return Overview(
            whose=whose,
            period=period,
            since=since,
            until=until,
            tallies=await source.tallies(whose, since=since, until=until, stretch=period.step, most=MOST_GROUPS),
            duration_p50=p50,
            duration_p95=p95,
            checking_cost_usd=await source.checking_cost(whose, since=since, until=until),
            deployments=await source.deployments(whose, since=since, until=until),
            standings=[await self._standing(name, since, until) for name in told],
            experiments=await self._experiments(until) if whose == EVERYTHING else (),
            recent=await self._ledger.recent(limit=MOST_RECENT),
            broken_prompts=[str(problem) for problem in self._prompts.snapshot().errors],
        )

    async def _standing(self, route: str, since: float, until: float) -> RouteStanding:
        promise = self._promises[route]
        # What was counted before the calibration tells of thresholds long replaced.
        start = max(since, promise.calibrated_at or 0.0)
        decided = await self._source.reasons(route, since=since, until=until)
        current = decided if start == since else await self._source.reasons(route, since=start, until=until)
        found = await self._ledger.audits(route=route, since=since)
        audits = [audit for audit in found if is_within(audit, since, until)]
        shifted = await self._source.shifted([audit.request_id for audit in drawn_since(audits, start)])
        return standing_of(route, promise, audits, decided=decided, current=current, shifted=shifted)

    async def _experiments(self, now: float) -> Sequence[ExperimentStanding]:
        running = [
            (prompt, name) for prompt in self._prompts.snapshot().prompts.values() for name in prompt.experiments
        ]
        if not running:
            return ()
        stops = await self._stops.load()
        return [
            await self._experiment(prompt, name, now, tuple(stops.get(f"{prompt.name}/{name}", ())))
            for prompt, name in running
        ]

    async def _experiment(self, prompt: Prompt, name: str, now: float, stopped: Sequence[str]) -> ExperimentStanding:
        experiment = prompt.experiments[name]
        has_begun = experiment.start is None or experiment.start <= now
        report = None
        if has_begun:
            until = now if experiment.stop is None else min(now, experiment.stop)
            since = phase_at(experiment, until, stopped=stopped).since
            if await self._source.count(since=since, until=until) <= MOST_READ:
                report = await examine_experiment(self._ledger, prompt, name, now=now, stopped=stopped)
        return ExperimentStanding(
            prompt=prompt.name, name=name, starts_at=experiment.start, ends_at=experiment.stop, report=report
        )


def figures_of(overview: Overview) -> dict[str, Any]:
    """Counts, US dollars, and verdicts by route."""
    total = overview.tallies.total or RequestTally(group=None)
    checking = overview.checking_cost_usd
    count = total.decisions.get
    return {
        "period": overview.period.name,
        "since": overview.since,
        "until": overview.until,
        "requests": total.requests,
        "failures": total.failures,
        "hits": count(DecisionKind.EXACT_HIT, 0) + count(DecisionKind.SEMANTIC_HIT, 0),
        "escalations": count(DecisionKind.ESCALATED, 0),
        "cost_usd": total.money.cost,
        "checking_cost_usd": checking,
        "spent_usd": total.money.cost + checking,
        "saved_usd": total.saved_usd,
        "net_saved_usd": total.saved_usd - checking,
        "quality": {
            one.route: {
                "answers": _verdicts(one.audits),
                "hits": _verdicts(one.verifications),
                "feedback": _verdicts(one.feedback),
            }
            for one in overview.standings
        },
    }


def _verdicts(judged: Judged) -> dict[str, int]:
    return {"good": judged.good, "bad": judged.bad, "undecided": judged.undecided}
