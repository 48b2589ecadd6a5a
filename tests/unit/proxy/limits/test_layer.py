"""The layer around a request: headers, refusals in each dialect, comments first, and one end whatever happens."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from tests.clocks import FakeClock
from tests.memory_limiter import InMemoryLimiter

from thriftgate.config.sections.limits import LimitsConfig
from thriftgate.errors import OverloadedError, RateLimitExceededError
from thriftgate.limits.estimate import TokenEstimate
from thriftgate.proxy.limits.layer import LimitLayer
from thriftgate.proxy.limits.request import LimitedRequest, current
from thriftgate.services.limits.admission import Admission
from thriftgate.services.limits.passes import LimitRefusal, QueuePlace, RefusedError
from thriftgate.services.limits.rules import Arrival, Limited
from thriftgate.services.telemetry import catalogue
from thriftgate.services.telemetry.metrics import Samples

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
Handler = Callable[[LimitedRequest, Callable[..., Awaitable[None]]], Awaitable[None]]
USAGE = {"usage": {"prompt_tokens": 3, "completion_tokens": 4}}


class World:
    """A layer around an endpoint that does what a test says."""

    def __init__(self, *rules: Mapping[str, Any], **settings: Any) -> None:
        self.clock = FakeClock()
        self.limiter = InMemoryLimiter(self.clock)
        self.samples = Samples()
        config = LimitsConfig.model_validate({"rules": rules, **settings})
        self.admission = Admission(config, self.limiter, clock=self.clock, samples=self.samples, pause=self.clock.pause)
        self.sent: list[dict[str, Any]] = []
        self.asked = 0
        """Requests that came to the endpoint."""
        self.credentials: list[tuple[bytes, bytes]] = []
        self.sends: list[bytes] = []
        """The bodies of the next requests; without one a client says nothing."""

    async def call(self, handler: Handler, path: str = CHAT, method: str = "POST") -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            self.asked += 1

            async def respond(status: int = 200, *chunks: bytes, headers: Mapping[str, str] | None = None) -> None:
                given = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
                await send({"type": "http.response.start", "status": status, "headers": given})
                for index, chunk in enumerate(chunks):
                    more = index < len(chunks) - 1
                    await send({"type": "http.response.body", "body": chunk, "more_body": more})

            request = current.get()
            if request is None:
                await respond(204, b"")
                return
            arrival = Arrival("r", Limited(key="k"), "support", 40)
            try:
                request.responder.passed = await self.admission.admit(arrival)
            except RefusedError as refused:
                request.responder.refusal = refused.refusal
                if request.caller is not None:
                    self.admission.again.remember(request.caller, "support", arrival, refused.refusal)
            await handler(request, respond)

        async def send(message: Any) -> None:
            self.sent.append(message)

        scope = {"type": "http", "method": method, "path": path, "headers": self.credentials, "query_string": b""}
        await LimitLayer(app, lambda: self.admission, key_header=lambda: "X-Mine")(scope, self._receive, send)
        for _ in range(10):
            await asyncio.sleep(0)

    async def _receive(self) -> dict[str, Any]:
        if not self.sends:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": self.sends.pop(), "more_body": False}

    async def statuses(self, n: int, path: str = CHAT) -> list[int]:
        """How so many requests are answered, one after the other."""
        found: list[int] = []
        for _ in range(n):
            self.sent.clear()
            await self.call(answering(b"{}"), path)
            found.append(self.status)
        return found

    @property
    def status(self) -> int:
        return self.sent[0]["status"]

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.sent[1:])

    @property
    def used(self) -> tuple[float, ...]:
        (settlement,) = self.limiter.settled
        return settlement.used


BOTH = {"per": "key", "requests": {"per_minute": 60}, "tokens": {"per_minute": 60_000}}


def answering(*chunks: bytes, status: int = 200, **headers: str) -> Handler:
    async def handle(_: LimitedRequest, respond: Callable[..., Awaitable[None]]) -> None:
        await respond(status, *chunks, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return handle


async def test_an_answer_carries_its_callers_limits_in_its_own_dialect_and_not_the_providers() -> None:
    chat, messages = World(BOTH), World(BOTH)
    await chat.call(answering(b"{}", x_ratelimit_limit_requests="9999", content_type="application/json"))
    assert chat.headers["x-ratelimit-limit-requests"] == "60"
    assert chat.headers["x-ratelimit-remaining-requests"] == "59"
    assert int(chat.headers["x-ratelimit-remaining-tokens"]) < 60_000
    assert chat.headers["content-type"] == "application/json"
    await messages.call(answering(b"{}"), MESSAGES)
    assert messages.headers["anthropic-ratelimit-requests-remaining"] == "59"
    assert "x-ratelimit-limit-requests" not in messages.headers


async def test_a_whole_answer_is_settled_with_what_it_says_it_used() -> None:
    world = World(BOTH)
    await world.call(answering(json.dumps(USAGE).encode(), content_type="application/json"))
    assert world.used == (1.0, 7.0)


async def test_a_stream_is_settled_with_what_it_says_it_used() -> None:
    world = World(BOTH)
    events = b'data: {"choices": []}\n\n', b"data: " + json.dumps(USAGE).encode() + b"\n\n"
    await world.call(answering(*events, content_type="text/event-stream"))
    assert world.used == (1.0, 7.0)


async def test_an_error_of_the_model_gives_the_tokens_back() -> None:
    world = World(BOTH)
    await world.call(answering(b'{"error": {}}', status=502))
    assert world.used == (1.0, 0.0)


async def test_a_route_is_settled_with_what_its_models_used() -> None:
    world = World(BOTH)

    async def handle(request: LimitedRequest, respond: Callable[..., Awaitable[None]]) -> None:
        request.models_used = TokenEstimate(0, 0)
        await respond(200, json.dumps(USAGE).encode())

    await world.call(handle)
    assert world.used == (1.0, 0.0), "an answer from the cache asked nobody"


async def test_a_stream_that_breaks_off_is_settled_by_its_events() -> None:
    world = World(BOTH)

    async def broken(request: LimitedRequest, respond: Callable[..., Awaitable[None]]) -> None:
        sends = respond(200, b"data: {}\n\n" * 5, headers={"content-type": "text/event-stream"})
        await sends
        request.responder.is_complete = False
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await world.call(broken)
    await asyncio.sleep(0)
    for _ in range(10):
        await asyncio.sleep(0)
    assert world.used == (1.0, 10.0 + 5.0), "the prompt as estimated, and a token for each event"


async def test_an_endpoint_that_raises_is_settled_once_and_its_place_is_free() -> None:
    world = World(BOTH)

    async def handle(_: LimitedRequest, respond: Callable[..., Awaitable[None]]) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await world.call(handle)
    for _ in range(10):
        await asyncio.sleep(0)
    assert world.used == (1.0, 0.0)
    assert world.admission.pools.of("support").running.total() == 0


@pytest.mark.parametrize("path", [CHAT, MESSAGES, RESPONSES])
async def test_a_refusal_replaces_the_answer_in_the_dialect_of_its_endpoint(path: str) -> None:
    world = World({"per": "key", "requests": {"per_minute": 30, "burst": 1}})
    await world.call(answering(b"{}"), path)
    world.sent.clear()
    await world.call(answering(b'{"error": "what LiteLLM made of it"}', status=400), path)
    assert world.status == 429
    told = json.loads(world.body)
    assert told["error"]["type"] == "rate_limit_error"
    assert told.get("type") == ("error" if path == MESSAGES else None)
    assert told["error"].get("code") == (None if path == MESSAGES else "rate_limit_exceeded")
    assert 1 <= int(world.headers["retry-after"]) <= 3
    assert 1000 < int(world.headers["retry-after-ms"]) <= 2100
    header = "anthropic-ratelimit-requests-remaining" if path == MESSAGES else "x-ratelimit-remaining-requests"
    assert world.headers[header] == "0"
    assert int(world.headers["content-length"]) == len(world.body)


ONE = {"per": "key", "requests": {"per_minute": 60, "burst": 4}}


@pytest.mark.parametrize("path", [CHAT, MESSAGES, RESPONSES])
async def test_in_shadow_nobody_is_refused_and_what_would_have_been_is_counted_and_logged(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(ONE, shadow=True)
    assert await world.statuses(7, path) == [200] * 7
    assert world.samples.value(catalogue.LIMIT_VERDICTS.name, "would_refuse", "requests", "key") == 3
    assert world.samples.value(catalogue.LIMIT_VERDICTS.name, "refused", "requests", "key") == 0
    assert "would_refuse requests per key: 1" in caplog.text
    assert "retry-after" not in world.headers
    world.limiter.is_away = True
    assert await world.statuses(2, path) == [200] * 2


@pytest.mark.parametrize("path", [CHAT, MESSAGES, RESPONSES])
async def test_while_the_store_is_away_everybody_is_refused_and_told_when_to_come_back(path: str) -> None:
    world = World(ONE)
    assert await world.statuses(1, path) == [200]
    world.limiter.is_away = True
    assert await world.statuses(3, path) == [503] * 3
    assert int(world.headers["retry-after"]) >= 1
    told = json.loads(world.body)
    assert told["error"]["message"]
    assert told.get("type") == ("error" if path == MESSAGES else None)
    world.limiter.is_away = False
    world.clock.advance(60)
    assert await world.statuses(1, path) == [200]


@pytest.mark.parametrize("path", [CHAT, MESSAGES, RESPONSES])
async def test_with_a_fraction_a_worker_grants_that_much_by_itself_while_the_store_is_away(path: str) -> None:
    world = World(ONE, on_outage="fraction", fraction=0.5)
    world.limiter.is_away = True
    assert await world.statuses(4, path) == [200, 200, 429, 429]
    assert int(world.headers["retry-after"]) >= 1
    world.clock.advance(2)  # half a request a second comes back
    assert await world.statuses(2, path) == [200, 429]


async def test_an_overload_tells_the_place_and_the_wait() -> None:
    world = World()

    async def handle(request: LimitedRequest, respond: Callable[..., Awaitable[None]]) -> None:
        request.responder.refusal = LimitRefusal(OverloadedError("busy", retry_after=7.2), place=QueuePlace(12, 18.4))
        await respond(500, b"")

    await world.call(handle)
    assert world.status == 503
    assert world.headers["retry-after"] == "8"
    assert world.headers["x-thriftgate-queue-position"] == "12"
    assert world.headers["x-thriftgate-estimated-wait"] == "18.4"


async def test_a_stream_that_waits_begins_with_comments_and_goes_on_with_its_answer() -> None:
    world = World()

    async def handle(request: LimitedRequest, respond: Callable[..., Awaitable[None]]) -> None:
        await request.responder.comment(b": queued 3, about 2 s\n\n")
        await request.responder.comment(b": queued 2, about 1 s\n\n")
        await respond(200, b"data: 1\n\n", b"data: [DONE]\n\n", headers={"content-type": "text/event-stream"})

    await world.call(handle)
    assert [message["type"] for message in world.sent].count("http.response.start") == 1
    assert world.status == 200
    assert world.headers["content-type"].startswith("text/event-stream")
    assert world.body == b": queued 3, about 2 s\n\n: queued 2, about 1 s\n\ndata: 1\n\ndata: [DONE]\n\n"


@pytest.mark.parametrize("path", [CHAT, MESSAGES, RESPONSES])
@pytest.mark.parametrize("is_ours", [True, False])
async def test_after_a_comment_an_error_comes_as_an_event(path: str, is_ours: bool) -> None:
    world = World()

    async def handle(request: LimitedRequest, respond: Callable[..., Awaitable[None]]) -> None:
        await request.responder.comment(b": queued 3, about 2 s\n\n")
        if is_ours:
            request.responder.refusal = LimitRefusal(RateLimitExceededError("too much", retry_after=1))
        error = {"type": "error", "error": {"type": "api_error", "message": "too much"}}
        half = json.dumps(error).encode()
        await respond(429, half[:10], half[10:], headers={"content-type": "application/json"})

    await world.call(handle, path)
    events = world.body.removeprefix(b": queued 3, about 2 s\n\n").decode()
    assert "too much" in events
    assert events.startswith("data: " if path == CHAT else "event: error\ndata: ")
    json.loads(events.split("data: ")[1].split("\n")[0])


async def test_other_endpoints_and_methods_are_left_alone() -> None:
    for path, method in (("/v1/embeddings", "POST"), (CHAT, "GET"), ("/v1/messages/count_tokens", "POST")):
        world = World(BOTH)
        await world.call(answering(b"{}"), path, method)
        assert world.status == 204


SUPPORT = b'{"model": "support"}'


async def insist(world: World, n: int, body: bytes = SUPPORT, path: str = CHAT) -> int:
    """Ask so often without waiting; returns how often the endpoint was asked."""
    asked = world.asked
    for _ in range(n):
        world.sends = [body]
        world.sent.clear()
        await world.call(answering(b"{}"), path)
    return world.asked - asked


def timeless(headers: Mapping[str, str]) -> dict[str, str]:
    """Without the moments that Anthropic's spelling tells by the wall clock."""
    return {name: value for name, value in headers.items() if not name.endswith("-reset")}


