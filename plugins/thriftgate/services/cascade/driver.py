"""Drives the cascade: performs what the pure flow asks for, whole or streamed, and keeps account of it.

Nothing is decided here: whom to ask, whether more evidence is worth it, what a client sees before the end, which answer
is given or which error is raised is all in `cascade/flow.py`.

Failure behaviour: a tier that fails, or takes longer than `hold_limit` while its answer is held back, is
escalated past; when every tier failed, AllTiersFailedError carries each cause. A stream that breaks off after
its first token cannot be taken back: it raises TierFailedError, and the client sees an error event. Where an answer
must have a shape and the last tier's has not, OutputInvalidError names the path.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from thriftgate.cascade.flow import (
    Ask,
    Broken,
    CascadeFlow,
    Effect,
    MoreEvidence,
    Outcome,
    Rate,
    Reply,
    Sample,
    Scored,
    Sent,
    Showing,
    Streaming,
    cascade,
)
from thriftgate.cascade.plan import Plan
from thriftgate.cascade.rating import rating_of, rating_request
from thriftgate.cascade.running import RunningConfidence
from thriftgate.cascade.scoring import TOP_LOGPROBS, Scorer, scoring
from thriftgate.config import CascadeConfig
from thriftgate.decisions import Reason
from thriftgate.errors import TierFailedError
from thriftgate.patience import listening
from thriftgate.schemas import compile_schema, is_at_hand
from thriftgate.schemas.wanted import asked_schemas
from thriftgate.services.cascade.optimism import OptimisticStream
from thriftgate.services.output.asking import ShapedAsker
from thriftgate.services.output.following import Follower
from thriftgate.services.output.notes import OutputNote
from thriftgate.services.request.asking import Asker
from thriftgate.services.request.reading import alternatives_shown, view_of, whole_body, with_fields
from thriftgate.types import Answer, CallPurpose, ChatRequest, DecisionKind, StreamPiece, Vector
from thriftgate.wire.dialects import replay
from thriftgate.wire.turns import Dialect


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
        shaped: ShapedAsker | None = None,
    ) -> None:
        """`shaped` asks where answers must have a shape; None: any text will do."""
        self._asker = asker
        self._shaped = shaped
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
    def note(self) -> OutputNote | None:
        """How the given answer came to its shape; None where it needs none, or the cascade has not ended."""
        if self._shaped is None or self._ended is None:
            return None
        return self._shaped.note_of(self._ended.answer)

    @property
    def expected(self) -> tuple[DecisionKind, str, Reason | None, float | None]:
        """How the request is going to be answered, by which tier, why and with what confidence, as far as is known."""
        if self._ended is not None:
            return self._ended.decision, self._ended.tier.model, self._ended.reason, self._ended.confidence
        asking = self._asking
        assert asking is not None, "somebody has been asked"
        return asking.expected, asking.tier.model, asking.reason, asking.confidence

    async def answer(self) -> Outcome:
        """Ask tier after tier until one is good enough. Raises AllTiersFailedError."""
        await self._prepare()
        flow = self._flow(streaming=None)
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
        flow = self._flow(streaming=self._config.streaming)
        effect = self._next(flow, None)
        while effect is not None:
            if not isinstance(effect, Ask) or effect.showing is Showing.WHOLE:
                limit = self._config.hold_limit
                effect = self._next(flow, await self._perform(effect, patience=limit, follow=True))
                continue
            optimism = self._optimism() if effect.showing is Showing.IF_SURE else None
            stream = _Streamed(self._asker, await self._asked(effect), effect.tier.model, optimism, self._shaped)
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

    def _flow(self, *, streaming: Streaming | None) -> CascadeFlow:
        sampling, judge = self._config.second_sample, self._config.judge
        return cascade(
            self._plan.tiers,
            score=self._noted_score,
            route=self._request.route,
            reason=self._plan.reason,
            serve_rejected_answer=self._config.on_strong_failure == "serve_rejected",
            sampling=MoreEvidence(sampling.model, sampling.only_between) if sampling else None,
            judging=MoreEvidence(judge.model, judge.only_between) if judge else None,
            streaming=streaming,
            must_fit=self._shaped is not None,
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

    async def _perform(self, effect: Effect, *, patience: float | None, follow: bool = False) -> Sent:
        """Do what the flow asks for, whole; `follow`: a shape is looked after while the answer flows."""
        match effect:
            case Ask():
                return await self._ask(effect, patience=None if effect.is_final else patience, follow=follow)
            case Sample(model):
                return await self._bought(model, await self._formatted(model), CallPurpose.SECOND_SAMPLE)
            case Rate(model, answer):
                reply = await self._bought(model, rating_request(self._request, answer), CallPurpose.RATING)
                return None if reply is None else rating_of(reply.text)

    async def _ask(self, ask: Ask, *, patience: float | None, follow: bool) -> Reply | TierFailedError:
        try:
            async with listening(patience):
                if self._shaped is None:
                    return Reply(await self._asker.ask(ask.tier.model, await self._asked(ask)))
                return await self._shaped.ask(ask.tier.model, await self._asked(ask), follow=follow)
        except TierFailedError as failure:
            return _value_of(failure)
        except TimeoutError:
            cause = "timed out" if patience is None else f"did not answer within {patience:g} s"
            return TierFailedError(ask.tier.model, cause, status_code=504)

    async def _bought(self, model: str, request: ChatRequest, purpose: CallPurpose) -> Answer | None:
        """Another model's word, for which the request pays; None when it does not come in time."""
        try:
            async with listening(self._config.hold_limit):
                return await self._asker.ask(model, request, purpose=purpose)
        except (TierFailedError, TimeoutError):
            return None

    def _optimism(self) -> OptimisticStream:
        settings = self._config.optimistic
        return OptimisticStream(RunningConfidence(floor=settings.floor, until=settings.until, window=settings.window))

    async def _formatted(self, model: str) -> ChatRequest:
        """The request as this tier can be asked for the shape of its answer."""
        return self._request if self._shaped is None else await self._shaped.formatted(model, self._request)

    async def _asked(self, ask: Ask) -> ChatRequest:
        """The request as this tier gets it: with logprobs where its answer is judged and its provider has them."""
        request = await self._formatted(ask.tier.model)
        if ask.is_final or not self._asker.completer.supports(ask.tier.model, "logprobs"):
            return request
        view = view_of(request)
        # A client that wants as many alternatives itself is asked for as it asks; one that wants fewer sees no more.
        has_enough = view.asks_logprobs and alternatives_shown(view) is None
        body = None if has_enough else view.with_logprobs(TOP_LOGPROBS)
        if body is None:
            return request
        ours = frozenset(name for name in body if name not in view.body)
        raised = {name: was for name, was in view.body.items() if body[name] is not was and body[name] != was}
        params = {**request.params, **{name: body[name] for name in (*ours, *raised)}}
        return with_fields(request, body, params=params, added=request.added | ours, raised=raised)


