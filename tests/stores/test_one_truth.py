"""One day of every kind of request: report, CSV, live page, metrics and Langfuse say the same of it, to the cent.

Real services record the day into a real ledger, which is frozen for a while. Langfuse is played by a server that keeps
what it gets by its own rules; it is away for a while, loses traces for good at a restart, and is made whole again from
the ledger, twice.
"""

import asyncio
import csv
import io
import json
import math
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families
from pytest_httpserver import HTTPServer
from tests.fakes import Streamed, answer_of, ask, failure, stream_of
from tests.langfuse_books import LangfuseBooks
from tests.page_setup import NoPrompts
from tests.route_setup import SURE, UNSURE, Client, RouteSetup
from tests.stores.postgres_process import PostgresProcess

from thriftgate.caching.policy import FixedThreshold
from thriftgate.cli.report.command import command as report_command
from thriftgate.errors import AllTiersFailedError
from thriftgate.proxy.page.views import headline
from thriftgate.services.books.feedback import FeedbackService
from thriftgate.services.books.overview import PERIODS, Overview, OverviewService, figures_of
from thriftgate.services.books.recording import LedgerWriter
from thriftgate.services.books.standing import RoutePromise
from thriftgate.services.cache.deciding import FixedDecider
from thriftgate.services.checking.judges import AgreementJudge, ModelJudge
from thriftgate.services.checking.verification import CacheVerifier
from thriftgate.services.request.budget import RateBudget
from thriftgate.services.telemetry.backfill import Backfill
from thriftgate.services.telemetry.exporting import ExportQueueLimits
from thriftgate.services.telemetry.exposition import exposed
from thriftgate.services.telemetry.metrics import Metrics
from thriftgate.services.telemetry.traces import TraceService, TraceSettings
from thriftgate.stats.search import EVERYTHING, Search
from thriftgate.stores.files.prompt_stops import PromptStops
from thriftgate.stores.langfuse.client import LangfuseKeys
from thriftgate.stores.langfuse.intake import INGESTION, TRACES, LangfuseIntake
from thriftgate.stores.postgres.connection.database import Database, Timeouts
from thriftgate.stores.postgres.ledger.book import PostgresLedger
from thriftgate.stores.postgres.ledger.overview import PostgresOverview
from thriftgate.tracing.dashboard import WIDGETS
from thriftgate.types import Audit, Caller, ChatRequest, DecisionKind, RequestRecord, TierCall, Usage

ADA = Caller(key_hash="key-1", user_id="ada", team_id="t-1", team_alias="acme", session_id="s-1")
BOB = Caller(key_hash="key-2", user_id="bob", team_id="t-2", team_alias="globex")


