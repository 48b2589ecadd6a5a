"""Asks tiers for answers of a shape: asks, judges, and asks once more with what was wrong.

Failure behaviour: a tier that gives nothing raises TierFailedError; one whose answers cannot be used gives a Reply with
a veto. With `follow` the answer is read while it flows, and a call whose answer is wrong already is closed: what it had
written by then is paid for and booked.
"""

from contextlib import aclosing
from dataclasses import replace
from functools import partial

from thriftgate.cascade.flow import Reply
from thriftgate.config.sections.output import OutputConfig
from thriftgate.decisions import Reason
from thriftgate.errors import TierFailedError
from thriftgate.output import flow
from thriftgate.output.requirement import Requirement, in_words, once_more
from thriftgate.output.verdicts import Invalid, Unusable, Verdict
from thriftgate.schemas import path_in_words
from thriftgate.services.output.following import Follower
from thriftgate.services.output.notes import OutputNote, note_of
from thriftgate.services.output.reading import CheckedAnswer, checked, is_long
from thriftgate.services.request.asking import AskedStream, Asker
from thriftgate.services.request.background import beside_loop
from thriftgate.services.request.reading import view_of, whole_body, with_body
from thriftgate.types import Answer, ChatRequest
from thriftgate.wire.formats import is_of_format, with_objection, without_format
from thriftgate.wire.turns import Dialect


