"""A call that nobody waited for ends as it ended, whatever it asked with, and is charged once and as it is booked."""

import asyncio
import json
import re
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # LiteLLM's own imports are not ours to mend
    import litellm
    from litellm.integrations.custom_logger import CustomLogger
    from litellm.router import Router

    from thriftgate.proxy.books.bills import all_charged
    from thriftgate.proxy.books.pricing import RouterPricer
    from thriftgate.proxy.edge import EdgeRequest, current
    from thriftgate.proxy.tiers.completer import RouterCompleter
    from thriftgate.proxy.tiers.translations import Translations

from thriftgate.errors import TierFailedError
from thriftgate.services.request.asking import Asker
from thriftgate.services.request.journal import Journal
from thriftgate.services.request.reading import with_body
from thriftgate.stores.files.clock import SystemClock
from thriftgate.types import ChatRequest, TierCall
from thriftgate.wire.turns import Dialect

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("litellm"),
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.timeout(60),
]

CACHED = 40_000
PRICES = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, "cache_read_input_token_cost": 1e-7}
WORDS: dict[str, Any] = {"type": "text", "text": "What is it, and how do you know?"}
SOUND: dict[str, Any] = {"type": "input_audio", "input_audio": {"data": "aa", "format": "wav"}}
FILM: dict[str, Any] = {"type": "video_url", "video_url": {"url": "https://example.test/a.mp4"}}
PICTURE: dict[str, Any] = {"type": "input_image", "image_url": "data:image/png;base64,aaaa"}
SPOKEN: dict[str, Any] = {"type": "input_text", "text": "What is it, and how do you know?"}
ASKS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "sound": ("chat", {"messages": [{"role": "user", "content": [WORDS, SOUND]}]}),
    "a film": ("chat", {"messages": [{"role": "user", "content": [WORDS, FILM]}]}),
    "a picture": ("responses", {"input": [{"role": "user", "content": [SPOKEN, PICTURE]}]}),
    "words": ("chat", {"messages": [{"role": "user", "content": [WORDS]}]}),
    "words to Claude": ("messages", {"messages": [{"role": "user", "content": [WORDS]}], "max_tokens": 9}),
    "words of responses": ("responses", {"input": [{"role": "user", "content": [SPOKEN]}]}),
    "chat to Claude": ("chat", {"messages": [{"role": "user", "content": [WORDS]}]}),
    "responses to Claude": ("responses", {"input": [{"role": "user", "content": [SPOKEN]}]}),
}


