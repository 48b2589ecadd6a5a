"""Finds answers given before, and keeps new ones.

Failure behaviour: fails open. A store or an embedder that does not answer is counted and logged at most once a
minute, and the request goes on uncached. Keeping an answer happens beside the request and never delays it.
"""

import asyncio
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from thriftgate.caching.comparing import Settled
from thriftgate.caching.decision import Decision, Explore, Hit, Miss
from thriftgate.caching.differences.reading import LONGEST_QUESTION
from thriftgate.caching.entries import CacheEntry, PurgeFilter
from thriftgate.caching.sharing.eligibility import Verdict, may_store
from thriftgate.caching.sharing.scope import CacheScope
from thriftgate.config import CacheConfig
from thriftgate.errors import StoreUnavailableError
from thriftgate.ports import AnswerCache, Clock, Embedder
from thriftgate.services.cache.deciding import Decider
from thriftgate.services.cache.looking import CacheLook, LookPlace
from thriftgate.services.cache.pending import PendingEntry, Served
from thriftgate.services.cache.settings import limits_of
from thriftgate.services.cache.withdrawing import Withdrawals
from thriftgate.services.checking.verification import CacheVerifier
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.request.journal import Journal
from thriftgate.services.request.outages import Outages
from thriftgate.services.request.retraction import Retraction
from thriftgate.types import Answer, ChatRequest, DecisionKind, PromptRef


class HitCounter:
    """Counts hits beside the requests, one write at a time for each answer.

    A popular answer is hit many times at once, and each write would wait for the one before it, on the same row and
    with a connection that look-ups need: hits that come meanwhile are written together. Those that cannot be written
    are lost: they only say which answers to drop when there are too many.
    """

    def __init__(self, cache: AnswerCache, background: BackgroundTasks) -> None:
        self._cache = cache
        self._background = background
        self._waiting: Counter[tuple[str, str]] = Counter()
        self._writing: set[tuple[str, str]] = set()

    def count(self, scope: str, entry_id: str) -> None:
        """One hit more."""
        entry = (scope, entry_id)
        if entry in self._writing:
            self._waiting[entry] += 1
        else:
            self._writing.add(entry)
            if not self._background.start("cache_touch", self._write(entry)):
                self._writing.discard(entry)

    async def _write(self, entry: tuple[str, str]) -> None:
        hits = 1
        try:
            while hits:
                await self._cache.touch(*entry, hits=hits)
                hits = self._waiting.pop(entry, 0)
        finally:
            self._waiting.pop(entry, None)
            self._writing.discard(entry)


T = TypeVar("T")
OUTAGE = "the cache"
"""What it is called among what may be away."""
ROOM = "room in the cache"
"""What is missing where answers are found and no new one is taken."""
_TAKES_NOTHING = ("full", "refused")
"""Why a write fails whose look-up was answered; whatever else is wrong, the next look-up tells as well."""


def withdrawals_of(cache: AnswerCache, outages: Outages) -> Withdrawals:
    """What takes answers out of this cache."""
    return Withdrawals(
        cache,
        missed=lambda cause: outages.missed(OUTAGE, cause, is_request=False),
        answered=lambda: outages.answered(ROOM),
    )