@pytest.mark.parametrize("path", [CHAT, MESSAGES, RESPONSES])
async def test_who_does_not_wait_as_it_is_told_to_is_refused_before_the_endpoint_in_the_same_words(path: str) -> None:
    world = World({"per": "key", "requests": {"per_minute": 6, "burst": 1}})
    world.credentials = [(b"Authorization", b"Bearer a")]
    assert await insist(world, 10, path=path) == 10
    told, body = timeless(world.headers), world.body
    assert world.status == 429
    refused = "refused", "requests", "key"
    counted = world.samples.value(catalogue.LIMIT_VERDICTS.name, *refused)
    assert await insist(world, 50, path=path) == 0
    assert (world.status, timeless(world.headers), world.body) == (429, told, body)
    assert int(told["retry-after"]) in (10, 11)
    assert world.samples.value(catalogue.LIMIT_VERDICTS.name, *refused) == counted + 50
    world.clock.advance(1.0)
    assert await insist(world, 2, path=path) == 1, "a second later it is looked at again"
    world.clock.advance(20.0)
    assert await insist(world, 1, path=path) == 1
    assert world.status == 200


async def test_as_long_as_no_place_is_free_it_is_refused_before_the_endpoint_and_looked_at_every_ten_seconds() -> None:
    world = World(concurrency={"*": {"most": 1, "adaptive": False}}, queue={"max_wait": 60, "most": 1})
    one = Arrival("one", Limited(key="other"), "support", 40)
    running = await world.admission.admit(one)
    waiting = asyncio.create_task(world.admission.admit(one))
    for _ in range(10):
        await asyncio.sleep(0)
    assert world.admission.waiting == 1
    world.credentials = [(b"Authorization", b"Bearer a")]
    assert await insist(world, 10) == 9
    assert world.status == 503
    for _ in range(4):
        world.clock.advance(2.0)
        assert await insist(world, 5) == 0
    world.clock.advance(2.0)
    assert await insist(world, 5) == 1
    world.admission.settle(running, spent=None)
    world.admission.settle(await waiting, spent=None)
    world.clock.advance(1.0)
    assert await insist(world, 1) == 1
    assert world.status == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [(b"Authorization", b"Bearer b"), (b"x-api-key", b"b"), (b"X-Mine", b"b"), (b"api-key", b"b"), (b"cookie", b"b")],
)
async def test_nobody_else_is_refused_for_one_who_does_not_wait(name: bytes, value: bytes) -> None:
    world = World({"per": "key", "requests": {"per_minute": 6, "burst": 1}})
    world.credentials = [(b"Authorization", b"Bearer a")]
    assert await insist(world, 20) == 10
    world.credentials = [one for one in world.credentials if one[0] != name] + [(name, value)]
    assert await insist(world, 1) == 1, "other credentials are somebody else"
    world.credentials = []
    assert await insist(world, 20) == 20, "without credentials nobody is known"


@pytest.mark.parametrize(
    "body", [b'{"model": "other"}', b"{}", b"[]", b"no JSON", b"", b'{"model": 3}', SUPPORT + b" " * 70_000]
)
async def test_another_model_and_what_cannot_be_read_at_little_cost_is_looked_at(body: bytes) -> None:
    world = World({"per": "key", "requests": {"per_minute": 6, "burst": 1}})
    world.credentials = [(b"Authorization", b"Bearer a")]
    assert await insist(world, 20) == 10
    assert await insist(world, 3, body) == 3