class Charges(CustomLogger):
    """What LiteLLM charges: tokens that went in, and US dollars."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[tuple[int, float]] = []

    async def async_log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        told = kwargs["standard_logging_object"]
        self.made.append((told["prompt_tokens"], told["response_cost"]))


class Provider:
    """Is asked, and says nothing, or no more than the beginning of a stream."""

    def __init__(self, server: HTTPServer) -> None:
        self._server = server
        self.says: list[bytes] | None = None
        self.is_asked = threading.Event()
        self.is_over = threading.Event()
        server.expect_request(re.compile(".*")).respond_with_handler(self._answer)

    @property
    def url(self) -> str:
        return self._server.url_for("").rstrip("/")

    def _answer(self, _: Request) -> Response:
        self.is_asked.set()
        if self.says is None:
            self.is_over.wait(20)
        return Response(self._events(), 200, content_type="text/event-stream")

    def _events(self) -> Iterator[bytes]:
        yield from self.says or ()
        self.is_over.wait(20)


@pytest.fixture
def provider() -> Iterator[Provider]:
    server = HTTPServer(threaded=True)
    server.start()
    made = Provider(server)
    yield made
    made.is_over.set()
    server.clear()
    server.stop()


@pytest.fixture(scope="module")
def logger() -> Iterator[Charges]:
    made = Charges()
    litellm.logging_callback_manager.add_litellm_callback(made)
    yield made
    litellm.callbacks.remove(made)


@pytest.fixture
def charges(logger: Charges) -> Charges:
    logger.made.clear()
    return logger


class Call:
    """One call of a tier, and its account."""

    def __init__(self, url: str, asked: str, *, stream: bool, retries: int = 0) -> None:
        dialect, body = ASKS[asked]
        is_claude = asked.endswith("Claude")
        name = "anthropic/given-up" if is_claude else "openai/given-up"
        base = url if is_claude else f"{url}/v1"
        params = {"model": name, "api_key": "x", "api_base": base, **PRICES}
        router = Router(model_list=[{"model_name": "m", "litellm_params": params}], num_retries=retries, retry_after=10)
        source: Any = lambda: router  # noqa: E731
        pricer = RouterPricer(source)
        completer = RouterCompleter(source, pricer, Translations(source))
        self._request = with_body(ChatRequest(request_id="r", route="r", messages=(), dialect=Dialect(dialect)), body)
        self._journal = Journal(self._request, clock=SystemClock(), stream=stream, capture_content=False)
        self._asker = Asker(completer, pricer, self._journal)
        self._stream = stream

    async def run(self, patience: float | None = None) -> None:
        request = self._request
        if patience is not None:
            request = with_body(request, {**(request.body or {}), "timeout": patience})
        if not self._stream:
            await self._asker.ask("m", request)
            return
        async with aclosing(self._asker.stream("m", request).pieces()) as pieces:
            async for _ in pieces:
                pass

    async def left(self, condition: threading.Event, pause: float = 0.2) -> None:
        """The client goes away a while after something has happened."""
        task = asyncio.create_task(self.run())
        await asyncio.to_thread(condition.wait, 20)
        await asyncio.sleep(pause)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def given_up(self, way: str, provider: Provider) -> None:
        """By who leaves once the provider was asked, or by a time-out."""
        if way == "leaves":
            await self.left(provider.is_asked)
        else:
            with pytest.raises(TierFailedError):
                await self.run(patience=0.5)

    async def booked(self, charges: Charges) -> TierCall:
        """The account, which is also what LiteLLM has charged."""
        await all_charged()
        (call,) = self._journal.calls
        for _ in range(50 if call.cost_usd else 3):  # LiteLLM logs beside the call
            if charges.made:
                break
            await asyncio.sleep(0.1)
        tokens = call.usage.prompt_tokens
        assert charges.made == ([(tokens, pytest.approx(call.cost_usd))] if call.cost_usd else [])
        return call


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("asked", ["sound", "a film", "a picture"])
@pytest.mark.parametrize("way", ["time-out", "leaves"])
async def test_a_call_that_no_tokenizer_counts_ends_as_it_ended_and_is_charged_for_its_words(
    provider: Provider, charges: Charges, way: str, asked: str, stream: bool
) -> None:
    call = Call(provider.url, asked, stream=stream)
    await call.given_up(way, provider)
    booked = await call.booked(charges)
    assert 5 < booked.usage.prompt_tokens < 400
    assert booked.usage.is_estimated
    assert booked.cost_usd > 0


@pytest.mark.parametrize("asked", ["words to Claude", "chat to Claude", "responses to Claude"])
async def test_what_the_provider_had_counted_before_its_first_words_is_charged_and_booked_alike(
    provider: Provider, charges: Charges, asked: str
) -> None:
    counted = {"input_tokens": 6, "cache_read_input_tokens": CACHED, "output_tokens": 1}
    message: dict[str, Any] = {
        "id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": counted,
        "stop_reason": None, "stop_sequence": None,
    }  # fmt: skip
    start: dict[str, Any] = {"type": "message_start", "message": message}
    provider.says = [f"event: message_start\ndata: {json.dumps(start)}\n\n".encode()]
    call = Call(provider.url, asked, stream=True)
    await call.left(provider.is_asked, pause=1)
    booked = await call.booked(charges)
    assert (booked.usage.prompt_tokens, booked.usage.cached_tokens) == (CACHED + 6, CACHED)
    assert booked.cost_usd == pytest.approx(6e-6 + CACHED * 1e-7 + 2e-6)


class Opened(set[asyncio.Future[None]]):
    """Remembers all that were ever in it: one for each bill."""

    def __init__(self) -> None:
        super().__init__()
        self.ever: list[asyncio.Future[None]] = []

    def add(self, element: asyncio.Future[None]) -> None:
        self.ever.append(element)
        super().add(element)


@pytest.mark.parametrize("asked", ["words", "words to Claude", "words of responses"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("way", ["time-out", "leaves"])
async def test_a_call_that_was_given_up_has_one_bill(
    provider: Provider, charges: Charges, way: str, asked: str, stream: bool
) -> None:
    opened = Opened()
    edge = EdgeRequest("r", "r", "m", {}, {}, unsettled=opened)
    current.set(edge)
    call = Call(provider.url, asked, stream=stream)
    await call.given_up(way, provider)
    booked = await call.booked(charges)
    assert len(opened.ever) == 1
    assert opened == set()
    assert (edge.used.prompt_tokens, edge.used.completion_tokens) == (booked.usage.prompt_tokens, 0)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_provider_that_was_never_reached_costs_nothing_who_leaves(charges: Charges, stream: bool) -> None:
    refused = threading.Event()

    class Refusals(CustomLogger):
        async def async_log_failure_event(self, *_: Any, **__: Any) -> None:
            refused.set()

    logger = Refusals()
    litellm.logging_callback_manager.add_litellm_callback(logger)
    try:
        call = Call("http://127.0.0.1:9", "words", stream=stream, retries=3)
        await call.left(refused)
    finally:
        litellm.callbacks.remove(logger)
    booked = await call.booked(charges)
    assert (booked.status, booked.cost_usd, booked.usage.prompt_tokens) == ("cancelled", 0, 0)


CREATED: dict[str, Any] = {
    "type": "response.created", "sequence_number": 0,
    "response": {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "in_progress",
                 "output": [], "error": None, "incomplete_details": None, "usage": None},
}  # fmt: skip
"""An event that says no more than that an answer begins."""


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("words", b": soon\n\n"),
        ("words to Claude", b": soon\n\n"),
        ("words of responses", f"event: response.created\ndata: {json.dumps(CREATED)}\n\n".encode()),
    ],
    ids=["chat", "messages", "responses that have begun"],
)
async def test_a_stream_that_times_out_behind_its_headers_is_charged_like_one_that_never_came(
    provider: Provider, charges: Charges, asked: str, says: bytes
) -> None:
    provider.says = [says]
    call = Call(provider.url, asked, stream=True)
    with pytest.raises(TierFailedError):
        await call.run(patience=1)
    booked = await call.booked(charges)
    assert 5 < booked.usage.prompt_tokens < 100
    assert booked.usage.is_estimated
    assert booked.cost_usd > 0


async def test_no_address_in_a_request_is_fetched_to_count_a_picture(provider: Provider) -> None:
    params = {"model": "openai/given-up", "api_key": "x"}
    router = Router(model_list=[{"model_name": "m", "litellm_params": params}])
    picture: dict[str, Any] = {"type": "image_url", "image_url": {"url": f"{provider.url}/a.png", "detail": "high"}}
    provider.is_over.set()
    source: Any = lambda: router  # noqa: E731
    pricer = RouterPricer(source)
    count = pricer.count_tokens("m", [{"role": "user", "content": [WORDS, picture]}])
    assert count > pricer.count_tokens("m", [{"role": "user", "content": [WORDS]}])
    assert not provider.is_asked.is_set()
