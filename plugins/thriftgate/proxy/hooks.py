"""What must see every request at the edge: who it is, which headers and which errors it gets.

LiteLLM finds a hook only on the leaf class and only under its exact name and parameter names; the contract
tests notice when one goes dead.

Failure behaviour: a malformed conversation, and an endpoint that routes do not serve, are refused with HTTP 400
before a model is asked; any other error passes through as it came.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

from fastapi import HTTPException
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy import proxy_server
from litellm.proxy._types import UserAPIKeyAuth
from litellm.proxy.auth.auth_utils import (
    _allow_model_level_clientside_configurable_parameters,  # pyright: ignore[reportPrivateUsage]
)
from litellm.proxy.common_utils.proxy_rate_limit_error import ProxyRateLimitError
from litellm.types.utils import CallTypes

from thriftgate.decisions import DecisionKind
from thriftgate.errors import GatewayError, InvalidRequestError
from thriftgate.proxy.authentication import RefusedCallerError
from thriftgate.proxy.books.refusals import early_error, edge_of, is_stranger, refusal_of
from thriftgate.proxy.edge import EdgeRequest, current
from thriftgate.proxy.endpoints.refusing import answer_with, has_begun
from thriftgate.proxy.endpoints.validation import check_asking, check_plain, check_request, check_single
from thriftgate.proxy.errors import ClientHTTPException, model_failure
from thriftgate.proxy.privacy.logged import as_said
from thriftgate.proxy.provider import not_served
from thriftgate.proxy.tiers import provider_answer
from thriftgate.tracing.identity import outgoing_traceparent
from thriftgate.types import RequestRecord

_SERVED = frozenset({"completion", "acompletion", "anthropic_messages", "responses", "aresponses"})
"""LiteLLM's names for what a route does."""


_NO_MODEL = "the provider"
"""Who failed where a request names no model, as one for a file or a vector store."""
_HITS = (DecisionKind.EXACT_HIT, DecisionKind.SEMANTIC_HIT)

_OF_THE_ROUTER = ("model_group", "model_group_alias", "model_group_size", "deployment", "deployment_model_name",
                  "model_info", "api_base", "caching_groups")  # fmt: skip
"""What LiteLLM's router notes of a call, and its limiter and loggers then read: of a route it is never asked."""


