"""The layer around every request to a model: sees how it begins, what goes back, and how it ends.

It stands inside LiteLLM's own middlewares, just before the endpoints. A caller that was refused again and again, and
does not wait as it is told to, is refused here: LiteLLM needs some thirty milliseconds of CPU for a request that a hook
refuses, so that one caller's loop would take everybody's time.

Failure behaviour: whatever an endpoint raises passes through; the request is settled all the same, once.
"""

import hashlib
import json
from collections.abc import Callable
from typing import cast

from starlette.types import ASGIApp, Receive, Scope, Send

from thriftgate.limits.estimate import TokenEstimate
from thriftgate.proxy.limits.connection import ClientConnection
from thriftgate.proxy.limits.dialects import dialect_of
from thriftgate.proxy.limits.request import LimitedRequest, current
from thriftgate.proxy.limits.responder import Responder
from thriftgate.services.limits.admission import Admission

_OVERLOADS = frozenset({408, 429, 503, 504, 529})
"""What a model says when too much is asked of it; ours do not come here."""

_CREDENTIALS = (b"auth", b"key", b"token", b"cookie", b"user")
"""One of these words is in the name of each header that LiteLLM, or a company's own authentication, reads keys from."""
_LARGE = 64 * 1024
"""Bytes above which a body is not parsed here: who sends such is looked at each time."""


class LimitLayer:
    """An ASGI application around another."""

    def __init__(
        self, app: ASGIApp, admission: Callable[[], Admission], *, key_header: Callable[[], str | None] = lambda: None
    ) -> None:
        """`key_header` names the header of the operator's own that carries keys."""
        self._app = app
        self._admission = admission
        self._key_header = key_header

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        dialect = dialect_of(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if dialect is None:
            await self._app(scope, receive, send)
            return
        caller = _caller(scope, self._key_header())
        connection = ClientConnection(receive)
        responder = Responder(send, dialect)
        request = LimitedRequest(dialect, connection, responder, caller)
        if caller is not None and self._admission().again.holds(caller):
            body = await connection.peek()
            refusal = self._admission().again.refuse(caller, _model_of(body))
            if refusal is not None:
                await responder.refuse(refusal)
                return
        token = current.set(request)
        try:
            await self._app(scope, connection.receive, responder.send)
        finally:
            current.reset(token)
            connection.close()
            self._settle(request)

    def _settle(self, request: LimitedRequest) -> None:
        responder = request.responder
        passed = responder.passed
        if passed is None:
            return
        status = responder.status or 500
        self._admission().settle(
            passed,
            spent=_spent(request),
            is_overload=status in _OVERLOADS,
            is_failed=status >= 400 or not responder.is_complete,
        )


def _caller(scope: Scope, key_header: str | None) -> bytes | None:
    """A digest of everything in the head that may say who asks, and of where it goes; None where nothing does.

    A header too many makes two callers of one, which costs a little time; one too few would make one of two.
    """
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    own = key_header.lower().encode() if key_header else None
    telling = sorted(
        (name.lower(), value)
        for name, value in headers
        if name.lower() == own or any(word in name.lower() for word in _CREDENTIALS)
    )
    if not telling:
        return None
    digest = hashlib.blake2b(scope["path"].encode("utf-8", "surrogatepass"), digest_size=16)
    digest.update(b"?" + scope.get("query_string", b""))
    for name, value in telling:
        digest.update(b"\0%d:%d:" % (len(name), len(value)) + name + value)
    return digest.digest()


def _model_of(body: bytes) -> str:
    """What the client calls the model; empty where it cannot be told at little cost."""
    if len(body) > _LARGE:
        return ""
    try:
        read: object = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    model: object = cast("dict[str, object]", read).get("model") if isinstance(read, dict) else None
    return model if isinstance(model, str) else ""


def _spent(request: LimitedRequest) -> TokenEstimate | None:
    """What the request used, from who knows best: its route, its answer, or the events that went out."""
    responder = request.responder
    passed = responder.passed
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