class ShapedAsker:
    """Asks on behalf of one request, whose answer must have a shape."""

    def __init__(self, asker: Asker, requirement: Requirement, config: OutputConfig) -> None:
        self.requirement = requirement
        self._asker = asker
        self._config = config
        self._reasks = 0
        self._notes: list[tuple[Answer, OutputNote]] = []
        self._worded: tuple[ChatRequest, ChatRequest] | None = None
        """The request, and as it asks in words, which is the same for every tier."""

    def note_of(self, answer: Answer) -> OutputNote | None:
        """What came of an answer."""
        return next((note for one, note in reversed(self._notes) if one is answer), None)

    async def formatted(self, model: str, request: ChatRequest) -> ChatRequest:
        """The request as this tier can be asked for the shape: by its provider's own parameter, else in words."""
        if self._asks_no_format or self._takes_format(model, request):
            return request
        if self._worded is None or self._worded[0] is not request:
            worded = await beside_loop(lambda: self._without_format(request), is_heavy=view_of(request).is_heavy)
            self._worded = request, worded
        return self._worded[1]

    @property
    def _asks_no_format(self) -> bool:
        """The shape is that of calls, whose schemas stand in the request."""
        return self.requirement.tool is not None or self.requirement.is_free_text

    def _takes_format(self, model: str, request: ChatRequest) -> bool:
        completer = self._asker.completer
        return completer.supports(model, "response_format") and not any(
            map(is_of_format, completer.lost(model, request))
        )

    def _without_format(self, request: ChatRequest) -> ChatRequest:
        asking = with_body(request, without_format(view_of(request)))
        return self._in_words(replace(asking, added=request.added))

    async def ask(
        self, model: str, request: ChatRequest, *, follow: bool = False, first: CheckedAnswer | None = None
    ) -> Reply:
        """One tier's answer, asked for more than once where that may help. Raises TierFailedError.

        `first` is what it answered already.
        """
        latest: CheckedAnswer | None = None

        def verdict(_: flow.OutputReply) -> Verdict:
            assert latest is not None, "a reply that was judged"
            assert latest.verdict is not None, "a reply that has a shape"
            return latest.verdict

        steps = flow.ask_tier(model, verdict, self.requirement, reasks=self._config.reasks - self._reasks)
        step = next(steps)
        asking = request
        while True:
            if step.objection is not None and latest is not None:
                self._reasks += 1
                work = partial(self._once_more, request, latest, step.objection)
                asking = await beside_loop(work, is_heavy=view_of(request).is_heavy)
            try:
                came = first if first and latest is None else await self._came(model, asking, follow=follow)
            except TierFailedError:
                if latest is None:
                    raise
                break
            latest = came
            if came.verdict is None:
                break
            try:
                step = steps.send(flow.OutputReply(came.answer.text))
            except StopIteration:
                break
        return self._reply(latest)

    def _reply(self, came: CheckedAnswer) -> Reply:
        note = note_of(came.verdict, reasks=self._reasks)
        self._notes.append((came.answer, note))
        if came.objection is None:
            return Reply(came.answer, evidence=note.evidence)
        refusal = flow.invalid(came.required or self.requirement, came.objection, limit=self._limit)
        return Reply(came.answer, veto=Reason.OUTPUT_INVALID, refusal=refusal, evidence=note.evidence)

    async def _came(self, model: str, request: ChatRequest, *, follow: bool) -> CheckedAnswer:
        if follow:
            return await self._followed(model, request)
        return await self.judged(request, await self._asker.ask(model, request))

    async def judged(self, request: ChatRequest, answer: Answer, *, may_repair: bool = True) -> CheckedAnswer:
        """Judge a whole answer, and take note of the stage."""
        may_repair = may_repair and self._config.repair
        with self._asker.journal.stage("output") as notes:
            work = partial(checked, request, answer, self.requirement, may_repair=may_repair)
            found = await beside_loop(work, is_heavy=is_long(answer))
            notes.update(tier=answer.model, **self._shown(found.verdict))
        return found

    async def _followed(self, model: str, request: ChatRequest) -> CheckedAnswer:
        stream = self._asker.stream(model, request)
        follower = Follower(self.requirement, Dialect(request.dialect))
        async with aclosing(stream.pieces()) as pieces:
            async for piece in pieces:
                if follower.feed(piece) is not None:
                    break
        if follower.objection is None:
            assert stream.answer is not None, "a stream that ended has its answer"
            return await self.judged(request, stream.answer)
        return self.stopped(stream, follower.objection)

    def stopped(self, stream: AskedStream, objection: Unusable) -> CheckedAnswer:
        """What there is of an answer that went wrong while it was written."""
        assert stream.written is not None, "a stream that was closed is booked"
        with self._asker.journal.stage("output") as notes:
            notes.update(tier=stream.written.model, stopped_early=True, **self._shown(objection))
        return CheckedAnswer(stream.written, objection)

    async def shown(self, request: ChatRequest, answer: Answer, *, may_repair: bool) -> Reply:
        """The reply for a whole answer that its client has as it was written, or but for its calls (`may_repair`)."""
        return replace(self._reply(await self.judged(request, answer, may_repair=may_repair)), is_shown=True)

    def refuse(self, came: CheckedAnswer) -> Reply:
        """The reply for an answer that was stopped after its client had seen a part."""
        return self._reply(came)

    @property
    def _limit(self) -> str | None:
        """The field in which the client limits the tokens of its answer."""
        view = view_of(self._asker.journal.request)
        return next((name for name in view.max_tokens_names if view.body.get(name) is not None), None)

    def _once_more(self, request: ChatRequest, came: CheckedAnswer, objection: str) -> ChatRequest:
        tool = (came.required or self.requirement).tool
        words = once_more(objection, is_call=tool is not None and tool in self.requirement.calls)
        given = whole_body(request, came.answer)
        body = with_objection(view_of(request), given, words, tool=tool, choice=came.place)
        asking = replace(with_body(request, body), added=request.added)
        return asking if tool is not None else self._in_words(asking)

    def _in_words(self, request: ChatRequest) -> ChatRequest:
        words = {"role": "system", "content": in_words(self.requirement)}
        return replace(with_body(request, view_of(request).with_prompt([words])), added=request.added)

    def _shown(self, verdict: Verdict | None) -> dict[str, object]:
        note = note_of(verdict)
        shown: dict[str, object] = {"outcome": note.outcome}
        if note.changes:
            shown["changes"] = [change.value for change in note.changes]
        if isinstance(verdict, Unusable):
            names = self.requirement.names
            shown["objection"] = verdict.words(names)
            if isinstance(verdict, Invalid):
                shown["path"] = path_in_words(verdict.violation.path, names).strip("`")
        return shown
