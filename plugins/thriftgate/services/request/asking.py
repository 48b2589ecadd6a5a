"""Calling models and keeping account of it: every call ends up in the request's journal, however it ends.

Failure behaviour: a tier that gives nothing raises TierFailedError; a call that is cancelled (the client went
away) is booked with what had been written by then, its tokens counted by a tokenizer.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any, cast

from thriftgate.errors import TierFailedError, describe_failure
from thriftgate.ports import Completer, Pricer
from thriftgate.services.request.journal import Journal
from thriftgate.services.request.reading import answer_of, is_frame
from thriftgate.services.request.unpaid import ending_of, paid_for_nothing
from thriftgate.tracing.attributes import shown_parameters
from thriftgate.types import Answer, CallPurpose, ChatRequest, Settle, StreamPiece, TierCall, Usage
from thriftgate.wire.answer import FinishKind, UsageDetails
from thriftgate.wire.dialects import answer_view, assembler
from thriftgate.wire.request import Dialect

_NO_ENDING = frozenset({FinishKind.UNKNOWN, FinishKind.FAILED})


class Asker:
    """Asks model groups on behalf of one request."""

    def __init__(self, completer: Completer, pricer: Pricer, journal: Journal) -> None:
        self.completer = completer
        self.pricer = pricer
        self.journal = journal

    async def ask(self, model: str, request: ChatRequest, *, purpose: CallPurpose = CallPurpose.ANSWER) -> Answer:
        """The whole answer of one model group. Raises TierFailedError."""
        clock = self.journal.clock
        started_at, started = clock.time(), clock.monotonic()
        answer: Answer | None = None
        error: BaseException | None = None
        try:
            answer = await self.completer.complete(model, request, purpose=purpose)
            if not answer.usage.total_tokens:
                usage, cost_usd = self.estimated(model, request, answer.text)
                answer = replace(answer, usage=usage, cost_usd=answer.cost_usd or cost_usd)
        except BaseException as caught:
            error = caught
            raise
        else:
            return answer
        finally:
            usage, cost_usd = (answer.usage, answer.cost_usd) if answer else paid_for_nothing(error)
            self.journal.add_call(
                TierCall(
                    model=model,
                    deployment=answer.deployment if answer else self.deployment_of(model, error),
                    purpose=purpose,
                    started_at=started_at,
                    duration=clock.monotonic() - started,
                    usage=usage,
                    cost_usd=cost_usd,
                    cost_parts=self.cost_parts(model, answer) if answer else {},
                    status=ending_of(error),
                    error=describe_failure(error) if error else None,
                    **self.evidence(request, answer),
                )
            )
            error = None  # its traceback holds this frame, which would hold it

    def deployment_of(self, model: str, error: BaseException | None) -> str:
        """Which deployment a call that gave nothing was made of."""
        failed = error.deployment if isinstance(error, TierFailedError) else ""
        return failed or self.completer.deployment_of(model)

    def cost_parts(self, model: str, answer: Answer, *, deployment_id: str = "") -> Mapping[str, float]:
        """What of an answer's cost is for what."""
        known = answer.cost_parts
        return known or self.pricer.cost_parts(model, answer.usage, answer.cost_usd, deployment_id=deployment_id)

    def estimated(self, model: str, request: ChatRequest, generated: str) -> tuple[Usage, float]:
        """What a tokenizer counts where the provider did not, marked so, and what that costs."""
        usage = Usage(
            prompt_tokens=self.pricer.count_tokens(model, request.messages),
            completion_tokens=self.pricer.count_tokens(model, generated),
            is_estimated=True,
        )
        return usage, self.pricer.cost_usd(model, usage) or 0.0

    def evidence(self, request: ChatRequest, answer: Answer | None) -> dict[str, Any]:
        """What a trace shows of a call beside its numbers; what was said only where the operator wants it."""
        logprobs = _logprobs(answer)
        return {
            "mean_logprob": sum(logprobs) / len(logprobs) if logprobs else None,
            "min_logprob": min(logprobs, default=None),
            "parameters": shown_parameters(request.params),
            "input": request.messages if self.journal.capture_content else None,
            "output": answer.text if answer and self.journal.capture_content else None,
        }

    def stream(self, model: str, request: ChatRequest) -> "AskedStream":
        """The answer of one model group as it is written."""
        return AskedStream(self, model, request)


