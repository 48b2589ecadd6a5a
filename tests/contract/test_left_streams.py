"""A stream that its reader leaves is logged for LiteLLM's limits with what the tiers took, whoever read them."""

import asyncio
import warnings
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any, cast

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # LiteLLM's own imports are not ours to mend
    from litellm.router import Router

    from thriftgate.proxy.books.pricing import RouterPricer
    from thriftgate.proxy.dialects import METHODS
    from thriftgate.proxy.edge import EdgeRequest, current
    from thriftgate.proxy.interception import Interception
    from thriftgate.proxy.tiers.completer import RouterCompleter
    from thriftgate.proxy.tiers.translations import Translations

from thriftgate.errors import TierFailedError
from thriftgate.services.request.reading import with_body
from thriftgate.services.route.route import RouteService
from thriftgate.types import CallPurpose, ChatRequest, StreamPiece, Usage

# Of LiteLLM's own types, when the first of them is made.
pytestmark = pytest.mark.filterwarnings("ignore:Item .* using the `ReadOnly` qualifier:UserWarning")

SAID = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}


def chunk(text: str | None, finish: str | None = None) -> dict[str, Any]:
    delta = {} if text is None else {"content": text}
    return {**SAID, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


class HeldRoute:
    """Has had its answer whole before the client gets the first word of it."""

    async def stream(self, _request: ChatRequest, _tell: object, _retraction: object) -> AsyncGenerator[StreamPiece]:
        edge = current.get()
        assert edge is not None
        edge.took(Usage(10, 3))
        edge.took(Usage(12, 5))
        yield StreamPiece(chunk("Five "), edge="Five ")
        yield StreamPiece(chunk("days."), edge="days.")
        yield StreamPiece(chunk(None, "stop"), edge="", usage=Usage(12, 5))


class LiteLLMsLog:
    def __init__(self) -> None:
        self.logged: list[tuple[int, int]] = []
        self.is_written = asyncio.Event()

    def update_environment_variables(self, **_: Any) -> None: ...

    async def async_success_handler(self, response: Any, **_: Any) -> None:
        self.logged.append((response.usage.prompt_tokens, response.usage.completion_tokens))
        self.is_written.set()


async def read(events: int, *, later: Usage | None = None) -> list[tuple[int, int]]:
    """`later` is what a call took that ends after what reads it."""
    route = cast("RouteService", HeldRoute())
    router, log = SimpleNamespace(**dict.fromkeys(METHODS.values())), LiteLLMsLog()
    Interception(lambda: {"support": route}, breaker=lambda _router: None).install(router)
    body: dict[str, Any] = {"model": "support", "messages": [{"role": "user", "content": "How long?"}], "stream": True}
    edge = EdgeRequest("r1", "support", "support", body, {})
    current.set(edge)
    sent = {"proxy_server_request": {"body": body}, "litellm_logging_obj": log}
    stream = await cast("Any", router).acompletion(**body, **sent)
    for _ in range(events):
        await anext(stream)
    if later is not None:
        over = asyncio.get_running_loop().create_future()
        edge.unsettled.add(over)
        await stream.aclose()
        edge.took(later)
        over.set_result(None)
    await stream.aclose()
    await log.is_written.wait()
    return log.logged


async def test_what_was_asked_for_a_stream_that_was_left_counts() -> None:
    assert await read(1) == [(22, 8)]


async def test_a_call_that_ends_after_its_reader_counts_too() -> None:
    assert await read(1, later=Usage(100, 50)) == [(122, 58)]


async def test_a_tier_that_cannot_be_asked_keeps_nobody_waiting() -> None:
    """Else the log of a stream that is left waits for it, and with the log the caller's place."""
    params = {"model": "openai/m", "api_key": "x", "api_base": "http://127.0.0.1:9", "num_retries": 0, "max_retries": 0}
    router = Router(model_list=[{"model_name": "m", "litellm_params": params}], num_retries=0, disable_cooldowns=True)
    source: Any = lambda: router  # noqa: E731
    completer = RouterCompleter(source, RouterPricer(source), Translations(source))
    edge = EdgeRequest("r2", "support", "support", {}, {})
    current.set(edge)
    asked = {"messages": [{"role": "user", "content": "How long?"}]}
    request = with_body(ChatRequest(request_id="r2", route="support", messages=(), dialect="chat"), asked)
    with pytest.raises(TierFailedError):
        await anext(aiter(completer.stream("m", request, purpose=CallPurpose.ANSWER)))
    await asyncio.sleep(0)
    assert edge.unsettled == set()


async def test_what_a_stream_ends_with_counts() -> None:
    assert await read(3) == [(12, 5)]
