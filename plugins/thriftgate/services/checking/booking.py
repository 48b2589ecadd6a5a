"""Calls that the gateway makes to check itself, with their account: an audit's bill names every one of them.

Failure behaviour: a call that fails, or is cancelled, is booked as such with what was charged for it, and its error
goes on: TierFailedError, or the cancellation.
"""

from typing import Any

from thriftgate.errors import TierFailedError, describe_failure
from thriftgate.ports import Clock, Completer
from thriftgate.services.request.unpaid import ending_of, paid_for_nothing
from thriftgate.tracing.attributes import shown_parameters
from thriftgate.types import Answer, CallPurpose, ChatRequest, TierCall


class CheckingBill:
    """The calls of one audit or verification."""

    def __init__(self, completer: Completer, clock: Clock) -> None:
        self._completer = completer
        self._clock = clock
        self.calls: list[TierCall] = []

    @property
    def cost_usd(self) -> float:
        """What they cost together."""
        return sum(call.cost_usd for call in self.calls)

    async def ask(self, model: str, request: ChatRequest, *, purpose: CallPurpose) -> Answer:
        """The whole answer of a model group. Raises TierFailedError."""
        started_at, started = self._clock.time(), self._clock.monotonic()
        try:
            answer = await self._completer.complete(model, request, purpose=purpose)
        except BaseException as error:
            usage, cost_usd = paid_for_nothing(error)
            self._book(
                model, request, purpose, started_at, started,
                deployment=error.deployment if isinstance(error, TierFailedError) else "",
                usage=usage, cost_usd=cost_usd, status=ending_of(error), error=describe_failure(error),
            )  # fmt: skip
            raise
        self._book(
            model, request, purpose, started_at, started,
            deployment=answer.deployment, usage=answer.usage, cost_usd=answer.cost_usd, cost_parts=answer.cost_parts,
        )  # fmt: skip
        return answer

    def _book(
        self, model: str, request: ChatRequest, purpose: CallPurpose, started_at: float, started: float, **told: Any
    ) -> None:
        told["deployment"] = told["deployment"] or self._completer.deployment_of(model)
        self.calls.append(
            TierCall(
                model=model,
                purpose=purpose,
                started_at=started_at,
                duration=self._clock.monotonic() - started,
                parameters=shown_parameters(request.params),
                **told,
            )
        )
