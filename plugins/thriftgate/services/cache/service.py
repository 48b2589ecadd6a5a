"""Finds answers given before, and keeps new ones.

Failure behaviour: fails open. A store or an embedder that does not answer is counted and logged at most once a
minute, and the request goes on uncached. Keeping an answer happens beside the request and never delays it.
"""

import asyncio
import hashlib
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from thriftgate.caching.decision import Decision, Explore, Hit, Miss
from thriftgate.caching.eligibility import EligibilitySettings, may_serve, may_store
from thriftgate.caching.entries import CacheEntry, PurgeFilter
from thriftgate.caching.lookup import Asked, Check, Embed, Find, Found, look_up
from thriftgate.caching.reading import LONGEST_QUESTION
from thriftgate.caching.scope import CacheScope, RequestIdentity, ScopeSettings, is_large, scope_of
from thriftgate.config import CacheConfig, CascadeConfig
from thriftgate.errors import StoreUnavailableError
from thriftgate.ports import AnswerCache, Clock, Embedder
from thriftgate.services.cache.deciding import Decider
from thriftgate.services.cache.hits import HitCounter
from thriftgate.services.cache.tickets import PendingEntry, Served
from thriftgate.services.checking.verification import CacheVerifier
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.request.journal import Journal
from thriftgate.services.request.outages import Outages
from thriftgate.services.request.reading import view_of
from thriftgate.types import Answer, ChatRequest, DecisionKind, PromptRef
from thriftgate.wire.identity import IdentityRules, identity, pattern

T = TypeVar("T")
OUTAGE = "the cache"
"""What it is called among what may be away."""
UNAVAILABLE = "unavailable"
"""The outcome of a look-up that nobody answered; a miss is one that was."""
_ACCEPTANCE = {
    "accept_at", "max_quality_loss", "max_regressions", "delta", "tools", "signals", "second_sample", "judge",
    "on_strong_failure",
}  # fmt: skip
"""What an accepted answer depends on, besides the tiers."""


