"""Drives the cascade: asks the tiers it names, whole or streamed, and keeps account of it.

Failure behaviour: a tier that fails, or takes longer than `hold_limit` while its answer is held back, is
escalated past; when every tier failed, AllTiersFailedError carries each cause. A stream that breaks off after
its first token cannot be taken back: it raises TierFailedError, and the client sees an error event.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from thriftgate.cascade.flow import CascadeFlow, Outcome, Scored, Tier, cascade
from thriftgate.cascade.plan import Plan
from thriftgate.cascade.scoring import Scorer, as_client_asked, wants_logprobs
from thriftgate.errors import TierFailedError
from thriftgate.services.asking import AskedStream, Asker
from thriftgate.services.chunks import chunks_of
from thriftgate.types import Answer, ChatRequest, DecisionKind

ChoiceChunk = Mapping[str, Any]
"""One element of a chunk's `choices`."""


class CascadeRun:
    """One request's way through the tiers. Use `answer()` or `stream()`, once; then read `outcome`."""

    def __init__(self, asker: Asker, request: ChatRequest, *, scorer: Scorer, plan: Plan) -> None:
        self._asker = asker
        self._request = request
        self._scorer = scorer
        self._plan = plan
        self.outcome: Outcome | None = None
        self.expected: tuple[DecisionKind, str] = (DecisionKind.ONLY_TIER, plan.tiers[0].model)
        """How the request is going to be answered and by which tier, as far as it is known by now."""

    async def answer(self) -> Outcome:
        """Ask tier after tier until one is good enough. Raises AllTiersFailedError."""
        flow = self._flow()
        tier: Tier | None = next(flow)
        while tier is not None:
            tier = self._send(flow, await self._ask(tier, patience=None))
        return self._ended()

    async def stream(self, *, optimistic: bool, hold_limit: float) -> AsyncGenerator[ChoiceChunk, None]:
        """The answer as it is written. Raises AllTiersFailedError before the first chunk only.

        A tier whose answer may still be refused is asked whole and held back; the tier that ends the cascade
        is streamed through. `optimistic` streams the first tier through as well and so cannot escalate once
        its first token is out.
        """
        flow = self._flow()
        tier: Tier | None = next(flow)
        while tier is not None:
            if tier is self._plan.tiers[-1] or optimistic:
                self._expect(tier)
                stream = self._asker.stream(tier.model, self._asked(tier))
                failure: TierFailedError | None = None
                try:
                    async with aclosing(self._through(stream)) as choices:
                        async for choice in choices:
                            yield choice
                except TierFailedError as error:
                    if stream.has_started:
                        raise
                    failure = error
                tier = self._send(flow, failure or self._whole(stream), shown=tier if failure is None else None)
            else:
                reply = await self._ask(tier, patience=hold_limit)
                tier = self._send(flow, reply)
                if tier is None:
                    for choice in chunks_of(as_client_asked(self._ended().answer, self._request.params)):
                        yield choice

    def _flow(self) -> CascadeFlow:
        return cascade(self._plan.tiers, score=self._score, route=self._request.route)

    def _expect(self, tier: Tier) -> None:
        if tier is self._plan.tiers[0]:
            alone = len(self._plan.tiers) == 1
            self.expected = (DecisionKind.ONLY_TIER if alone else DecisionKind.ACCEPTED, tier.model)
        else:
            self.expected = (DecisionKind.ESCALATED, tier.model)

    def _score(self, tier: Tier, answer: Answer) -> Scored:
        scored = self._scorer.score(self._request, answer)
        self._asker.journal.note_confidence(tier.model, scored.confidence)
        return scored

    def _asked(self, tier: Tier) -> ChatRequest:
        """The request as this tier gets it: with logprobs where its answer is judged and its provider has them."""
        if tier is self._plan.tiers[-1] or not self._asker.completer.supports(tier.model, "logprobs"):
            return self._request
        return replace(self._request, params=wants_logprobs(self._request.params))

    async def _ask(self, tier: Tier, *, patience: float | None) -> Answer | TierFailedError:
        try:
            async with asyncio.timeout(patience):
                return await self._asker.ask(tier.model, self._asked(tier))
        except TierFailedError as failure:
            return failure
        except TimeoutError:
            return TierFailedError(tier.model, f"did not answer within {patience:g} s", status_code=504)

    @staticmethod
    async def _through(stream: AskedStream) -> AsyncGenerator[ChoiceChunk, None]:
        async with aclosing(stream.chunks()) as chunks:
            async for chunk in chunks:
                for choice in chunk["choices"]:
                    yield choice

    @staticmethod
    def _whole(stream: AskedStream) -> Answer:
        assert stream.answer is not None, "a stream that ended without an error has its answer"
        return stream.answer

    def _send(self, flow: CascadeFlow, reply: Answer | TierFailedError, *, shown: Tier | None = None) -> Tier | None:
        """The next tier to ask; None when the cascade has its outcome. `shown`: the client has this tier's answer."""
        try:
            tier = flow.send(reply)
        except StopIteration as stop:
            self.outcome = self._reasoned(stop.value)
            self.expected = (self.outcome.decision, self.outcome.tier.model)
            return None
        if shown is not None and isinstance(reply, Answer):
            # An optimistic stream is out, whatever its score says: the cascade ends with it.
            flow.close()
            self.outcome = Outcome(
                answer=reply, tier=shown, decision=DecisionKind.ACCEPTED, reason="streamed_optimistically"
            )
            return None
        return tier

    def _reasoned(self, outcome: Outcome) -> Outcome:
        """Where the plan left tiers out, its reason is the one that counts."""
        return outcome if self._plan.reason == "cascade" else replace(outcome, reason=self._plan.reason)

    def _ended(self) -> Outcome:
        assert self.outcome is not None, "the cascade has ended"
        return self.outcome
