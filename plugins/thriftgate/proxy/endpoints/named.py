"""Which route a request names at an endpoint that asks a model, by what LiteLLM's endpoints read of it.

A route's name may stand anywhere in a request, be it in a user's id or in the name of an endpoint. It names the route
only where LiteLLM's own endpoints look for a model; those that administer LiteLLM name routes for other ends.

Failure behaviour: pure but for `receive`; what cannot be read names nothing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

import jiter
from litellm.proxy.auth.route_checks import RouteChecks
from starlette.types import Message, Receive, Scope

from thriftgate.proxy.endpoints.replies import header
from thriftgate.wire.shapes import items, mapping

_LARGEST = 256 * 1024
"""Bytes of a body in which a route is looked for; of a form with files, as many at its beginning."""
_LAST = 64 * 1024
"""Bytes at the end of a form in which one is looked for: its fields may stand behind the file."""
_MOST_FIELDS = 100
_ALSO_OF_MODELS = ("/v1beta/", "/v1/evals", "/v1/skills/")
"""Addresses of endpoints that ask models and stand in none of LiteLLM's own lists."""
_MODEL_HEADER = b"x-litellm-model"
_OTHER_FIELDS = ("target_model_names", "search_tool_name")
_NAMED_IN_PATH = re.compile(r"/(?:models|search|a2a|deployments|engines)/(.+)")
_FIELD = re.compile(rb'name="(\w{1,100})"\r\n\r\n([^\r\n]{1,200})\r\n')
"""A field of a multipart form that is one line."""


class RequestReader:
    """A request on its way to an endpoint at `path`, as far as a route may be named in it."""

    def __init__(self, scope: Scope, receive: Receive, path: str) -> None:
        self._scope = scope
        self._receive = receive
        self._path = path
        self._head = bytearray()
        self._tail = b""
        self._is_whole = True

    @property
    def is_form(self) -> bool:
        """The body is sent as a form."""
        return self._is_multipart or header(self._scope, b"content-type").startswith(b"application/x-www-form")

    @property
    def _is_multipart(self) -> bool:
        return header(self._scope, b"content-type").startswith(b"multipart/")

    async def receive(self) -> Message:
        """The next message, for the application."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._keep(message.get("body", b""))
        return message

    def _keep(self, piece: bytes) -> None:
        room = _LARGEST - len(self._head)
        self._head += piece[:room]
        if len(piece) <= room:
            return
        self._is_whole = False
        if self._is_multipart:
            self._tail = (self._tail + piece[room:])[-_LAST:]

    def begins_like(self, text: str) -> bool:
        """Whether a text that was read as JSON is the body."""
        return self._head.startswith(text[:20].encode("utf-8", "replace"))

    def named(self, routes: Mapping[str, str]) -> str | None:
        """The route that an endpoint which asks a model is to ask."""
        if not (RouteChecks.is_llm_api_route(self._path) or self._path.startswith(_ALSO_OF_MODELS)):
            return None
        said = [(field, value) for field, value in self._said() if _names(value)]
        models = [_route_in(value, routes) for field, value in said if field == "model"]
        if models:
            return models[0] if all(models) else None
        others = (_route_in(value, routes) for field, value in said if field in _OTHER_FIELDS)
        return next((route for route in others if route is not None), None) or self._named_in_path(routes)

    def _named_in_path(self, routes: Mapping[str, str]) -> str | None:
        # What is only looked up is no model that is asked: `GET /v1/models/x`, `GET /search/tools`.
        found = _NAMED_IN_PATH.search(self._path) if self._scope["method"] == "POST" else None
        if found is None:
            return None
        rest = found[1]
        # A name may have slashes, and what is to be done with the model stands behind a slash or a colon.
        named = [name for name in routes if rest.startswith(name) and rest[len(name) : len(name) + 1] in ("", "/", ":")]
        return routes[max(named, key=len)] if named else None

    def _said(self) -> Iterator[tuple[str, Any]]:
        """The fields of the body and behind the address."""
        yield from (("model", value.decode("latin-1")) for key, value in self._scope["headers"] if key == _MODEL_HEADER)
        yield from _pairs(self._scope.get("query_string", b""))
        yield from self._fields()

    def _fields(self) -> Iterable[tuple[str, Any]]:
        """The fields of the body, be it JSON or a form."""
        if self._is_multipart:
            found = _FIELD.findall(bytes(self._head) + self._tail)
            return [(name.decode(), value.decode("utf-8", "replace")) for name, value in found]
        body = bytes(self._head) if self._is_whole else b""
        return _pairs(body) if self.is_form else document_of(body).items()


def document_of(raw: bytes) -> Mapping[str, Any]:
    """A JSON object; an empty one for anything else."""
    try:
        return mapping(jiter.from_json(raw))
    except ValueError:
        return {}


def _pairs(raw: bytes) -> Iterable[tuple[str, str]]:
    """What stands behind an address, and in a form that is written like it; nothing where that is too much."""
    try:
        return parse_qsl(raw.decode("utf-8", "replace"), max_num_fields=_MOST_FIELDS)
    except ValueError:
        return ()


def _names(value: object) -> list[str]:
    """The names that a field has: one, several with commas between them, or a list."""
    texts = [one for one in (value, *items(value)) if isinstance(one, str)]
    return [name for text in texts for one in text.split(",") if (name := one.strip())]


def _route_in(value: object, routes: Mapping[str, str]) -> str | None:
    return next((routes[name] for name in _names(value) if name in routes), None)