class CacheService:
    """The cache of one route."""

    def __init__(
        self,
        config: CacheConfig,
        *,
        cache: AnswerCache,
        embedder: Embedder,
        decider: Decider,
        verifier: CacheVerifier | None,
        tier_policy: Sequence[str],
        clock: Clock,
        draw: Callable[[], float],
        background: BackgroundTasks,
        outages: Outages | None = None,
    ) -> None:
        self._outages = outages or Outages(clock)
        self._config = config
        self._cache = cache
        self._embedder = embedder
        self._decider = decider
        self.verifier = verifier
        self._tier_policy = tier_policy
        self._clock = clock
        self._draw = draw
        self._background = background
        self._hits = HitCounter(cache, background)
        self._scoping = scoping_of(config)
        self._limits = limits_of(config)
        self._rules = rules_of(config)
        self._is_semantic = config.max_error > 0 or config.min_similarity is not None
        self.failures = 0
        """Look-ups and stores that failed since the start."""

    async def find(
        self, request: ChatRequest, prompt: PromptRef | None, journal: Journal, *, is_relaxed: bool = False
    ) -> Served | PendingEntry:
        """An answer that may be given again, or a ticket to keep the fresh one with.

        Relaxed: all is served that the promises allow, and only a hit that must be checked is asked afresh.
        """
        with journal.stage("cache") as notes:
            ticket = PendingEntry(asked_at=journal.started_at)
            seen = identity(view_of(request), self._rules)
            if seen.uncacheable:
                notes["outcome"] = f"request {seen.uncacheable[0][0]}"
                return ticket
            ticket.max_tokens = seen.max_tokens
            try:
                scope = await self._scope(request, prompt, RequestIdentity(seen.frame, seen.question))
            except TypeError:
                notes["outcome"] = "not cacheable"
                return ticket
            verdict = may_serve(request, scope.asked, settings=self._limits, has_tenant=scope.has_tenant)
            if not verdict.is_allowed:
                notes["outcome"] = str(verdict.reason)
                if request.no_cache and not request.no_store:
                    ticket.scope = scope
                return ticket
            ticket.scope = scope
            try:
                served = await self._look_up(request, ticket, is_relaxed=is_relaxed)
            except StoreUnavailableError as error:
                self._missed(error)
                notes["outcome"], notes["cause"] = UNAVAILABLE, error.cause
                journal.metadata["cache"], journal.metadata["cache_cause"] = UNAVAILABLE, error.cause
                return ticket
            self._outages.answered(OUTAGE)
            notes["outcome"] = served.kind.value if served else _outcome(ticket.decision)
            if served is None and isinstance(ticket.decision, Miss) and ticket.decision.veto is not None:
                notes["guard"] = str(ticket.decision.veto)
            return served or ticket

    async def _scope(self, request: ChatRequest, prompt: PromptRef | None, identity: RequestIdentity) -> CacheScope:
        """Where the request looks; a large one is hashed beside the loop, so that nobody else waits for it."""
        work = partial(
            scope_of,
            request,
            settings=self._scoping,
            prompt=prompt,
            tiers=self._tier_policy,
            embedder=self._embedder.fingerprint,
            identity=identity,
        )
        return await asyncio.to_thread(work) if is_large(request) else work()

    async def _look_up(self, request: ChatRequest, ticket: PendingEntry, *, is_relaxed: bool) -> Served | None:
        """Drive `lookup.look_up`, which decides; here its effects are performed."""
        scope = ticket.scope
        assert scope is not None, "a look-up has a scope"
        asked = Asked(
            scope=scope.scope,
            key=scope.key,
            question=scope.question,
            max_tokens=ticket.max_tokens,
            is_semantic=self._is_semantic,
        )
        decide = partial(self._decider.decide, draw=self._draw(), tenant=scope.tenant, is_relaxed=is_relaxed)
        flow = look_up(asked, decide)
        sent: object = None
        while True:
            try:
                effect = flow.send(sent)
            except StopIteration as stop:
                found: Found = stop.value
                break
            sent = await self._performed(effect, is_relaxed=is_relaxed)
        ticket.embedding, ticket.decision, ticket.neighbours = found.vector, found.decision, found.neighbours
        if found.exact is not None:
            return self._served(found.exact, DecisionKind.EXACT_HIT, similarity=1.0, confidence=None)
        if not isinstance(found.decision, Hit):
            return None
        if found.is_checked and self.verifier is not None:
            self.verifier.check(request, found.decision, asked_at=ticket.asked_at)
        return self._served(
            found.decision.entry,
            DecisionKind.SEMANTIC_HIT,
            similarity=found.decision.similarity,
            confidence=found.decision.confidence,
            features=found.decision.features,
        )

    async def _performed(self, effect: Embed | Find | Check, *, is_relaxed: bool) -> object:
        match effect:
            case Embed(text, only_if_known=True):
                return self._embedder.cached(text)
            case Embed(text):
                return (await self._embedder.embed([text]))[0]
            case Find(scope, key, vector, limit):
                return await self._cache.lookup(scope, key, vector, limit=limit)
            case Check(hit) if is_relaxed and not hit.must_be_checked:
                return False
            case Check(hit):
                return self.verifier is not None and self.verifier.may_check(is_certain=hit.must_be_checked)

    def _served(
        self,
        entry: CacheEntry,
        kind: DecisionKind,
        *,
        similarity: float,
        confidence: float | None,
        features: Mapping[str, float] | None = None,
    ) -> Served:
        self._hits.count(entry.scope, entry.entry_id)
        answer = Answer(choices=entry.choices, model=entry.model, usage=entry.usage, body=entry.body)
        is_stale = entry.stale_at is not None and self._clock.time() >= entry.stale_at
        return Served(answer, entry, kind, similarity, confidence, is_stale, features or {})

    def keep(
        self,
        request: ChatRequest,
        ticket: PendingEntry,
        answer: Answer,
        *,
        prompt: PromptRef | None,
        baseline_cost_usd: float,
        tags: tuple[str, ...] = (),
    ) -> None:
        """Keep a fresh answer, in the background, if it is one that may be kept; `tags` beside the operator's."""
        scope = ticket.scope
        if scope is None:
            return
        verdict = may_store(request, scope.asked, answer, settings=self._limits, has_tenant=scope.has_tenant)
        if verdict.is_allowed:
            entry = self._entry(request, ticket, scope, answer, prompt=prompt, baseline_cost_usd=baseline_cost_usd)
            entry = replace(entry, tags=(*entry.tags, *tags))
            self._background.start("cache_store", self._store(request, ticket, answer, entry))
        elif isinstance(ticket.decision, Explore):
            self._background.start("cache_compare", self._compare(request, ticket, answer))

    async def correct(
        self,
        request: ChatRequest,
        ticket: PendingEntry,
        answer: Answer,
        *,
        prompt: PromptRef | None,
        baseline_cost_usd: float,
    ) -> None:
        """Put a better answer in the place of the one that was kept; where it may not be kept, forget that one."""
        scope = ticket.scope
        if scope is None:
            return
        # The neighbours taught what they could when the first answer came.
        again = replace(ticket, decision=None)
        if may_store(request, scope.asked, answer, settings=self._limits, has_tenant=scope.has_tenant).is_allowed:
            entry = self._entry(request, again, scope, answer, prompt=prompt, baseline_cost_usd=baseline_cost_usd)
            await self._store(request, again, answer, entry)
        else:
            async with ticket.writing:
                await self._guarded(lambda: self._forget(scope))

    async def _forget(self, scope: CacheScope) -> None:
        kept = (await self._cache.lookup(scope.scope, scope.key, None)).exact
        if kept is not None:
            await self._cache.purge(PurgeFilter(scope=scope.scope, entry_id=kept.entry_id))

    async def _store(self, request: ChatRequest, ticket: PendingEntry, answer: Answer, entry: CacheEntry) -> None:
        async with ticket.writing:
            await self._guarded(lambda: self._compared_and_stored(request, ticket, answer, entry))

    async def _compared_and_stored(
        self, request: ChatRequest, ticket: PendingEntry, answer: Answer, entry: CacheEntry
    ) -> None:
        group = await self._compare(request, ticket, answer)
        if entry.embedding is None and self._is_semantic and len(entry.question) <= LONGEST_QUESTION:
            entry = replace(entry, embedding=(await self._embedder.embed([entry.question]))[0])
        await self._cache.store(replace(entry, answer_group=group))

    async def _compare(self, request: ChatRequest, ticket: PendingEntry, answer: Answer) -> str:
        """The fresh answer's group among its neighbours'; the comparison is also what the policy learns from."""
        if self.verifier is None or not ticket.neighbours:
            return ""
        decision, neighbours, asked_at = ticket.decision, ticket.neighbours, ticket.asked_at
        return await self.verifier.compare(request, decision, neighbours, answer, asked_at=asked_at)

    def _entry(
        self,
        request: ChatRequest,
        ticket: PendingEntry,
        scope: CacheScope,
        answer: Answer,
        *,
        prompt: PromptRef | None,
        baseline_cost_usd: float,
    ) -> CacheEntry:
        now = self._clock.time()
        spread = 1 + self._config.ttl_jitter * (2 * self._draw() - 1)
        fresh_until = now + self._config.ttl * spread
        swr = self._config.stale_while_revalidate
        return CacheEntry(
            entry_id=uuid.uuid4().hex,
            scope=scope.scope,
            key=scope.key,
            route=request.route,
            question=scope.question,
            embedding=ticket.embedding,
            choices=answer.choices,
            body=answer.body,
            model=answer.model,
            usage=answer.usage,
            cost_usd=answer.cost_usd,
            baseline_cost_usd=baseline_cost_usd,
            created_at=now,
            expires_at=fresh_until + swr,
            stale_at=fresh_until if swr else None,
            tags=self._config.tags,
            prompt_version=prompt.version if prompt else "",
            request_id=request.request_id,
        )

    async def _guarded(self, work: Callable[[], Awaitable[T]]) -> T | None:
        """The result, or None when the store or the embedder failed: the cache fails open."""
        try:
            return await work()
        except StoreUnavailableError as error:
            self._missed(error, is_request=False)
            return None

    def _missed(self, error: StoreUnavailableError, *, is_request: bool = True) -> None:
        self.failures += 1
        self._outages.missed(OUTAGE, error.cause, is_request=is_request)


