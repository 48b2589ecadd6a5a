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
from functools import partial
from typing import Any

from thriftgate.cascade.flow import Outcome
from thriftgate.cascade.plan import cheapest_alone
from thriftgate.decisions import Reason
from thriftgate.errors import (
    InvalidPromptError,
    OutputInvalidError,
    OverloadedError,
    StoreUnavailableError,
)
from thriftgate.limits.ladder import LadderStep
from thriftgate.output.requirement import Requirement
from thriftgate.services.cache.pending import PendingEntry, Served
from thriftgate.services.cascade.driver import CascadeRun
from thriftgate.services.cascade.planning import asking_only
from thriftgate.services.checking.audit import Correct
from thriftgate.services.output.asking import ShapedAsker
from thriftgate.services.output.notes import INVALID, OutputNote
from thriftgate.services.output.stage import OutputStage
from thriftgate.services.request.answer_json import answer_from_json, answer_to_json
from thriftgate.services.request.asking import Asker
from thriftgate.services.request.background import beside_loop
from thriftgate.services.request.journal import COALESCE, Journal
from thriftgate.services.request.reading import (
    alternatives_shown,
    as_asked,
    of_nobody,
    question_of,
    view_of,
    whole_body,
)
from thriftgate.services.request.retraction import Retraction
from thriftgate.services.route.coalescing import Participant
from thriftgate.services.route.in_question import in_question
from thriftgate.services.route.parts import Baseline, RouteParts, baseline_of
from thriftgate.services.route.place import NoPlace, WorkPlace, asking
from thriftgate.services.route.refreshing import RefreshTurns
from thriftgate.types import Answer, ChatRequest, DecisionKind, PromptRef, Status, StreamPiece, Usage, Vector
from thriftgate.wire.dialects import echoed, ending, replay
from thriftgate.wire.streaming.codec import Ending

_SENT_TOGETHER = 16
"""Events of an answer that is there already: each costs the way to the client anew when it is sent alone."""
_RETRY_AFTER = 5.0
"""Seconds until the load may have gone down."""

Tell = Callable[[Mapping[str, Any]], None]
"""Gets what the client is told about its request, as far as it is known by then."""


@dataclass(slots=True)
class _Serving:
    """A request on its way through the stages."""

    request: ChatRequest
    journal: Journal
    pending: PendingEntry
    place: WorkPlace
    prompt: PromptRef | None = None
    retraction: Retraction | None = None
    """How a guard that sees the answer go out takes it back from the cache; None where nobody does."""
    required: Requirement | None = None
    """What the answer must be; None: anything."""


