"""What goes back to the client: the application's answer with our headers, a refusal in its place, or comments first.

Failure behaviour: what the server's `send` raises is raised to the application, as without us.
"""

import json
from collections.abc import Mapping

from starlette.types import Message, Send

from thriftgate.proxy.endpoints.replies import Rewriting, send_error, with_headers
from thriftgate.proxy.limits.dialects import LimitedApi, error_body, error_event, pass_headers, refusal_headers
from thriftgate.proxy.limits.usage import UsageReader
from thriftgate.services.limits.passes import LimitRefusal, Pass

_MOST_ERROR_BYTES = 64 * 1024
_COMMENT_HEADERS = ((b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache"))


class Responder(Rewriting):
    """Stands between the application and the server."""

    def __init__(self, send: Send, dialect: LimitedApi) -> None:
        super().__init__(send)
        self._dialect = dialect
        self.refusal: LimitRefusal | None = None
        """Why the limits let the request not in; whatever the application says then, this is sent."""
        self.passed: Pass | None = None
        """How they let it in."""
        self._is_replaced = False
        """The application's answer is dropped: a refusal was sent in its place."""
        self._failed_body: bytearray | None = None
        """Collects an error that must become an event."""
        self.has_commented = False
        self.status: int | None = None
        """Of the answer, once it has begun."""
        self.is_stream = False
        self.usage: UsageReader | None = None
        self.is_complete = False
        """The last byte has been handed to the server."""

    async def comment(self, text: bytes) -> None:
        """Begin a stream before its time, or go on with it, with a comment that clients pass over."""
        if self.status is not None:
            return
        if not self.has_commented:
            self.has_commented = True
            await self._send({"type": "http.response.start", "status": 200, "headers": list(_COMMENT_HEADERS)})
        await self._send({"type": "http.response.body", "body": text, "more_body": True})

    async def refuse(self, refusal: LimitRefusal) -> None:
        """A refusal without an application that was asked."""
        self.status = refusal.error.status_code
        await self._refuse(refusal, {})

    async def _start(self, message: Message) -> None:
        refusal = self.refusal
        self.status = int(message["status"]) if refusal is None else refusal.error.status_code
        headers = _headers(message)
        if refusal is not None:
            self._is_replaced = True
            await self._refuse(refusal, headers)
            return
        self.is_stream = headers.get(b"content-type", b"").startswith(b"text/event-stream")
        self.usage = UsageReader(is_stream=self.is_stream)
        if self.has_commented:
            if not self.is_stream:
                self._failed_body = bytearray()
            return
        if self.passed is not None:
            # A provider's limits are not our client's.
            message = with_headers(message, pass_headers(self.passed, self._dialect))
        await self._send(message)

    async def _body(self, message: Message, piece: bytes, *, is_last: bool) -> None:
        if self._is_replaced:
            return
        if self._failed_body is not None:
            if len(self._failed_body) < _MOST_ERROR_BYTES:
                self._failed_body += piece
            if is_last:
                event = _event_of(bytes(self._failed_body), self._dialect)
                await self._send({"type": "http.response.body", "body": event, "more_body": False})
                self.is_complete = True
            return
        if self.usage is not None:
            self.usage.feed(piece)
        if is_last:
            self.is_complete = True
        await self._send(message)

    async def _refuse(self, refusal: LimitRefusal, headers: Mapping[bytes, bytes]) -> None:
        if self.has_commented:
            event = error_event(error_body(refusal.error, self._dialect), self._dialect)
            await self._send({"type": "http.response.body", "body": event, "more_body": False})
        else:
            kept = {
                name.decode("latin-1"): value.decode("latin-1")
                for name, value in headers.items()
                if name.startswith(b"x-litellm-call-id")
            }
            told = {**kept, **refusal_headers(refusal, self._dialect)}
            await send_error(self._send, refusal.error, self._dialect, told)
        self.is_complete = True


def _headers(message: Message) -> dict[bytes, bytes]:
    return {bytes(name).lower(): bytes(value) for name, value in message.get("headers", ())}


def _event_of(body: bytes, dialect: LimitedApi) -> bytes:
    """An error's body as an event of a stream that has begun."""
    try:
        read: object = json.loads(body)
    except ValueError:
        read = None
    if isinstance(read, dict) and "error" in read:
        return error_event(read, dialect)  # pyright: ignore[reportUnknownArgumentType]
    return error_event(
        {"error": {"message": "the request failed", "type": "api_error", "param": None, "code": None}}, dialect
    )
