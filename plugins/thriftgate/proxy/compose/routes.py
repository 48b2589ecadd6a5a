"""Builds one route from its configuration and what all routes share; tests build theirs with it, over fakes.

Failure behaviour: an artefact that cannot be read or is stale raises ConfigurationError at the start.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from thriftgate.cascade.artefact import load_artefact
from thriftgate.cascade.calibrated import CalibratedScorer
from thriftgate.cascade.scoring import StaticScorer
from thriftgate.cascade.signals import SIGNALS, signals_named
from thriftgate.config import EmbedderName, RouteConfig
from thriftgate.errors import ConfigurationError
from thriftgate.limits.ladder import LadderStep
from thriftgate.ports import AnswerCache, AuditBook, Clock, Completer, Embedder, Ledger, Pricer, SingleFlight
from thriftgate.services.books.recording import Recorders
from thriftgate.services.cache.deciding import decider_of
from thriftgate.services.cache.service import CacheService
from thriftgate.services.cache.settings import tier_policy_of
from thriftgate.services.cache.withdrawing import Withdrawals
from thriftgate.services.cascade.planning import Planner
from thriftgate.services.checking.audit import CascadeAuditor
from thriftgate.services.checking.judges import AgreementJudge, ModelJudge
from thriftgate.services.checking.verification import CacheVerifier
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.request.budget import RateBudget
from thriftgate.services.request.outages import Outages
from thriftgate.services.request.prompts import PromptService
from thriftgate.services.route.coalescing import Coalescer
from thriftgate.services.route.parts import RouteParts, baseline_of
from thriftgate.services.route.place import NoPlace, WorkPlace
from thriftgate.services.route.route import RouteService

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all routes have in common."""

    base_dir: Path
    clock: Clock
    completer: Completer
    pricer: Pricer
    recorder: Recorders
    background: BackgroundTasks
    ledger: Ledger
    audits: AuditBook
    prompts: PromptService
    single_flight: SingleFlight
    cache: AnswerCache | None
    embedder: Embedder | None
    draw: Callable[[], float]
    outages: Outages
    withdrawals: Withdrawals | None = None
    """What takes answers out of the cache again."""
    embedder_model: EmbedderName = "local"
    """What `embedder` is called in the configuration."""
    steps: Callable[[str], frozenset[LadderStep]] = lambda _: frozenset()
    """What a route gives up right now, because of its load."""
    place: Callable[[], WorkPlace] = NoPlace
    """The place of the request that is being served."""
    private_models: frozenset[str] = frozenset()
    """Model groups that private requests may go to."""


def build_route(name: str, config: RouteConfig, shared: Shared, cache: CacheService | None) -> RouteService:
    """The route `name`, ready to answer. Raises ConfigurationError when its artefact is stale."""
    prompt = config.prompt
    return RouteService(
        RouteParts(
            name=name,
            config=config,
            completer=shared.completer,
            pricer=shared.pricer,
            planner=Planner(route=name, config=config.cascade, scorer=_scorer(config, shared)),
            auditor=_auditor(name, config, shared),
            recorder=shared.recorder,
            background=shared.background,
            clock=shared.clock,
            embedder=shared.embedder,
            prompt=partial(shared.prompts.apply, route_prompt=prompt) if prompt else None,
            cache=cache,
            coalescer=Coalescer(shared.single_flight, clock=shared.clock) if cache else None,
            steps=partial(shared.steps, name),
            place=shared.place,
            private_models=shared.private_models,
        )
    )


def _scorer(config: RouteConfig, shared: Shared) -> StaticScorer | CalibratedScorer:
    cascade = config.cascade
    if cascade.artefact is None:
        try:
            return StaticScorer(SIGNALS if cascade.signals == "auto" else signals_named(cascade.signals))
        except ValueError as error:
            raise ConfigurationError([f"cascade.signals: {error}"]) from None
    artefact = load_artefact(shared.base_dir / cascade.artefact)
    artefact.check(
        tiers=[tier.model for tier in cascade.tiers],
        # A prompt may change while the gateway runs: whether its version is the artefact's is asked of each request.
        prompt_version=artefact.prompt_version,
        embedder=shared.embedder.fingerprint if shared.embedder else "",
        max_quality_loss=cascade.max_quality_loss,
        max_regressions=cascade.max_regressions,
        delta=cascade.delta,
    )
    scorer = CalibratedScorer(artefact, embedder=shared.embedder.fingerprint if shared.embedder else "")
    if artefact.summary is not None and scorer.familiarity is None:
        logger.warning(
            "the artefact's summary of questions was made with another embedder: unfamiliar questions are not told; "
            "run `thriftgate cascade calibrate` again"
        )
    return scorer


def _auditor(name: str, config: RouteConfig, shared: Shared) -> CascadeAuditor | None:
    audit = config.cascade.audit
    if len(config.cascade.tiers) == 1 or audit.share == 0:
        return None
    strongest = config.cascade.tiers[-1].model
    return CascadeAuditor(
        route=name,
        strongest=strongest,
        share=audit.share,
        completer=shared.completer,
        judge=ModelJudge(shared.completer, audit.judge or strongest, shared.clock, ranks=True),
        book=shared.audits,
        # Who is audited was drawn by the request's id already: the budget only caps how many there are in a minute.
        budget=RateBudget(share=1.0, max_per_minute=audit.max_per_minute, clock=shared.clock, draw=shared.draw),
        background=shared.background,
        clock=shared.clock,
        capture_content=config.capture_content,
    )


def build_cache(name: str, config: RouteConfig, shared: Shared) -> CacheService | None:
    """The cache of the route `name`; None where it has none."""
    if config.cache is None or shared.cache is None or shared.embedder is None:
        return None
    decider = decider_of(name, config.cache, shared.base_dir, shared.cache, embedder=shared.embedder_model)
    verify = config.cache.verify
    agreement = AgreementJudge(shared.embedder, is_one_question=False)
    verifier = CacheVerifier(
        route=name,
        baseline_model=baseline_of(config),
        completer=shared.completer,
        agreement=agreement,
        judge=ModelJudge(shared.completer, verify.judge, shared.clock) if verify.judge else agreement,
        cache=shared.cache,
        decider=decider,
        book=shared.audits,
        budget=RateBudget(
            share=verify.share, max_per_minute=verify.max_per_minute, clock=shared.clock, draw=shared.draw
        ),
        background=shared.background,
        clock=shared.clock,
    )
    return CacheService(
        config.cache,
        cache=shared.cache,
        embedder=shared.embedder,
        decider=decider,
        verifier=verifier,
        tier_policy=tier_policy_of(config, shared.base_dir),
        clock=shared.clock,
        draw=shared.draw,
        background=shared.background,
        outages=shared.outages,
        withdrawals=shared.withdrawals,
    )
