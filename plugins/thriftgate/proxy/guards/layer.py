"""The layer around the endpoints that looks at answers: whole, streamed, and from the cache, of every model alike.

It stands inside the layer that puts personal values back, so it sees placeholders. A stream is looked at in a window
that slides; only where a guard may block are its events held, by about 200 characters.

Failure behaviour: what is no JSON and no events passes as it is. A guard that fails lets the answer pass, or ends it
with an error, as configured. After a block nothing more is sent: the endpoint is told that its client has gone, so that
it ends the call to the provider, and what it still says is dropped.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from thriftgate.errors import ContentBlockedError, GatewayError
from thriftgate.guards.flowing import Flow
from thriftgate.guards.leaks import OF_THE_REQUEST
from thriftgate.proxy.endpoints.replies import Rewriting, header, with_headers
from thriftgate.proxy.guards.exchange import GuardExchange, current, made_answers
from thriftgate.proxy.limits.dialects import LimitedApi, dialect_of, error_body, error_event, next_number
from thriftgate.proxy.privacy.layer import current as taken_out
from thriftgate.services.guards.answers import Spoken, said
from thriftgate.services.guards.decisions import Acted, Decision
from thriftgate.services.guards.inspecting import ASKERS_OWN, GuardService
from thriftgate.wire.shapes import mapping
from thriftgate.wire.streaming.sse import SseBlocks, data_of

_LONGEST_EVENT = 8_000_000
Note = Callable[[Decision, str, str], None]


class GuardLayer:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp, service: GuardService, note: Note) -> None:
        self._app = app
        self._service = service
        self._note = note

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["method"] not in ("POST", "GET"):
            await self._app(scope, receive, send)
            return
        exchange = GuardExchange()
        token = current.set(exchange)
        dialect = dialect_of(scope["path"]) or LimitedApi.CHAT
        try:
            sender = _Sender(exchange, self._service, self._note, send, dialect)
            await self._app(scope, _Receiver(receive, sender.over).receive, sender.send)
        finally:
            current.reset(token)


class _Receiver:
    """What the endpoint hears of its client: that it has gone, as soon as nothing more will be sent to it."""

    def __init__(self, receive: Receive, over: asyncio.Event) -> None:
        self._receive = receive
        self._over = over

    async def receive(self) -> Message:
        """The next message from the client."""
        coming, ended = asyncio.ensure_future(self._read()), asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait({coming, ended}, return_when=asyncio.FIRST_COMPLETED)
            return coming.result() if coming.done() else {"type": "http.disconnect"}
        finally:
            coming.cancel()
            ended.cancel()

    async def _read(self) -> Message:
        return await self._receive()


class _Sender(Rewriting):
    """Reads one answer on its way out."""

    def __init__(
        self, exchange: GuardExchange, service: GuardService, note: Note, send: Send, dialect: LimitedApi
    ) -> None:
        super().__init__(send)
        self._exchange = exchange
        self._service = service
        self._note = note
        self._dialect = dialect
        self._head: Message | None = None
        self._whole: list[bytes] | None = None
        self._flow: Flow[bytes] | None = None
        self._split = SseBlocks()
        self._spoken = Spoken()
        self._shown = b""
        """Of Responses: the numbered event that was shown last."""
        self._is_made = dialect is not LimitedApi.RESPONSES
        """Its policy is remembered under its id, or it has none to be fetched by."""
        self._noted: set[tuple[str, str]] = set()
        self._values = taken_out.get()
        self.over = asyncio.Event()
        """Set by a block in a stream."""

    async def send(self, message: Message) -> None:
        """What the endpoint sends; dropped after a block."""
        if not self.over.is_set():
            await super().send(message)

    async def _start(self, message: Message) -> None:
        message = with_headers(message, self._exchange.decision.headers)
        policy, kind = self._exchange.policy, header(message, b"content-type")
        if policy is not None and policy.looks_at_answers and message["status"] == 200:
            if b"event-stream" in kind:
                self._flow = Flow(is_holding=policy.blocks_answers)
            elif b"json" in kind:
                self._head, self._whole = message, []
                return
        await self._send(message)

    async def _body(self, message: Message, piece: bytes, *, is_last: bool) -> None:
        if self._whole is not None:
            self._whole.append(piece)
            if is_last:
                await self._answer(b"".join(self._whole))
        elif self._flow is not None:
            await self._events(self._flow, piece, is_last=is_last)
        else:
            await self._send(message)

    async def _answer(self, body: bytes) -> None:
        assert self._head is not None, "a whole answer has its head"
        error: GatewayError | None = None
        headers: Mapping[str, str] = {}
        text = _said_in(body)
        self._note_made(body)
        if text:
            decision = await self._look(text, 0)
            error, headers = decision.error, _merged(self._exchange.decision, decision).headers
        head = with_headers(self._head, headers)
        if error is not None:
            body = json.dumps(error_body(error, self._dialect)).encode()
            head = {**head, "status": error.status_code}
        await self._send(with_headers(head, {"content-length": str(len(body))}))
        await self._send({"type": "http.response.body", "body": body})

    async def _events(self, flow: Flow[bytes], piece: bytes, *, is_last: bool) -> None:
        out: list[bytes] = []
        error: GatewayError | None = None
        for block in self._blocks(piece, is_last=is_last):
            self._note_made(data_of(block))
            out += flow.feed(block, _said_by(block, self._spoken))
            if flow.is_due and (error := await self._looked(flow)) is None:
                out += flow.checked()
            if error is not None:
                break
        if is_last and error is None:
            error = await self._looked(flow, is_last=True) if flow.has_more else None
            out += flow.checked(is_last=True) if error is None else ()
        if self._dialect is LimitedApi.RESPONSES:
            self._shown = next((block for block in reversed(out) if b"sequence_number" in block), self._shown)
        if error is not None:
            number = next_number(self._shown)
            out.append(error_event(error_body(error, self._dialect), self._dialect, number=number))
        if out or is_last:
            more = not is_last and error is None
            await self._send({"type": "http.response.body", "body": b"".join(out), "more_body": more})
        if error is not None:
            self.over.set()

    async def _looked(self, flow: Flow[bytes], *, is_last: bool = False) -> GatewayError | None:
        return (await self._look(flow.window(is_last=is_last), flow.offset)).error

    def _blocks(self, piece: bytes, *, is_last: bool) -> list[bytes]:
        """Whole events, as they came."""
        found = self._split.feed(piece)
        if self._split.waiting and (is_last or self._split.waiting > _LONGEST_EVENT):
            found.append(self._split.rest())
        return found

    async def _look(self, text: str, offset: int) -> Decision:
        """What is new in a text; a window that slides shows the same thing several times."""
        exchange = self._exchange
        assert exchange.policy is not None, "an answer that is looked at has a policy"
        decision = await self._service.answer(
            text,
            exchange.policy,
            exchange.leak,
            offset=offset,
            caller=exchange.caller,
            written=self._written(text) if exchange.policy.config.deny else "",
        )
        fresh: list[Acted] = []
        for one in decision.found:
            key = one.finding.guard, one.finding.rule
            if key not in self._noted:
                self._noted.add(key)
                fresh.append(one)
        # A guard that failed has said nothing of the answer.
        if exchange.retraction is not None and isinstance(decision.error, ContentBlockedError):
            exchange.retraction.refuse(
                for_all=any(
                    one.finding.rule != OF_THE_REQUEST and one.place != ASKERS_OWN
                    for one in decision.found
                    if one.action == "block"
                )
            )
        new = replace(decision, found=tuple(fresh))
        self._note(new, exchange.model, exchange.request_id)
        return new

    def _note_made(self, data: bytes) -> None:
        """Remember what a whole answer, or the first event of one that names it, was made under."""
        if self._is_made or self._exchange.policy is None:
            return
        try:
            answer = mapping(json.loads(data))
        except (ValueError, RecursionError):
            return
        answer_id = (mapping(answer.get("response")) or answer).get("id")
        if isinstance(answer_id, str):
            made_answers.note(answer_id, self._exchange.policy, self._exchange.model)
            self._is_made = True

    def _written(self, text: str) -> str:
        """As its asker will see it, where that is another text."""
        restorer = self._values.restorer if self._values is not None else None
        written = restorer.restored(text) if restorer is not None else text
        return written if written != text else ""


def _said_in(body: bytes) -> str:
    try:
        answer: Any = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return said(cast("dict[str, Any]", answer)) if isinstance(answer, dict) else ""


def _said_by(block: bytes, spoken: Spoken) -> str:
    data = data_of(block)
    if not data.startswith(b"{"):
        return ""
    try:
        return spoken.added(cast("dict[str, Any]", json.loads(data)))
    except (ValueError, RecursionError):
        return ""


def _merged(first: Decision, second: Decision) -> Decision:
    shadow = first.shadow or second.shadow
    return Decision((*first.found, *second.found), second.characters, second.failed, shadow)
