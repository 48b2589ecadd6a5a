"""One object per request that the layer, the hook and the routes share, found through a context variable.

A context variable that is set around the application reaches everything it does: LiteLLM runs a model call in a task
that inherits the request's context.

Failure behaviour: nothing here fails by itself; no place in time is an OverloadedError (503).
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from thriftgate.limits.estimate import TokenEstimate
from thriftgate.limits.ladder import LadderStep
from thriftgate.proxy.limits.connection import ClientConnection
from thriftgate.proxy.limits.dialects import LimitedApi
from thriftgate.proxy.limits.responder import Responder
from thriftgate.services.limits.passes import Pass
from thriftgate.services.limits.working import Working
from thriftgate.services.route.place import NoPlace, WorkPlace
from thriftgate.types import RequestRecord


@dataclass(slots=True)
class LimitedRequest:
    """What is known of a request, from its arrival to its end."""

    dialect: LimitedApi
    connection: ClientConnection
    responder: Responder
    caller: bytes | None = None
    """What all requests with these credentials have in common; None where they carry none that we know."""
    models_used: TokenEstimate | None = field(default=None)
    """What the models that a route asked have used together: nothing, for an answer from the cache."""

    def note_record(self, record: RequestRecord) -> None:
        """A route has ended, and tells what it did."""
        self.models_used = TokenEstimate(
            float(sum(call.usage.prompt_tokens for call in record.calls)),
            float(sum(call.usage.completion_tokens for call in record.calls)),
        )


current: ContextVar[LimitedRequest | None] = ContextVar("thriftgate_limited_request", default=None)


def note_record(record: RequestRecord) -> None:
    """A sink of `Recorders`: remembers what a route used, for the request that is being served."""
    request = current.get()
    if request is not None:
        request.note_record(record)


def steps_of(model: str, now: Callable[[str], frozenset[LadderStep]]) -> frozenset[LadderStep]:
    """The steps that were in force when the request was let in, as its headers say; else those of `now`."""
    request = current.get()
    passed = None if request is None else request.responder.passed
    return now(model) if passed is None else passed.steps


class HeldPlace:
    """The place of a request that was let in: one use of it, and the last that ends gives it back."""

    def __init__(self, working: Working, passed: Pass) -> None:
        self._working = working
        self._passed = passed
        self._is_used = False

    @asynccontextmanager
    async def held(self) -> AsyncGenerator[float]:
        """Hold it while models are asked. Raises OverloadedError."""
        self._is_used = True
        self._passed.n_working += 1
        try:
            yield await self._working.begin(self._passed)
        finally:
            self.leave()

    def lend(self) -> None:
        """Somebody else may have it meanwhile."""
        if not self._passed.n_working:
            self._working.follow(self._passed)

    def leave(self) -> None:
        """Give it back, unless it is still used."""
        if self._is_used:
            self._is_used = False
            self._passed.n_working -= 1
        if not self._passed.n_working:
            self._working.end(self._passed)


def place_of(working: Working) -> WorkPlace:
    """The place of the request that is being served."""
    request = current.get()
    passed = None if request is None else request.responder.passed
    return NoPlace() if passed is None else HeldPlace(working, passed)
