"""The layer next to the endpoints: what a route refuses or could not do is said in the words of the client's API.

LiteLLM's endpoints each make an error response of their own, and lose by that what a client acts on: `retry-after`,
`code`, Anthropic's names of errors. Where the error is one of ours, it is written here instead, and so is the event
that ends a stream with it. What LiteLLM refuses before it comes to an endpoint, such as a used-up budget, it says in
OpenAI's form everywhere: at Anthropic's endpoint the same words go out in Anthropic's.

Failure behaviour: pure but for `send`; an answer that has begun as one goes out untouched.
"""

from contextvars import ContextVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from thriftgate.errors import GatewayError
from thriftgate.proxy.edge import current
from thriftgate.proxy.endpoints.replies import is_error_document, send_error, with_headers
from thriftgate.proxy.errors import error_headers
from thriftgate.proxy.limits.dialects import LimitedApi, api_of, as_anthropics, retold
from thriftgate.proxy.tiers import provider_answer

_COUNTING = ("/count_tokens", "/input_tokens", ":countTokens")
"""What counts tokens: LiteLLM asks a provider there, and tells no hook of it."""


class ErrorLayer:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        path: str = scope.get("path", "")
        api = api_of(path) if scope["type"] == "http" and scope["method"] == "POST" else None
        if path.endswith(_COUNTING):
            provider_answer.current.set(provider_answer.ProviderAnswer())
        if api is None:
            await self._app(scope, receive, send)
            return
        current.set(None)
        reply = _Reply(send, api)
        _reply.set(reply)
        await self._app(scope, receive, reply.send)


class _Reply:
    """What goes back to one client."""

    def __init__(self, send: Send, dialect: LimitedApi) -> None:
        self._send = send
        self._dialect = dialect
        self._is_replaced = False
        self._held: Message | None = None
        """The head of an error of LiteLLM's, until its words are there."""
        self._words = bytearray()
        self.has_begun = False
        self.error: GatewayError | None = None

    async def send(self, message: Message) -> None:
        """Pass it on, or the error instead."""
        self.has_begun = True
        if message["type"] == "http.response.start" and (error := self._refused(message)) is not None:
            self._is_replaced = True
            headers = {**_told(), **error_headers(error)}
            await send_error(self._send, error, self._dialect, headers, head=message)
        elif self._dialect is LimitedApi.MESSAGES and is_error_document(message):
            self._held = message
        elif self._held is not None:
            await self._reword(self._held, message)
        elif not self._is_replaced:
            await self._send(self._retold(message))

    def _retold(self, message: Message) -> Message:
        """A piece of a stream in which our error may be told."""
        edge = current.get()
        if message["type"] != "http.response.body" or edge is None or edge.error is None:
            return message
        return {**message, "body": retold(bytes(message.get("body", b"")), edge.error, self._dialect)}

    async def _reword(self, head: Message, message: Message) -> None:
        self._words += message.get("body", b"")
        if message.get("more_body", False):
            return
        self._held = None
        words = as_anthropics(bytes(self._words), int(head["status"]))
        await self._send(with_headers(head, {"content-length": str(len(words))}))
        await self._send({"type": "http.response.body", "body": words})

    def _refused(self, head: Message) -> GatewayError | None:
        """Our own reason for an error response; read in the task that answers, where the request is known."""
        if int(head["status"]) < 400:
            return None
        edge = current.get()
        return self.error if edge is None else edge.error


def _told() -> dict[str, str]:
    """`x-thriftgate-*` of a failed request: LiteLLM's error responses at Anthropic's endpoint have none."""
    edge = current.get()
    return {} if edge is None else edge.told()


_reply: ContextVar[_Reply | None] = ContextVar("thriftgate_reply", default=None)


def has_begun() -> bool:
    """Whether the answer to this request has begun to go out: an error can then only be an event in it."""
    reply = _reply.get()
    return reply is not None and reply.has_begun


def answer_with(error: GatewayError) -> None:
    """What to say in place of an error response to the request that is being answered here."""
    reply = _reply.get()
    if reply is not None:
        reply.error = error
