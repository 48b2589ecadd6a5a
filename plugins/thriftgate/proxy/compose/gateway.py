"""Puts a gateway together from its configuration: stores, services and routes, each built once per process.

Failure behaviour: a configuration mistake or a database that cannot be prepared raises ConfigurationError at the
start. Everything else that is away later is handled where it is used.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from thriftgate.config import ThriftgateConfig
from thriftgate.config.taken import TakenConfig, taken_from
from thriftgate.ports import AnswerCache, LoadedEmbedder
from thriftgate.proxy.api.metrics import WRITE_EVERY, MetricsReader
from thriftgate.proxy.books.pricing import RouterPricer, RouterSource
from thriftgate.proxy.compose.guards import Guards, needs_embedder, open_guards
from thriftgate.proxy.compose.identity import OpenIdentity, open_budgets, open_identity
from thriftgate.proxy.compose.limits import limit_jobs, open_limits
from thriftgate.proxy.compose.observing import log_sinks, open_metrics
from thriftgate.proxy.compose.privacy import Privacy, open_privacy
from thriftgate.proxy.compose.routes import Shared, build_cache, build_route
from thriftgate.proxy.compose.stores import answer_cache, redis_server, single_flight
from thriftgate.proxy.compose.tracing import open_traces
from thriftgate.proxy.limits.request import note_record, place_of, steps_of
from thriftgate.proxy.tiers.breaker import Breaker
from thriftgate.proxy.tiers.completer import RouterCompleter
from thriftgate.proxy.tiers.translations import Translations
from thriftgate.services.books.experiments import ExperimentGuards
from thriftgate.services.books.feedback import FeedbackService
from thriftgate.services.books.recording import LedgerWriter, Recorders
from thriftgate.services.cache.service import OUTAGE as CACHE_OUTAGE
from thriftgate.services.cache.service import withdrawals_of
from thriftgate.services.cache.withdrawing import Withdrawals
from thriftgate.services.checking.verification import CacheVerifier
from thriftgate.services.identity.budgets import BudgetService
from thriftgate.services.limits.admission import Admission
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.request.outages import Outages
from thriftgate.services.request.prompts import PromptService
from thriftgate.services.route.place import NoPlace
from thriftgate.services.route.route import RouteService
from thriftgate.services.telemetry.away import AwayLine, away_lines
from thriftgate.services.telemetry.exporting import ExportQueueState
from thriftgate.services.telemetry.metrics import Metrics
from thriftgate.services.telemetry.traces import TraceService
from thriftgate.services.upkeep.jobs import Job, PromptVersionPurge, Upkeep, look_again
from thriftgate.services.upkeep.prompt_watch import PromptWatch
from thriftgate.services.upkeep.shutdown import Shutdown
from thriftgate.stores.embedded.database import prepare_embedded
from thriftgate.stores.embedders import embedder_of
from thriftgate.stores.files.clock import SystemClock
from thriftgate.stores.files.prompt_sources import STOPS, OpenPrompts, open_prompts
from thriftgate.stores.files.prompt_stops import PromptStops
from thriftgate.stores.langfuse.client import keys_from
from thriftgate.stores.langfuse.project import TraceAddress
from thriftgate.stores.postgres.connection.database import Database
from thriftgate.stores.postgres.ledger.book import PostgresLedger

if TYPE_CHECKING:
    from thriftgate.stores.redis.connection import RedisServer

logger = logging.getLogger(__name__)

_DAILY = 86_400.0
_EVERY_MINUTE = 60.0
_LOADED_WITHIN = 60.0
_UNDER_WAY = 0.5
"""The share of `shutdown_timeout` after which what runs beside requests is cut."""
_WRITTEN = 0.85
"""The share after which nothing is written any more; the rest is for letting go of connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Everything that serves, from `start()` to `aclose()`."""

    config: ThriftgateConfig
    routes: Mapping[str, RouteService]
    database: Database
    redis: "RedisServer | None"
    prompts: OpenPrompts
    ledger: PostgresLedger
    writer: LedgerWriter
    recorder: Recorders
    past_routes: Recorders
    """Where calls of plain models are booked."""
    counters: Metrics
    upkeep: Upkeep
    background: BackgroundTasks
    outages: Outages
    breaker: Breaker
    translations: Translations
    feedback: FeedbackService
    metrics: MetricsReader
    budgets: BudgetService
    pricer: RouterPricer
    embedder: LoadedEmbedder | None = None
    cache: AnswerCache | None = None
    withdrawals: Withdrawals | None = None
    traces: TraceService | None = None
    trace_address: TraceAddress | None = None
    admission: Admission | None = None
    identity: OpenIdentity | None = None
    privacy: Privacy | None = None
    guards: Guards | None = None
    taken: TakenConfig | None = None
    """What the configuration was read from; None where `thriftgate up` did not start us."""
    _loading: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    @property
    def away(self) -> list[AwayLine]:
        """What this worker has to do without, or had to."""
        queues: Mapping[str, ExportQueueState] = self.traces.states() if self.traces is not None else {}
        return away_lines(self.outages.all, ledger=self.writer, budgets=self.budgets, queues=queues)

    def start(self) -> None:
        """Begin the upkeep, and to load the models that run here; in the running loop."""
        self.upkeep.start()
        if self.privacy is not None:
            self._load("the check for personal data", self.privacy.analyzer.warm_up())
        if self.embedder is not None:
            self._load("the embedder", self.embedder.warm_up())
        if self.guards is not None and self.guards.model is not None:
            self._load("the model of attacks", self.guards.model.warm_up())
        if self.cache is not None:
            self.background.start("cache_indexes", self.cache.prepare())

    def _load(self, name: str, loading: Awaitable[None]) -> None:
        async def load() -> None:
            try:
                await loading
            except Exception as error:
                # Met again, and told, by the first request that needs it.
                logger.warning("%s could not be loaded: %s", name, type(error).__name__)

        self._loading.add(asyncio.get_running_loop().create_task(load(), name=f"thriftgate:load {name}"))

    async def loaded(self) -> None:
        """Return when the models that run here are there, or have failed: who asks before would wait for them.

        After a minute in any case: what hangs keeps no client out of what needs no model.
        """
        if self._loading:
            _, late = await asyncio.wait(self._loading, timeout=_LOADED_WITHIN)
            for one in late:
                logger.warning("%s is not there after %g seconds", one.get_name().partition(" ")[2], _LOADED_WITHIN)

    async def aclose(self) -> None:
        """Write what waits, then let go of everything; takes `shutdown_timeout` seconds at most, whatever hangs."""
        shutdown = Shutdown(self.config.shutdown_timeout)
        client, redis, privacy, guards = self.prompts.client, self.redis, self.privacy, self.guards
        # First what is under way: it books calls, and what it learned.
        await shutdown.stage(
            {
                "upkeep": self.upkeep.stop,
                "work beside the requests": self.background.drain,
                **({"the guards' judge": guards.service.drain} if guards is not None else {}),
                **({"admission": self.admission.aclose} if self.admission is not None else {}),
                **({"refused answers": self.withdrawals.drain} if self.withdrawals is not None else {}),
            },
            by=_UNDER_WAY,
        )
        await shutdown.stage(
            {"the ledger": self.writer.aclose, "budgets": self.budgets.aclose, "traces": self._close_traces},
            by=_WRITTEN,
        )
        embedder, attacks = self.embedder, guards.model if guards is not None else None
        await shutdown.stage(
            {
                "metrics": lambda _: self.metrics.close(),
                **({"the check for personal data": lambda _: privacy.analyzer.close()} if privacy is not None else {}),
                **({"the embedder": lambda _: embedder.close()} if embedder is not None else {}),
                **({"the model of attacks": lambda _: attacks.close()} if attacks is not None else {}),
                **({"the guards' log": lambda _: guards.log.close()} if guards is not None else {}),
                **({"the connection to Langfuse": lambda _: client.close()} if client is not None else {}),
                **({"the connections to Redis": lambda _: redis.close()} if redis is not None else {}),
                "the connections to PostgreSQL": lambda _: self.database.close(),
            }
        )

    async def _close_traces(self, patience: float) -> None:
        if self.traces is not None:
            allowed = min(patience, self.config.tracing.langfuse.shutdown_timeout)
            await asyncio.to_thread(self.traces.close, allowed)


def assemble(config: ThriftgateConfig, *, base_dir: Path, environ: Mapping[str, str]) -> Gateway:
    """Build everything. Raises ConfigurationError or StoreUnavailableError."""
    data_dir = base_dir / config.data_dir
    clock = SystemClock()
    database = Database(prepare_embedded(config.database_url, data_dir))
    redis = redis_server(config)
    prompts = open_prompts(config, base_dir, environ, clock)
    traces = open_traces(config, environ, prompts.numbers, clock)
    metrics = Metrics(
        name for key, route in config.routes.items() for name in (key, *(tier.model for tier in route.cascade.tiers))
    )
    ledger = PostgresLedger(database, on_audit=(metrics.submit_audit, *([traces.submit_audit] if traces else [])))
    outages = Outages(clock)
    writer = LedgerWriter(
        ledger, flush_interval=config.ledger.flush_interval, max_queue=config.ledger.max_queue, outages=outages
    )
    has_vectors = any(route.cache or route.cascade.artefact for route in config.routes.values()) or needs_embedder(
        config
    )
    embedder = embedder_of(config.embedder, data_dir) if has_vectors else None
    router = RouterSource()
    pricer = RouterPricer(router)
    breaker = Breaker(router)
    translations = Translations(router)
    admission = open_limits(
        config, redis=redis, database=database, clock=clock, samples=metrics.samples, outages=outages
    )
    sinks = [writer.submit, metrics.submit, *log_sinks(config), *([traces.submit] if traces else [])]
    if admission is not None:
        sinks.append(note_record)
    private_models = frozenset(config.privacy.private_models if config.privacy else ())
    cache = answer_cache(embedder, config.embedder.model, redis=redis, database=database) if embedder else None
    shared = Shared(
        base_dir=base_dir,
        clock=clock,
        completer=RouterCompleter(
            router,
            pricer,
            translations,
            forward_traceparent=config.tracing.forward_traceparent,
            private_models=private_models,
        ),
        pricer=pricer,
        recorder=Recorders(sinks),
        background=BackgroundTasks(outages=outages),
        outages=outages,
        ledger=ledger,
        audits=writer,
        prompts=PromptService(prompts.source, clock),
        single_flight=single_flight(redis, database),
        cache=cache,
        withdrawals=withdrawals_of(cache, outages) if cache is not None else None,
        embedder=embedder,
        embedder_model=config.embedder.model,
        draw=random.random,
        private_models=private_models,
        steps=partial(steps_of, now=admission.steps_of) if admission is not None else lambda _: frozenset(),
        place=partial(place_of, admission.working) if admission is not None else NoPlace,
    )
    caches = {name: build_cache(name, route, shared) for name, route in config.routes.items()}
    verifiers = {name: one.verifier for name, one in caches.items() if one and one.verifier}
    budgets = open_budgets(config, database=database, clock=clock, background=shared.background, outages=outages)
    metrics_reader = open_metrics(
        config, metrics, base_dir=base_dir, database=database, ledger=ledger, prompts=prompts,
        queues={
            "ledger": writer,
            **(traces.queues if traces else {}),
            **({"limits": admission.settler} if admission else {}),
            "budgets": budgets,
            **({"cache_withdraw": shared.withdrawals} if shared.withdrawals else {}),
        }, background=shared.background,
        breaker=breaker, clock=clock,
    )  # fmt: skip
    identity = _identity(config, shared, database)
    jobs = [*_jobs(config, shared, prompts, data_dir), *_learning(verifiers.values())]
    if config.limits is not None and admission is not None:
        jobs += limit_jobs(config.limits, admission)
    jobs += identity.jobs if identity else ()
    trace_address = TraceAddress(keys_from(environ)) if traces is not None else None
    if trace_address is not None:
        jobs.append(Job("langfuse_project", _EVERY_MINUTE, trace_address.look))
    privacy = open_privacy(config.privacy, database, data_dir=data_dir, base_dir=base_dir) if config.privacy else None
    if privacy is not None:
        jobs.append(Job("pseudonym_expiry", _EVERY_MINUTE, privacy.vault.expire))
    guards = None
    if config.guards is not None:
        guards = open_guards(
            config.guards, base_dir=base_dir, data_dir=data_dir, embedder=embedder,
            analyzer=privacy.analyzer if privacy else None,
            completer=shared.completer, audits=writer, samples=metrics.samples, clock=clock,
        )  # fmt: skip
    return Gateway(
        config=config,
        routes={name: build_route(name, route, shared, caches[name]) for name, route in config.routes.items()},
        database=database,
        redis=redis,
        prompts=prompts,
        ledger=ledger,
        writer=writer,
        recorder=shared.recorder,
        past_routes=Recorders([writer.submit, metrics.submit, *([traces.submit] if traces else [])]),
        counters=metrics,
        traces=traces,
        trace_address=trace_address,
        upkeep=Upkeep(
            [
                *jobs,
                Job("metrics", WRITE_EVERY, metrics_reader.share),
                Job("budget_leases", _EVERY_MINUTE, budgets.forget_expired),
            ],
            outages=outages,
        ),
        background=shared.background,
        outages=outages,
        breaker=breaker,
        translations=translations,
        metrics=metrics_reader,
        feedback=FeedbackService(
            ledger=ledger, writer=writer, verifiers=verifiers, clock=clock, patience=2.0 + config.ledger.flush_interval
        ),
        embedder=embedder,
        cache=shared.cache,
        withdrawals=shared.withdrawals,
        admission=admission,
        identity=identity,
        budgets=budgets,
        pricer=pricer,
        privacy=privacy,
        guards=guards,
        taken=taken_from(environ),
    )


def _identity(config: ThriftgateConfig, shared: Shared, database: Database) -> OpenIdentity | None:
    if config.identity is None:
        return None
    return open_identity(
        config.identity,
        base_dir=shared.base_dir,
        database=database,
        clock=shared.clock,
        background=shared.background,
        outages=shared.outages,
    )


def _jobs(config: ThriftgateConfig, shared: Shared, prompts: OpenPrompts, data_dir: Path) -> list[Job]:
    async def forget_old_rows() -> None:
        await shared.ledger.delete_older_than(shared.clock.time() - config.ledger.retention)

    guards = ExperimentGuards(
        prompts.source, shared.prompts, shared.ledger, PromptStops(data_dir / STOPS), shared.clock
    )
    jobs = [
        Job("prompt_refresh", config.prompts.refresh_interval, PromptWatch(prompts.source).look),
        Job("experiment_guards", config.prompts.guard_interval, guards.check),
        Job("ledger_retention", _DAILY, forget_old_rows),
    ]
    if prompts.numbers is not None:
        jobs.append(Job("prompt_numbers", _EVERY_MINUTE, prompts.numbers.look))
    if shared.cache is not None:
        jobs.append(Job("cache_expiry", _EVERY_MINUTE, shared.cache.delete_expired))
        jobs.append(look_again("cache_look", CACHE_OUTAGE, shared.outages, partial(_look_up, shared)))
        prompted = {name: route.prompt.name for name, route in config.routes.items() if route.cache and route.prompt}
        purge = PromptVersionPurge(shared.cache, shared.prompts, prompted)
        jobs += [Job("cache_prompt_versions", config.prompts.refresh_interval, purge.look)]
        jobs += [
            Job("cache_eviction", _EVERY_MINUTE, partial(shared.cache.evict, name, keep=route.cache.max_entries))
            for name, route in config.routes.items()
            if route.cache is not None
        ]
    return jobs


async def _look_up(shared: Shared) -> None:
    """Ask the cache as requests do, for what nobody has kept."""
    if shared.cache is not None and shared.embedder is not None:
        await shared.cache.lookup("", "", np.ones(shared.embedder.dimensions, dtype=np.float32), limit=1)


def _learning(verifiers: Iterable[CacheVerifier]) -> list[Job]:
    """What other workers and earlier lives have verified, at the start and then every minute."""
    return [Job("cache_learning", _EVERY_MINUTE, verifier.decider.catch_up) for verifier in verifiers]
