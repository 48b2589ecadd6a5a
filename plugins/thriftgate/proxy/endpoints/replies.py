"""What the layers around the endpoints read from an answer's head, change in it, and send instead of an answer.

JSON may name the half of a character, and a model whose answer was cut may say one; UTF-8 has none. Such an answer was
a 500, after it had been paid for.

Failure behaviour: pure but for `send`; what a header cannot carry becomes a question mark.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import wraps
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import Message, Send

from thriftgate.errors import GatewayError
from thriftgate.proxy.limits.dialects import LimitedApi, error_body

Headers = Sequence[tuple[bytes, bytes]]
_NO_HEAD: Message = {"type": "http.response.start"}


def name_half_characters() -> None:
    """From now on a document that UTF-8 cannot hold is written in ASCII; again changes nothing."""
    theirs = JSONResponse.render
    if hasattr(theirs, "__wrapped__"):
        return

    @wraps(theirs)
    def rendered(self: JSONResponse, content: object) -> bytes:
        try:
            return theirs(self, content)
        except UnicodeEncodeError:
            return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()

    JSONResponse.render = rendered


def header(message: Message, name: bytes) -> bytes:
    """A header of an answer's head, in lower case; empty where there is none."""
    headers: Headers = message.get("headers", ())
    return next((bytes(value).lower() for key, value in headers if bytes(key).lower() == name), b"")


def is_error_document(message: Message) -> bool:
    """Whether this is the head of an error that is told in JSON."""
    is_head = message["type"] == "http.response.start" and int(message["status"]) >= 400
    return is_head and header(message, b"content-type").startswith(b"application/json")


def with_headers(message: Message, ours: Mapping[str, str]) -> Message:
    """An answer's head with our headers; where both name one, ours."""
    headers: Headers = message.get("headers", ())
    names = {name.encode() for name in ours}
    kept = [(bytes(key), bytes(value)) for key, value in headers if bytes(key).lower() not in names]
    return {**message, "headers": [*kept, *_raw(ours)]}


class Rewriting(ABC):
    """Stands between an application and the server, and may change what goes out."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def send(self, message: Message) -> None:
        """What the application says."""
        if message["type"] == "http.response.start":
            await self._start(message)
        elif message["type"] == "http.response.body":
            await self._body(message, bytes(message.get("body", b"")), is_last=not message.get("more_body", False))
        else:
            await self._send(message)

    @abstractmethod
    async def _start(self, message: Message) -> None:
        """The head of the answer."""

    @abstractmethod
    async def _body(self, message: Message, piece: bytes, *, is_last: bool) -> None:
        """A message with a piece of the answer's body."""


async def send_error(
    send: Send,
    error: GatewayError,
    dialect: LimitedApi,
    headers: Mapping[str, str],
    *,
    head: Message = _NO_HEAD,
) -> None:
    """The error as a whole answer in the endpoint's form, with these headers beside those of its body.

    `head` is that of an answer in whose place it goes out; what ours do not name of it stays.
    """
    await send_document(send, error_body(error, dialect), error.status_code, headers, head=head)


async def send_document(
    send: Send, document: Mapping[str, Any], status: int, headers: Mapping[str, str], *, head: Message = _NO_HEAD
) -> None:
    """The same of any error that is told in JSON."""
    content = json.dumps(document).encode()
    ours = {"content-type": "application/json", "content-length": str(len(content)), **headers}
    await send({**with_headers(head, ours), "status": status})
    await send({"type": "http.response.body", "body": content, "more_body": False})


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
