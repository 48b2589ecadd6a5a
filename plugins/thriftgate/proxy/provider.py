"""The LiteLLM provider `thriftgate`: `model: thriftgate/<route>` is answered by that route.

Failure behaviour: every error leaves as one of ours (`errors.py`), noted on the EdgeRequest for the hook that
shapes the response; an unforeseen one is logged by its class and becomes a blank 500. A client that disconnects
cancels this call or closes the stream, and with it the call upstream.
"""

import logging
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any, cast

from litellm.llms.custom_llm import CustomLLM
from litellm.types.utils import ModelResponse, ModelResponseStream

from thriftgate.cascade.scoring import as_client_asked
from thriftgate.errors import GatewayError, InvalidRequestError
from thriftgate.proxy.edge import EdgeRequest, current
from thriftgate.proxy.errors import ClientHTTPException, gateway_error
from thriftgate.proxy.messages import chat_request, chunk_of, response_of
from thriftgate.services.route.route import RouteService
from thriftgate.types import ChatRequest

logger = logging.getLogger(__name__)


class ThriftgateProvider(CustomLLM):
    """Hands LiteLLM's calls to the routes."""

    def __init__(self, routes: Callable[[], Mapping[str, RouteService]]) -> None:
        super().__init__()
        self._routes = routes

    # LiteLLM passes everything by keyword, and more with each release: only what we use is named.
    async def acompletion(self, **kwargs: Any) -> ModelResponse:  # pyright: ignore[reportIncompatibleMethodOverride]
        """A whole answer."""
        edge = _edge(kwargs)
        try:
            route, request = self._request(edge, kwargs)
            answer = await route.answer(request, edge.tell)
        except Exception as error:
            raise _noted(edge, error) from None
        return response_of(
            as_client_asked(answer, request.params),
            route=edge.route,
            request_id=edge.request_id,
            extra=edge.summary,
        )

    async def astreaming(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, **kwargs: Any
    ) -> AsyncGenerator[ModelResponseStream, None]:
        """A streamed answer.

        LiteLLM's stream wrapper drops what follows the first finish reason: the usage, the finish reasons of
        further choices, our own field. So each chunk takes two ways: as it is into the EdgeRequest's outbox,
        from where `hooks.py` hands it to the client of `/v1/chat/completions`; and through the wrapper, with the
        usage ahead of the finish reason, for LiteLLM's own accounting and its other endpoints.
        """
        edge = _edge(kwargs)
        try:
            route, request = self._request(edge, kwargs)
            async with aclosing(route.stream(request, edge.tell)) as chunks:
                held: list[Mapping[str, Any]] = []
                async for chunk in chunks:
                    edge.outbox.append(chunk)
                    if not chunk["choices"]:
                        yield chunk_of({**chunk, "choices": [_EMPTY]})
                    elif chunk["choices"][0].get("finish_reason"):
                        held.append(chunk)
                    else:
                        yield chunk_of(chunk)
                for chunk in held:
                    yield chunk_of(chunk)
        except Exception as error:
            raise _noted(edge, error) from None

    def _request(self, edge: EdgeRequest, kwargs: Mapping[str, Any]) -> tuple[RouteService, ChatRequest]:
        route = self._routes().get(edge.route)
        if route is None:
            raise InvalidRequestError(f"there is no route '{edge.route}'", param="model")
        litellm_params = cast("Mapping[str, Any]", kwargs.get("litellm_params") or {})
        parent: dict[str, Any] = {
            "metadata": litellm_params.get("metadata") or litellm_params.get("litellm_metadata") or {},
            "litellm_trace_id": litellm_params.get("litellm_trace_id"),
            "litellm_session_id": litellm_params.get("litellm_session_id"),
        }
        params = cast("Mapping[str, Any]", kwargs.get("optional_params") or {})
        request = chat_request(edge, kwargs["messages"], params, parent)
        edge.is_recorded = True
        return route, request


_EMPTY: Mapping[str, Any] = {"index": 0, "delta": {}, "finish_reason": None}


def _edge(kwargs: Mapping[str, Any]) -> EdgeRequest:
    """The request being served; a bare one for calls that came past the hooks (health checks)."""
    edge = current.get()
    if edge is None:
        edge = EdgeRequest(request_id=uuid.uuid4().hex, route=str(kwargs["model"]), body={}, headers={})
    edge.route = str(kwargs["model"])
    return edge


def _noted(edge: EdgeRequest, error: Exception) -> Exception:
    """The HTTP form of an error, kept on the request for the hook that shapes the response."""
    ours = gateway_error(error, request_id=edge.request_id)
    if type(ours) is GatewayError:
        logger.exception("request %s failed unexpectedly: %s", edge.request_id, type(error).__name__, exc_info=None)
    edge.error = ours
    return ClientHTTPException(ours)