@dataclass
class Day:
    """A route that records everywhere, and what was recorded."""

    process: PostgresProcess
    database: Database
    folder: Path
    langfuse: LangfuseBooks
    keys: LangfuseKeys
    setup: RouteSetup = field(default_factory=lambda: RouteSetup(audit={"share": 1.0, "judge": "judge"}))
    metrics: Metrics = field(default_factory=Metrics)
    settings: TraceSettings = field(default_factory=TraceSettings)
    asked: int = 0

    def __post_init__(self) -> None:
        setup = self.setup
        self.traces = self.open_traces()
        self.ledger = PostgresLedger(self.database, on_audit=[self.metrics.submit_audit, self.send_audit])
        self.writer = LedgerWriter(self.ledger, flush_interval=0.01, max_queue=100)
        setup.completer.standing["judge"] = answer_of("SAME", model="judge", cost_usd=0.0003)
        setup.books = self.writer
        setup.sinks += [self.writer.submit, self.metrics.submit, self.send]
        setup.verifier = self.verifier = CacheVerifier(
            route="support", baseline_model="large", completer=setup.completer,
            agreement=AgreementJudge(setup.embedder), judge=ModelJudge(setup.completer, "judge", setup.clock),
            cache=setup.store, decider=FixedDecider(FixedThreshold(0.8)), book=self.writer,
            budget=RateBudget(share=1.0, max_per_minute=100, clock=setup.clock, draw=lambda: 0.0),
            background=setup.background, clock=setup.clock,
        )  # fmt: skip
        setup.route = setup.worker()

    def open_traces(self) -> TraceService:
        limits = ExportQueueLimits(max_items=100, max_bytes=10_000_000)
        return TraceService(
            LangfuseIntake(self.keys), self.settings, limits=limits, flush_interval=0.01, clock=self.setup.clock,
            draw=lambda: 0.0,
        )  # fmt: skip

    def send(self, record: RequestRecord) -> None:
        self.traces.submit(record)

    def send_audit(self, audit: Audit) -> None:
        self.traces.submit_audit(audit)

    def request(self, question: str, caller: Caller = ADA) -> ChatRequest:
        self.asked += 1
        self.setup.clock.advance(7.0)
        return ask(question, request_id=f"r{self.asked}", caller=caller)

    async def ask(self, question: str, caller: Caller = ADA, *, judge: str | None = None) -> None:
        if judge is not None:
            self.setup.completer.enqueue("judge", answer_of(judge, model="judge", cost_usd=0.0003))
        await self.setup.answer(self.request(question, caller))
        await self.setup.background.drain()

    def note_past_routes(self, model: str, reason: str) -> None:
        """A call that no route made: LiteLLM's own, of which its log tells."""
        request = self.request("")
        record = RequestRecord(
            request_id=request.request_id, route=model, caller=request.caller, started_at=self.setup.clock.time(),
            duration=0.5, decision=DecisionKind.ONLY_TIER, reason=reason, tier="large", usage=Usage(14, 16),
            cost_usd=0.002, baseline_cost_usd=0.002,
            calls=(TierCall(model="large", deployment="large-1", started_at=self.setup.clock.time(), duration=0.5,
                            usage=Usage(14, 16), cost_usd=0.002),),
        )  # fmt: skip
        self.setup.records.append(record)
        for sink in (self.writer.submit, self.metrics.submit, self.send):
            sink(record)

    async def overview(self, whose: Search = EVERYTHING) -> Overview:
        promises = {"support": RoutePromise(max_quality_loss=0.05, max_error=0.02)}
        source, stops = PostgresOverview(self.database), PromptStops(self.folder / "stops.json")
        service = OverviewService(source, self.ledger, NoPrompts(), stops, promises, self.setup.clock)
        return await service.get(PERIODS["24h"], whose)

    async def report(self, *arguments: str) -> str:
        path = self.folder / "litellm_config.yaml"
        section = {
            "database_url": self.process.dsn,
            "routes": {"support": {"cascade": {"tiers": [{"model": "small"}, {"model": "large"}]}}},
        }
        path.write_text(json.dumps({"model_list": [], "callback_settings": {"thriftgate": section}}))
        run = CliRunner().invoke
        result = await asyncio.to_thread(run, report_command, ["--config", str(path), *arguments])
        assert result.exit_code == 0, result.output
        return result.stdout


async def play(day: Day) -> None:
    """Every kind of request, with an outage of each kind in the middle."""
    setup = day.setup
    completer = setup.completer
    completer.enqueue("small", SURE, SURE, UNSURE, UNSURE)
    await day.ask("how do I return shoes", judge="SAME")
    await day.ask("which sizes are there", BOB, judge="DIFFERENT")
    await day.ask("what does shipping cost", judge="DIFFERENT")
    await day.ask("who pays for customs", BOB, judge="SAME")
    await day.ask("how do I return shoes")
    setup.embedder.place("how can I return shoes", near="how do I return shoes", cosine=0.97)
    await day.ask("how can I return shoes", judge="SAME")
    setup.store.is_away = True
    await day.ask("is the shop open on sundays", judge="who knows")
    setup.store.is_away = False
    day.process.freeze()
    await day.ask("do you pack presents", judge="SAME")
    await day.ask("how can I return shoes", BOB, judge="SAME")
    assert day.writer.waiting >= 4, "requests and their audits wait for the ledger"
    day.process.thaw()
    for _ in range(1000):
        if not day.writer.waiting:
            break
        await asyncio.sleep(0.01)
    await Client(setup.route).read(day.request("may I pay by invoice"))
    completer.enqueue("small", failure("small"))
    completer.enqueue("large", failure("large"))
    with suppress(AllTiersFailedError):
        await setup.answer(day.request("what is wrong today", BOB))
    await setup.background.drain()
    day.note_past_routes("large", "plain_model")
    day.note_past_routes("health checks", "health_check")
    day.langfuse.is_away = True
    await day.ask("where is my parcel", BOB, judge="SAME")
    completer.enqueue("small", UNSURE)
    completer.enqueue("large", Streamed(stream_of(answer_of("one two three four", model="large"))))
    await Client(setup.route).read(day.request("tell me a long story"), at_most=1)
    await setup.background.drain()
    await asyncio.to_thread(day.traces.close, 0.3)
    lost = day.traces.states()["traces"].dropped
    assert lost >= 2, "a restart during the outage loses what waits"
    day.langfuse.is_away, day.traces = False, day.open_traces()
    await day.ask("do you sell gloves", judge="SAME")
    await day.writer.flush()
    feedback = FeedbackService(
        ledger=day.ledger, writer=day.writer, verifiers={"support": day.verifier}, clock=setup.clock
    )
    assert await feedback.take("r1", is_correct=True, key_hash="key-1")
    assert await feedback.take("r2", is_correct=False, key_hash="key-2")
    await asyncio.to_thread(day.traces.close, 10.0)
    intake = LangfuseIntake(day.keys)
    for _ in range(2):
        backfill = Backfill(
            ledger=day.ledger, settings=day.settings, intake=intake, sleep=asyncio.sleep, draw=lambda: 0.0
        )
        await backfill.run(since=0.0)
    intake.close()
    await day.writer.aclose()
    setup.clock.advance(60.0)


