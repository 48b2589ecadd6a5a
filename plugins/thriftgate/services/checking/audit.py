"""Finds out, beside the requests, whether cheap answers were as good as the strongest tier's.

Which requests are audited is drawn whatever their answers looked like, so that what is learnt is not biased. An
accepted answer is asked of the strongest tier as well; for an escalated one both answers are there already. An accepted
answer that turns out to be worse is also reported to whoever can still put it right, such as the cache.

Failure behaviour: nothing here delays or breaks a request. A strongest answer that does not come, a judge that cannot
tell or a ledger that is away means one audit less.
"""

import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from thriftgate.cascade.drift import IS_BETTER
from thriftgate.cascade.flow import Outcome
from thriftgate.cascade.holdout import is_audited
from thriftgate.errors import StoreUnavailableError, TierFailedError
from thriftgate.ports import AuditBook, Clock, Completer, Judge
from thriftgate.services.checking.booking import CheckingBill
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.request.budget import RateBudget
from thriftgate.services.request.reading import question_of
from thriftgate.types import Answer, Audit, AuditKind, CallPurpose, ChatRequest, DecisionKind, Judgement

Correct = Callable[[Answer], Awaitable[None]]
"""Takes the strongest tier's answer in place of an accepted one that was worse; does not raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeAuditor:
    """Audits the cascade of one route."""

    route: str
    strongest: str
    share: float
    completer: Completer
    judge: Judge
    book: AuditBook
    budget: RateBudget
    background: BackgroundTasks
    clock: Clock
    capture_content: bool = False
    """Keep the conversation and both answers, of which no record has all, with the audits."""

    def after(
        self, request: ChatRequest, outcome: Outcome, *, asked_at: float | None = None, correct: Correct | None = None
    ) -> None:
        """A request that began at `asked_at` went through the cascade; maybe audit its first tier's answer.

        `correct` is told the strongest tier's answer where an accepted one turned out to be worse.
        """
        is_accepted = outcome.decision is DecisionKind.ACCEPTED and outcome.tier.model != self.strongest
        is_escalated = bool(outcome.rejected) and outcome.tier.model == self.strongest
        if not (is_accepted or is_escalated) or not is_audited(request.request_id, share=self.share):
            return
        # One budget for both: were only accepted answers capped, rejected ones would be too many among the labels.
        if self.budget.take():
            if is_accepted:
                work = self._audit_accepted(request, outcome, asked_at, correct)
            else:
                work = self._audit_escalated(request, outcome, asked_at)
            self.background.start("cascade_audit", work)

    async def _audit_accepted(
        self, request: ChatRequest, outcome: Outcome, asked_at: float | None, correct: Correct | None
    ) -> None:
        bill = CheckingBill(self.completer, self.clock)
        with suppress(TierFailedError, StoreUnavailableError):
            strongest_answer = await bill.ask(self.strongest, request, purpose=CallPurpose.AUDIT)
            judgement = await self.judge.compare(request, outcome.answer.text, strongest_answer.text)
            if judgement.is_acceptable is False and correct is not None:
                await correct(strongest_answer)
            audit = self._audit(request, outcome, outcome.answer, strongest_answer, judgement, bill, asked_at)
            await self.book.add_audit(audit)

    async def _audit_escalated(self, request: ChatRequest, outcome: Outcome, asked_at: float | None) -> None:
        rejected, bill = outcome.rejected[0], CheckingBill(self.completer, self.clock)
        with suppress(StoreUnavailableError):
            judgement = await self.judge.compare(request, rejected.answer.text, outcome.answer.text)
            audit = self._audit(request, outcome, rejected.answer, outcome.answer, judgement, bill, asked_at)
            await self.book.add_audit(audit)

    def _audit(
        self,
        request: ChatRequest,
        outcome: Outcome,
        judged: Answer,
        strongest_answer: Answer,
        judgement: Judgement,
        bill: CheckingBill,
        asked_at: float | None,
    ) -> Audit:
        rejected = next((one for one in outcome.rejected if one.answer is judged), None)
        signals = rejected.scored.signals if rejected else outcome.signals
        return Audit(
            request_id=request.request_id,
            kind=AuditKind.CASCADE,
            route=self.route,
            tier=judged.model,
            judged_at=self.clock.time(),
            is_acceptable=judgement.is_acceptable,
            score=rejected.scored.confidence if rejected else outcome.confidence,
            cost_usd=bill.cost_usd + judgement.cost_usd,
            holdout=True,
            details={
                "signals": dict(signals),
                "veto": rejected.scored.veto if rejected else None,
                "is_accepted": rejected is None,
                **({} if judgement.is_better is None else {IS_BETTER: judgement.is_better}),
                "group": _group(request),
                # A calibration must know what accepting this answer saves.
                "reference_cost_usd": strongest_answer.cost_usd,
                **({"content": _content(request, judged, strongest_answer)} if self.capture_content else {}),
            },
            calls=(*bill.calls, *judgement.calls),
            asked_at=asked_at,
            caller=request.caller,
            traceparent=request.traceparent,
        )


def _content(request: ChatRequest, judged: Answer, strongest_answer: Answer) -> dict[str, Any]:
    return {
        "messages": [dict(message) for message in request.messages],
        "cheap": judged.text,
        "strong": strongest_answer.text,
    }


def _group(request: ChatRequest) -> str:
    """The same for the same last question, so that duplicates are not split between calibration and test."""
    return hashlib.blake2b(question_of(request.messages).encode(), digest_size=12).hexdigest()
