"""How a worker stops taking requests: what goes on, what is refused, what is cut, and what its client is told."""

import asyncio
import json
import signal
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FrameType, SimpleNamespace
from typing import Any, cast

import pytest
from starlette.types import Message, Receive, Scope, Send
from tests.virtual_time import run_in_virtual_time

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # LiteLLM's own imports are not ours to mend
    from litellm.proxy import proxy_server
    from litellm.proxy.shutdown.graceful_shutdown_manager import GracefulShutdownManager

    from thriftgate.proxy.lifetime import SIGNALS, Drain, run_until_the_end


@dataclass
class Endpoint:
    """Answers when it is let go; with `begins`, its stream begins at once."""

    content_type: bytes = b"application/json"
    begins: bool = False
    first: bytes = b"first "
    go: asyncio.Event = field(default_factory=asyncio.Event)
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    was_cancelled: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", self.content_type)]
        if self.begins:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": self.first, "more_body": True})
        self.reached.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        if not self.begins:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"last"})


@dataclass
class Client:
    """One request and what came back."""

    layer: Drain
    messages: list[Message] = field(default_factory=list[Message])

    async def ask(self, path: str = "/v1/chat/completions", method: str = "POST") -> None:
        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            self.messages.append(message)

        await self.layer({"type": "http", "method": method, "path": path}, receive, send)

    @property
    def status(self) -> int:
        return self.messages[0]["status"]

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.messages[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.messages[1:])


async def test_a_request_in_flight_ends_by_itself_and_nothing_is_cut() -> None:
    endpoint = Endpoint()
    layer = Drain(endpoint, patience=60)
    client = Client(layer)
    request = asyncio.create_task(client.ask())
    await endpoint.reached.wait()
    drain = asyncio.create_task(layer.drain())
    endpoint.go.set()
    assert await drain == 0
    await request
    assert (client.status, client.body) == (200, b"last")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/embeddings"])
async def test_a_new_request_is_refused_in_its_apis_words_and_told_when_to_come_back(path: str) -> None:
    endpoint = Endpoint()
    layer = Drain(endpoint, patience=60)
    await layer.drain()
    client = Client(layer)
    await client.ask(path)
    assert (client.status, client.headers[b"retry-after"], client.headers[b"connection"]) == (503, b"1", b"close")
    told = json.loads(client.body)
    assert told["error"]["type"] == "overloaded_error"
    assert (told.get("type") == "error") == (path == "/v1/messages")
    assert not endpoint.reached.is_set()


async def test_health_can_still_be_read() -> None:
    endpoint = Endpoint()
    endpoint.go.set()
    layer = Drain(endpoint, patience=60)
    await layer.drain()
    client = Client(layer)
    await client.ask("/health/readiness", "GET")
    assert endpoint.reached.is_set()


async def test_an_answer_that_takes_too_long_is_cut_and_its_client_told() -> None:
    endpoint = Endpoint()
    layer = Drain(endpoint, patience=0)
    client = Client(layer)
    request = asyncio.create_task(client.ask())
    await endpoint.reached.wait()
    assert await layer.drain() == 1
    await request
    assert endpoint.was_cancelled
    assert client.status == 503
    assert layer.running == 0


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses"])
async def test_a_stream_that_takes_too_long_ends_with_an_error_event(path: str) -> None:
    endpoint = Endpoint(content_type=b"text/event-stream", begins=True)
    layer = Drain(endpoint, patience=0)
    client = Client(layer)
    request = asyncio.create_task(client.ask(path))
    await endpoint.reached.wait()
    await layer.drain()
    await request
    assert b"the gateway is being stopped" in client.body
    assert not client.messages[-1].get("more_body", False)


async def test_the_event_that_ends_a_responses_stream_is_numbered_like_those_before_it() -> None:
    events = [
        {"type": "response.created", "sequence_number": 0},
        {"type": "response.in_progress", "sequence_number": 1},
    ]
    first = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    endpoint = Endpoint(content_type=b"text/event-stream", begins=True, first=first)
    drain = Drain(endpoint, patience=0.01)
    client = Client(drain)
    asking = asyncio.create_task(client.ask("/v1/responses"))
    await endpoint.reached.wait()
    await drain.drain()
    await asyncio.wait([asking])
    assert b'"sequence_number": 2' in client.body.removeprefix(first)


