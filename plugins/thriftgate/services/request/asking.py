"""Calling models and keeping account of it: every call ends up in the request's journal, however it ends.

Failure behaviour: a tier that gives nothing raises TierFailedError; a call that is cancelled (the client went
away) is booked with what had been written by then, its tokens counted by a tokenizer.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any, cast

from thriftgate.errors import TierFailedError
from thriftgate.ports import Completer, Pricer
from thriftgate.services.request.chunks import AnswerAssembler
from thriftgate.services.request.journal import Journal, describe
from thriftgate.tracing.attributes import shown_parameters
from thriftgate.types import Answer, CallPurpose, ChatRequest, Status, TierCall, Usage


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
        except BaseException as caught:
            error = caught
            raise
        else:
            return answer
        finally:
            self.journal.add_call(
                TierCall(
                    model=model,
                    deployment=answer.deployment if answer else "",
                    purpose=purpose,
                    started_at=started_at,
                    duration=clock.monotonic() - started,
                    usage=answer.usage if answer else Usage(),
                    cost_usd=answer.cost_usd if answer else 0.0,
                    status=status_of(error),
                    error=describe(error) if error else None,
                    **self.evidence(request, answer),
                )
            )

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
    """One streamed call: iterate `chunks()`; when they have ended, `answer` is the whole.

    Raises TierFailedError when the call fails or breaks off. `has_started` says whether anything came.
    """

    def __init__(self, asker: Asker, model: str, request: ChatRequest) -> None:
        self._asker = asker
        self._model = model
        self._request = request
        self._assembler = AnswerAssembler()
        self._cost_usd: float | None = None
        self._deployment = ""
        self._is_estimated = False
        self._first_at: float | None = None
        self.has_started = False
        self.answer: Answer | None = None

    @property
    def text(self) -> str:
        """What was written so far."""
        return self._assembler.text

    async def chunks(self) -> AsyncGenerator[Mapping[str, Any], None]:
        """Upstream's chunks that carry choices, in order. Close it (`aclosing`) to cancel the call."""
        clock = self._asker.journal.clock
        started_at, started = clock.time(), clock.monotonic()
        error: BaseException | None = None
        try:
            chunks = self._asker.completer.stream(self._model, self._request, purpose=CallPurpose.ANSWER)
            async with (
                aclosing(cast("AsyncGenerator[Mapping[str, Any], None]", chunks)) as upstream,
                aclosing(self._noted(upstream, started)) as noted,
            ):
                async for chunk in noted:
                    yield chunk
            if not self._assembler.is_complete:
                # Upstream closed the connection without a finish reason: the answer is cut, whatever it looks like.
                raise TierFailedError(self._model, "the stream ended without a finish reason")  # noqa: TRY301
        except BaseException as caught:
            error = caught
            raise
        finally:
            self._book(started_at, clock.monotonic() - started, error)

    async def _noted(
        self, chunks: AsyncIterator[Mapping[str, Any]], started: float
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        async for chunk in chunks:
            self._assembler.feed(chunk)
            self._is_estimated = self._is_estimated or bool(chunk.get("usage_is_estimated"))
            self._cost_usd = chunk.get("cost_usd", self._cost_usd)
            self._deployment = chunk.get("deployment") or self._deployment
            if chunk.get("choices"):
                if self._first_at is None:
                    self._first_at = self._asker.journal.clock.monotonic() - started
                self.has_started = True
                yield chunk

    def _book(self, started_at: float, duration: float, error: BaseException | None) -> None:
        usage = self._usage(failed=error is not None)
        cost_usd = self._cost_usd
        if cost_usd is None:
            cost_usd = self._asker.pricer.cost_usd(self._model, usage) or 0.0
        answer = self._assembler.answer(
            model=self._model, usage=usage, cost_usd=cost_usd, deployment=self._deployment or None
        )
        if error is None:
            self.answer = answer
        self._asker.journal.add_call(
            TierCall(
                model=self._model,
                deployment=answer.deployment,
                started_at=started_at,
                duration=duration,
                time_to_first_token=self._first_at,
                usage=usage,
                cost_usd=cost_usd,
                status=status_of(error),
                error=describe(error) if error else None,
                **self._asker.evidence(self._request, answer),
            )
        )

    def _usage(self, *, failed: bool) -> Usage:
        """What the provider counted; where it did not, what a tokenizer counts, and marked so."""
        if self._assembler.usage is not None:
            return replace(self._assembler.usage, is_estimated=self._is_estimated)
        if failed and not self.has_started:
            return Usage()
        count = self._asker.pricer.count_tokens
        return Usage(
            prompt_tokens=count(self._model, self._request.messages),
            completion_tokens=count(self._model, self._assembler.generated),
            is_estimated=True,
        )


def status_of(error: BaseException | None) -> Status:
    """ok, failed or cancelled: everything that is no Exception is somebody going away."""
    if error is None:
        return Status.OK
    return Status.FAILED if isinstance(error, Exception) else Status.CANCELLED


def _logprobs(answer: Answer | None) -> list[float]:
    """Of the first choice's tokens; empty when the provider sends none."""
    if answer is None or not answer.choices:
        return []
    return [token.logprob for token in answer.choices[0].token_logprobs]
