"""The layer around every request to a model: sees how it begins, what goes back, and how it ends.

It stands inside LiteLLM's own middlewares, just before the endpoints.

Failure behaviour: whatever an endpoint raises passes through; the request is settled all the same, once.
"""

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from thriftgate.limits.estimate import TokenEstimate
from thriftgate.proxy.limits.connection import ClientConnection
from thriftgate.proxy.limits.dialects import dialect_of
from thriftgate.proxy.limits.request import LimitedRequest, current
from thriftgate.proxy.limits.responder import Responder
from thriftgate.services.limits.admission import Admission

_OVERLOADS = frozenset({408, 429, 503, 504, 529})
"""What a model says when too much is asked of it; ours do not come here."""


class LimitLayer:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp, admission: Callable[[], Admission]) -> None:
        self._app = app
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        dialect = dialect_of(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if dialect is None:
            await self._app(scope, receive, send)
            return
        connection = ClientConnection(receive)
        responder = Responder(send, dialect, refusal=lambda: request.refusal, passed=lambda: request.passed)
        request = LimitedRequest(dialect, connection, responder)
        token = current.set(request)
        try:
            await self._app(scope, connection.receive, responder.send)
        finally:
            current.reset(token)
            connection.close()
            self._settle(request)

    def _settle(self, request: LimitedRequest) -> None:
        passed, responder = request.passed, request.responder
        if passed is None:
            return
        status = responder.status or 500
        self._admission().settle(
            passed,
            spent=_spent(request),
            is_overload=status in _OVERLOADS,
            is_failed=status >= 400 or not responder.is_complete,
        )


def _spent(request: LimitedRequest) -> TokenEstimate | None:
    """What the request used, from who knows best: its route, its answer, or the events that went out."""
    responder, passed = request.responder, request.passed
    if request.models_used is not None:
        return request.models_used
    if responder.status is None or responder.status >= 400:
        return TokenEstimate(0.0, 0.0)
    found = responder.usage.found() if responder.usage else None
    if found is not None and (responder.is_complete or not responder.is_stream):
        return found
    if responder.is_stream and responder.usage is not None and passed is not None:
        prompt = found.prompt if found and found.prompt else passed.estimate.prompt
        return TokenEstimate(prompt, float(max(responder.usage.events, found.completion if found else 0)))
    return None
