"""A tier's stream is charged to the caller's key once, however it ends: by LiteLLM's own log of it, or by ours.

LiteLLM logs a stream when it has been read to its end. Of one that breaks off or is left it logs a failure or nothing
at all, and charges for it in its proxy, where it knows of the client's own call alone and not of a route's. Of
Anthropic's it reads the rest for nobody, and charges for that. So its log of a tier's stream waits until the stream is
over: one that came to its end is logged as LiteLLM does it, any other at what the ledger says it used.

Failure behaviour: nothing is raised; what cannot be logged is not charged, and the log says so by the error's class.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial, wraps
from typing import Any, cast

from litellm.litellm_core_utils.litellm_logging import Logging
from litellm.llms.anthropic.pass_through.messages.streaming_iterator import BaseAnthropicMessagesStreamingIterator
from litellm.router import Router
from litellm.types.utils import ModelResponse

from thriftgate.proxy.books.pricing import RouterPricer, chat_usage
from thriftgate.proxy.edge import EdgeRequest
from thriftgate.proxy.tiers.provider_answer import ProviderAnswer, current
from thriftgate.services.request.unpaid import note_given_up
from thriftgate.types import Usage

logger = logging.getLogger(__name__)

_BILL = "_thriftgate_bill"
_PATIENCE = 2.0
"""Seconds that LiteLLM's log of a stream may take that has come to its end."""
_tasks: set[asyncio.Task[None]] = set()


