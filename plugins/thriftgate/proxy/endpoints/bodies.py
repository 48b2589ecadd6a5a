"""Every JSON body is measured before LiteLLM parses it: nothing behind this meets one that is too large or too deep.

LiteLLM reads, copies and walks a body many times, some of it by recursion, before its own checks and ours. So the bytes
are looked at once, as they come in, and so are the few fields that LiteLLM reads of any body while it still finds out
who asks; LiteLLM then parses them as always. It holds for routes, plain models and every other endpoint, whoever asks.

Failure behaviour: beyond a bound the answer is a 400 in the endpoint's own form. The rest of such a body is read and
thrown away as far as `_SWALLOWED`, so that a client that is still sending gets to read the answer.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

import jiter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from thriftgate.errors import InvalidRequestError
from thriftgate.proxy.endpoints.fields import seconds_of
from thriftgate.proxy.endpoints.replies import send_error
from thriftgate.proxy.endpoints.validation import check_any, check_early
from thriftgate.proxy.limits.dialects import LimitedApi, api_of, dialect_of
from thriftgate.wire.bounds import Bounds, bounded, is_object, is_small, too_large

_METHODS = frozenset({"POST", "PUT", "PATCH"})
_FORMS = ("multipart/", "application/x-www-form-urlencoded")
_NOT_JSON = (*_FORMS, "application/x-protobuf", "application/protobuf")
"""What LiteLLM reads in another way; any other body is JSON to it, whatever its header calls it."""
_SOUND = "/azure_speech/"
"""LiteLLM forwards sound sent here byte for byte."""
_CONVERSATIONS = Bounds()
_OTHERS = Bounds(values=600_000)
"""An embeddings request may be 300,000 tokens as numbers."""
_NUMBERS: Mapping[bytes, Callable[[bytes], float]] = {
    b"x-litellm-timeout": seconds_of,
    b"x-litellm-stream-timeout": seconds_of,
    b"x-litellm-num-retries": int,
}
_SENT_ON = frozenset({b"anthropic-beta", b"anthropic-version"})
"""LiteLLM sends these on, and what HTTP clients cannot write is the provider's fault to it."""
_SWALLOWED = 4 * _CONVERSATIONS.size
_LARGE = 16 * 1024
"""Bytes above which a body that has to be looked at closely is so in a thread."""
_PARSED = 256 * 1024
"""Bytes up to which a body of many values is parsed here: in 10 ms at most. A text of any length takes next to none."""


class BodyBounds:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["method"] not in _METHODS:
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        api, kind = api_of(path), _content_type(scope)
        is_form = kind.startswith(_FORMS)
        if is_form and dialect_of(path) is not None:
            await send_error(send, _no_form(), api or LimitedApi.CHAT, {})
            return
        # What a model endpoint gets is JSON to LiteLLM also where it is called protobuf.
        is_sound = path.startswith(_SOUND) and kind.startswith("audio/")
        if is_sound or (kind.startswith(_NOT_JSON) and (api is None or is_form)):
            await self._app(scope, receive, send)
            return
        body = _Body(receive, _CONVERSATIONS if dialect_of(path) is not None else _OTHERS)
        try:
            _check_headers(scope)
            await body.read()
            await body.check(must_be_object=api is not None)
        except InvalidRequestError as error:
            await send_error(send, error, api or LimitedApi.CHAT, {})
            return
        await self._app(scope, body.receive, send)


class _Body:
    """A request's body: read as a whole, then handed on as if it came in now."""

    def __init__(self, receive: Receive, bounds: Bounds) -> None:
        self._receive = receive
        self._bounds = bounds
        self._waiting: list[Message] = []
        self.raw = b""

    async def read(self) -> None:
        """Until its end, or until the client has gone. Raises InvalidRequestError when it is too large."""
        pieces: list[bytes] = []
        size, goes_on = 0, True
        while goes_on:
            message = await self._receive()
            if message["type"] != "http.request":
                self._waiting = [message]
                break
            piece: bytes = message.get("body", b"")
            size, goes_on = size + len(piece), message.get("more_body", False)
            if size <= self._bounds.size:
                pieces.append(piece)
            else:
                pieces.clear()
                goes_on = goes_on and size < _SWALLOWED
        if size > self._bounds.size:
            raise too_large(self._bounds)
        self.raw = b"".join(pieces)
        if not self._waiting:
            self._waiting = [{"type": "http.request", "body": self.raw, "more_body": False}]

    async def check(self, *, must_be_object: bool) -> None:
        """Raises InvalidRequestError when it is beyond a bound."""
        is_small_one = is_small(self.raw, self._bounds)  # asked once: of 5 MB it is 20 ms
        if not is_small_one and len(self.raw) <= _LARGE:
            bounded(self.raw, self._bounds)
        elif not is_small_one:
            await asyncio.to_thread(bounded, self.raw, self._bounds)
        if not (must_be_object and self.raw):
            return
        if not is_object(self.raw):
            raise InvalidRequestError("the body must be a JSON object")
        if len(self.raw) <= _PARSED or is_small_one:
            check_early(_parsed(self.raw))

    async def receive(self) -> Message:
        """What the server would have said."""
        return self._waiting.pop() if self._waiting else await self._receive()


def _parsed(raw: bytes) -> Mapping[str, Any]:
    """A JSON object. Raises InvalidRequestError saying where it is none, and for which field where it is Python's."""
    try:
        return cast("Mapping[str, Any]", jiter.from_json(raw, allow_inf_nan=False))
    except ValueError as error:
        fault = str(error)  # what is expected, the line and the column
    try:
        lenient = cast("Mapping[str, Any]", jiter.from_json(raw))
    except ValueError:
        raise InvalidRequestError(f"the body is no JSON: {fault}") from None
    check_any(lenient)
    return lenient


def _content_type(scope: Scope) -> str:
    headers: list[tuple[bytes, bytes]] = scope.get("headers", [])
    kind = next((value for name, value in headers if name.lower() == b"content-type"), b"")
    return kind.decode("latin-1").strip().lower()


def _no_form() -> InvalidRequestError:
    return InvalidRequestError("the body must be JSON, sent with the header 'content-type: application/json'")


def _check_headers(scope: Scope) -> None:
    """LiteLLM takes some headers for numbers or for ASCII and trips over anything else. Raises InvalidRequestError."""
    for name, value in scope.get("headers", []):
        if name.lower() in _SENT_ON and not value.isascii():
            word = name.decode("latin-1").lower()
            raise InvalidRequestError(f"the header '{word}' must be ASCII", param=word)
        kind = _NUMBERS.get(name.lower())
        if kind is None:
            continue
        try:
            kind(value)
        except ValueError:
            word = name.decode("latin-1")
            raise InvalidRequestError(f"the header '{word}' must be a number", param=word) from None
