"""Puts a gateway together from its configuration: stores, services and routes, each built once per process.

Failure behaviour: a configuration mistake or a database that cannot be prepared raises ConfigurationError at the
start. Everything else that is away later is handled where it is used.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from thriftgate.caching.artefact import Artefact, shipped
from thriftgate.caching.learner import Learner
from thriftgate.caching.policy import FixedThreshold
from thriftgate.cascade.flow import Tier
from thriftgate.cascade.plan import plan
from thriftgate.cascade.scoring import StaticScorer
from thriftgate.config import CacheConfig, RouteConfig, ThriftgateConfig
from thriftgate.errors import ConfigurationError
from thriftgate.ports import Clock, Flights
from thriftgate.proxy.breaker import Breaker
from thriftgate.proxy.completer import RouterCompleter
from thriftgate.proxy.pricing import RouterPricer, RouterSource
from thriftgate.services.background import BackgroundTasks
from thriftgate.services.budget import Budget
from thriftgate.services.cache import CacheService
from thriftgate.services.coalescing import Coalescer
from thriftgate.services.deciding import Decider, FixedDecider
from thriftgate.services.feedback import FeedbackService
from thriftgate.services.judges import AgreementJudge, ModelJudge
from thriftgate.services.prompts import PromptService
from thriftgate.services.recording import LedgerWriter, Recorders
from thriftgate.services.route import RouteParts, RouteService, baseline_of
from thriftgate.services.upkeep import Job, Upkeep
from thriftgate.services.verification import CacheVerifier
from thriftgate.stores.embedded import prepare_database
from thriftgate.stores.local_embedder import LocalEmbedder
from thriftgate.stores.postgres import Database
from thriftgate.stores.postgres_cache import PostgresAnswerCache
from thriftgate.stores.postgres_flights import PostgresFlights
from thriftgate.stores.postgres_ledger import PostgresLedger
from thriftgate.stores.prompt_files import PromptFiles

_DAILY = 86_400.0
_EVERY_MINUTE = 60.0


class SystemClock:
    """The clock of this machine."""

    def time(self) -> float:
        """Seconds since the Unix epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Everything that serves, from `start()` to `aclose()`."""

    config: ThriftgateConfig
    routes: Mapping[str, RouteService]
    database: Database
    ledger: PostgresLedger
    writer: LedgerWriter
    upkeep: Upkeep
    background: BackgroundTasks
    breaker: Breaker
    feedback: FeedbackService
    embedder: LocalEmbedder | None = None
    cache: PostgresAnswerCache | None = None

    def start(self) -> None:
        """Begin the upkeep, and load the embedder before the first question needs it; in the running loop."""
        self.upkeep.start()
        if self.embedder is not None:
            self.background.start("embedder_warm_up", self.embedder.warm_up())

    async def aclose(self) -> None:
        """Write what waits, then let go of everything."""
        await self.upkeep.stop()
        await self.background.drain()
        await self.writer.aclose()
        await self.database.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """What all routes have in common."""

    base_dir: Path
    clock: Clock
    completer: RouterCompleter
    pricer: RouterPricer
    recorder: Recorders
    background: BackgroundTasks
    ledger: PostgresLedger
    prompts: PromptService
    flights: Flights
    cache: PostgresAnswerCache | None
    embedder: LocalEmbedder | None
    draw: Callable[[], float]


def assemble(config: ThriftgateConfig, *, base_dir: Path) -> Gateway:
    """Build everything. Raises ConfigurationError or StoreUnavailableError."""
    data_dir = base_dir / config.data_dir
    database = Database(prepare_database(config.database_url, data_dir))
    clock = SystemClock()
    ledger = PostgresLedger(database)
    writer = LedgerWriter(ledger, flush_interval=config.ledger.flush_interval, max_queue=config.ledger.max_queue)
    files = _prompt_files(config, base_dir)
    embedder = cache = None
    if any(route.cache for route in config.routes.values()):
        embedder = LocalEmbedder(data_dir, cache_size=config.embedder.cache_size)
        cache = PostgresAnswerCache(database, dimensions=embedder.dimensions)
    router = RouterSource()
    pricer = RouterPricer(router)
    shared = _Shared(
        base_dir=base_dir,
        clock=clock,
        completer=RouterCompleter(router, pricer),
        pricer=pricer,
        recorder=Recorders([writer.submit]),
        background=BackgroundTasks(),
        ledger=ledger,
        prompts=PromptService(files, clock),
        flights=PostgresFlights(database),
        cache=cache,
        embedder=embedder,
        draw=random.random,
    )
    caches = {name: _cache(name, route, shared) for name, route in config.routes.items()}
    return Gateway(
        config=config,
        routes={name: _route(name, route, shared, caches[name]) for name, route in config.routes.items()},
        database=database,
        ledger=ledger,
        writer=writer,
        upkeep=Upkeep(_jobs(config, files, ledger, cache, clock)),
        background=shared.background,
        breaker=Breaker(router),
        feedback=FeedbackService(
            ledger=ledger,
            writer=writer,
            verifiers={name: one.verifier for name, one in caches.items() if one and one.verifier},
            clock=clock,
        ),
        embedder=embedder,
        cache=cache,
    )


def _prompt_files(config: ThriftgateConfig, base_dir: Path) -> PromptFiles:
    """The registry, read once: a prompt that a route needs must be good at the start."""
    files = PromptFiles(base_dir / config.prompts_dir)
    registry = files.reload()
    needed = {route.prompt.name for route in config.routes.values() if route.prompt is not None}
    if missing := needed - set(registry.prompts):
        said = [str(problem) for problem in registry.problems]
        raise ConfigurationError([*said, *(f"prompts: there is no usable prompt '{name}'" for name in sorted(missing))])
    return files


def _jobs(
    config: ThriftgateConfig,
    files: PromptFiles,
    ledger: PostgresLedger,
    cache: PostgresAnswerCache | None,
    clock: Clock,
) -> list[Job]:
    async def forget_old_rows() -> None:
        await ledger.delete_older_than(clock.time() - config.ledger.retention)

    jobs = [
        Job("prompt_refresh", config.prompts.refresh_interval, files.refresh),
        Job("ledger_retention", _DAILY, forget_old_rows),
    ]
    if cache is not None:
        jobs.append(Job("cache_expiry", _EVERY_MINUTE, cache.delete_expired))
        jobs += [
            Job("cache_eviction", _EVERY_MINUTE, partial(cache.evict, name, keep=route.cache.max_entries))
            for name, route in config.routes.items()
            if route.cache is not None
        ]
    return jobs


def _route(name: str, config: RouteConfig, shared: _Shared, cache: CacheService | None) -> RouteService:
    cascade = config.cascade
    tiers = tuple(
        Tier(tier.model, None if tier is cascade.tiers[-1] else _first_set(tier.accept_at, cascade.accept_at))
        for tier in cascade.tiers
    )
    prompt = config.prompt
    return RouteService(
        RouteParts(
            name=name,
            config=config,
            completer=shared.completer,
            pricer=shared.pricer,
            planner=partial(plan, tiers=tiers),
            scorer=StaticScorer(),
            recorder=shared.recorder,
            background=shared.background,
            clock=shared.clock,
            prompt=partial(shared.prompts.apply, route_prompt=prompt) if prompt else None,
            cache=cache,
            coalescer=Coalescer(shared.flights, clock=shared.clock) if cache else None,
        )
    )


def _cache(name: str, config: RouteConfig, shared: _Shared) -> CacheService | None:
    if config.cache is None or shared.cache is None or shared.embedder is None:
        return None
    decider = _decider(config.cache, shared.base_dir)
    verify = config.cache.verify
    judge = ModelJudge(shared.completer, verify.judge) if verify.judge else AgreementJudge(shared.embedder)
    verifier = CacheVerifier(
        route=name,
        reference_model=baseline_of(config),
        completer=shared.completer,
        judge=judge,
        cache=shared.cache,
        decider=decider,
        ledger=shared.ledger,
        budget=Budget(share=verify.share, max_per_minute=verify.max_per_minute, clock=shared.clock, draw=shared.draw),
        background=shared.background,
        clock=shared.clock,
    )
    return CacheService(
        config.cache,
        cache=shared.cache,
        embedder=shared.embedder,
        decider=decider,
        verifier=verifier,
        tier_policy=[tier.model_dump_json() for tier in config.cascade.tiers],
        clock=shared.clock,
        draw=shared.draw,
        background=shared.background,
    )


def _decider(config: CacheConfig, base_dir: Path) -> Decider:
    if config.min_similarity is not None:
        return FixedDecider(FixedThreshold(config.min_similarity))
    if config.artefact is None:
        return Learner(shipped(), max_error=config.max_error)
    path = base_dir / config.artefact
    artefact = Artefact.from_json(path.read_text(encoding="utf-8"), source=str(path))
    return Learner(artefact, max_error=config.max_error)


def _first_set(own: float | None, default: float) -> float:
    return default if own is None else own