class TierBill:
    """What one streamed call of a tier is charged."""

    def __init__(self, seen: ProviderAnswer, pricer: RouterPricer, model: str, *, edge: EdgeRequest | None) -> None:
        self._seen = seen
        self._pricer = pricer
        self.model = model
        self.edge = edge
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if edge is not None:
            edge.unsettled.add(self._over)
            self._over.add_done_callback(edge.unsettled.discard)
        self.deployment_id = ""
        self._logging: Any = None
        self._readers: list[asyncio.Task[Any]] = []
        self._waiting: list[Callable[[], Awaitable[None]]] = []
        self._is_open = True
        self._is_logged = False
        self._is_ours = False
        self._cost_usd: float | None = None
        self._own: ModelResponse | None = None

    @property
    def cost_usd(self) -> float | None:
        """What is charged whatever LiteLLM counts; None: what LiteLLM says."""
        return self._cost_usd

    def logged_by(self, log: Any) -> None:
        """LiteLLM asks a provider, and this object of its will log the call."""
        self._logging = log
        setattr(log, _BILL, self)

    def read_by(self, reader: asyncio.Task[Any]) -> None:
        """A task reads the provider's stream, whether anybody takes what it reads or not."""
        self._readers.append(reader)

    async def log(self, response: object, theirs: Callable[[], Awaitable[None]]) -> None:
        """LiteLLM logs the call: when it is over, and where it is not logged here."""
        self._is_logged = True
        if self._is_open:
            self._waiting.append(theirs)
        elif not self._is_ours or response is self._own:
            await theirs()

    def settle(self, usage: Usage, cost_usd: float, error: BaseException | None) -> tuple[Usage, float]:
        """The call is over, and has used this as far as its events say; what it did use, and what that costs."""
        if not self._is_open:
            return usage, cost_usd
        usage, cost_usd = self._settled(usage, cost_usd, error)
        if self.edge is not None:
            self.edge.took(usage)
        self._end()
        return usage, cost_usd

    def _settled(self, usage: Usage, cost_usd: float, error: BaseException | None) -> tuple[Usage, float]:
        if error is None and self._seen.is_exhausted:
            # Of what it estimates, of spoken words and of tiers of service LiteLLM has another sum for a stream.
            self._cost_usd = cost_usd or None
            if usage.is_estimated:
                _start(self._unless_logged(usage))
            self._is_open = False
            for log in self._waiting:
                _start(log())
            return usage, cost_usd
        self.drop()
        if usage.is_estimated and self._seen.counted:
            usage, cost_usd = self._pricer.counted_on(self.model, self._seen, usage, deployment_id=self.deployment_id)
        if self._logging is not None and cost_usd > 0:
            self._cost_usd = cost_usd
            _start(self._charge(usage, is_failure=isinstance(error, Exception)))
        return usage, cost_usd

    def give_up(self, error: BaseException) -> None:
        """The call ended before it said anything: charge it, once, if nobody waited for it, and note that on the error.

        The error is never replaced. The provider has most likely read the request; what it wrote nobody knows. Else
        whoever leaves early would ask for nothing.
        """
        used = self.given_up(error)
        if used is not None and self._seen.log is not None:
            self.logged_by(self._seen.log)
            note_given_up(error, *self.settle(*used, error))
        else:
            self.drop()

    def given_up(self, error: BaseException) -> tuple[Usage, float] | None:
        """What a tokenizer counts of the request, and what that costs, of a call that nobody waited for; else None."""
        if self._seen.estimate is None or not self._seen.is_given_up(error):
            return None
        try:
            usage = Usage(self._seen.estimate("")[0], is_estimated=True)
            return usage, self._pricer.cost_usd(self.model, usage) or 0.0
        except Exception as fault:  # it would stand for why the call ended, and a cancellation would be lost
            logger.warning("a call that was given up could not be charged: %s", type(fault).__name__)
            return None

    def drop(self) -> None:
        """Nobody takes the rest of the call, and LiteLLM's own log of it does not count."""
        self._is_open, self._is_ours = False, True
        self._end()
        self._waiting.clear()
        for reader in self._readers:
            reader.cancel()

    def _end(self) -> None:
        if not self._over.done():
            self._over.set_result(None)

    async def _unless_logged(self, usage: Usage) -> None:
        """LiteLLM logs no stream whose last event it cannot read."""
        await asyncio.sleep(_PATIENCE)
        if not self._is_logged and self._cost_usd and self._logging is not None:
            self._is_ours = True
            await self._charge(usage, is_failure=False)

    async def _charge(self, usage: Usage, *, is_failure: bool) -> None:
        log = self._logging
        self._own = own = ModelResponse(
            model=log.model_call_details.get("model") or log.model,
            choices=[{"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "stop"}],
            usage=chat_usage(usage),
        )
        log.stream = True
        log.model_call_details.pop("has_dispatched_final_stream_success", None)
        # LiteLLM's own count of a stream that failed, where it has one, would stand before that of the answer.
        log.model_call_details["combined_usage_object"] = chat_usage(usage)
        if is_failure:
            # The deployment has not done well: LiteLLM's router must not count a success.
            log.get_combined_callback_list = partial(_without_router, log.get_combined_callback_list)
        await log.dispatch_success_handlers(own, cache_hit=False, prefer_async_handlers=True)


async def all_charged() -> None:
    """Return when what was left or cut is charged, or would have been long ago."""
    if _tasks:
        await asyncio.wait(tuple(_tasks), timeout=2 * _PATIENCE)


def keep_bills() -> None:
    """Let LiteLLM's logs of tiers' streams wait for their ends from now on; again changes nothing."""
    pre_call, log = cast("Any", Logging).pre_call, cast("Any", Logging).async_success_handler
    if hasattr(pre_call, _BILL):
        return
    reading = cast("Any", BaseAnthropicMessagesStreamingIterator)._pump_upstream_to_queue

    @wraps(pre_call)
    def asking(self: Logging, *args: Any, **kwargs: Any) -> Any:
        if (answer := current.get()) is not None:
            answer.log = self
        if (bill := _current()) is not None:
            bill.logged_by(self)
        return pre_call(self, *args, **kwargs)

    @wraps(log)
    async def logged(self: Logging, result: object = None, *args: Any, **kwargs: Any) -> None:
        bill: TierBill | None = getattr(self, _BILL, None)
        theirs = partial(log, self, result, *args, **kwargs)
        await (theirs() if bill is None else bill.log(result, theirs))

    @wraps(reading)
    async def read(self: Any, *args: Any, **kwargs: Any) -> None:
        bill, task = _current(), asyncio.current_task()
        if bill is not None and task is not None:
            bill.read_by(task)
        await reading(self, *args, **kwargs)

    calculated = cast("Any", Logging).response_cost_calculator

    @wraps(calculated)
    def cost(self: Logging, *args: Any, **kwargs: Any) -> Any:
        bill: TierBill | None = getattr(self, _BILL, None)
        known = None if bill is None else bill.cost_usd
        return calculated(self, *args, **kwargs) if known is None else known

    setattr(Logging, "response_cost_calculator", cost)  # noqa: B010
    setattr(asking, _BILL, None)
    setattr(Logging, "pre_call", asking)  # noqa: B010
    setattr(Logging, "async_success_handler", logged)  # noqa: B010
    setattr(BaseAnthropicMessagesStreamingIterator, "_pump_upstream_to_queue", read)  # noqa: B010


def _current() -> TierBill | None:
    answer = current.get()
    return None if answer is None else cast("TierBill | None", answer.bill)


def _without_router(theirs: Callable[..., Sequence[Any]], *args: Any, **kwargs: Any) -> list[Any]:
    return [one for one in theirs(*args, **kwargs) if not isinstance(getattr(one, "__self__", None), Router)]


def _start(work: Awaitable[None]) -> None:
    task = asyncio.ensure_future(_safely(work))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def _safely(work: Awaitable[None]) -> None:
    try:
        await work
    except Exception as error:  # a logger of somebody else's
        logger.warning("a tier's stream could not be logged: %s", type(error).__name__)
