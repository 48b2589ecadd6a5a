"""Finds out, beside the requests, whether semantic hits were right, and lets the cache learn from it.

A budgeted share of the hits is asked afresh of the baseline model and compared. A miss costs nothing extra: its answer
was fetched anyway, so it is compared with its neighbours' answers. Entries whose answers say the same become one answer
group, the strongest evidence that the cache has. Users' feedback counts as well.

A wrong hit has one of two causes: the question asked something else, or the answer has changed since it was kept. The
kept question is asked afresh as well to tell them apart. Where its own answer is another one by now, that is no fault
of the evidence: nothing is learnt of it, and all entries of that answer group are forgotten.

Failure behaviour: nothing here delays or breaks a request. A fresh answer that does not come, a judge that cannot
tell or a store that is away means that nothing is learnt this time.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar, cast

from thriftgate.caching.ageing import AGE, CHANGED
from thriftgate.caching.comparing import Compare, Settled, settle, verify
from thriftgate.caching.decision import Decision, Explore, Hit
from thriftgate.caching.entries import CacheEntry, Neighbour, Observation, PurgeFilter, united
from thriftgate.caching.lookup import NO_KEY
from thriftgate.errors import StoreUnavailableError, TierFailedError
from thriftgate.ports import AnswerCache, AuditBook, Clock, Completer, Judge
from thriftgate.services.cache.deciding import Decider
from thriftgate.services.checking.booking import CheckingBill
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.request.budget import RateBudget
from thriftgate.services.request.reading import view_of, with_body
from thriftgate.types import Answer, Audit, AuditKind, CallPurpose, ChatRequest, TierCall

_Outcome = TypeVar("_Outcome")
_GROUP_SEEN = 64
"""Entries of a changed answer's group that are looked for at once, nearest first."""
_GROUP_ROUNDS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheVerifier:
    """Verifies the hits of one route."""

    route: str
    baseline_model: str
    """The model group that gives fresh answers to compare with: the route's baseline."""
    completer: Completer
    agreement: Judge
    """Compares answers for free, or cannot tell."""
    judge: Judge
    """Compares answers within the budget."""
    cache: AnswerCache
    decider: Decider
    book: AuditBook
    budget: RateBudget
    background: BackgroundTasks
    clock: Clock

    def may_check(self, *, is_certain: bool = False) -> bool:
        """Whether the budget has room to check a hit; `is_certain` leaves nothing to its share."""
        return self.budget.take(is_certain=is_certain)

    def check(self, request: ChatRequest, hit: Hit, *, asked_at: float | None = None) -> None:
        """Ask afresh, beside the request that began at `asked_at`, whether a hit that is served is right."""
        has_begun = self.background.start("cache_verify", self._verify(request, hit, asked_at))
        if has_begun and hit.must_be_checked:
            self.decider.check_begun()

    async def compare(
        self,
        request: ChatRequest,
        decision: Decision | None,
        neighbours: Sequence[Neighbour],
        answer: Answer,
        *,
        asked_at: float | None = None,
    ) -> Settled:
        """Compare a fresh answer with its neighbours', and learn from the one that was nearly served.

        Returns the answer groups that the fresh answer belongs to. Drives `comparing.settle`, which decides what is
        compared.
        """
        calls: list[TierCall] = []
        settled = await self._driven(settle(decision, neighbours), request, answer, calls, may_call=self.budget.take)
        if isinstance(decision, Explore) and calls:
            # Nobody got that answer, so this is no audit of one; but it was paid for.
            verdict = settled.is_correct
            await self._audit(AuditKind.NEIGHBOUR, request, decision, verdict, calls, asked_at, has_changed=False)
        if isinstance(decision, Explore) and settled.is_correct is not None:
            await self._learn(
                decision.entry, decision.similarity, decision.features, settled.is_correct, source="fresh_answer"
            )
        return settled

    async def _driven(
        self,
        flow: Generator[Compare, bool | None, _Outcome],
        request: ChatRequest,
        fresh: Answer,
        calls: list[TierCall],
        *,
        may_call: Callable[[], bool],
    ) -> _Outcome:
        """Perform the comparisons that a generator of `comparing` wants; their calls are added to `calls`."""
        sent: bool | None = None
        while True:
            try:
                effect = flow.send(sent)
            except StopIteration as stop:
                return cast("_Outcome", stop.value)
            if effect.is_worth_a_call and (self.judge is self.agreement or not may_call()):
                sent = None
                continue
            judge = self.judge if effect.is_worth_a_call else self.agreement
            reference = fresh.text if effect.beside is None else _text(effect.beside)
            judgement = await judge.compare(request, _text(effect.entry), reference)
            calls.extend(judgement.calls)
            sent = judgement.is_acceptable

    async def _verify(self, request: ChatRequest, hit: Hit, asked_at: float | None) -> None:
        bill = CheckingBill(self.completer, self.clock)
        with suppress(TierFailedError):
            fresh = await bill.ask(self.baseline_model, request, purpose=CallPurpose.VERIFY)
            # The budget was asked when the check began.
            is_correct = await self._driven(verify(hit), request, fresh, bill.calls, may_call=lambda: True)
            has_changed = await self._has_changed(request, hit.entry, bill) if is_correct is False else None
            changed = has_changed is True
            await self._audit(AuditKind.CACHE, request, hit, is_correct, bill.calls, asked_at, has_changed=changed)
            if has_changed:
                with suppress(StoreUnavailableError):
                    await self._forget_group(hit.entry)
            elif is_correct is not None:
                await self._learn(hit.entry, hit.similarity, hit.features, is_correct, source="fresh_answer")

    async def _has_changed(self, request: ChatRequest, entry: CacheEntry, bill: CheckingBill) -> bool | None:
        """Whether the kept question has another answer by now; None when it cannot be told.

        The two requests share a scope, so that they differ in the question alone.
        """
        view = view_of(request)
        if len(view.question_parts) != 1:
            return None
        asked = with_body(request, view.with_question(entry.question))
        try:
            fresh = await bill.ask(self.baseline_model, asked, purpose=CallPurpose.VERIFY)
        except TierFailedError:
            return None
        judgement = await self.judge.compare(asked, _text(entry), fresh.text)
        bill.calls.extend(judgement.calls)
        return None if judgement.is_acceptable is None else not judgement.is_acceptable

    async def _forget_group(self, entry: CacheEntry) -> None:
        """Forget the entries that say what `entry` says: their answer is out of date. Raises StoreUnavailableError."""
        await self.cache.purge(PurgeFilter(scope=entry.scope, entry_id=entry.entry_id))
        for _ in range(_GROUP_ROUNDS):
            if entry.embedding is None:
                return
            found = await self.cache.lookup(entry.scope, NO_KEY, entry.embedding, limit=_GROUP_SEEN)
            names = united([entry, *(near.entry for near in found.neighbours)])
            same = names[entry.group]
            others = [near.entry.entry_id for near in found.neighbours if names[near.entry.group] == same]
            for other in others:
                await self.cache.purge(PurgeFilter(scope=entry.scope, entry_id=other))
            if not others:
                return

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

    async def _audit(
        self,
        kind: AuditKind,
        request: ChatRequest,
        decision: Hit | Explore,
        is_correct: bool | None,
        calls: Sequence[TierCall],
        asked_at: float | None,
        *,
        has_changed: bool,
    ) -> None:
        age = max(0.0, self.clock.time() - decision.entry.created_at)
        audit = Audit(
            request_id=request.request_id,
            kind=kind,
            route=self.route,
            tier=decision.entry.model,
            judged_at=self.clock.time(),
            is_acceptable=is_correct,
            score=decision.confidence,
            cost_usd=sum(call.cost_usd for call in calls),
            holdout=kind is AuditKind.CACHE,
            details={**decision.features, AGE: age, CHANGED: float(has_changed)},
            calls=tuple(calls),
            asked_at=asked_at,
            caller=request.caller,
            traceparent=request.traceparent,
        )
        with suppress(StoreUnavailableError):
            await self.book.add_audit(audit)


def _text(entry: CacheEntry) -> str:
    return entry.choices[0].text if entry.choices else ""
