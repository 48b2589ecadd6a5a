"""One use case, from a request to its answer: the visible list of stages.

    prompt ▸ cache? ──hit────────────────────────────┐
              └─miss─▶ coalesce ▸ cascade ▸ store ───┴▶ answer, whole or streamed

Failure behaviour: cache and coalescing fail open. AllTiersFailedError when no tier answered. Whatever happens
(an answer, an error, a client that went away), exactly one RequestRecord is handed to the recorder.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from thriftgate.cascade.flow import Outcome
from thriftgate.cascade.scoring import as_client_asked
from thriftgate.errors import InvalidPromptError, StoreUnavailableError
from thriftgate.services.cache.tickets import Served, Ticket
from thriftgate.services.cascade.driver import CascadeRun
from thriftgate.services.checking.audit import Correct
from thriftgate.services.request.answer_json import answer_from_json, answer_to_json
from thriftgate.services.request.asking import Asker
from thriftgate.services.request.chunks import chunks_of
from thriftgate.services.request.envelope import Envelope
from thriftgate.services.request.journal import Journal
from thriftgate.services.request.questions import question_of
from thriftgate.services.route.coalescing import Seat
from thriftgate.services.route.parts import RouteParts, baseline_of
from thriftgate.types import Answer, ChatRequest, DecisionKind, PromptRef, Status, Usage, Vector


@dataclass(slots=True)
class _Serving:
    """A request on its way through the stages."""

    request: ChatRequest
    journal: Journal
    ticket: Ticket
    prompt: PromptRef | None = None


class RouteService:
    """Answers the requests of one route."""

    def __init__(self, parts: RouteParts) -> None:
        self._parts = parts
        self._refreshing: set[str] = set()
        self._baseline = baseline_of(parts.config)

    async def answer(self, request: ChatRequest, tell: Callable[[Mapping[str, Any]], None]) -> Answer:
        """The whole answer; `tell` gets what the client is told about it. Raises GatewayError."""
        async with self._journal(request, tell, stream=False) as journal:
            serving, served = await self._prepared(request, journal)
            if served is not None:
                return self._hit(serving, served)
            async with self._seat(serving) as seat:
                if (joined := self._joined(serving, seat)) is not None:
                    return joined
                run = await self._run(serving)
                with journal.stage("cascade") as notes:
                    outcome = await run.answer()
                    notes["tier"] = outcome.tier.model
                self._done(serving, outcome, seat)
                return outcome.answer

    async def stream(
        self, request: ChatRequest, tell: Callable[[Mapping[str, Any]], None]
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        """OpenAI chunks of the answer. `tell` is called before the first chunk and once more before the last.

        The finish reasons are held back until the cost is known; the last chunk has no choices but the usage and
        the field `thriftgate`. Raises GatewayError; after the first chunk that is a break the client must be
        told of.
        """
        async with self._journal(request, tell, stream=True) as journal:
            serving, served = await self._prepared(request, journal)
            envelope = Envelope(request)
            if served is not None:
                async for chunk in self._replayed(self._hit(serving, served), envelope, journal, tell):
                    yield chunk
                return
            async with self._seat(serving) as seat:
                if (joined := self._joined(serving, seat)) is not None:
                    async for chunk in self._replayed(joined, envelope, journal, tell):
                        yield chunk
                    return
                async with aclosing(self._streamed(serving, seat, envelope, tell)) as chunks:
                    async for chunk in chunks:
                        yield chunk

    async def _streamed(
        self, serving: _Serving, seat: Seat, envelope: Envelope, tell: Callable[[Mapping[str, Any]], None]
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        journal, run = serving.journal, await self._run(serving)
        last: list[Mapping[str, Any]] = []
        is_done = False
        with journal.stage("cascade") as notes:
            async with aclosing(run.stream()) as choices:
                async for choice in choices:
                    if journal.time_to_first_token is None:
                        journal.first_token()
                        journal.decision, journal.tier = run.expected
                        if run.outcome is not None:
                            # A held answer that was accepted: all is known before its first chunk.
                            self._done(serving, run.outcome, seat)
                            is_done = True
                        tell(journal.summary(is_complete=is_done))
                    if choice.get("finish_reason"):
                        last.append(choice)
                    else:
                        yield envelope.chunk(choice)
            assert run.outcome is not None, "a cascade that ended has its outcome"
            notes["tier"] = run.outcome.tier.model
        if not is_done:
            self._done(serving, run.outcome, seat)
        tell(journal.summary())
        for chunk in envelope.ending(last, run.outcome.answer, journal.summary()):
            yield chunk

    async def _replayed(
        self, answer: Answer, envelope: Envelope, journal: Journal, tell: Callable[[Mapping[str, Any]], None]
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        """A whole answer as a stream. Gives way between chunks, so that a long one does not hold the loop."""
        journal.first_token()
        tell(journal.summary())
        last: list[Mapping[str, Any]] = []
        for choice in chunks_of(as_client_asked(answer, journal.request.params)):
            if choice.get("finish_reason"):
                last.append(choice)
            else:
                yield envelope.chunk(choice)
                await asyncio.sleep(0)
        for chunk in envelope.ending(last, answer, journal.summary()):
            yield chunk

    async def _prepared(self, request: ChatRequest, journal: Journal) -> tuple[_Serving, Served | None]:
        """Prompt and cache look-up."""
        serving = _Serving(request, journal, Ticket())
        if self._parts.prompt is not None:
            with journal.stage("prompt"):
                serving.request, serving.prompt = self._parts.prompt(request)
                journal.prompt = serving.prompt
        elif request.prompt_id:
            raise InvalidPromptError(f"route '{request.route}' has no prompt", param="prompt_id")
        if self._parts.cache is None:
            return serving, None
        found = await self._parts.cache.find(serving.request, serving.prompt, journal)
        if isinstance(found, Ticket):
            serving.ticket = found
            return serving, None
        return serving, found

    def _hit(self, serving: _Serving, served: Served) -> Answer:
        journal = serving.journal
        journal.served(served.answer, decision=served.kind, reason=None, tier=served.entry.model)
        journal.usage = Usage()
        journal.similarity, journal.confidence = served.similarity, served.confidence
        journal.cache_entry_id, journal.signals = served.entry.entry_id, served.features
        journal.metadata["cache_scope"] = served.entry.scope
        journal.baseline_cost_usd = served.entry.baseline_cost_usd
        if served.is_stale and not journal.request.no_store:
            # The request as it came: the prompt is put in front of it once more.
            self._parts.background.start("cache_refresh", self._refresh(journal.request, served.entry.entry_id))
        return served.answer

    async def _refresh(self, request: ChatRequest, entry_id: str) -> None:
        """Fetch a fresh answer behind a stale hit, once however many hits there are meanwhile."""
        if entry_id in self._refreshing:
            return
        self._refreshing.add(entry_id)
        try:
            fresh = replace(request, no_cache=True, request_id=f"{request.request_id}-refresh")
            await self.answer(fresh, lambda _: None)
        finally:
            self._refreshing.discard(entry_id)

    @asynccontextmanager
    async def _seat(self, serving: _Serving) -> AsyncGenerator[Seat]:
        request, flight = serving.request, serving.ticket.flight
        # Who must not leave an answer behind must not hand it to others either.
        if self._parts.coalescer is None or flight is None or request.no_cache or request.no_store:
            yield Seat()
            return
        async with self._parts.coalescer.seat(flight, noted=serving.journal.stage("coalesce")) as seat:
            yield seat

    def _joined(self, serving: _Serving, seat: Seat) -> Answer | None:
        """The answer of somebody who asked the same at the same time."""
        if seat.joined is None:
            return None
        answer = answer_from_json(seat.joined["answer"])
        journal = serving.journal
        journal.served(answer, decision=DecisionKind.EXACT_HIT, reason="coalesced", tier=answer.model)
        journal.usage = Usage()
        journal.coalesced, journal.similarity = True, 1.0
        journal.baseline_cost_usd = float(seat.joined["baseline_cost_usd"])
        return answer

    async def _run(self, serving: _Serving) -> CascadeRun:
        parts, request, journal = self._parts, serving.request, serving.journal
        with journal.stage("plan") as notes:
            vector = await self._vector(serving) if parts.planner.needs_vector else None
            planned = parts.planner.plan(request, prompt=serving.prompt, vector=vector, stream=journal.stream)
            notes.update(tiers=[tier.model for tier in planned.tiers], reason=planned.reason)
        asker, scorer = Asker(parts.completer, parts.pricer, journal), parts.planner.scorer
        return CascadeRun(asker, request, config=parts.config.cascade, scorer=scorer, plan=planned, vector=vector)

    async def _vector(self, serving: _Serving) -> Vector | None:
        """The question's embedding, where the cache has not made it already; None when it cannot be had."""
        if serving.ticket.embedding is not None or self._parts.embedder is None:
            return serving.ticket.embedding
        try:
            return (await self._parts.embedder.embed([question_of(serving.request.messages)]))[0]
        except StoreUnavailableError:
            return None

    def _done(self, serving: _Serving, outcome: Outcome, seat: Seat) -> None:
        """The cascade has its answer: book it, keep it, and tell those who wait."""
        journal, answer = serving.journal, outcome.answer
        journal.served(answer, decision=outcome.decision, reason=outcome.reason, tier=outcome.tier.model)
        journal.confidence, journal.signals = outcome.confidence, outcome.signals
        journal.baseline_cost_usd = self._baseline_cost_usd(answer)
        if self._parts.cache is not None:
            baseline, request = journal.baseline_cost_usd, serving.request
            shared = as_client_asked(answer, request.params)  # log-probabilities for our own judgement fill no store
            self._parts.cache.keep(request, serving.ticket, shared, prompt=serving.prompt, baseline_cost_usd=baseline)
            seat.land({"answer": answer_to_json(shared), "baseline_cost_usd": baseline})
        if self._parts.auditor is not None:
            self._parts.auditor.after(serving.request, outcome, correct=self._correction(serving))

    def _correction(self, serving: _Serving) -> Correct | None:
        """How an answer that an audit found worse is replaced in the cache; None where it is not kept there."""
        cache, request = self._parts.cache, serving.request
        if cache is None or not self._parts.config.cascade.audit.correct_cache:
            return None

        async def correct(answer: Answer) -> None:
            shared, baseline = as_client_asked(answer, request.params), self._baseline_cost_usd(answer)
            await cache.correct(request, serving.ticket, shared, prompt=serving.prompt, baseline_cost_usd=baseline)

        return correct

    def _baseline_cost_usd(self, answer: Answer) -> float:
        """What the strongest tier would have cost for the same tokens; its own cost where it answered."""
        if answer.model == self._baseline:
            return answer.cost_usd
        cost = self._parts.pricer.cost_usd(self._baseline, answer.usage)
        return answer.cost_usd if cost is None else cost

    @asynccontextmanager
    async def _journal(
        self, request: ChatRequest, tell: Callable[[Mapping[str, Any]], None], *, stream: bool
    ) -> AsyncGenerator[Journal]:
        parts = self._parts
        journal = Journal(request, clock=parts.clock, stream=stream, capture_content=parts.config.capture_content)
        try:
            yield journal
        except (asyncio.CancelledError, GeneratorExit) as error:
            journal.ended(Status.CANCELLED, error)
            raise
        except BaseException as error:
            journal.ended(Status.FAILED, error)
            raise
        finally:
            tell(journal.summary())
            parts.recorder.submit(journal.record())
