"""The driver of guards: it stops once, for every worker, and survives stores that are away."""

import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from thriftgate.config.sections.prompts import RoutePromptConfig
from thriftgate.errors import StoreUnavailableError
from thriftgate.prompts.registry import Registry, parse_prompt
from thriftgate.services.books.experiments import ExperimentGuards, examine_experiment
from thriftgate.services.request.prompts import PromptService
from thriftgate.types import (
    Audit,
    AuditKind,
    Caller,
    ChatRequest,
    DecisionKind,
    PromptRef,
    RequestRecord,
    SummaryGroup,
    SummaryRow,
)

SETTINGS = """
experiments:
  short:
    variants: {control: 50, concise: 50}
    metric: escalation
    window: 1m
    guards: [{metric: escalation, margin: 5%}]
"""


@dataclass
class Rows:
    """A ledger of rows in memory; `is_away` makes it fail."""

    rows: list[RequestRecord] = field(default_factory=list[RequestRecord])
    is_away: bool = False
    asked: list[tuple[float | None, float | None]] = field(default_factory=list[tuple[float | None, float | None]])

    async def record(self, records: Sequence[RequestRecord]) -> None:
        self.rows.extend(records)

    async def get(self, request_id: str) -> RequestRecord | None:
        return next((row for row in self.rows if row.request_id == request_id), None)

    async def recent(self, *, limit: int = 50, route: str | None = None) -> Sequence[RequestRecord]:
        return self.rows[-limit:]

    async def records(
        self, *, since: float | None = None, until: float | None = None, route: str | None = None
    ) -> AsyncIterator[RequestRecord]:
        self.asked.append((since, until))
        for row in self.rows:
            if (since is None or row.started_at >= since) and (until is None or row.started_at < until):
                yield row

    async def summarise(
        self, by: SummaryGroup, *, since: float | None = None, until: float | None = None
    ) -> Sequence[SummaryRow]:
        return ()

    async def delete_older_than(self, before: float) -> int:
        return 0

    async def add_audit(self, audit: Audit) -> None:
        raise AssertionError

    async def audits(
        self, *, route: str | None = None, kind: AuditKind | None = None, since: float | None = None
    ) -> Sequence[Audit]:
        if self.is_away:
            raise StoreUnavailableError("away")
        return ()


@dataclass
class Stops:
    """Stops in memory, shared by workers."""

    kept: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    added: list[tuple[str, str, float, Mapping[str, Any]]] = field(
        default_factory=list[tuple[str, str, float, Mapping[str, Any]]]
    )

    async def load(self) -> Mapping[str, frozenset[str]]:
        return dict(self.kept)

    async def add(self, experiment: str, variant: str, *, at: float, why: Mapping[str, Any]) -> None:
        self.added.append((experiment, variant, at, why))
        self.kept[experiment] = self.kept.get(experiment, frozenset()) | {variant}


@dataclass
class World:
    """A clock and a source of one prompt."""

    registry: Registry
    now: float = 100_000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def snapshot(self) -> Registry:
        return self.registry

    async def refresh(self) -> Registry:
        return self.registry


def world(settings: str = SETTINGS) -> World:
    parsed = parse_prompt("support", {"prompt.yaml": settings, "control.md": "Long", "concise.md": "Short"}, {})
    assert parsed.prompt is not None, parsed.problems
    return World(Registry({"support": parsed.prompt}))


def losing(count: int = 600) -> list[RequestRecord]:
    rng = random.Random(7)
    rows: list[RequestRecord] = []
    for number in range(count):
        variant = "control" if number % 2 else "concise"
        escalates = rng.random() < (0.1 if variant == "control" else 0.7)
        rows.append(
            RequestRecord(
                request_id=str(number), route="support", caller=Caller(user_id=f"u{number}"),
                started_at=float(number), duration=1.0,
                decision=DecisionKind.ESCALATED if escalates else DecisionKind.ACCEPTED,
                prompt=PromptRef(name="support", variant=variant, version="v", experiment="short"),
            )
        )  # fmt: skip
    return rows


def served(service: PromptService) -> set[str]:
    route = RoutePromptConfig(name="support")
    message = ({"role": "user", "content": "q"},)
    requests = (
        ChatRequest(request_id="r", route="s", messages=message, caller=Caller(user_id=f"v{number}"))
        for number in range(60)
    )
    return {service.apply(request, route)[1].variant for request in requests}


async def test_a_losing_variant_is_stopped_by_itself_for_every_worker_and_once() -> None:
    around, stops, ledger = world(), Stops(), Rows(losing())
    services = [PromptService(around, around) for _ in range(2)]
    workers = [ExperimentGuards(around, service, ledger, stops, around) for service in services]
    assert served(services[0]) == {"control", "concise"}

    made = await workers[0].check()
    assert [(stopped.experiment, stopped.stop.variant) for stopped in made] == [("short", "concise")]
    assert await workers[1].check() == ()

    assert served(services[0]) == served(services[1]) == {"control"}
    experiment, variant, at, why = stops.added[0]
    assert (experiment, variant, at, why["metric"]) == ("support/short", "concise", 100_000.0, "escalation")
    assert why["at_least"] > 0.05
    assert len(stops.added) == 1


async def test_nothing_is_stopped_before_or_after_its_dates_or_without_guards() -> None:
    for settings in (
        SETTINGS + "    stop: 1970-01-02\n",
        SETTINGS + "    start: 2030-01-01\n",
        SETTINGS.replace("guards: [{metric: escalation, margin: 5%}]", "guards: []"),
    ):
        around, ledger = world(settings), Rows(losing())
        service = PromptService(around, around)

        assert await ExperimentGuards(around, service, ledger, Stops(), around).check() == ()
        assert ledger.asked == []


async def test_with_the_ledger_away_what_was_stopped_stays_stopped(caplog: pytest.LogCaptureFixture) -> None:
    around, stops = world(), Stops({"support/short": frozenset({"concise"})})
    service = PromptService(around, around)
    guards = ExperimentGuards(around, service, Rows(is_away=True), stops, around)

    assert await guards.check() == ()
    assert guards.failures == 1
    assert served(service) == {"control"}
    assert "could not be checked" in caplog.text


async def test_a_report_reads_the_phase_of_the_experiment_only() -> None:
    settings = SETTINGS + "    start: 1970-01-01T00:05:00Z\n    stop: 1970-01-01T01:00:00Z\n"
    around, ledger = world(settings), Rows(losing())
    report = await examine_experiment(ledger, around.registry.prompts["support"], "short", now=around.now)

    assert ledger.asked == [(300.0, 3600.0)]
    assert sum(arm.requests for arm in report.arms) == 300
    assert report.deciding[0].verdict == "worse"
