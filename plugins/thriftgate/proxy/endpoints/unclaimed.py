"""The layer before endpoints that no route serves: what LiteLLM trips over there is told as what it is.

LiteLLM has hundreds of endpoints. Many of them take a model, or anything, for granted and answer 500 where a route is
named, where a form comes in place of JSON, or where the gateway is not set up for them (no database of LiteLLM's, no
provider of assistants, no licence). Clients try a 500 again and again, and operators look for a fault. Such an answer
is a 400 or a 404 with a sentence here, in the form of the endpoint; every other answer goes out untouched. Once
anybody was asked for the request the words of a 500 may be theirs, and it stays what it is.

Failure behaviour: what an endpoint raises passes through unless its fault is known here; nothing is raised here.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from thriftgate.errors import GatewayError, InvalidRequestError, NotFoundError
from thriftgate.proxy.endpoints.named import RequestReader, document_of
from thriftgate.proxy.endpoints.replies import Rewriting, is_error_document, send_document
from thriftgate.proxy.limits.dialects import LimitedApi, api_of, dialect_of, error_body
from thriftgate.proxy.provider import not_served
from thriftgate.proxy.tiers import provider_answer

_CLAIMED = ("/count_tokens", "/input_tokens", ":countTokens", "/token_counter")
"""Of a route tokens are counted, and a failure there is its provider's."""
_OURS = "/thriftgate"
_HELD = 64 * 1024
"""Bytes of an error that are held back until it is whole; LiteLLM's own are shorter."""
_A_FORM = "stream consumed"
"""What LiteLLM says where it has read a form and then looks for JSON."""
_NEEDS_DATABASE = (
    "db not connected", "no db connected", "database not connected", "database not initialized",
    "prisma client not initialized", "prisma client is not initialized", "prisma client is none",
    "prisma client not found",
)  # fmt: skip
_NOT_SET_UP = (
    "'custom_llm_provider' must be set. either via", "is not a valid llmproviders", "only premium users can",
    "you must be a litellm enterprise user", "only available for litellm enterprise users",
    "please add a valid litellm_license", "missing litellm-enterprise package", "'store_model_in_db='true'",
    "'store_model_in_db=true'",
)  # fmt: skip
"""LiteLLM's own sentences, in lower case: it writes them in several."""
_GOOGLES = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND"}
_ANTHROPICS = ("/skills", "/anthropic/")


class UnclaimedLayer:
    """An ASGI application around another; `routes` are by whatever a client may call them."""

    def __init__(
        self, app: ASGIApp, routes: Callable[[], Mapping[str, str]], *, has_database: Callable[[], bool]
    ) -> None:
        self._app = app
        self._routes = routes
        self._has_database = has_database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        path = _path_of(scope)
        is_claimed = path.startswith(_OURS) or path.endswith(_CLAIMED) or dialect_of(path) is not None
        if scope["type"] != "http" or is_claimed:
            await self._app(scope, receive, send)
            return
        departure = provider_answer.Departure()
        provider_answer.departure.set(departure)
        request = RequestReader(scope, receive, path)
        judge = _Judge(request, departure, self._routes, self._has_database)
        reply = _Reply(send, path, judge)
        try:
            await self._app(scope, request.receive, reply.send)
        except Exception as raised:
            if reply.has_begun or (error := judge.error_of_raised(raised)) is None:
                raise
            await reply.say({"type": "http.response.start", "status": 500}, {}, error)


class _Judge:
    """Whose fault a 500 is."""

    def __init__(
        self,
        request: RequestReader,
        departure: provider_answer.Departure,
        routes: Callable[[], Mapping[str, str]],
        has_database: Callable[[], bool],
    ) -> None:
        self._request = request
        self._departure = departure
        self._routes = routes
        self._has_database = has_database

    def error_of_raised(self, raised: Exception) -> GatewayError | None:
        """The same of what an endpoint raised."""
        is_no_json = isinstance(raised, json.JSONDecodeError) and self._request.begins_like(raised.doc)
        return self.error_of(_A_FORM if is_no_json else raised)

    def error_of(self, words: object) -> GatewayError | None:
        """What to say in place of LiteLLM's words with a 500; None where they stand."""
        if self._departure.is_sent:
            return None
        with suppress(Exception):  # LiteLLM's router is asked: a fault there does not take the place of this one
            return self._error_of(str(words).lower())
        return None

    def _error_of(self, said: str) -> GatewayError | None:
        if _A_FORM in said and self._request.is_form:
            return InvalidRequestError("the body must be JSON, sent with the header 'content-type: application/json'")
        route = self._request.named(self._routes())
        if route is not None:
            return not_served(route)
        if any(sentence in said for sentence in _NEEDS_DATABASE) and not self._has_database():
            return NotFoundError("this endpoint needs a database of LiteLLM's own (DATABASE_URL); there is none here")
        if any(sentence in said for sentence in _NOT_SET_UP):
            return NotFoundError("this gateway is not set up for this endpoint")
        return None


class _Reply(Rewriting):
    """What goes back: an error document of LiteLLM's is read before it goes out."""

    def __init__(self, send: Send, path: str, judge: _Judge) -> None:
        super().__init__(send)
        self._path = path
        self._judge = judge
        self._held: Message | None = None
        self._words = bytearray()
        self.has_begun = False

    async def _start(self, message: Message) -> None:
        self.has_begun = True
        if is_error_document(message) and message["status"] == 500:
            self._held = message
        else:
            await self._send(message)

    async def _body(self, message: Message, piece: bytes, *, is_last: bool) -> None:
        if self._held is None:
            await self._send(message)
            return
        self._words += piece
        if is_last or len(self._words) > _HELD:
            head, self._held = self._held, None
            await self._decide(head, bytes(self._words), is_last=is_last)

    async def _decide(self, head: Message, words: bytes, *, is_last: bool) -> None:
        error = None if len(words) > _HELD else self._judge.error_of(words.decode("utf-8", "replace"))
        if error is not None:
            await self.say(head, document_of(words), error)
            return
        await self._send(head)
        await self._send({"type": "http.response.body", "body": words, "more_body": not is_last})

    async def say(self, head: Message, document: Mapping[str, Any], error: GatewayError) -> None:
        """The error in the form of the endpoint, in the place of an answer."""
        await send_document(self._send, _formed(self._path, document, error), error.status_code, {}, head=head)


def _path_of(scope: Scope) -> str:
    """The address as the endpoints have it, without what a proxy before the gateway puts there."""
    path: str = scope.get("path", "")
    root = str(scope.get("root_path") or "").rstrip("/")
    return path.removeprefix(root) if path.startswith(f"{root}/") else path


def _formed(path: str, document: Mapping[str, Any], error: GatewayError) -> Mapping[str, Any]:
    """An error as the clients of an endpoint read it; `document` is what LiteLLM wrote."""
    if "jsonrpc" in document:
        told = {"code": -32600, "message": error.message}
        return {"jsonrpc": "2.0", "id": document.get("id"), "error": told}
    if path.startswith(("/v1beta/", "/models/")):
        status = _GOOGLES.get(error.status_code, "INTERNAL")
        return {"error": {"code": error.status_code, "message": error.message, "status": status}}
    is_anthropics = api_of(path) is LimitedApi.MESSAGES or any(part in path for part in _ANTHROPICS)
    return error_body(error, LimitedApi.MESSAGES if is_anthropics else LimitedApi.CHAT)