@pytest.fixture
async def day(tmp_path: Path, httpserver: HTTPServer) -> AsyncIterator[Day]:
    langfuse = LangfuseBooks()
    httpserver.expect_request(TRACES).respond_with_handler(langfuse.take_traces)
    httpserver.expect_request(INGESTION).respond_with_handler(langfuse.take_scores)
    keys = LangfuseKeys(httpserver.url_for("").rstrip("/"), "pk-1", "sk-1")
    process = PostgresProcess()
    process.start()
    # Short deadlines: what a frozen ledger is given up after is not this test's matter.
    database = Database(process.dsn, timeouts=Timeouts(acquire=0.3, statement=0.3))
    day = Day(process, database, tmp_path, langfuse, keys)
    await play(day)
    yield day
    await database.close()
    process.stop()


def charted(day: Day, name: str) -> dict[tuple[Any, ...], tuple[float, ...]]:
    """What the dashboard in Langfuse shows."""
    (widget,) = [one for one in WIDGETS if one.name == name]
    return day.langfuse.answer(widget)


def counted(day: Day) -> Iterator[tuple[str, dict[str, str], float]]:
    """Every number that Prometheus reads."""
    for family in text_string_to_metric_families(exposed(day.metrics.samples)[0].decode()):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


def summed(day: Day, name: str, **labels: str) -> float:
    return math.fsum(value for found, said, value in counted(day) if found == name and labels.items() <= said.items())


def cents(**money: float | None) -> dict[str, float]:
    """Rounded to a thousandth of a cent: sums in another order differ in the last bits."""
    return {name: round(value or 0.0, 5) for name, value in money.items()}