class AskedStream:
    """One streamed call: iterate `pieces()`; when they have ended, `answer` is the whole.

    Raises TierFailedError when the call fails or breaks off. `has_started` says whether anything was handed out: the
    events that only say that an answer begins wait for the first one with something in it, so that a provider that
    fails between them, or ends with nothing said, can still be passed over.
    """

    def __init__(self, asker: Asker, model: str, request: ChatRequest) -> None:
        self._asker = asker
        self._model = model
        self._request = request
        self._assembler = assembler(Dialect(request.dialect))
        self._deployment = ""
        self._deployment_id = ""
        self._charge: Callable[[Mapping[str, Any]], float | None] | None = None
        self._settle: Settle | None = None
        self._is_estimated = False
        self._first_at: float | None = None
        self.has_started = False
        self.answer: Answer | None = None
        self.written: Answer | None = None
        """What there is of it when the call has ended, also where it was closed or broke off."""

    @property
    def text(self) -> str:
        """What was written so far."""
        return self._assembler.text

    async def pieces(self) -> AsyncGenerator[StreamPiece, None]:
        """Upstream's events in order. Close it (`aclosing`) to cancel the call."""
        clock = self._asker.journal.clock
        started_at, started = clock.time(), clock.monotonic()
        error: BaseException | None = None
        try:
            upstream = self._asker.completer.stream(self._model, self._request, purpose=CallPurpose.ANSWER)
            async with (
                aclosing(cast("AsyncGenerator[StreamPiece, None]", upstream)) as pieces,
                aclosing(self._noted(pieces, started)) as noted,
            ):
                async for piece in noted:
                    yield piece
            self._check_ending()
        except BaseException as caught:
            error = caught
            raise
        finally:
            self._book(started_at, clock.monotonic() - started, error)
            error = None  # its traceback holds this frame, which would hold it

    async def _noted(self, pieces: AsyncIterator[StreamPiece], started: float) -> AsyncGenerator[StreamPiece, None]:
        opening: list[StreamPiece] = []
        async for piece in pieces:
            self._settle = piece.settle or self._settle
            self._assembler.feed(piece.event)
            self._is_estimated = self._is_estimated or piece.usage_is_estimated
            self._deployment = piece.deployment or self._deployment
            self._deployment_id = piece.deployment_id or self._deployment_id
            self._charge = piece.charge or self._charge
            if not self.has_started and is_frame(self._request.dialect, piece.event):
                opening.append(piece)
                continue
            if self._first_at is None:
                self._first_at = self._asker.journal.clock.monotonic() - started
            self._check_error()
            self.has_started = True
            for earlier in opening:
                yield earlier
            opening = []
            yield piece
        if not self.has_started:
            self._check_something()
            self.has_started = True
            for earlier in opening:
                yield earlier

    def _check_something(self) -> None:
        """An answer may be empty, but then it says why it ended; LiteLLM makes one even of a page of HTML."""
        self._check_error()
        view = answer_view(Dialect(self._request.dialect), self._assembler.finish())
        if view.is_empty and all(choice.finish.kind in _NO_ENDING for choice in view.choices):
            raise TierFailedError(self._model, "answered with a stream that has nothing in it")

    def _check_error(self) -> None:
        if self._assembler.error is not None:
            raise TierFailedError(self._model, "broke off with an error event")

    def _check_ending(self) -> None:
        self._check_error()
        if not self._assembler.is_complete:
            # Upstream closed the connection without an ending: the answer is cut, whatever it looks like.
            raise TierFailedError(self._model, "the stream ended without a finish reason")

    def _book(self, started_at: float, duration: float, error: BaseException | None) -> None:
        body = self._assembler.finish()
        usage, cost_usd = self._used(body, error)
        if self._settle is not None:
            usage, cost_usd = self._settle(usage, cost_usd, error)
        answer = answer_of(
            self._request.dialect, body, model=self._model, usage=usage, cost_usd=cost_usd, deployment=self._deployment
        )
        self.written = answer
        if error is None:
            self.answer = answer
        self._asker.journal.add_call(
            TierCall(
                model=self._model,
                deployment=answer.deployment or self._asker.deployment_of(self._model, error),
                started_at=started_at,
                duration=duration,
                time_to_first_token=self._first_at,
                usage=usage,
                cost_usd=cost_usd,
                cost_parts=self._asker.cost_parts(self._model, answer, deployment_id=self._deployment_id),
                status=ending_of(error),
                error=describe_failure(error) if error else None,
                **self._asker.evidence(self._request, answer),
            )
        )

    def _used(self, body: Mapping[str, Any], error: BaseException | None) -> tuple[Usage, float]:
        """What the provider counted and what that costs; where it did not count, what a tokenizer counts."""
        counted = answer_view(Dialect(self._request.dialect), body).usage
        if counted is None or not counted.usage.total_tokens:
            if error is not None and not self.has_started and (self._settle is None or isinstance(error, Exception)):
                return paid_for_nothing(error)
            return self._asker.estimated(self._model, self._request, self._assembler.generated)
        # The count of a stream's beginning knows nothing of what came after it.
        rest = 0 if error is None else self._uncounted(counted.usage)
        usage = replace(counted.usage, completion_tokens=counted.usage.completion_tokens + rest)
        if counted.usage.is_estimated:  # numbers that cannot be believed are not charged either
            return usage, self._asker.pricer.cost_usd(self._model, usage) or 0.0
        cost_usd = self._cost_of(body, counted)
        if rest:
            cost_usd += self._asker.pricer.cost_usd(self._model, Usage(0, rest)) or 0.0
        return replace(usage, is_estimated=self._is_estimated or rest > 0), cost_usd

    def _uncounted(self, usage: Usage) -> int:
        """Tokens that were written beyond those that the provider has counted."""
        return max(0, self._asker.pricer.count_tokens(self._model, self._assembler.generated) - usage.completion_tokens)

    def _cost_of(self, body: Mapping[str, Any], counted: UsageDetails) -> float:
        cost_usd = None if self._charge is None else self._charge(body)
        if cost_usd is None:
            cost_usd = self._asker.pricer.call_cost_usd(self._model, counted.raw, deployment_id=self._deployment_id)
        return cost_usd or 0.0


def _logprobs(answer: Answer | None) -> list[float]:
    """Of the first choice's tokens; empty when the provider sends none."""
    if answer is None or not answer.choices:
        return []
    return [token.logprob for token in answer.choices[0].token_logprobs]
