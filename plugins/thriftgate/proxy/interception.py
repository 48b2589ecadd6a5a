"""Where a route takes over from LiteLLM: the router's public methods, for the routes' names and nothing else.

LiteLLM has done all it does before a call (key, budgets, hooks, guardrails, limiter slots) and does all that comes
after it (hooks, headers, error mapping, the stream to the client). In between it would ask the router for a model; for
a route's name the route answers instead, once, in the client's own dialect.

What LiteLLM's own wrapper around a model call would have done for the request, and is done here by hand: its success
log, on which hang the limiter's slot and token count, Prometheus, the spend row and third-party loggers. It costs
nothing there: the calls of the tiers have been charged already.

Failure behaviour: every error leaves as one of ours (`errors.py`), noted on the EdgeRequest for the hook that shapes
the response; an unforeseen one is logged by its class and becomes a blank 500. A client that disconnects cancels this
call or closes the stream, and with it the call upstream.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from litellm.router import Router
from litellm.types.utils import ModelResponse

from thriftgate.decisions import DecisionKind
from thriftgate.errors import GatewayError, InvalidRequestError
from thriftgate.proxy.books.pricing import chat_usage
from thriftgate.proxy.dialects import (
    METHODS,
    event_of,
    has_fallen_back,
    owned,
    response_of,
    takes_bytes,
    words_as_bytes,
)
from thriftgate.proxy.edge import EdgeRequest, current
from thriftgate.proxy.errors import ClientHTTPException, ClientStreamError, gateway_error
from thriftgate.proxy.messages import request_read
from thriftgate.proxy.patience import within
from thriftgate.services.request.reading import whole_body
from thriftgate.services.route.route import RouteService
from thriftgate.types import Answer, ChatRequest, StreamPiece, Usage
from thriftgate.wire.request import Dialect
from thriftgate.wire.streaming.codec import is_last_event

logger = logging.getLogger(__name__)

Call = Callable[..., Awaitable[Any]]
"""One of the router's public methods."""


class Interception:
    """Puts the routes before a router's own methods, and the breaker where it chooses a deployment.

    Args:
        routes: By name.
        breaker: Has a say in which deployments a router leaves out.
    """

    def __init__(self, routes: Callable[[], Mapping[str, RouteService]], *, breaker: Callable[[Router], None]) -> None:
        self._routes = routes
        self._breaker = breaker
        self._logs: set[asyncio.Task[None]] = set()

    def install(self, router: Any) -> None:
        """Put the routes before this router's methods; again changes nothing."""
        if router is None or getattr(router, "_has_thriftgate_routes", False):
            return
        self._breaker(router)
        for dialect, method in METHODS.items():
            setattr(router, method, self._before(dialect, getattr(router, method)))
        setattr(router, "_has_thriftgate_routes", True)  # noqa: B010  the router has no such field

    def _before(self, dialect: str, theirs: Call) -> Call:
        async def ours(*args: Any, **kwargs: Any) -> Any:
            edge = current.get()
            if edge is None or args or kwargs.get("model") != edge.model:
                return await theirs(*args, **kwargs)
            return await self._served(edge, dialect, kwargs)

        return ours

    async def _served(self, edge: EdgeRequest, dialect: str, kwargs: Mapping[str, Any]) -> object:
        edge.is_recorded = True
        log = _Log(kwargs, edge, self._logs)
        try:
            route = self._route(edge.route)
            request = await request_read(edge, dialect, kwargs)
            if kwargs.get("stream"):
                async with within(edge.route, kwargs):
                    return await _Streamed(edge, request, route, log).opened()
            async with within(edge.route, kwargs):
                answer = await route.answer(request, edge.tell, edge.retraction)
            response = response_of(dialect, whole_body(request, answer), edge.summary, answer.edge)
        except Exception as error:
            raise noted(edge, error) from None
        log.succeeded(answer)
        return response

    def _route(self, name: str) -> RouteService:
        route = self._routes().get(name)
        if route is None:
            raise InvalidRequestError(f"there is no route '{name}'", param="model")
        return route