UNAVAILABLE = "unavailable"
"""The outcome of a look-up that nobody answered; a miss is one that was."""


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
        withdrawals: Withdrawals | None = None,
    ) -> None:
        self._outages = outages or Outages(clock)
        self._withdrawals = withdrawals or withdrawals_of(cache, self._outages)
        self._config = config
        self._cache = cache
        self._embedder = embedder
        self._look = CacheLook(config, cache=cache, embedder=embedder, decider=decider, tier_policy=tier_policy)
        self.verifier = verifier
        self._clock = clock
        self._draw = draw
        self._background = background
        self._hits = HitCounter(cache, background)
        self._limits = limits_of(config)
        self.failures = 0
        """Look-ups and stores that failed since the start."""

    async def find(
        self, request: ChatRequest, prompt: PromptRef | None, journal: Journal, *, is_relaxed: bool = False
    ) -> Served | PendingEntry:
        """An answer that may be given again, or where to keep the fresh one.

        Relaxed: all is served that the promises allow, and only a hit that must be checked is asked afresh.
        """
        with journal.stage("cache") as notes:
            place = await self._look.place(request, prompt)
            pending = PendingEntry(asked_at=journal.started_at, content=place.content)
            if not place.is_allowed:
                notes["outcome"] = place.reason
                if request.no_cache and not request.no_store:
                    pending.scope = place.scope
                return pending
            pending.scope = place.scope
            try:
                served = await self._served_from(place, request, pending, is_relaxed=is_relaxed)
            except StoreUnavailableError as error:
                self._missed(error)
                notes["outcome"], notes["cause"] = UNAVAILABLE, error.cause
                journal.metadata["cache"], journal.metadata["cache_cause"] = UNAVAILABLE, error.cause
                return pending
            self._outages.answered(OUTAGE)
            notes["outcome"] = served.kind.value if served else _outcome(pending.decision)
            if served is None and isinstance(pending.decision, Miss) and pending.decision.veto is not None:
                notes["guard"] = str(pending.decision.veto)
            return served or pending

    async def _served_from(
        self, place: LookPlace, request: ChatRequest, pending: PendingEntry, *, is_relaxed: bool
    ) -> Served | None:
        def may_check(hit: Hit) -> bool:
            return self.verifier is not None and self.verifier.may_check(is_certain=hit.must_be_checked)

        found = await self._look.look(place, draw=self._draw(), may_check=may_check, is_relaxed=is_relaxed)
        pending.embedding, pending.decision, pending.neighbours = found.vector, found.decision, found.neighbours
        if found.exact is not None:
            if self._is_refused(found.exact, pending):
                return None
            return self._served(found.exact, DecisionKind.EXACT_HIT, similarity=1.0, confidence=None)
        if not isinstance(found.decision, Hit):
            return None
        entry = found.decision.entry
        if self._is_refused(entry, pending):
            return None
        if found.is_checked and self.verifier is not None:
            self.verifier.check(request, found.decision, asked_at=pending.asked_at)
        return self._served(
            entry,
            DecisionKind.SEMANTIC_HIT,
            similarity=found.decision.similarity,
            confidence=found.decision.confidence,
            features=found.decision.features,
        )

    def _is_refused(self, entry: CacheEntry, pending: PendingEntry) -> bool:
        """Whether a guard has refused this answer, and it is only not gone yet; nothing is learned by it."""
        if not self._withdrawals.are_refused(entry.scope, entry.entry_id):
            return False
        pending.decision, pending.neighbours = None, ()
        return True

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
        pending: PendingEntry,
        answer: Answer,
        *,
        prompt: PromptRef | None,
        baseline_cost_usd: float,
        tags: tuple[str, ...] = (),
        retraction: Retraction | None = None,
    ) -> None:
        """Keep a fresh answer, in the background, if it is one that may be kept; `tags` beside the operator's.

        `retraction` is told how it is forgotten again, should a guard refuse it on its way out.
        """
        scope = pending.scope
        if scope is None:
            return
        verdict = self._may_store(request, pending, scope, answer)
        if verdict.is_allowed:
            entry = self._entry(request, pending, scope, answer, prompt=prompt, baseline_cost_usd=baseline_cost_usd)
            entry = replace(entry, tags=(*entry.tags, *tags))
            self._background.start("cache_store", self._store(request, pending, answer, entry))
            if retraction is not None:
                retraction.kept(lambda: self.withdraw(entry.scope, entry.entry_id, pending.writing))
        elif isinstance(pending.decision, Explore):
            self._background.start("cache_compare", self._compare(request, pending, answer))

    def withdraw(self, scope: str, entry_id: str, writing: asyncio.Lock | None = None) -> None:
        """Forget one entry of one scope, soon; after what is being written of it under `writing`.

        Only who found it, or had it kept, knows it: that is within its scope. Whoever replaced it has another id.
        """
        self._withdrawals.withdraw(scope, entry_id, writing)

    async def correct(
        self,
        request: ChatRequest,
        pending: PendingEntry,
        answer: Answer,
        *,
        prompt: PromptRef | None,
        baseline_cost_usd: float,
    ) -> None:
        """Put a better answer in the place of the one that was kept; where it may not be kept, forget that one."""
        scope = pending.scope
        if scope is None:
            return
        # The neighbours taught what they could when the first answer came.
        again = replace(pending, decision=None)
        if self._may_store(request, pending, scope, answer).is_allowed:
            entry = self._entry(request, again, scope, answer, prompt=prompt, baseline_cost_usd=baseline_cost_usd)
            await self._store(request, again, answer, entry)
        else:
            async with pending.writing:
                await self._guarded(lambda: self._forget(scope))

    def _may_store(self, request: ChatRequest, pending: PendingEntry, scope: CacheScope, answer: Answer) -> Verdict:
        has_tenant, content = scope.has_tenant, pending.content
        return may_store(request, scope.asked, answer, settings=self._limits, has_tenant=has_tenant, content=content)

    async def _forget(self, scope: CacheScope) -> None:
        kept = (await self._cache.lookup(scope.scope, scope.key, None)).exact
        if kept is not None:
            await self._cache.purge(PurgeFilter(scope=scope.scope, entry_id=kept.entry_id))

    async def _store(self, request: ChatRequest, pending: PendingEntry, answer: Answer, entry: CacheEntry) -> None:
        async with pending.writing:
            await self._guarded(lambda: self._compared_and_stored(request, pending, answer, entry))

    async def _compared_and_stored(
        self, request: ChatRequest, pending: PendingEntry, answer: Answer, entry: CacheEntry
    ) -> None:
        settled = await self._compare(request, pending, answer)
        if entry.embedding is None and self._look.is_semantic and len(entry.question) <= LONGEST_QUESTION:
            entry = replace(entry, embedding=(await self._embedder.embed([entry.question]))[0])
        await self._cache.store(replace(entry, answer_group=settled.group, joined=settled.joined))

    async def _compare(self, request: ChatRequest, pending: PendingEntry, answer: Answer) -> Settled:
        """The fresh answer's groups among its neighbours'; the comparison is also what the policy learns from."""
        if self.verifier is None or not pending.neighbours:
            return Settled("")
        decision, neighbours, asked_at = pending.decision, pending.neighbours, pending.asked_at
        return await self.verifier.compare(request, decision, neighbours, answer, asked_at=asked_at)

    def _entry(
        self,
        request: ChatRequest,
        pending: PendingEntry,
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
            embedding=pending.embedding,
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
            done = await work()
        except StoreUnavailableError as error:
            self._missed(error, is_request=False)
            return None
        self._outages.answered(ROOM)
        return done

    def _missed(self, error: StoreUnavailableError, *, is_request: bool = True) -> None:
        self.failures += 1
        if is_request or error.cause not in _TAKES_NOTHING:
            self._outages.missed(OUTAGE, error.cause, is_request=is_request)
        else:
            self._outages.missed(ROOM, error.cause)


def _outcome(decision: Decision | None) -> str:
    if isinstance(decision, Miss | Explore):
        return str(decision.reason)
    return "miss"
