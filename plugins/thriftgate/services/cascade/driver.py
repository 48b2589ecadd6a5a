"""Drives the cascade: asks the tiers it names, whole or streamed, and keeps account of it.

Failure behaviour: a tier that fails, or takes longer than `hold_limit` while its answer is held back, is
escalated past; when every tier failed, AllTiersFailedError carries each cause. A stream that breaks off after
its first token cannot be taken back: it raises TierFailedError, and the client sees an error event.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from thriftgate.cascade.flow import CascadeFlow, Outcome, Scored, Tier, cascade
from thriftgate.cascade.plan import Plan
from thriftgate.cascade.rating import rating_of, rating_request
from thriftgate.cascade.running import RunningConfidence
from thriftgate.cascade.scoring import Scorer, as_client_asked, wants_logprobs
from thriftgate.config import CascadeConfig
from thriftgate.errors import TierFailedError
from thriftgate.schemas import compile_schema, is_at_hand
from thriftgate.schemas.wanted import asked_schemas
from thriftgate.services.cascade.optimism import OptimisticStream
from thriftgate.services.request.asking import AskedStream, Asker
from thriftgate.services.request.chunks import chunks_of
from thriftgate.types import Answer, CallPurpose, ChatRequest, Choice, DecisionKind, Vector

ChoiceChunk = Mapping[str, Any]
"""One element of a chunk's `choices`."""