def scoping_of(config: CacheConfig) -> ScopeSettings:
    """How the operator wants answers shared."""
    return ScopeSettings(tenant=config.tenant, share=config.share, history_turns=config.history_turns)


def rules_of(config: CacheConfig) -> IdentityRules:
    """What the operator says changes no answer. An answer that ended by itself fits every larger limit of length."""
    return IdentityRules(
        immaterial=tuple(map(pattern, config.immaterial)), history_turns=config.history_turns, max_tokens_apart=True
    )


def limits_of(config: CacheConfig) -> EligibilitySettings:
    """What the operator wants kept out of the cache."""
    return EligibilitySettings(max_temperature=config.max_temperature, time_sensitive=config.time_sensitive)


def tier_policy_of(cascade: CascadeConfig, base_dir: Path | None = None) -> list[str]:
    """Everything that decides which model answers, and which answers are good enough; a part of every scope.

    Whoever raises the bar, or calibrates again, is not served what the old bar let through: of the artefact, looked
    for from the folder `base_dir`, the content counts and not the name of its file.
    """
    accepts = cascade.model_dump_json(include=_ACCEPTANCE)
    return [*(tier.model_dump_json() for tier in cascade.tiers), accepts, _content(cascade.artefact, base_dir)]


def _content(artefact: str | None, base_dir: Path | None) -> str:
    """The hash of an artefact's content; of one that cannot be read, its name: nothing is served by it anyhow."""
    if artefact is None:
        return "no artefact"
    try:
        return hashlib.sha256(((base_dir or Path()) / artefact).read_bytes()).hexdigest()
    except OSError:
        return artefact


def _outcome(decision: Decision | None) -> str:
    if isinstance(decision, Miss | Explore):
        return str(decision.reason)
    return "miss"
