"""Drives the cascade: performs what the pure flow asks for, whole or streamed, and keeps account of it.

Nothing is decided here: whom to ask, whether more evidence is worth it and which answer is given is all in
`cascade/flow.py`.

Failure behaviour: a tier that fails, or takes longer than `hold_limit` while its answer is held back, is
escalated past; when every tier failed, AllTiersFailedError carries each cause. A stream that breaks off after
its first token cannot be taken back: it raises TierFailedError, and the client sees an error event.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from thriftgate.cascade.flow import (
    Ask,
    CascadeFlow,
    Effect,
    MoreEvidence,
    Outcome,
    Rate,
    Reply,
    Sample,
    Scored,
    Sent,
    cascade,
)
from thriftgate.cascade.plan import Plan
from thriftgate.cascade.rating import rating_of, rating_request
from thriftgate.cascade.running import RunningConfidence
from thriftgate.cascade.scoring import TOP_LOGPROBS, Scorer, scoring
from thriftgate.config import CascadeConfig
from thriftgate.errors import TierFailedError
from thriftgate.schemas import compile_schema, is_at_hand
from thriftgate.schemas.wanted import asked_schemas
from thriftgate.services.cascade.optimism import OptimisticStream
from thriftgate.services.request.asking import Asker
from thriftgate.services.request.reading import view_of, whole_body
from thriftgate.types import Answer, CallPurpose, ChatRequest, DecisionKind, StreamPiece, Vector
from thriftgate.wire.dialects import replay


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
        self._score = scoring(scorer, request, vector=vector)
        self._plan = plan
        self._asking: Ask | None = None
        self._shown: Answer | None = None
        self._ended: Outcome | None = None

    @property
    def outcome(self) -> Outcome | None:
        """Which answer is given, and why; None until the cascade has ended."""
        return self._ended

    @property
    def expected(self) -> tuple[DecisionKind, str]:
        """How the request is going to be answered and by which tier, as far as it is known by now."""
        if self._ended is not None:
            return self._ended.decision, self._ended.tier.model
        assert self._asking is not None, "somebody has been asked"
        return self._asking.expected, self._asking.tier.model

    async def answer(self) -> Outcome:
        """Ask tier after tier until one is good enough. Raises AllTiersFailedError."""
        await self._prepare()
        flow = self._flow()
        effect = self._next(flow, None)
        while effect is not None:
            effect = self._next(flow, await self._perform(effect, patience=None))
        assert self._ended is not None, "the cascade has ended"
        return self._ended

    async def stream(self) -> AsyncGenerator[StreamPiece, None]:
        """The answer's events as they are written. Raises AllTiersFailedError before the first one only.

        The tier that ends the cascade is streamed through. One whose answer may still be refused is asked whole and
        held back (`hold`), or shown once its first tokens look good (`optimistic`).
        """
        await self._prepare()
        flow = self._flow()
        effect = self._next(flow, None)
        while effect is not None:
            if not isinstance(effect, Ask) or not self._is_streamed(effect):
                effect = self._next(flow, await self._perform(effect, patience=self._config.hold_limit))
                continue
            optimism = None if effect.is_final else self._optimism()
            stream = _Streamed(self._asker, self._asked(effect), effect.tier.model, optimism)
            async with aclosing(stream.pieces()) as pieces:
                async for piece in pieces:
                    yield piece
            if isinstance(stream.reply, Reply) and stream.reply.is_shown:
                self._shown = stream.reply.answer
            effect = self._next(flow, stream.reply)
        assert self._ended is not None, "the cascade has ended"
        if self._ended.answer is not self._shown:
            for event in replay(view_of(self._request), whole_body(self._request, self._ended.answer)):
                yield StreamPiece(event)

    async def _prepare(self) -> None:
        """Compile what the request's JSON schemas need before an answer is judged by them; a large one in a thread."""
        for schema in asked_schemas(self._request.params):
            if not is_at_hand(schema):
                await asyncio.to_thread(compile_schema, schema)

    def _flow(self) -> CascadeFlow:
        sampling, judge = self._config.second_sample, self._config.judge
        return cascade(
            self._plan.tiers,
            score=self._noted_score,
            route=self._request.route,
            reason=self._plan.reason,
            serve_rejected_answer=self._config.on_strong_failure == "serve_rejected",
            sampling=MoreEvidence(sampling.model, sampling.only_between) if sampling else None,
            judging=MoreEvidence(judge.model, judge.only_between) if judge else None,
        )

    def _next(self, flow: CascadeFlow, sent: Sent) -> Effect | None:
        """What to do next; None when the cascade has its outcome."""
        try:
            effect = next(flow) if sent is None and self._asking is None else flow.send(sent)
        except StopIteration as stop:
            self._ended = stop.value
            return None
        if isinstance(effect, Ask):
            self._asking = effect
        return effect

    def _noted_score(self, answer: Answer, second: Answer | None, rating: float | None) -> Scored:
        scored = self._score(answer, second, rating)
        self._asker.journal.note_confidence(answer.model, scored.confidence)
        return scored

    async def _perform(self, effect: Effect, *, patience: float | None) -> Sent:
        """Do what the flow asks for, whole."""
        match effect:
            case Ask():
                return await self._ask(effect, patience=None if effect.is_final else patience)
            case Sample(model):
                return await self._bought(model, self._request, CallPurpose.SECOND_SAMPLE)
            case Rate(model, answer):
                reply = await self._bought(model, rating_request(self._request, answer), CallPurpose.RATING)
                return None if reply is None else rating_of(reply.text)

    async def _ask(self, ask: Ask, *, patience: float | None) -> Reply | TierFailedError:
        try:
            async with asyncio.timeout(patience):
                return Reply(await self._asker.ask(ask.tier.model, self._asked(ask)))
        except TierFailedError as failure:
            return failure
        except TimeoutError:
            cause = "timed out" if patience is None else f"did not answer within {patience:g} s"
            return TierFailedError(ask.tier.model, cause, status_code=504)

    async def _bought(self, model: str, request: ChatRequest, purpose: CallPurpose) -> Answer | None:
        """Another model's word, for which the request pays; None when it does not come in time."""
        try:
            async with asyncio.timeout(self._config.hold_limit):
                return await self._asker.ask(model, request, purpose=purpose)
        except (TierFailedError, TimeoutError):
            return None

    def _is_streamed(self, ask: Ask) -> bool:
        return ask.is_final or (self._config.streaming == "optimistic" and ask.may_show)

    def _optimism(self) -> OptimisticStream:
        settings = self._config.optimistic
        return OptimisticStream(RunningConfidence(floor=settings.floor, until=settings.until, window=settings.window))

    def _asked(self, ask: Ask) -> ChatRequest:
        """The request as this tier gets it: with logprobs where its answer is judged and its provider has them."""
        if ask.is_final or not self._asker.completer.supports(ask.tier.model, "logprobs"):
            return self._request
        view = view_of(self._request)
        # A client's own wish stays as it is: it gets what it asked for, and no more.
        body = None if view.asks_logprobs else view.with_logprobs(TOP_LOGPROBS)
        if body is None:
            return self._request
        ours = frozenset(name for name in body if name not in view.body)
        params = {**self._request.params, **{name: body[name] for name in ours}}
        return replace(self._request, body=body, params=params, added=self._request.added | ours)


class _Streamed:
    """One tier's answer as it is written, through an OptimisticStream where it is still to be judged."""

    def __init__(self, asker: Asker, request: ChatRequest, model: str, optimism: OptimisticStream | None) -> None:
        self._stream = asker.stream(model, request)
        self._dialect = request.dialect
        self._model = model
        self._optimism = optimism
        self.reply: Reply | TierFailedError = TierFailedError(model, "was not asked")

    async def pieces(self) -> AsyncGenerator[StreamPiece, None]:
        """What may be shown; sets `reply`. Raises TierFailedError after something was shown."""
        source = self._stream.pieces()
        shown = source if self._optimism is None else self._optimism.pieces(source, lambda: self._stream.text)
        try:
            async with aclosing(shown):
                async for piece in shown:
                    yield piece
        except TierFailedError as failure:
            if self._is_shown:
                raise
            self.reply = failure
        else:
            self.reply = Reply(self._stream.answer, is_shown=self._is_shown)

    @property
    def _is_shown(self) -> bool:
        return self._stream.has_started if self._optimism is None else self._optimism.is_shown