class _Streamed:
    """A route's stream as LiteLLM hands it out: an async iterator with what LiteLLM looks for on it."""

    def __init__(self, edge: EdgeRequest, request: ChatRequest, route: RouteService, log: "_Log") -> None:
        self._edge = edge
        self._dialect = request.dialect
        self._pieces = route.stream(request, edge.tell, edge.retraction)
        self._log = log
        self._first: StreamPiece | None = None
        self._hidden_params: dict[str, Any] = {"additional_headers": {}}
        self.completed_response: object = None
        """Of Responses: the last event; LiteLLM looks here for containers to file."""
        self._events: AsyncGenerator[object, None] | None = None
        self._as_bytes = takes_bytes()
        self._writes_words = self._as_bytes and self._dialect == Dialect.CHAT
        """Words of a tier go out as bytes, too: LiteLLM has nothing to say about them."""
        self._model = edge.asked_for
        self._ids: dict[str, str] = {}

    async def opened(self) -> "_Streamed":
        """With its first event there: until then an error is a whole response, and headers may still be told."""
        self._first = await anext(self._pieces, None)
        return self

    def __aiter__(self) -> "_Streamed":
        return self

    async def __anext__(self) -> object:
        if self._events is None:
            self._events = self._handed_out()
        return await anext(self._events)

    async def aclose(self) -> None:
        """Close the route's stream, and with it the call upstream."""
        if self._events is not None:
            await self._events.aclose()
        await self._pieces.aclose()

    async def _handed_out(self) -> AsyncGenerator[object, None]:
        self._edge.is_streaming = True
        try:
            async with aclosing(self._pieces) as pieces:
                waiting: list[bytes] = []
                piece = self._first
                while piece is not None:
                    if "response" in piece.event:
                        piece = await self._of_a_response(piece)
                    event = self._event(piece)
                    if isinstance(event, bytes):
                        waiting.append(event)
                    if not (piece.is_followed and isinstance(event, bytes)):
                        if waiting:
                            yield b"".join(waiting)
                            waiting.clear()
                        if not isinstance(event, bytes):
                            yield event
                    piece = await anext(pieces, None)
                if waiting:
                    yield b"".join(waiting)
        except Exception as error:
            self._log.failed(error)
            noted(self._edge, error)
            assert self._edge.error is not None, "a noted error"
            raise ClientStreamError(self._edge.error) from None
        finally:
            # Left before its end: what was asked for it counts against the limits on tokens a minute all the same.
            self._log.left()

    async def _of_a_response(self, piece: StreamPiece) -> StreamPiece:
        if is_last_event(piece.event):
            self.completed_response = piece.event
        if self._edge.auth is None or not (piece.edge is None or self._as_bytes):
            return piece
        return replace(piece, event=await owned(piece.event, self._edge.auth, self._ids))

    def _event(self, piece: StreamPiece) -> object:
        if piece.usage is not None:
            self._log.ended(piece.usage)
        if self._writes_words and piece.edge is not None:
            self._writes_words = not has_fallen_back(piece.edge)
            words = words_as_bytes(piece.event, model=self._model) if self._writes_words else None
            if words is not None:
                return words
        return event_of(piece, self._dialect, model=self._model, as_bytes=self._as_bytes)


class _Log:
    """LiteLLM's log of the request itself, written once, in the background."""

    def __init__(self, kwargs: Mapping[str, Any], edge: EdgeRequest, tasks: set[asyncio.Task[None]]) -> None:
        self._logging: Any = kwargs.get("litellm_logging_obj")
        self._edge = edge
        self._kwargs = kwargs
        self._tasks = tasks
        self._started = datetime.now()  # noqa: DTZ005  LiteLLM subtracts it from naive times of its own
        self._is_written = self._logging is None
        if self._logging is not None:
            # The request costs nothing by design: LiteLLM need not look for a price that it has missed.
            self._logging._record_zero_cost_diagnostic = _no_diagnostic
            bucket = {name: kwargs[name] for name in ("metadata", "litellm_metadata") if kwargs.get(name)}
            self._logging.update_environment_variables(
                model=edge.route,
                user=kwargs.get("user"),
                optional_params={},
                litellm_params={
                    **bucket,
                    "metadata": bucket.get("litellm_metadata") or bucket.get("metadata") or {},
                    "proxy_server_request": kwargs.get("proxy_server_request"),
                    "litellm_call_id": kwargs.get("litellm_call_id"),
                    "acompletion": True,
                },
                custom_llm_provider="thriftgate",
            )

    def succeeded(self, answer: Answer) -> None:
        """The request has its whole answer."""
        is_kept = self._edge.summary.get("decision") in (DecisionKind.EXACT_HIT, DecisionKind.SEMANTIC_HIT)
        # Of a kept answer nobody's tokens were used; its usage tells what it took when it was made.
        self.ended(Usage() if is_kept else answer.usage, text=answer.text)

    def ended(self, usage: Usage, *, text: str = "") -> None:
        """The request is over; what was written by then was used."""
        if self._is_written:
            return
        self._is_written = True
        response = ModelResponse(
            id=self._edge.request_id,
            model=self._edge.route,
            choices=[{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            usage=chat_usage(usage),
        )
        response._hidden_params = {"response_cost": 0.0, "custom_llm_provider": "thriftgate"}  # pyright: ignore[reportPrivateUsage]
        ended = datetime.now()  # noqa: DTZ005
        self._start(
            self._logging.async_success_handler(response, start_time=self._started, end_time=ended, cache_hit=False)
        )

    def left(self) -> None:
        """The stream has ended, perhaps before its end: what was used for it by then was used."""
        if self._is_written:
            return
        if self._edge.unsettled:
            self._start(self._left())
        else:
            self.ended(self._edge.used)

    async def _left(self) -> None:
        self.ended(await self._edge.settled())

    def failed(self, error: BaseException) -> None:
        """The request broke off after the client had a part of it."""
        if self._is_written:
            return
        self._is_written = True
        self._start(self._logging.async_failure_handler(error, "", self._started, datetime.now()))  # noqa: DTZ005

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(_quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _no_diagnostic(*_: object, **__: object) -> None:
    """In the place of LiteLLM's search for why something costs nothing."""


async def _quietly(work: Awaitable[None]) -> None:
    with suppress(Exception):  # a logger of somebody else's; LiteLLM passes over its errors as well
        await work


def noted(edge: EdgeRequest, error: Exception) -> Exception:
    """The HTTP form of an error, kept on the request for the hook that shapes the response."""
    ours = gateway_error(error, request_id=edge.request_id)
    if type(ours) is GatewayError:
        logger.error("request %s failed unexpectedly: %s", edge.request_id, type(error).__name__)
    edge.refuse(ours)
    return ClientHTTPException(ours)