async def test_five_places_tell_one_truth(day: Day) -> None:
    records, audits = day.setup.records, await day.ledger.audits()
    assert len(records) == day.asked
    assert {record.decision.value for record in records} >= {
        "exact_hit", "semantic_hit", "accepted", "escalated", "failed",
    }  # fmt: skip
    assert {audit.kind.value for audit in audits} >= {"cascade", "cache", "feedback"}
    cost = math.fsum(record.cost_usd for record in records)
    saved = math.fsum(record.saved_usd for record in records)
    checks = math.fsum(audit.cost_usd for audit in audits)
    assert checks > 0.01
    money = cents(cost=cost, saved=saved, checks=checks, net=saved - checks)
    hits = sum("hit" in record.decision.value for record in records)
    escalated = sum(record.decision.value == "escalated" for record in records)

    said: dict[str, dict[str, float]] = {}
    counts: dict[str, tuple[float, float, float]] = {}
    quality: dict[str, dict[str, tuple[float, float]]] = {}

    total = json.loads(await day.report("--json"))
    one = total["quality"][0]
    row = total["total"]
    said["report"] = cents(
        cost=row["cost_usd"], saved=row["saved_usd"], checks=row["checking_cost_usd"], net=one["saved_usd"]
    )
    counts["report"] = (row["requests"], row["exact_hit"] + row["semantic_hit"], row["escalated"])
    quality["report"] = {
        name: (one[part]["good"], one[part]["bad"])
        for name, part in (("quality", "audits"), ("quality_cache", "verifications"), ("feedback", "feedback"))
    }

    for by in ("total", "team", "user", "route", "day"):
        rows = list(csv.DictReader(io.StringIO(await day.report("--csv", "--by", by))))

        def column(name: str, rows: list[dict[str, str]] = rows) -> float:
            return math.fsum(float(one[name]) for one in rows)

        said[f"csv by {by}"] = cents(
            cost=column("cost_usd"), saved=column("saved_usd"), checks=column("checking_cost_usd"),
            net=column("net_saved_usd"),
        )  # fmt: skip
        counts[f"csv by {by}"] = (
            column("requests"), column("exact_hit") + column("semantic_hit"), column("escalated"),
        )  # fmt: skip

    overview = await day.overview()
    page = figures_of(overview)
    said["page"] = cents(
        cost=page["cost_usd"], saved=page["saved_usd"], checks=page["checking_cost_usd"], net=page["net_saved_usd"]
    )
    assert page["spent_usd"] == pytest.approx(cost + checks)
    assert f"saved, net, ${saved - checks:.4f}" in headline(overview)[2]
    counts["page"] = (page["requests"], page["hits"], page["escalations"])
    verdicts = page["quality"]["support"]
    quality["page"] = {
        name: (verdicts[part]["good"], verdicts[part]["bad"])
        for name, part in (("quality", "answers"), ("quality_cache", "hits"), ("feedback", "feedback"))
    }

    checked = summed(day, "thriftgate_checking_cost_usd_total")
    said["metrics"] = cents(
        cost=summed(day, "thriftgate_cost_usd_total"), saved=summed(day, "thriftgate_saved_usd"), checks=checked,
        net=summed(day, "thriftgate_saved_usd") - checked,
    )  # fmt: skip
    requests = "thriftgate_requests_total"
    counts["metrics"] = (
        summed(day, requests),
        summed(day, requests, decision="exact_hit") + summed(day, requests, decision="semantic_hit"),
        summed(day, requests, decision="escalated"),
    )
    judged = "thriftgate_judged_answers_total"
    quality["metrics"] = {
        name: (summed(day, judged, about=name, verdict="good"), summed(day, judged, about=name, verdict="bad"))
        for name in ("quality", "quality_cache", "feedback")
    }

    ((spent,),) = charted(day, "Spend").values()
    ((audited,),) = charted(day, "Audits' cost").values()
    ((net,),) = charted(day, "Saved, net").values()
    said["langfuse"] = cents(cost=spent - audited, saved=net + audited, checks=audited, net=net)
    decisions = {group[0]: n for group, (n,) in charted(day, "How requests were answered").items()}
    counts["langfuse"] = (
        sum(decisions.values()), decisions["exact_hit"] + decisions["semantic_hit"], decisions["escalated"],
    )  # fmt: skip
    quality["langfuse"] = {
        name: (round(mean * n), n - round(mean * n))
        for (_, name), (mean, n) in charted(day, "Quality by route, with n").items()
    }
    for word, groups in (
        ("team", {"acme", "globex"}),
        ("user", {"ada", "bob"}),
        ("route", {"support", "large", "health checks"}),
    ):
        found = charted(day, f"Saved by {word}, net")
        assert {group[0][0] if word == "team" else group[0] for group in found} == groups
        assert math.fsum(value for (value,) in found.values()) == pytest.approx(net)

    assert said == dict.fromkeys(said, money)
    assert counts == dict.fromkeys(counts, (day.asked, hits, escalated))
    assert quality == dict.fromkeys(quality, quality["report"])
    assert quality["report"]["feedback"] == (1, 1)


async def test_what_a_team_cost_and_saved_is_one_truth_too(day: Day) -> None:
    rows = {one["label"]: one for one in csv.DictReader(io.StringIO(await day.report("--csv", "--by", "team")))}
    spent, saved, checks = (
        {tags[0]: value for ((tags,), (value,)) in charted(day, name).items()}
        for name in ("Spend by team", "Saved by team, net", "Audits' cost by team")
    )
    assert set(rows) == set(spent) == set(saved) == {"acme", "globex"}
    for team, row in rows.items():
        own = [one for one in day.setup.records if one.caller.team_alias == team]
        page = figures_of(await day.overview(Search(who=team)))
        cost, net = (
            math.fsum(one.cost_usd for one in own),
            math.fsum(one.saved_usd for one in own) - checks.get(team, 0),
        )
        told = {
            "csv": cents(
                cost=float(row["cost_usd"]), checks=float(row["checking_cost_usd"]), net=float(row["net_saved_usd"])
            ),
            "page": cents(cost=page["cost_usd"], checks=page["checking_cost_usd"], net=page["net_saved_usd"]),
            "langfuse": cents(cost=spent[team], checks=checks.get(team, 0.0), net=saved[team]),
        }
        assert told == dict.fromkeys(told, cents(cost=cost, checks=checks.get(team, 0.0), net=net)), team
        assert page["requests"] == int(row["requests"]) == len(own)
