"""Holds money before a request is served, and books what it did cost afterwards: for routes and plain models alike.

A route says itself what it cost, in its record. Of a plain model LiteLLM says it when the call has ended, also of a
stream that its reader left; a reader who leaves before the first chunk gives the money back when its lease ends.

Failure behaviour: a budget without room is 429, which clients are told not to try again before it has some; a store
that is away is 503. What happens afterwards never reaches the client.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from fastapi import HTTPException
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy._types import UserAPIKeyAuth

from thriftgate.errors import GatewayError, InvalidRequestError
from thriftgate.identity.records import Identity
from thriftgate.ports import Pricer
from thriftgate.proxy.authentication import identified
from thriftgate.proxy.edge import current
from thriftgate.proxy.errors import ClientHTTPException
from thriftgate.services.identity.budgets import BudgetService, Held
from thriftgate.types import RequestRecord, Usage

_BYTES_PER_TOKEN = 3
"""Fewer than any language has on average, so that a prompt is never thought cheaper than it is."""
_ADDED_TOKENS = 500
"""What a route's own prompt may add."""
_ANSWER_TOKENS = 4_096
"""How long an answer may be where the client does not limit it."""
_MOST_ANSWERS = 128
_LIMITS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_FALLBACK_BYTES = 4_000


class _IdInUse(ClientHTTPException):
    """The call of this id is another request's, and so is what is held for it."""


class BudgetHooks(CustomLogger):
    """Reserves before, settles after."""

    def __init__(
        self,
        service: BudgetService,
        pricer: Pricer,
        *,
        route_of: Callable[[str], str | None],
        models_of: Callable[[str], Sequence[str]],
    ) -> None:
        """`route_of` says which route a client's `model` is, if any; `models_of` which models a route may ask."""
        super().__init__()
        self._service = service
        self._pricer = pricer
        self._route_of = route_of
        self._models_of = models_of
        self._routes: dict[str, Held] = {}
        """What requests to routes hold, by our own id of the request."""
        self._plain: dict[str, Held] = {}
        """What requests to plain models hold, by LiteLLM's id of the call, which a client may choose."""

    async def async_pre_call_hook(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, user_api_key_dict: UserAPIKeyAuth, cache: object, data: dict[str, Any], call_type: str
    ) -> None:
        """Hold the most that the request may cost in every budget it counts against."""
        model = str(data.get("model") or "")
        route = self._route_of(model)
        charges = self._service.charges(identified.get() or Identity(), route)
        if not charges:
            return
        edge = current.get()
        try:
            held = await self._service.reserve(charges, self._most(data, self._models_of(route) if route else (model,)))
        except GatewayError as error:
            if edge is not None:
                edge.refuse(error)
            raise ClientHTTPException(error) from None
        if edge is not None:
            edge.budget_used_share = held.used_share
            self._routes[edge.request_id] = held
        elif self._plain.setdefault(_call_id(data), held) is not held:
            # Of two requests with one id, the first to end would settle for both.
            self._service.settle(held, 0.0)
            words = "a request with this x-litellm-call-id is being served: each needs one of its own"
            raise _IdInUse(InvalidRequestError(words)) from None

    def settle_record(self, record: RequestRecord) -> None:
        """A route's request ended: book what its record says."""
        self._settle(self._routes, record.request_id, record.cost_usd)

    async def async_log_success_event(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, kwargs: Mapping[str, Any], response_obj: object, start_time: object, end_time: object
    ) -> None:
        """A plain model's call ended, or its reader left: LiteLLM then prices what had come."""
        cost: object = kwargs.get("response_cost")
        self._settle(self._plain, _call_id(kwargs), float(cost) if isinstance(cost, int | float) else 0.0)

    async def async_post_call_failure_hook(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        request_data: dict[str, Any],
        original_exception: Exception,
        user_api_key_dict: UserAPIKeyAuth,
        traceback_str: str | None = None,
    ) -> HTTPException | None:
        """A request failed. By now a route's record has said what its tiers did cost; what is left cost nothing."""
        edge = current.get()
        if edge is not None:
            self._settle(self._routes, edge.request_id, 0.0)
        is_plain = self._route_of(str(request_data.get("model") or "")) is None
        if is_plain and not isinstance(original_exception, _IdInUse):
            self._settle(self._plain, _call_id(request_data), 0.0)

    def _settle(self, held: dict[str, Held], request_id: str, cost_usd: float) -> None:
        found = held.pop(request_id, None)
        if found is not None:
            self._service.settle(found, cost_usd)

    def _most(self, data: Mapping[str, Any], models: Sequence[str]) -> float:
        """What the request costs if every one of the models is asked once and says as much as it may."""
        usage = Usage(prompt_tokens=_length(data) // _BYTES_PER_TOKEN + _ADDED_TOKENS, completion_tokens=_answer(data))
        return sum(self._pricer.cost_usd(model, usage) or 0.0 for model in models)


def _call_id(data: Mapping[str, Any]) -> str:
    return str(data.get("litellm_call_id"))


def _length(data: Mapping[str, Any]) -> int:
    """Bytes of the request: as its header says, which costs nothing to know."""
    sent = cast("Mapping[str, Any]", data.get("proxy_server_request") or {})
    headers = cast("Mapping[str, Any]", sent.get("headers") or {})
    length = str(next((value for name, value in headers.items() if name.lower() == "content-length"), ""))
    return int(length) if length.isdecimal() and len(length) < 12 else _FALLBACK_BYTES


def _answer(data: Mapping[str, Any]) -> int:
    limits = [data[name] for name in _LIMITS if isinstance(data.get(name), int) and data[name] > 0]
    answers: object = data.get("n")
    count = min(answers, _MOST_ANSWERS) if isinstance(answers, int) and answers > 0 else 1
    return min(limits, default=_ANSWER_TOKENS) * count