class _Streamed:
    """One tier's answer as it is written, through an OptimisticStream where it is still to be judged."""

    def __init__(
        self,
        asker: Asker,
        request: ChatRequest,
        model: str,
        optimism: OptimisticStream | None,
        shaped: ShapedAsker | None,
    ) -> None:
        self._stream = asker.stream(model, request)
        self._model = model
        self._request = request
        self._optimism = optimism
        self._shaped = shaped
        self._follower = Follower(shaped.requirement, Dialect(request.dialect)) if shaped else None
        self._has_shown = False
        self.reply: Reply | Broken | TierFailedError = TierFailedError(model, "was not asked")

    async def pieces(self) -> AsyncGenerator[StreamPiece, None]:
        """What may be shown; sets `reply`."""
        source = self._stream.pieces()
        shown = source if self._optimism is None else self._optimism.pieces(source, lambda: self._stream.text)
        try:
            async with aclosing(shown):
                async for piece in shown:
                    for one in self._passed(piece):
                        self._has_shown = True
                        yield one
                    if self._follower is not None and self._follower.objection is not None:
                        break
        except TierFailedError as failure:
            kept = _value_of(failure)
            self.reply = Broken(kept) if self._is_shown else kept
        else:
            self.reply = await self._ended()
            for one in self._rest(self.reply):
                yield one

    def _rest(self, reply: Reply) -> list[StreamPiece]:
        """What was held of an answer that fits, behind what was shown; calls that were repaired in place of theirs."""
        if self._follower is None or reply.answer is None or not reply.is_shown or reply.veto is not None:
            return []
        is_mended = reply.answer is not self._stream.answer
        return self._follower.mended(self._request, reply.answer) if is_mended else self._follower.rest()

    def _passed(self, piece: StreamPiece) -> list[StreamPiece]:
        return [piece] if self._follower is None else self._follower.passed(piece)

    async def _ended(self) -> Reply:
        shaped, follower, answer = self._shaped, self._follower, self._stream.answer
        if shaped is None or follower is None:
            return Reply(answer, is_shown=self._is_shown)
        if follower.objection is not None:
            came = shaped.stopped(self._stream, follower.objection)
        elif answer is None:  # its first tokens looked bad: nothing of it is out
            return Reply(None)
        elif self._has_shown:
            return await shaped.shown(self._request, answer, may_repair=follower.may_mend)
        else:
            came = await shaped.judged(self._request, answer)
        if self._has_shown:
            return replace(shaped.refuse(came), is_shown=True)
        # Nothing of it is out, so it can be repaired and asked for again as where everything is held.
        return await shaped.ask(self._model, self._request, follow=True, first=came)

    @property
    def _is_shown(self) -> bool:
        if self._follower is not None:
            return self._has_shown
        return self._stream.has_started if self._optimism is None else self._optimism.is_shown


def _value_of(failure: TierFailedError) -> TierFailedError:
    """A failure that is kept: without its traceback, which holds the frames of whoever keeps it, in a circle."""
    return failure.with_traceback(None)
