"""The layer before endpoints that no route serves: what LiteLLM trips over there is told as what it is.

LiteLLM has hundreds of endpoints. Many of them take a model, or anything, for granted and answer 500 where a route is
named, where a form comes in place of JSON, or where the gateway is not set up for them (no database of LiteLLM's, no
provider of assistants, no licence). Clients try a 500 again and again, and operators look for a fault. Such an answer
is a 400 or a 404 with a sentence here, in the form of the endpoint; every other answer goes out untouched.

Failure behaviour: what an endpoint raises passes through unless a route was named; nothing is raised here.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

import jiter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from thriftgate.errors import GatewayError, InvalidRequestError, NotFoundError
from thriftgate.proxy.endpoints.replies import header, with_headers
from thriftgate.proxy.limits.dialects import LimitedApi, api_of, dialect_of, error_body
from thriftgate.proxy.provider import not_served
from thriftgate.proxy.tiers import provider_answer
from thriftgate.wire.shapes import items, mapping

_CLAIMED = ("/count_tokens", "/input_tokens", ":countTokens", "/token_counter")
"""Of a route tokens are counted, and a failure there is its provider's."""
_OURS = "/thriftgate"
_OF_MODELS = "/v1/"
"""So begin the addresses of what asks a model; what administers LiteLLM has others."""
_LARGEST = 256 * 1024
"""Bytes of a body in which a route is looked for."""
_NAMING = ("model", "models", "name", "names", "id")
"""How the fields end in which clients name what they ask."""
_A_FORM = "Stream consumed"
"""What LiteLLM says where it has read a form and then looks for JSON."""
_NEEDS_DATABASE = ("db not connected", "no db connected", "database not connected", "prisma client",
                   "database not initialized", "store_model_in_db")  # fmt: skip
_NOT_SET_UP = ("'custom_llm_provider' must be set", "only premium users", "enterprise feature", "enterprise user",
               "is not a valid llmproviders")  # fmt: skip
_FIELD = re.compile(rb'name="(\w{1,100})"\r\n\r\n([^\r\n]{1,200})\r\n')
"""A field of a multipart form that is one line."""
_GOOGLES = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND"}
_ANTHROPICS = ("/skills", "/anthropic/")


class UnclaimedLayer:
    """An ASGI application around another; `routes` are by whatever a client may call them."""

    def __init__(self, app: ASGIApp, routes: Callable[[], Mapping[str, str]]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        path: str = scope.get("path", "")
        is_claimed = path.startswith(_OURS) or path.endswith(_CLAIMED) or dialect_of(path) is not None
        if scope["type"] != "http" or is_claimed:
            await self._app(scope, receive, send)
            return
        provider_answer.current.set(provider_answer.ProviderAnswer())
        request = _Request(scope, receive, self._routes)
        reply = _Reply(send, path, request)
        try:
            await self._app(scope, request.receive, reply.send)
        except Exception as raised:
            words = _A_FORM if isinstance(raised, ValueError) and request.is_form else str(raised)
            if reply.has_begun or (error := request.error_of(words)) is None:
                raise
            await reply.say({"type": "http.response.start", "status": 500}, {}, error)


class _Request:
    """What is asked, as far as a route may be named in it."""

    def __init__(self, scope: Scope, receive: Receive, routes: Callable[[], Mapping[str, str]]) -> None:
        self._scope = scope
        self._receive = receive
        self._routes = routes
        self._pieces: list[bytes] = []
        self._size = 0

    @property
    def is_form(self) -> bool:
        """The body is sent as a form."""
        return header(self._scope, b"content-type").startswith((b"multipart/", b"application/x-www-form"))

    async def receive(self) -> Message:
        """The next message, for the application."""
        message = await self._receive()
        if message["type"] == "http.request" and self._size <= _LARGEST:
            piece: bytes = message.get("body", b"")
            self._size += len(piece)
            self._pieces.append(piece)
        return message

    def error_of(self, words: str) -> GatewayError | None:
        """What to say in place of LiteLLM's words with a 500; None where they stand."""
        said = words.lower()
        if _A_FORM.lower() in said:
            return InvalidRequestError("the body must be JSON, sent with the header 'content-type: application/json'")
        route = self._named()
        is_of_models = self._scope.get("path", "").startswith(_OF_MODELS)
        if any(word in said for word in _NEEDS_DATABASE) and not (route and is_of_models):
            return NotFoundError("this endpoint needs a database of LiteLLM's own (DATABASE_URL); there is none here")
        if route is not None:
            return not_served(route)
        if any(word in said for word in _NOT_SET_UP):
            return NotFoundError("this gateway is not set up for this endpoint")
        return None

    def _named(self) -> str | None:
        """The route that the request names."""
        routes = self._routes()
        named = next((name for name in self._said() if name in routes), None)
        answer = provider_answer.current.get()
        if named is None and not (answer and answer.is_sent):
            # Of an address a part may be anything's name; here nobody else was asked for it.
            parts = unquote(self._scope.get("path", "")).split("/")
            named = next((part.split(":")[0] for part in parts if part.split(":")[0] in routes), None)
        return None if named is None else routes[named]

    def _said(self) -> Iterator[str]:
        """The names in fields of the body and behind the address."""
        query = parse_qsl(self._scope.get("query_string", b"").decode("latin-1"), max_num_fields=100)
        for field, value in [*query, *self._fields()]:
            if field.lower().endswith(_NAMING):
                yield from (one for one in (value, *items(value)) if isinstance(one, str))

    def _fields(self) -> Iterable[tuple[str, Any]]:
        """The fields of the body, be it JSON or a form."""
        body = b"".join(self._pieces) if self._size <= _LARGEST else b""
        if self.is_form:
            return [(name.decode(), value.decode("latin-1")) for name, value in _FIELD.findall(body)]
        return _document_of(body).items()


class _Reply:
    """What goes back: an error document of LiteLLM's is read before it goes out."""

    def __init__(self, send: Send, path: str, request: _Request) -> None:
        self._send = send
        self._path = path
        self._request = request
        self._held: Message | None = None
        self._words = b""
        self.has_begun = False

    async def send(self, message: Message) -> None:
        """Pass it on, or the error instead."""
        self.has_begun = True
        if message["type"] == "http.response.start" and _is_fault(message):
            self._held = message
        elif self._held is not None and message["type"] == "http.response.body":
            self._words += message.get("body", b"")
            if not message.get("more_body", False):
                head, self._held = self._held, None
                await self._decide(head)
        else:
            await self._send(message)

    async def _decide(self, head: Message) -> None:
        error = self._request.error_of(self._words.decode("utf-8", "replace"))
        if error is not None:
            await self.say(head, _document_of(self._words), error)
            return
        await self._send(head)
        await self._send({"type": "http.response.body", "body": self._words})

    async def say(self, head: Message, document: Mapping[str, Any], error: GatewayError) -> None:
        """The error in the form of the endpoint, in the place of an answer."""
        body = json.dumps(_formed(self._path, document, error)).encode()
        ours = {"content-type": "application/json", "content-length": str(len(body))}
        await self._send({**with_headers(head, ours), "status": error.status_code})
        await self._send({"type": "http.response.body", "body": body})


def _document_of(raw: bytes) -> Mapping[str, Any]:
    """A JSON object; an empty one for anything else."""
    try:
        return mapping(jiter.from_json(raw))
    except ValueError:
        return {}


def _is_fault(message: Message) -> bool:
    return message["status"] == 500 and header(message, b"content-type").startswith(b"application/json")


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
