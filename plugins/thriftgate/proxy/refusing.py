"""The layer next to the endpoints: what a route refuses or could not do is said in the words of the client's API.

LiteLLM's endpoints each make an error response of their own, and lose by that what a client acts on: `retry-after`,
`code`, Anthropic's names of errors. Where the error is one of ours, it is written here instead.

Failure behaviour: pure but for `send`; an answer that has begun as one goes out untouched.
"""

from contextvars import ContextVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from thriftgate.errors import GatewayError
from thriftgate.proxy.edge import current
from thriftgate.proxy.errors import error_headers
from thriftgate.proxy.limits.dialects import LimitedApi, dialect_of
from thriftgate.proxy.replies import send_error


class ErrorLayer:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        dialect = dialect_of(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if dialect is None:
            await self._app(scope, receive, send)
            return
        current.set(None)
        reply = _Reply(send, dialect)
        _reply.set(reply)
        await self._app(scope, receive, reply.send)


class _Reply:
    """What goes back to one client."""

    def __init__(self, send: Send, dialect: LimitedApi) -> None:
        self._send = send
        self._dialect = dialect
        self._is_replaced = False
        self.has_begun = False

    async def send(self, message: Message) -> None:
        """Pass it on, or the error instead."""
        self.has_begun = True
        if message["type"] == "http.response.start" and (error := _refused(message)) is not None:
            self._is_replaced = True
            await send_error(self._send, error, self._dialect, error_headers(error), head=message)
        elif not self._is_replaced:
            await self._send(message)


_reply: ContextVar[_Reply | None] = ContextVar("thriftgate_reply", default=None)


def has_begun() -> bool:
    """Whether the answer to this request has begun to go out: an error can then only be an event in it."""
    reply = _reply.get()
    return reply is not None and reply.has_begun


def _refused(head: Message) -> GatewayError | None:
    """Our own reason for an error response; read in the task that answers, where the request is known."""
    edge = current.get()
    return edge.error if edge is not None and int(head["status"]) >= 400 else None