class EdgeHooks(CustomLogger):
    """Opens the EdgeRequest of each request to a route, and closes it with headers or an error."""

    def __init__(
        self,
        routes: Callable[[], Mapping[str, str]],
        *,
        on_failure: Callable[[Mapping[str, Any]], None],
        on_success: Callable[[Mapping[str, Any]], None] = lambda _kwargs: None,
        fitting: Callable[[Sequence[Mapping[str, Any]]], list[Mapping[str, Any]]],
        for_deployment: Callable[
            [Mapping[str, Any], CallTypes | None], dict[str, Any] | None
        ] = lambda _kwargs, _call: None,
        record: Callable[[RequestRecord], None],
        intercept: Callable[[], None],
        strangers: Callable[[], None],
        failed_plain: Callable[[EdgeRequest, BaseException], None] = lambda _edge, _error: None,
    ) -> None:
        super().__init__()
        self._strangers = strangers
        self._failed_plain = failed_plain
        self._routes = routes
        self._intercept = intercept
        self._on_failure = on_failure
        self._on_success = on_success
        self._fitting = fitting
        self._for_deployment = for_deployment
        self._record = record

    async def async_log_failure_event(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, kwargs: Mapping[str, Any], response_obj: object, start_time: object, end_time: object
    ) -> None:
        """A call of a deployment failed."""
        self._on_failure(kwargs)

    async def async_log_success_event(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, kwargs: Mapping[str, Any], response_obj: object, start_time: object, end_time: object
    ) -> None:
        """A call of a deployment was answered."""
        self._on_success(kwargs)

    def log_pre_api_call(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, model: str, messages: object, kwargs: Mapping[str, Any]
    ) -> None:
        """A provider is about to be asked."""
        provider_answer.note_call(kwargs)

    def log_post_api_call(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, kwargs: Mapping[str, Any], response_obj: object, start_time: object, end_time: object
    ) -> None:
        """A provider has answered a call."""
        provider_answer.note(kwargs)

    async def async_filter_deployments(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        model: str,
        healthy_deployments: list[dict[str, Any]],
        messages: object,
        request_kwargs: dict[str, Any] | None = None,
        parent_otel_span: object = None,
    ) -> Sequence[Mapping[str, Any]]:
        """Of a tier's deployments, those whose provider gets all of the request."""
        return self._fitting(healthy_deployments)

    async def async_pre_call_deployment_hook(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, kwargs: dict[str, Any], call_type: CallTypes | None
    ) -> dict[str, Any] | None:
        """A tier's deployment is about to be called: what its provider reads elsewhere stands there."""
        return self._for_deployment(kwargs, call_type)

    async def async_pre_call_hook(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, user_api_key_dict: UserAPIKeyAuth, cache: object, data: dict[str, Any], call_type: str
    ) -> dict[str, Any] | None:
        """Note who asks, and let every parameter through to the route."""
        # LiteLLM may have built its router anew since the last request.
        self._intercept()
        model = str(data.get("model") or "")
        route = self._routes().get(model)
        if route is None:
            current.set(None)
            provider_answer.current.set(provider_answer.ProviderAnswer())
            try:
                check_single(model, self._routes())
                if model:
                    check_asking(data, allows=partial(_is_clients, model))
                check_plain(data, call_type)
            except GatewayError as error:
                raise ClientHTTPException(error) from None
            return _with_seconds(data)
        edge = edge_of(data, user_api_key_dict, route=route)
        current.set(edge)
        try:
            if call_type not in _SERVED:
                raise not_served(route)
            check_request(data, call_type)
        except GatewayError as error:
            edge.refuse(error)
            raise ClientHTTPException(error) from None
        # Left there, LiteLLM would look for it in a prompt management of its own.
        edge.prompt_id = data.pop("prompt_id", None)
        data.pop("api_version", None)  # it can only be of the address: which one a tier speaks is the operator's
        _forget_deployment(data)
        # Retries belong to the tiers' own calls: here they would multiply.
        data["num_retries"] = 0
        return _with_seconds(data) or data

    async def async_post_call_response_headers_hook(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        data: dict[str, Any],
        user_api_key_dict: UserAPIKeyAuth,
        response: object,
        request_headers: dict[str, str] | None = None,
    ) -> dict[str, str] | None:
        """`x-thriftgate-*`: all of them on whole answers; on streams those known when the first chunk goes out."""
        edge = current.get()
        if edge is None:
            return None
        hidden: object = getattr(response, "_hidden_params", None)
        if isinstance(hidden, dict) and not edge.summary:
            # A stream that has not begun: LiteLLM reads these once more when it has the first chunk.
            edge.late_headers = cast("dict[str, Any]", hidden).setdefault("additional_headers", {})
        is_hit = edge.summary.get("decision") in _HITS
        headers: dict[str, str] = {}
        if edge.answered is not None and not is_hit:
            # Of a stream it may be known, too, before the first event; LiteLLM knows no parts of it then.
            cost: Any = None if edge.answered.is_streamed else edge.summary.get("cost")
            headers = edge.answered.headers(user_api_key_dict, cost_usd=None if cost is None else float(cost))
        headers |= edge.told()
        headers["traceparent"] = outgoing_traceparent(edge.request_id, edge.headers.get("traceparent"))
        if "cost" in edge.summary:
            headers["x-litellm-response-cost"] = str(edge.summary["cost"])
        return headers

    async def async_post_call_failure_hook(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        request_data: dict[str, Any],
        original_exception: Exception,
        user_api_key_dict: UserAPIKeyAuth,
        traceback_str: str | None = None,
    ) -> HTTPException | None:
        """Our own error instead of what LiteLLM made of it.

        A stream that is being handed out got its error from the iterator hook: an HTTPException would tear it.
        """
        original_exception = as_said(original_exception)
        route = self._routes().get(str(request_data.get("model") or ""))
        edge = current.get()
        was_asked = provider_answer.was_asked()
        # A provider may refuse our own key: then there was a caller whom we knew.
        if edge is None and not was_asked and is_stranger(original_exception, user_api_key_dict):
            self._strangers()
            return _unknown_key(request_data, original_exception)
        if edge is None:
            edge = edge_of(request_data, user_api_key_dict, route=route)
            edge.error = early_error(request_data, original_exception, is_route=route is not None)
            # The caller's own limit is none of the model's, and LiteLLM says which it was.
            if route is None and edge.error is None and not isinstance(original_exception, ProxyRateLimitError):
                edge.error = model_failure(edge.model or _NO_MODEL, original_exception)
                edge.is_streaming = has_begun()
                if edge.error is not None and edge.is_streaming:
                    # LiteLLM writes it into the last event.
                    setattr(original_exception, "message", edge.error.message)  # noqa: B010  not every error has one
            if route is not None or edge.error is not None:
                current.set(edge)  # where `refusing.py` finds it: not every endpoint takes the answer from here
            if route is None and was_asked and not isinstance(edge.error, InvalidRequestError):
                self._failed_plain(edge, original_exception)
        self._note_refusal(edge, route, original_exception)
        if edge.error is None or edge.is_streaming:
            return None
        return ClientHTTPException(edge.error)

    def _note_refusal(self, edge: EdgeRequest, route: str | None, error: Exception) -> None:
        """Record a request to a route that never reached it; the route records all others."""
        if route is not None and not edge.is_recorded:
            edge.is_recorded = True
            # Whose key could not be looked up may be anybody: the outage counts them, and they leave no record.
            record = None if isinstance(error, RefusedCallerError) else refusal_of(edge, route, edge.error or error)
            if record is not None:
                self._record(record)


def _is_clients(model: str, name: str, value: object) -> bool:
    """Whether the operator lets clients of a plain model choose this field of its deployments."""
    if proxy_server.general_settings.get("allow_client_side_credentials") is True:
        return True
    return _allow_model_level_clientside_configurable_parameters(model, name, value, proxy_server.llm_router)


def _with_seconds(data: dict[str, Any]) -> dict[str, Any] | None:
    """The request with its time-out as a number where it is the text of one; None where nothing is to be changed."""
    timeout: object = data.get("timeout")
    if not isinstance(timeout, str):
        return None
    data["timeout"] = float(timeout)
    return data


def _unknown_key(data: Mapping[str, Any], error: Exception) -> HTTPException | None:
    """What a stranger is told, where LiteLLM does not say it well."""
    ours = early_error(data, error, is_route=False)
    if ours is None:
        return None
    answer_with(ours)  # LiteLLM calls whatever it hears while it finds out who asks an error of authentication
    return ClientHTTPException(ours)


def _forget_deployment(data: Mapping[str, Any]) -> None:
    """Whatever a client wrote there names no model: its tokens would count for another one's limit."""
    notes = data.get("litellm_metadata") or data.get("metadata")
    if isinstance(notes, dict):
        for name in _OF_THE_ROUTER:
            cast("dict[str, Any]", notes).pop(name, None)
