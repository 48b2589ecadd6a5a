"""From the signal that stops a worker to its last ledger row: refuse what is new, let go on what runs, write, end.

uvicorn stops listening as soon as it gets a signal; a client then sees a refused connection, and a load balancer
learns nothing. So the signal comes to us first: while requests in flight go on, new ones are refused in their own
API's words and `/health/readiness` says no. Only then uvicorn gets it. LiteLLM imports us inside its lifespan, which
is too late to wrap the lifespan itself: the gateway ends in `proxy_shutdown_event`, the last thing the lifespan does
on the loop that served.

Failure behaviour: a request that is still running after `drain` seconds is cancelled, which books it, and its client
gets an error, or an error event in a stream that has begun. A second SIGINT ends the drain at once. LiteLLM's own end
is left when it takes too long: what we have to write is written all the same. Where a server
runs without uvicorn's signal handler, nothing is refused early; the end is written all the same.
"""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any, Protocol

from litellm.proxy.shutdown.graceful_shutdown_manager import GracefulShutdownManager
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from thriftgate.errors import OverloadedError
from thriftgate.limits.headers import retry_headers
from thriftgate.proxy.endpoints.replies import header, send_error
from thriftgate.proxy.limits.dialects import LimitedApi, dialect_of, error_body, error_event, next_number

logger = logging.getLogger(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGINT)
_RETRY_AFTER = 1.0
"""Seconds after which another worker, or the next gateway, may be asked."""
_CUTTING = 2.0
"""Seconds that cancelled requests have to be booked and to tell their clients."""
_THEIRS = 10.0
"""Seconds that charging what was cut and LiteLLM's own end may take."""
_READS = frozenset({"GET", "HEAD", "OPTIONS"})

Handler = Callable[[int, FrameType | None], Any]


class ProxyModule(Protocol):
    """What we use of `litellm.proxy.proxy_server`."""

    app: Any
    proxy_shutdown_event: Any
    """A coroutine function; the lifespan looks it up by this name when it ends."""


class Drain:
    """An ASGI application around another that can stop taking requests; reads (health, metrics, page) go on."""

    def __init__(self, app: ASGIApp, *, patience: float) -> None:
        self._app = app
        self._patience = patience
        self._running: set[asyncio.Task[Any]] = set()
        self._cut: set[asyncio.Task[Any]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._hurry = asyncio.Event()
        self.is_draining = False

    @property
    def running(self) -> int:
        """Requests in flight."""
        return len(self._running)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["method"] in _READS:
            await self._app(scope, receive, send)
            return
        reply = _Reply(send, dialect_of(scope["path"]) or LimitedApi.CHAT)
        if self.is_draining:
            await reply.refuse()
            return
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        self._idle.clear()
        try:
            await self._app(scope, receive, reply.send)
        except asyncio.CancelledError:
            if task not in self._cut:
                raise
            task.uncancel()
            await reply.refuse()
        finally:
            self._cut.discard(task)
            self._running.discard(task)
            if not self._running:
                self._idle.set()

    def hurry(self) -> None:
        """Wait no longer for what is in flight."""
        self._hurry.set()

    async def drain(self) -> int:
        """Take nothing new, and wait until nothing is in flight; returns how many requests had to be cut."""
        self.is_draining = True
        waits = [asyncio.ensure_future(event.wait()) for event in (self._idle, self._hurry)]
        await asyncio.wait(waits, timeout=self._patience, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        late = tuple(self._running)
        self._cut.update(late)
        for task in late:
            task.cancel()
        if late:
            logger.warning(
                "%d requests were still running after the drain of %g s and were cut", len(late), self._patience
            )
            await asyncio.wait(late, timeout=_CUTTING)
        return len(late)


class _Reply:
    """What one client has been sent so far, and how it is told that no more comes."""

    def __init__(self, send: Send, dialect: LimitedApi) -> None:
        self._send = send
        self._dialect = dialect
        self._has_begun = False
        self._is_stream = False
        self._is_complete = False
        self._shown = b""
        """Of Responses: the numbered events that were sent last."""

    async def send(self, message: Message) -> None:
        """What the application says."""
        if message["type"] == "http.response.start":
            self._has_begun = True
            self._is_stream = header(message, b"content-type").startswith(b"text/event-stream")
        elif message["type"] == "http.response.body":
            self._is_complete = not message.get("more_body", False)
            is_numbered = self._is_stream and self._dialect is LimitedApi.RESPONSES
            if is_numbered and b"sequence_number" in message.get("body", b""):
                self._shown = message["body"]
        await self._send(message)

    async def refuse(self) -> None:
        """503 with Retry-After, or an error event where a stream has begun."""
        if self._is_complete:
            return
        error = OverloadedError("the gateway is being stopped; ask again", retry_after=_RETRY_AFTER)
        if not self._has_begun:
            await send_error(self._send, error, self._dialect, {"connection": "close", **retry_headers(_RETRY_AFTER)})
        elif self._is_stream:
            number = next_number(self._shown)
            event = error_event(error_body(error, self._dialect), self._dialect, number=number)
            await self._send({"type": "http.response.body", "body": event})


def run_until_the_end(
    proxy: ProxyModule, close: Callable[[], Awaitable[None]], *, drain: float, charged: Callable[[], Awaitable[None]]
) -> Drain:
    """From now on the worker drains when it is stopped, and `close` is awaited as its lifespan's last act.

    `charged` returns when what was cut has been charged: LiteLLM writes its charges after that. Call it in the loop
    that serves.
    """
    layer = Drain(proxy.app.middleware_stack or proxy.app.build_middleware_stack(), patience=drain)
    proxy.app.middleware_stack = layer
    shut_down = proxy.proxy_shutdown_event

    async def shut_down_and_close(*args: Any, **kwargs: Any) -> None:
        async def end_theirs() -> None:
            await charged()
            await shut_down(*args, **kwargs)

        theirs = asyncio.create_task(end_theirs(), name="thriftgate:end of LiteLLM")
        try:
            if not (await asyncio.wait({theirs}, timeout=_THEIRS))[0]:
                theirs.cancel()
                logger.warning("LiteLLM's own end took more than %g s and was left", _THEIRS)
        finally:
            await close()
        if theirs.done() and not theirs.cancelled():
            theirs.result()

    proxy.proxy_shutdown_event = shut_down_and_close
    for number in SIGNALS:
        _come_first(number, layer)
    return layer


_draining: set[asyncio.Task[None]] = set()


def _come_first(number: int, layer: Drain) -> None:
    """Put our handler before the server's."""
    server = signal.getsignal(number)
    if not callable(server) or server is signal.default_int_handler:
        return  # nobody would end the process after us
    loop = asyncio.get_running_loop()

    async def drain_then_stop(handler: Handler) -> None:
        try:
            await layer.drain()
        finally:
            handler(number, None)

    def begin(handler: Handler) -> None:
        if layer.is_draining:
            if number == signal.SIGINT:
                layer.hurry()
            return
        layer.is_draining = True
        GracefulShutdownManager.start_shutdown()
        task = loop.create_task(drain_then_stop(handler), name="thriftgate:drain")
        _draining.add(task)
        task.add_done_callback(_draining.discard)

    def handle(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(begin, server)

    signal.signal(number, handle)