async def test_half_a_document_is_left_as_it_is() -> None:
    endpoint = Endpoint(begins=True)
    layer = Drain(endpoint, patience=0)
    client = Client(layer)
    request = asyncio.create_task(client.ask())
    await endpoint.reached.wait()
    await layer.drain()
    await request
    assert client.body == b"first "


async def test_a_client_that_leaves_is_not_answered_by_us() -> None:
    endpoint = Endpoint()
    client = Client(Drain(endpoint, patience=60))
    request = asyncio.create_task(client.ask())
    await endpoint.reached.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert client.messages == []


class Server:
    """Has handlers for the signals, as uvicorn has, and notes what they got."""

    def __init__(self) -> None:
        self.got: list[int] = []
        self.was_stopped = asyncio.Event()

    def handle(self, number: int, _frame: FrameType | None) -> None:
        self.got.append(number)
        self.was_stopped.set()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    before = {number: signal.signal(number, server.handle) for number in SIGNALS}
    yield server
    for number, handler in before.items():
        signal.signal(number, handler)
    GracefulShutdownManager.reset()


class Proxy:
    """A proxy module whose end is noted."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.app = SimpleNamespace(middleware_stack=endpoint)
        self.ends: list[str] = []

    async def proxy_shutdown_event(self, *, fails: bool = False) -> None:
        self.ends.append("LiteLLM")
        if fails:
            raise RuntimeError

    async def close(self) -> None:
        self.ends.append("thriftgate")

    async def charged(self) -> None:
        self.ends.append("charged")


async def test_the_server_gets_the_signal_when_nothing_is_in_flight_any_more(server: Server) -> None:
    endpoint = Endpoint()
    proxy = Proxy(endpoint)
    layer = run_until_the_end(proxy, proxy.close, drain=60, charged=proxy.charged)
    request = asyncio.create_task(Client(layer).ask())
    await endpoint.reached.wait()
    signal.raise_signal(signal.SIGTERM)
    for _ in range(20):
        await asyncio.sleep(0)
    assert layer.is_draining
    assert GracefulShutdownManager.is_shutting_down()
    assert server.got == []
    endpoint.go.set()
    await request
    await server.was_stopped.wait()
    assert server.got == [signal.SIGTERM]


async def test_a_second_interrupt_cuts_at_once_and_a_termination_does_not(server: Server) -> None:
    endpoint = Endpoint()
    proxy = Proxy(endpoint)
    layer = run_until_the_end(proxy, proxy.close, drain=3600, charged=proxy.charged)
    request = asyncio.create_task(Client(layer).ask())
    await endpoint.reached.wait()
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGTERM)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not endpoint.was_cancelled
    signal.raise_signal(signal.SIGINT)
    await request
    await server.was_stopped.wait()
    assert endpoint.was_cancelled
    assert server.got == [signal.SIGINT]


async def test_the_gateway_ends_after_litellm_also_when_that_fails(server: Server) -> None:
    proxy = Proxy(Endpoint())
    run_until_the_end(proxy, proxy.close, drain=1, charged=proxy.charged)
    with pytest.raises(RuntimeError):
        await proxy.proxy_shutdown_event(fails=True)
    assert proxy.ends == ["charged", "LiteLLM", "thriftgate"], "LiteLLM writes what is charged by then"
    assert server.got == []


def test_the_gateway_ends_also_when_litellms_end_hangs(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    class Hanging(Proxy):
        async def proxy_shutdown_event(self, *, fails: bool = False) -> None:
            await super().proxy_shutdown_event(fails=fails)
            await asyncio.Event().wait()

    async def end() -> float:
        proxy = Hanging(Endpoint())
        run_until_the_end(proxy, proxy.close, drain=1, charged=proxy.charged)
        await proxy.proxy_shutdown_event()
        assert proxy.ends == ["charged", "LiteLLM", "thriftgate"]
        return asyncio.get_running_loop().time()

    assert run_in_virtual_time(end()) == pytest.approx(10.0)
    assert caplog.messages == ["LiteLLM's own end took more than 10 s and was left"]
    assert server.got == []


def test_litellms_lifespan_looks_its_end_up_by_the_name_that_we_replace() -> None:
    lifespan = cast("Any", proxy_server.proxy_startup_event).__wrapped__
    assert "proxy_shutdown_event" in lifespan.__code__.co_names
    assert hasattr(proxy_server.app, "middleware_stack")