class RouteService:
    """Answers the requests of one route."""

    def __init__(self, parts: RouteParts) -> None:
        self._parts = parts
        self._refreshes = RefreshTurns(parts.clock)
        self._baseline = Baseline(parts.pricer, baseline_of(parts.config))
        self._output = OutputStage.of(parts.config.output)
        self._judges = len(parts.config.cascade.tiers) > 1
        """Whether answers are judged, for which the tiers may be asked for more than the client wants to see."""

    async def answer(self, request: ChatRequest, tell: Tell, retraction: Retraction | None = None) -> Answer:
        """The whole answer as its client may see it; `tell` gets what the client is told. Raises GatewayError.

        `retraction` is of the one who may refuse the answer on its way out.
        """
        return await self._answer(request, tell, self._parts.place(), retraction)

    async def _answer(
        self, request: ChatRequest, tell: Tell, place: WorkPlace, retraction: Retraction | None = None
    ) -> Answer:
        async with self._journal(request, tell, stream=False) as journal:
            serving, served = await self._prepared(request, journal, place, retraction)
            if served is not None:
                return self._hit(serving, served)
            async with self._coalesced(serving) as participant:
                if (joined := self._joined(serving, participant)) is not None:
                    return joined
                run = await self._run(serving)
                async with asking(serving.place, journal) as notes:
                    outcome = await run.answer()
                    notes["tier"] = outcome.tier.model
                self._done(serving, run, outcome, participant)
                return self._own(serving, self._as_asked(request, outcome.answer))

    async def stream(
        self, request: ChatRequest, tell: Tell, retraction: Retraction | None = None
    ) -> AsyncGenerator[StreamPiece, None]:
        """The answer's events in the request's dialect. `tell` is called before the first and again before the last.

        The ending is held back until the cost is known; its last event carries the field `thriftgate`. Raises
        GatewayError; after the first event that is a break the client must be told of.
        """
        async with self._journal(request, tell, stream=True) as journal:
            serving, served = await self._prepared(request, journal, self._parts.place(), retraction)
            if served is not None:
                async for piece in self._replayed(serving, self._hit(serving, served), tell):
                    yield piece
                return
            async with self._coalesced(serving) as participant:
                if (joined := self._joined(serving, participant)) is not None:
                    async for piece in self._replayed(serving, joined, tell):
                        yield piece
                    return
                async with aclosing(self._streamed(serving, participant, tell)) as pieces:
                    async for piece in pieces:
                        yield piece

    async def _streamed(
        self, serving: _Serving, participant: Participant, tell: Tell
    ) -> AsyncGenerator[StreamPiece, None]:
        journal, run = serving.journal, await self._run(serving)
        held = self._ending(journal.request, is_own=serving.request is journal.request)
        is_done = False
        async with asking(serving.place, journal) as notes:
            async with aclosing(run.stream()) as pieces:
                async for piece in pieces:
                    if journal.time_to_first_token is None:
                        journal.first_token()
                        journal.decision, journal.tier, journal.reason, journal.confidence = run.expected
                        if run.outcome is not None:
                            # A held answer that was accepted: all is known before its first event.
                            serving.place.leave()
                            self._done(serving, run, run.outcome, participant)
                            is_done = True
                        tell(journal.summary(is_complete=is_done))
                    for event in held.feed(piece.event):
                        yield piece if event is piece.event else StreamPiece(event)
            assert run.outcome is not None, "a cascade that ended has its outcome"
            notes["tier"] = run.outcome.tier.model
        if not is_done:
            self._done(serving, run, run.outcome, participant)
        summary = journal.summary()
        tell(summary)
        for event in held.end({"thriftgate": summary}):
            yield StreamPiece(event, usage=journal.usage)

    async def _replayed(self, serving: _Serving, answer: Answer, tell: Tell) -> AsyncGenerator[StreamPiece, None]:
        """A whole answer as a stream. Gives way between events, so that a long one does not hold the loop."""
        journal = serving.journal
        journal.first_token()
        summary = journal.summary()
        tell(summary)
        held = self._ending(journal.request)
        events = replay(view_of(journal.request), whole_body(journal.request, answer))
        for number, shown in enumerate((shown for event in events for shown in held.feed(event)), start=1):
            is_followed = number % _SENT_TOGETHER != 0
            yield StreamPiece(shown, is_followed=is_followed)
            if not is_followed:
                await asyncio.sleep(0)
        for event in held.end({"thriftgate": summary}):
            yield StreamPiece(event, usage=journal.usage)

    def _as_asked(self, request: ChatRequest, answer: Answer) -> Answer:
        return as_asked(request, answer, may_have_more=self._judges)

    def _ending(self, request: ChatRequest, *, is_own: bool = False) -> Ending:
        """Holds back a stream's ending, and what only we have asked for."""
        view = view_of(request)
        return ending(
            view,
            is_own=is_own,
            hide_logprobs=not view.asks_logprobs,
            hide_usage=not view.shows_usage,
            alternatives=alternatives_shown(view) if self._judges else None,
        )

    async def _prepared(
        self, request: ChatRequest, journal: Journal, place: WorkPlace, retraction: Retraction | None
    ) -> tuple[_Serving, Served | None]:
        """Prompt, the shape of the answer, and cache look-up."""
        serving = _Serving(request, journal, PendingEntry(), place, retraction=retraction)
        if self._parts.prompt is not None:
            with journal.stage("prompt"):
                serving.request, serving.prompt = await beside_loop(
                    partial(self._parts.prompt, request), is_heavy=view_of(request).is_heavy
                )
                journal.prompt = serving.prompt
        elif request.prompt_id:
            raise InvalidPromptError(f"route '{request.route}' has no prompt", param="prompt_id")
        if self._output is not None:
            serving.request, serving.required = await self._output.apply(serving.request)
        steps = self._parts.steps()
        if steps:
            journal.metadata["load_steps"] = [step.value for step in LadderStep if step in steps]
        if self._parts.cache is None:
            return serving, None
        is_relaxed = LadderStep.RELAXED_CACHE in steps
        found = PendingEntry()
        if not request.is_private:
            found = await self._parts.cache.find(serving.request, serving.prompt, journal, is_relaxed=is_relaxed)
        if isinstance(found, PendingEntry):
            if LadderStep.HITS_ONLY in steps:
                raise OverloadedError(
                    f"route '{request.route}' answers from its cache alone until its load goes down",
                    retry_after=_RETRY_AFTER,
                )
            serving.pending = found
            return serving, None
        if retraction is not None:
            retraction.found(partial(self._parts.cache.withdraw, found.entry.scope, found.entry.entry_id))
        return serving, found

    def _hit(self, serving: _Serving, served: Served) -> Answer:
        """What a kept answer is to this client, and everything that is noted about it."""
        journal = serving.journal
        serving.place.leave()
        journal.served(served.answer, decision=served.kind, reason=None, tier=served.entry.model)
        journal.usage = Usage()
        journal.similarity, journal.confidence = served.similarity, served.confidence
        journal.cache_entry_id, journal.signals = served.entry.entry_id, served.features
        journal.metadata["cache_scope"] = served.entry.scope
        if serving.required is not None:
            _note(journal, OutputNote.of_tags(served.entry.tags))
        if served.entry.request_id:
            journal.metadata["reused_request_id"] = served.entry.request_id
        journal.baseline_cost_usd = served.entry.baseline_cost_usd
        if not journal.baseline_cost_usd and not served.entry.request_id:
            # Put into the cache by hand: no model was asked for it.
            journal.metadata["saving_is_estimated"] = True
            journal.baseline_cost_usd = self._baseline.estimated_usd(serving.request.messages, served.answer.text)
        if served.is_stale and not journal.request.no_store:
            # The request as it came: the prompt is put in front of it once more.
            self._parts.background.start("cache_refresh", self._refresh(journal.request, served.entry.entry_id))
        answer = self._echoed(journal.request, served.answer)
        return of_nobody(journal.request, answer) if served.kind is DecisionKind.SEMANTIC_HIT else answer

    def _own(self, serving: _Serving, answer: Answer) -> Answer:
        """A fresh answer, repeating only what the client sent and not what the route put into its request."""
        request = serving.journal.request
        if serving.request is request or answer.body is None:
            return answer
        said = self._echoed(request, answer)
        return answer if said.body == answer.body else replace(said, edge=None)

    def _echoed(self, request: ChatRequest, answer: Answer) -> Answer:
        """An answer given to another client, repeating only what this one sent."""
        return answer if answer.body is None else replace(answer, body=echoed(view_of(request), answer.body))

    async def _refresh(self, request: ChatRequest, entry_id: str) -> None:
        """Fetch a fresh answer behind a stale hit, if it is this hit's turn."""
        with self._refreshes.turn(entry_id) as is_due:
            if is_due:
                fresh = replace(request, no_cache=True, request_id=f"{request.request_id}-refresh")
                await self._answer(fresh, lambda _: None, NoPlace())  # the place of a request that has its answer

    @asynccontextmanager
    async def _coalesced(self, serving: _Serving) -> AsyncGenerator[Participant]:
        request, coalescing_key = serving.request, serving.pending.coalescing_key
        # Who must not leave an answer behind must not hand it to others either.
        alone = request.no_cache or request.no_store or request.is_local
        if self._parts.coalescer is None or coalescing_key is None or alone:
            yield Participant()
            return
        noted = serving.journal.stage(COALESCE)
        async with self._parts.coalescer.join(coalescing_key, noted=noted, follow=serving.place.lend) as participant:
            yield participant

    def _joined(self, serving: _Serving, participant: Participant) -> Answer | None:
        """The answer of somebody who asked the same at the same time."""
        if participant.joined is None:
            return None
        answer = answer_from_json(participant.joined["answer"])
        journal = serving.journal
        serving.place.leave()
        journal.served(answer, decision=DecisionKind.EXACT_HIT, reason=Reason.COALESCED, tier=answer.model)
        journal.usage = Usage()
        journal.coalesced, journal.similarity = True, 1.0
        journal.baseline_cost_usd = float(participant.joined["baseline_cost_usd"])
        if serving.required is not None:
            _note(journal, OutputNote.of_tags(participant.joined.get("tags") or ()))
        if participant.joined.get("request_id"):
            journal.metadata["reused_request_id"] = str(participant.joined["request_id"])
        return self._echoed(journal.request, answer)

    async def _run(self, serving: _Serving) -> CascadeRun:
        parts, request, journal = self._parts, serving.request, serving.journal
        with journal.stage("plan") as notes:
            vector = await self._vector(serving) if parts.planner.needs_vector else None
            plan = partial(parts.planner.plan, request, prompt=serving.prompt, vector=vector, stream=journal.stream)
            work = partial(in_question, parts, request, plan, keeps_shape=serving.required is not None)
            planned = await beside_loop(work, is_heavy=view_of(request).is_heavy)
            if LadderStep.CHEAP_ONLY in parts.steps():
                planned = cheapest_alone(planned)
            notes.update(tiers=[tier.model for tier in planned.tiers], reason=planned.reason)
            if planned.familiarity is not None:
                notes["familiarity"] = round(planned.familiarity, 4)
        asker, scorer = Asker(parts.completer, parts.pricer, journal), parts.planner.scorer
        output, required = parts.config.output, serving.required
        shaped = ShapedAsker(asker, required, output) if output is not None and required is not None else None
        cascade = parts.config.cascade
        if request.is_private or request.is_local:
            cascade = asking_only(parts.private_models, cascade)
        return CascadeRun(asker, request, config=cascade, scorer=scorer, plan=planned, vector=vector, shaped=shaped)

    async def _vector(self, serving: _Serving) -> Vector | None:
        """The question's embedding, where the cache has not made it already; None when it cannot be had."""
        if serving.pending.embedding is not None or self._parts.embedder is None:
            return serving.pending.embedding
        try:
            return (await self._parts.embedder.embed([question_of(serving.request.messages)]))[0]
        except StoreUnavailableError:
            return None

    def _done(self, serving: _Serving, run: CascadeRun, outcome: Outcome, participant: Participant) -> None:
        """The cascade has its answer: book it, keep it, and tell those who wait."""
        journal, answer = serving.journal, outcome.answer
        note = run.note
        if note is not None:
            _note(journal, note)
        journal.served(answer, decision=outcome.decision, reason=outcome.reason, tier=outcome.tier.model)
        journal.confidence, journal.signals = outcome.confidence, outcome.signals
        journal.baseline_cost_usd = self._baseline.cost_usd(answer)
        # An answer that was let through for this client is no other's.
        has_values = serving.request.is_local and outcome.tier.model in self._parts.private_models
        is_refused = serving.retraction is not None and serving.retraction.is_refused
        if self._parts.cache is not None and not (outcome.is_eased or has_values or is_refused):
            baseline, request = journal.baseline_cost_usd, serving.request
            shared = self._as_asked(request, answer)  # log-probabilities for our own judgement fill no store
            tags = note.tags if note is not None else ()
            self._parts.cache.keep(
                request, serving.pending, shared, prompt=serving.prompt, baseline_cost_usd=baseline, tags=tags,
                retraction=serving.retraction,
            )  # fmt: skip
            published = {"answer": answer_to_json(shared), "baseline_cost_usd": baseline, "tags": list(tags)}
            participant.publish({**published, "request_id": journal.request.request_id})
        if self._parts.auditor is not None and not (serving.request.is_private or serving.request.is_local):
            correct = self._correction(serving)
            self._parts.auditor.after(serving.request, outcome, asked_at=journal.started_at, correct=correct)

    def _correction(self, serving: _Serving) -> Correct | None:
        """How an answer that an audit found worse is replaced in the cache; None where it is not kept there."""
        cache, request = self._parts.cache, serving.request
        if cache is None or not self._parts.config.cascade.audit.correct_cache:
            return None

        async def correct(answer: Answer) -> None:
            shared, baseline = self._as_asked(request, answer), self._baseline.cost_usd(answer)
            await cache.correct(request, serving.pending, shared, prompt=serving.prompt, baseline_cost_usd=baseline)

        return correct

    @asynccontextmanager
    async def _journal(self, request: ChatRequest, tell: Tell, *, stream: bool) -> AsyncGenerator[Journal]:
        parts = self._parts
        is_captured = parts.config.capture_content and not (request.is_private or request.is_local)
        journal = Journal(request, clock=parts.clock, stream=stream, capture_content=is_captured)
        try:
            yield journal
        except (asyncio.CancelledError, GeneratorExit) as error:
            journal.ended(Status.CANCELLED, error)
            raise
        except OutputInvalidError as error:
            _note(journal, OutputNote(INVALID))
            journal.ended(Status.FAILED, error)
            raise
        except BaseException as error:
            journal.ended(Status.FAILED, error)
            raise
        finally:
            tell(journal.summary())
            parts.recorder.submit(journal.record())


def _note(journal: Journal, note: OutputNote) -> None:
    """Tell the client, the ledger and the trace how the answer came to its shape."""
    journal.told = {**journal.told, **note.told}
    journal.metadata.update(note.metadata)
