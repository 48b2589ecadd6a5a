"""Finds out, beside the requests, whether semantic hits were right, and lets the cache learn from it.

A budgeted share of the hits is asked afresh of the baseline tier and compared. A miss costs nothing extra: its answer
was fetched anyway, so it is compared with its neighbours' answers. Entries whose answers say the same become one answer
group, the strongest evidence that the cache has. Users' feedback counts as well.

Failure behaviour: nothing here delays or breaks a request. A fresh answer that does not come, a judge that cannot
tell or a store that is away means that nothing is learnt this time.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from thriftgate.caching.decision import Decision, Explore, Hit
from thriftgate.caching.entries import CacheEntry, Neighbour, Observation
from thriftgate.caching.grouping import answer_group
from thriftgate.errors import StoreUnavailableError, TierFailedError
from thriftgate.ports import AnswerCache, Clock, Completer, Judge, Ledger
from thriftgate.services.cache.deciding import Decider
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.request.budget import Budget
from thriftgate.types import Answer, Audit, AuditKind, CallPurpose, ChatRequest

_NEAR_ENOUGH = 0.5
"""Similarity of two questions below which their answers are not compared: they would hardly ever say the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheVerifier:
    """Verifies the hits of one route."""

    route: str
    reference_model: str
    """The model group that gives fresh answers to compare with: the route's baseline."""
    completer: Completer
    agreement: Judge
    """Compares answers for free, or cannot tell."""
    judge: Judge
    """Compares answers within the budget."""
    cache: AnswerCache
    decider: Decider
    ledger: Ledger
    budget: Budget
    background: BackgroundTasks
    clock: Clock

    def after_hit(self, request: ChatRequest, hit: Hit) -> None:
        """A semantic hit was served; maybe check it."""
        if self.budget.take():
            self.background.start("cache_verify", self._verify(request, hit))

    async def compare(
        self, request: ChatRequest, decision: Decision | None, neighbours: Sequence[Neighbour], answer: Answer
    ) -> str:
        """Compare a fresh answer with its neighbours', and learn from the one that was nearly served.

        Returns the answer group that the fresh answer belongs to; empty when it agrees with no neighbour.
        """
        verdicts: list[tuple[CacheEntry, bool]] = []
        for neighbour in neighbours:
            if neighbour.similarity < _NEAR_ENOUGH:
                break
            agrees = (await self.agreement.compare(request, _text(neighbour.entry), answer.text)).is_acceptable
            if agrees is not None:
                verdicts.append((neighbour.entry, agrees))
        if isinstance(decision, Explore):
            known = {entry.entry_id: agrees for entry, agrees in verdicts}
            is_correct = known.get(decision.entry.entry_id)
            if is_correct is None and self.judge is not self.agreement and self.budget.take():
                is_correct = (await self.judge.compare(request, _text(decision.entry), answer.text)).is_acceptable
            if is_correct is not None:
                await self._learn(
                    decision.entry, decision.similarity, decision.features, is_correct, source="fresh_answer"
                )
        return answer_group(verdicts)

    async def _verify(self, request: ChatRequest, hit: Hit) -> None:
        with suppress(TierFailedError):
            fresh = await self.completer.complete(self.reference_model, request, purpose=CallPurpose.VERIFY)
            judgement = await self.judge.compare(request, _text(hit.entry), fresh.text)
            is_correct = judgement.is_acceptable
            await self._audit(request, hit, is_correct, cost_usd=fresh.cost_usd + judgement.cost_usd)
            if is_correct is not None:
                await self._learn(hit.entry, hit.similarity, hit.features, is_correct, source="fresh_answer")

    async def learn_from_feedback(
        self, entry_id: str, scope: str, similarity: float, features: Mapping[str, float], *, is_correct: bool
    ) -> None:
        """A user said whether a hit was right. Raises StoreUnavailableError."""
        await self._observe(entry_id, scope, similarity, features, is_correct, "feedback")

    async def _learn(
        self, entry: CacheEntry, similarity: float, features: Mapping[str, float], is_correct: bool, *, source: str
    ) -> None:
        with suppress(StoreUnavailableError):
            await self._observe(entry.entry_id, entry.scope, similarity, features, is_correct, source)

    async def _observe(
        self,
        entry_id: str,
        scope: str,
        similarity: float,
        features: Mapping[str, float],
        is_correct: bool,
        source: str,
    ) -> None:
        observation = Observation(
            entry_id=entry_id,
            scope=scope,
            route=self.route,
            similarity=similarity,
            features=features,
            is_correct=is_correct,
            observed_at=self.clock.time(),
            source=source,
        )
        # The own policy first: it must learn even while the store is away. The other workers learn from the store.
        self.decider.update(observation)
        await self.cache.observe(observation)

    async def _audit(self, request: ChatRequest, hit: Hit, is_correct: bool | None, *, cost_usd: float) -> None:
        audit = Audit(
            request_id=request.request_id,
            kind=AuditKind.CACHE,
            route=self.route,
            tier=hit.entry.model,
            judged_at=self.clock.time(),
            is_acceptable=is_correct,
            score=hit.confidence,
            cost_usd=cost_usd,
            holdout=True,
            details=dict(hit.features),
            traceparent=request.traceparent,
        )
        with suppress(StoreUnavailableError):
            await self.ledger.add_audit(audit)


def _text(entry: CacheEntry) -> str:
    return entry.choices[0].text if entry.choices else ""
