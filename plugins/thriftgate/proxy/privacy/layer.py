"""The layer around the endpoints that puts values back into answers.

It works on the bytes that go to the client, because whatever LiteLLM's own hooks return is also what LiteLLM logs,
traces and counts: there, placeholders stay placeholders.

Failure behaviour: an answer whose form is not known passes through with its placeholders. When the pseudonyms of a
Responses conversation cannot be kept, a line is logged and the answer goes out; the next turn then begins with numbers
of its own.
"""

import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from thriftgate.errors import GatewayError
from thriftgate.privacy.pseudonyms import Pseudonym
from thriftgate.privacy.restoring import Restorer
from thriftgate.proxy.endpoints.replies import Rewriting, header
from thriftgate.services.privacy.bytes import EventBytes, restored_json
from thriftgate.wire.shapes import mapping

logger = logging.getLogger(__name__)

_KEYS = frozenset({b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key", b"ocp-apim-subscription-key"})
Remember = Callable[[str, Sequence[Pseudonym]], Awaitable[None]]
"""Keeps pseudonyms under the id of an answer."""


class MayBeChosen(Protocol):
    """Whether a deployment may be asked."""

    def __call__(self, model: str, deployment: Mapping[str, Any], *, stays: bool, is_ours: bool) -> bool:
        """`model` was named; `stays`: only private models may see it; `is_ours`: the gateway asks, for a route."""
        ...


class MayStandIn(Protocol):
    """Whether a name may be asked in the place of another."""

    def __call__(self, model: str, *, stays: bool) -> bool:
        """`stays`: only private models may see it."""
        ...


@dataclass(slots=True)
class Exchange:
    """One request and its answer: what the hook took out, for the layer to put back."""

    caller: str = ""
    """Who asks, where no hook of LiteLLM's says so: a digest of the key that was shown."""
    entries: Sequence[Pseudonym] = field(default_factory=tuple[Pseudonym, ...])
    local: Mapping[str, str] = field(default_factory=dict[str, str])
    """Those of the placeholders, with their values, that private models are asked without."""
    may_be_sent: Callable[[str], bool] | None = None
    """Whether a model of this name may be asked in the place of the one that was; None: whichever."""
    may_stand_in: MayStandIn | None = None
    """Whether a name may be asked in the place of another, with all that may be chosen behind it; None: whichever."""
    may_be_chosen: MayBeChosen | None = None
    """Whether LiteLLM may ask a deployment that it has chosen for a name; None: whichever."""
    remember: Remember | None = None
    """Set where a later request may go on from this answer by its id."""

    @property
    def restorer(self) -> Restorer | None:
        """Puts the values back; None where none were taken out."""
        values = {entry.placeholder: entry.value for entry in self.entries}
        return Restorer(values) if values else None


current: ContextVar[Exchange | None] = ContextVar("thriftgate_privacy_exchange", default=None)


class PrivacyLayer:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["method"] not in ("POST", "GET"):
            await self._app(scope, receive, send)
            return
        exchange = Exchange(caller=_shown_key(scope))
        token = current.set(exchange)
        try:
            await self._app(scope, receive, _Sender(exchange, send).send)
        finally:
            current.reset(token)


class _Conversation:
    """The id under which a Responses conversation may go on."""

    def __init__(self) -> None:
        self.answer_id: str | None = None

    def note(self, answer: Mapping[str, Any]) -> None:
        """An answer, or one event of it, as the model gave it."""
        inner = mapping(answer.get("response")) or answer
        if inner.get("object") == "response" and isinstance(inner.get("id"), str):
            self.answer_id = str(inner["id"])


class _Sender(Rewriting):
    """Holds the head of an answer until its kind is known, and rewrites its body."""

    def __init__(self, exchange: Exchange, send: Send) -> None:
        super().__init__(send)
        self._exchange = exchange
        self._restorer: Restorer | None = None
        self._head: Message | None = None
        self._whole: list[bytes] | None = None
        self._events: EventBytes | None = None
        self._conversation = _Conversation()

    async def _start(self, message: Message) -> None:
        self._restorer = self._exchange.restorer
        kind = header(message, b"content-type")
        if self._restorer is None or not (b"json" in kind or b"event-stream" in kind):
            await self._send(message)
        elif b"event-stream" in kind:
            self._events = EventBytes(self._restorer, self._conversation.note)
            await self._send(_with_length(message, None))
        else:
            self._head, self._whole = message, []

    async def _body(self, message: Message, piece: bytes, *, is_last: bool) -> None:
        if self._events is not None:
            body = self._events.feed(piece) + (self._events.flush() if is_last else b"")
            await self._remember()
            if body or is_last:
                await self._send({**message, "body": body})
        elif self._whole is not None and self._head is not None and self._restorer is not None:
            self._whole.append(piece)
            if is_last:
                body = restored_json(b"".join(self._whole), self._restorer, self._conversation.note)
                await self._remember()
                await self._send(_with_length(self._head, len(body)))
                await self._send({**message, "body": body})
        else:
            await self._send(message)

    async def _remember(self) -> None:
        answer_id = self._conversation.answer_id
        if answer_id is None or self._exchange.remember is None:
            return
        remember, self._exchange.remember = self._exchange.remember, None
        try:
            await remember(answer_id, self._exchange.entries)
        except GatewayError as error:
            logger.warning("the pseudonyms of an answer could not be kept: %s", type(error).__name__)


def _shown_key(scope: Scope) -> str:
    shown = [value for name, value in scope.get("headers", ()) if name in _KEYS]
    return hashlib.sha256(b"\0".join(shown)).hexdigest()


def _with_length(message: Message, length: int | None) -> Message:
    headers: Sequence[tuple[bytes, bytes]] = message.get("headers", ())
    kept = [(key, value) for key, value in headers if key.lower() != b"content-length"]
    return {**message, "headers": kept if length is None else [*kept, (b"content-length", str(length).encode())]}