class CascadeRun:
    """One request's way through the tiers. Use `answer()` or `stream()`, once; then read `outcome`."""

    def __init__(
        self,
        asker: Asker,
        request: ChatRequest,
        *,
        config: CascadeConfig,
        scorer: Scorer,
        plan: Plan,
        vector: Vector | None = None,
    ) -> None:
        self._asker = asker
        self._request = request
        self._config = config
        self._scorer = scorer
        self._plan = plan
        self._vector = vector
        self._earlier: Answer | None = None
        self._scored: Scored | None = None
        self._has_collapsed = False
        self._next: Tier | None = None
        self.outcome: Outcome | None = None
        self.expected: tuple[DecisionKind, str] = (DecisionKind.ONLY_TIER, plan.tiers[0].model)
        """How the request is going to be answered and by which tier, as far as it is known by now."""

    async def answer(self) -> Outcome:
        """Ask tier after tier until one is good enough. Raises AllTiersFailedError."""
        await self._prepare()
        flow = self._flow()
        tier: Tier | None = next(flow)
        while tier is not None:
            tier = await self._judged(flow, tier, await self._ask(tier, patience=None))
        return self._ended()

    async def stream(self) -> AsyncGenerator[ChoiceChunk, None]:
        """The answer as it is written. Raises AllTiersFailedError before the first chunk only.

        The tier that ends the cascade is streamed through. One whose answer may still be refused is asked whole and
        held back (`hold`), or shown once its first tokens look good (`optimistic`).
        """
        await self._prepare()
        flow = self._flow()
        tier: Tier | None = next(flow)
        while tier is not None:
            async with aclosing(self._asked_streaming(flow, tier)) as choices:
                async for choice in choices:
                    yield choice
            tier = self._next

    async def _prepare(self) -> None:
        """Compile what the request's JSON schemas need before an answer is judged by them; a large one in a thread."""
        for schema in asked_schemas(self._request.params):
            if not is_at_hand(schema):
                await asyncio.to_thread(compile_schema, schema)

    def _asked_streaming(self, flow: CascadeFlow, tier: Tier) -> AsyncGenerator[ChoiceChunk, None]:
        """What the client sees of a tier; sets `_next` to the tier to ask after it, if any."""
        if self._is_final(tier):
            return self._through(flow, tier)
        # What must never be accepted, such as an answer asked for its label alone, must not be shown either.
        if self._config.streaming == "optimistic" and tier.accept_at != math.inf:
            return self._optimistic(flow, tier)
        return self._held(flow, tier)

    async def _through(self, flow: CascadeFlow, tier: Tier) -> AsyncGenerator[ChoiceChunk, None]:
        """The answer of a tier that ends the cascade, as it is written."""
        self._expect(tier)
        stream = self._asker.stream(tier.model, self._asked(tier))
        reply: Answer | TierFailedError
        try:
            async with aclosing(_choices_of(stream)) as choices:
                async for choice in choices:
                    yield choice
            reply = _whole(stream)
        except TierFailedError as error:
            if stream.has_started:
                raise
            reply = error
        self._next = await self._judged(flow, tier, reply)
        if self._next is None and isinstance(reply, TierFailedError):
            for choice in self._replayed():
                yield choice

    async def _held(self, flow: CascadeFlow, tier: Tier) -> AsyncGenerator[ChoiceChunk, None]:
        """A cheap answer, shown when it was accepted."""
        self._next = await self._judged(flow, tier, await self._ask(tier, patience=self._config.hold_limit))
        if self._next is None:
            for choice in self._replayed():
                yield choice

    async def _optimistic(self, flow: CascadeFlow, tier: Tier) -> AsyncGenerator[ChoiceChunk, None]:
        """A cheap answer, shown as soon as it looks good."""
        settings = self._config.optimistic
        running = RunningConfidence(floor=settings.floor, until=settings.until, window=settings.window)
        optimism = OptimisticStream(running)
        stream = self._asker.stream(tier.model, self._asked(tier))
        reply: Answer | TierFailedError
        try:
            async with aclosing(optimism.choices(_choices_of(stream))) as choices:
                async for choice in choices:
                    self._expect(tier)
                    yield self._as_asked(choice)
            reply = stream.answer or TierFailedError(tier.model, "its first tokens were too unsure")
            self._has_collapsed = optimism.has_collapsed
        except TierFailedError as error:
            if optimism.is_shown:
                raise
            reply = error
        self._next = await self._judged(flow, tier, reply, is_shown=optimism.is_shown)
        if self._next is None and not optimism.is_shown:
            for choice in optimism.held:
                yield self._as_asked(choice)

    def _flow(self) -> CascadeFlow:
        return cascade(
            self._plan.tiers,
            score=lambda _tier, _answer: self._scored or Scored(confidence=None),
            route=self._request.route,
            serve_rejected_answer=self._config.on_strong_failure == "serve_rejected",
        )

    def _is_final(self, tier: Tier) -> bool:
        """Whether this tier's answer is given whatever it is worth."""
        return tier is self._plan.tiers[-1] or tier.accept_at is None

    def _expect(self, tier: Tier) -> None:
        if tier is self._plan.tiers[0]:
            decision = DecisionKind.ONLY_TIER if self._is_final(tier) else DecisionKind.ACCEPTED
            self.expected = (decision, tier.model)
        else:
            self.expected = (DecisionKind.ESCALATED, tier.model)

    def _replayed(self) -> Iterator[ChoiceChunk]:
        return chunks_of(as_client_asked(self._ended().answer, self._request.params))

    def _as_asked(self, choice: ChoiceChunk) -> ChoiceChunk:
        """Without the log-probabilities that only we have asked for."""
        if not choice.get("logprobs"):
            return choice
        piece = Answer(choices=(Choice({}, logprobs=choice["logprobs"]),), model="")
        return {**choice, "logprobs": as_client_asked(piece, self._request.params).choices[0].logprobs}

    async def _judged(
        self, flow: CascadeFlow, tier: Tier, reply: Answer | TierFailedError, *, is_shown: bool = False
    ) -> Tier | None:
        """The next tier to ask; None when the cascade has its outcome."""
        if isinstance(reply, Answer) and not self._is_final(tier):
            try:
                self._scored = await self._score(tier, reply, is_shown=is_shown)
            except Exception:
                # A scorer that throws costs money, never an answer: the request escalates and the error is counted.
                self._scored = Scored(confidence=None, signals={"scorer_errors": 1.0})
            self._earlier = reply
        return self._send(flow, reply, shown=tier if is_shown else None)

    async def _score(self, tier: Tier, answer: Answer, *, is_shown: bool) -> Scored:
        """How good the answer seems, compared with an earlier tier's.

        Where that does not settle it, a second sample and a judge are asked, unless the client has the answer already.
        """
        second = self._earlier
        scored = self._scorer.score(self._request, answer, second=second, vector=self._vector)
        sampling, judge = self._config.second_sample, self._config.judge
        if sampling is not None and second is None and not is_shown and _is_open(scored, sampling.only_between):
            second = await self._bought(sampling.model or tier.model, self._request, CallPurpose.SECOND_SAMPLE)
            if second is not None:
                scored = self._scorer.score(self._request, answer, second=second, vector=self._vector)
        if judge is not None and not is_shown and _is_open(scored, judge.only_between):
            reply = await self._bought(judge.model, rating_request(self._request, answer), CallPurpose.RATING)
            rating = None if reply is None else rating_of(reply.text)
            if rating is not None:
                scored = self._scorer.score(self._request, answer, second=second, rating=rating, vector=self._vector)
        self._asker.journal.note_confidence(tier.model, scored.confidence)
        return scored

    async def _bought(self, model: str, request: ChatRequest, purpose: CallPurpose) -> Answer | None:
        """Another model's word, for which the request pays; None when it does not come in time."""
        try:
            async with asyncio.timeout(self._config.hold_limit):
                return await self._asker.ask(model, request, purpose=purpose)
        except (TierFailedError, TimeoutError):
            return None

    def _asked(self, tier: Tier) -> ChatRequest:
        """The request as this tier gets it: with logprobs where its answer is judged and its provider has them."""
        if self._is_final(tier) or not self._asker.completer.supports(tier.model, "logprobs"):
            return self._request
        return replace(self._request, params=wants_logprobs(self._request.params))

    async def _ask(self, tier: Tier, *, patience: float | None) -> Answer | TierFailedError:
        try:
            async with asyncio.timeout(patience):
                return await self._asker.ask(tier.model, self._asked(tier))
        except TierFailedError as failure:
            return failure
        except TimeoutError:
            cause = "timed out" if patience is None else f"did not answer within {patience:g} s"
            return TierFailedError(tier.model, cause, status_code=504)

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
            scored = self._scored or Scored(confidence=None)
            self.outcome = Outcome(
                answer=reply,
                tier=shown,
                decision=self.expected[0],
                reason="streamed_optimistically",
                confidence=scored.confidence,
                signals=scored.signals,
            )
            return None
        return tier

    def _reasoned(self, outcome: Outcome) -> Outcome:
        """Where the plan left tiers out, its reason is the one that counts."""
        if self._plan.reason != "cascade":
            return replace(outcome, reason=self._plan.reason)
        if self._has_collapsed and outcome.decision is DecisionKind.ESCALATED:
            return replace(outcome, reason="collapsed")
        return outcome

    def _ended(self) -> Outcome:
        assert self.outcome is not None, "the cascade has ended"
        return self.outcome


async def _choices_of(stream: AskedStream) -> AsyncGenerator[ChoiceChunk, None]:
    async with aclosing(stream.chunks()) as chunks:
        async for chunk in chunks:
            for choice in chunk["choices"]:
                yield choice


def _whole(stream: AskedStream) -> Answer:
    assert stream.answer is not None, "a stream that ended without an error has its answer"
    return stream.answer


def _is_open(scored: Scored, bounds: tuple[float, float]) -> bool:
    """Whether more evidence may change the decision; without a confidence it is just what may be missing."""
    if scored.veto is not None:
        return False
    return scored.confidence is None or bounds[0] <= scored.confidence <= bounds[1]
