"""What a call costs: the ledger and LiteLLM's charge are the hand sum of its provider's usage, whole and streamed."""

import asyncio
import warnings
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from tests.proxy.upstream import Upstream, gives, raw_stream, slow

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # LiteLLM's own imports are not ours to mend
    import litellm
    from litellm.integrations.custom_logger import CustomLogger
    from litellm.router import Router

    from thriftgate.proxy.books.pricing import RouterPricer
    from thriftgate.proxy.tiers import provider_answer
    from thriftgate.proxy.tiers.completer import RouterCompleter
    from thriftgate.proxy.tiers.translations import Translations

from thriftgate.services.request.asking import Asker
from thriftgate.services.request.journal import Journal
from thriftgate.services.request.reading import with_body
from thriftgate.stores.files.clock import SystemClock
from thriftgate.types import ChatRequest, TierCall
from thriftgate.wire.shapes import MOST_TOKENS

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("litellm"),
    pytest.mark.filterwarnings("ignore"),
]

HOUR = "ephemeral_1h_input_tokens"
PRICES: dict[str, Any] = {
    "input_cost_per_token": 1e-6,
    "output_cost_per_token": 2e-6,
    "cache_read_input_token_cost": 1e-7,
    "cache_creation_input_token_cost": 1.25e-6,
    "cache_creation_input_token_cost_above_1hr": 2.5e-6,
    "input_cost_per_audio_token": 1e-5,
    "output_cost_per_audio_token": 2e-5,
    "output_cost_per_reasoning_token": 3e-6,
    "input_cost_per_image_token": 7e-6,
    "input_cost_per_token_flex": 5e-7,
    "output_cost_per_token_flex": 1e-6,
    "cache_read_input_token_cost_flex": 5e-8,
    "input_cost_per_token_priority": 2e-6,
    "output_cost_per_token_priority": 4e-6,
    "cache_read_input_token_cost_priority": 2e-7,
    "input_cost_per_token_above_200k_tokens": 3e-6,
    "output_cost_per_token_above_200k_tokens": 5e-6,
    "cache_read_input_token_cost_above_200k_tokens": 3e-7,
    "cache_creation_input_token_cost_above_200k_tokens": 4e-6,
    "search_context_cost_per_query": {
        "search_context_size_low": 0.01, "search_context_size_medium": 0.02, "search_context_size_high": 0.03,
    },
    "mode": "chat",
    "max_input_tokens": 1_000_000,
    "max_output_tokens": 100_000,
    "supports_web_search": True,
}  # fmt: skip
WIDE = {name: value for name, value in PRICES.items() if "above_200k" not in name} | {
    "input_cost_per_token_above_128k_tokens": 3e-6,
    "output_cost_per_token_above_128k_tokens": 5e-6,
}
LONG = {name.replace("200k", "272k"): value for name, value in PRICES.items()}
PER_REQUEST = {
    "input_cost_per_token": 1e-6,
    "output_cost_per_token": 2e-6,
    "mode": "chat",
    "input_cost_per_request": 0.5,
}
PER_THING = {
    **{name: value for name, value in PER_REQUEST.items() if name != "input_cost_per_request"},
    "input_cost_per_image": 0.5,
    "output_cost_per_image": 0.25,
    "input_cost_per_character": 0.125,
    "output_cost_per_character": 0.0625,
    "input_cost_per_audio_per_second": 0.03,
}
MODELS = {
    "openai/priced-gpt": {**PRICES, "litellm_provider": "openai"},
    "openai/wide-gpt": {**WIDE, "litellm_provider": "openai"},
    "openai/long-gpt": {**LONG, "litellm_provider": "openai"},
    "openai/request-gpt": {**PER_REQUEST, "litellm_provider": "openai"},
    "openai/thing-gpt": {**PER_THING, "litellm_provider": "openai"},
    "openai/second-gpt": {"input_cost_per_second": 0.01, "mode": "chat", "litellm_provider": "openai"},
    "anthropic/priced-claude": {**PRICES, "litellm_provider": "anthropic"},
}
BASED = {"openai/based-gpt": "openai/priced-gpt", "anthropic/based-claude": "anthropic/priced-claude"}
"""Models that nobody has a price for, and whose prices they have by `base_model`."""
ASKS: dict[str, dict[str, Any]] = {
    "chat": {"messages": [{"role": "user", "content": "Hi"}]},
    "messages": {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 50},
    "responses": {"input": "Hi"},
}


@dataclass(frozen=True)
class Case:
    """A provider's usage, and what it comes to."""

    id: str
    dialect: str
    usage: dict[str, Any]
    cost: float
    model: str = ""
    answer: dict[str, Any] | None = None
    """Fields of the answer beside the usage."""
    asked: dict[str, Any] | None = None


def chat(
    prompt: int = 1000, completion: int = 100, *, read: Any = None, wrote: Any = None, **more: Any
) -> dict[str, Any]:
    details = {"prompt_tokens_details": read} if read else {}
    details |= {"completion_tokens_details": wrote} if wrote else {}
    return (
        {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion} | details | more
    )


def tokens(given: int = 1000, got: int = 100, *, read: Any = None, wrote: Any = None) -> dict[str, Any]:
    return {
        "input_tokens": given, "output_tokens": got, "total_tokens": given + got,
        "input_tokens_details": {"cached_tokens": 0} | (read or {}),
        "output_tokens_details": {"reasoning_tokens": 0} | (wrote or {}),
    }  # fmt: skip


def claude(given: int = 20, got: int = 100, **more: Any) -> dict[str, Any]:
    return {"input_tokens": given, "output_tokens": got, **more}


def writes(minutes: int, hour: int) -> dict[str, Any]:
    kept = {"ephemeral_5m_input_tokens": minutes, HOUR: hour}
    return {"cache_creation_input_tokens": minutes + hour, "cache_creation": kept}


SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "x"}}
SAID: dict[str, Any] = {"type": "message", "id": "m1", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": "Fine.", "annotations": []}]}  # fmt: skip

CASES = [
    Case("plain", "chat", chat(), 1000e-6 + 100 * 2e-6),
    Case("cached reads", "chat", chat(read={"cached_tokens": 400}), 600e-6 + 400 * 1e-7 + 100 * 2e-6),
    Case("reasoning", "chat", chat(wrote={"reasoning_tokens": 60}), 1000e-6 + 40 * 2e-6 + 60 * 3e-6),
    Case("audio in", "chat", chat(read={"audio_tokens": 300}), 700e-6 + 300 * 1e-5 + 100 * 2e-6),
    Case("audio out", "chat", chat(wrote={"audio_tokens": 30}), 1000e-6 + 70 * 2e-6 + 30 * 2e-5),
    Case("audio in and out", "chat", chat(read={"audio_tokens": 300}, wrote={"audio_tokens": 30, "text_tokens": 70}),
         700e-6 + 300 * 1e-5 + 70 * 2e-6 + 30 * 2e-5),
    Case("images in", "chat", chat(read={"image_tokens": 300}), 700e-6 + 300 * 7e-6 + 100 * 2e-6),
    Case("flex", "chat", chat(read={"cached_tokens": 400}), 600 * 5e-7 + 400 * 5e-8 + 100e-6,
         answer={"service_tier": "flex"}),
    Case("priority", "chat", chat(read={"cached_tokens": 400}), 600 * 2e-6 + 400 * 2e-7 + 100 * 4e-6,
         answer={"service_tier": "priority"}),
    Case("flex asked and not served", "chat", chat(), 1000e-6 + 100 * 2e-6, asked={"service_tier": "flex"},
         answer={"service_tier": "default"}),
    Case("priority asked", "chat", chat(), 1000 * 2e-6 + 100 * 4e-6, asked={"service_tier": "priority"}),
    Case("above 200k", "chat", chat(300_000, read={"cached_tokens": 100_000}),
         200_000 * 3e-6 + 100_000 * 3e-7 + 100 * 5e-6),
    Case("above 128k", "chat", chat(150_000), 150_000 * 3e-6 + 100 * 5e-6, "openai/wide-gpt"),
    Case("at 128k", "chat", chat(128_000), 128_000 * 1e-6 + 100 * 2e-6, "openai/wide-gpt"),
    Case("above 272k", "chat", chat(300_000, read={"cached_tokens": 100_000}),
         200_000 * 3e-6 + 100_000 * 3e-7 + 100 * 5e-6, "openai/long-gpt"),
    Case("at 272k", "chat", chat(272_000), 272_000 * 1e-6 + 100 * 2e-6, "openai/long-gpt"),
    Case("a price of a request, which LiteLLM charges nobody", "chat", chat(), 1000e-6 + 100 * 2e-6,
         "openai/request-gpt"),
    Case("prices of images and characters, which LiteLLM charges nobody", "chat", chat(), 1000e-6 + 100 * 2e-6,
         "openai/thing-gpt", asked={"messages": [{"role": "user", "content": [
             {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}]}),
    Case("plain", "responses", tokens(), 1000e-6 + 100 * 2e-6),
    Case("cached reads", "responses", tokens(read={"cached_tokens": 400}), 600e-6 + 400 * 1e-7 + 100 * 2e-6),
    Case("reasoning", "responses", tokens(wrote={"reasoning_tokens": 60}), 1000e-6 + 40 * 2e-6 + 60 * 3e-6),
    Case("flex", "responses", tokens(), 1000 * 5e-7 + 100e-6, answer={"service_tier": "flex"}),
    Case("priority", "responses", tokens(), 1000 * 2e-6 + 100 * 4e-6, answer={"service_tier": "priority"}),
    Case("above 200k", "responses", tokens(300_000), 300_000 * 3e-6 + 100 * 5e-6),
    Case("web search", "responses", tokens(), 1000e-6 + 100 * 2e-6 + 0.02,
         answer={"output": [SEARCH, SAID]}, asked={"tools": [{"type": "web_search"}]}),
    Case("plain", "messages", claude(), 20e-6 + 100 * 2e-6),
    Case("cached reads", "messages", claude(cache_read_input_tokens=1000), 20e-6 + 1000 * 1e-7 + 100 * 2e-6),
    Case("written for minutes", "messages", claude(**writes(1000, 0)), 20e-6 + 1000 * 1.25e-6 + 100 * 2e-6),
    Case("written for an hour", "messages", claude(**writes(0, 1000)), 20e-6 + 1000 * 2.5e-6 + 100 * 2e-6),
    Case("written for both", "messages", claude(**writes(300, 700)),
         20e-6 + 300 * 1.25e-6 + 700 * 2.5e-6 + 100 * 2e-6),
    Case("written, time untold", "messages", claude(cache_creation_input_tokens=1000),
         20e-6 + 1000 * 1.25e-6 + 100 * 2e-6),
    Case("above 200k", "messages", claude(300_000), 300_000 * 3e-6 + 100 * 5e-6),
    Case("web search", "messages", claude(server_tool_use={"web_search_requests": 3}), 20e-6 + 100 * 2e-6 + 3 * 0.02),
    Case("all at once", "messages",
         claude(cache_read_input_tokens=500, server_tool_use={"web_search_requests": 1}, **writes(300, 700)),
         20e-6 + 500 * 1e-7 + 300 * 1.25e-6 + 700 * 2.5e-6 + 100 * 2e-6 + 0.02),
    Case("written for an hour", "chat", claude(**writes(0, 1000)), 20e-6 + 1000 * 2.5e-6 + 100 * 2e-6,
         "anthropic/priced-claude"),
    Case("cached reads of Claude", "responses", claude(cache_read_input_tokens=1000),
         20e-6 + 1000 * 1e-7 + 100 * 2e-6, "anthropic/priced-claude"),
    Case("thinking", "messages", claude(output_tokens_details={"thinking_tokens": 60}), 20e-6 + 40 * 2e-6 + 60 * 3e-6),
    Case("thinking beside cached reads", "messages",
         claude(cache_read_input_tokens=500, output_tokens_details={"thinking_tokens": 60}, **writes(300, 700)),
         20e-6 + 500 * 1e-7 + 300 * 1.25e-6 + 700 * 2.5e-6 + 40 * 2e-6 + 60 * 3e-6),
    Case("written for both by Claude", "responses", claude(cache_read_input_tokens=500, **writes(300, 700)),
         20e-6 + 500 * 1e-7 + 300 * 1.25e-6 + 700 * 2.5e-6 + 100 * 2e-6, "anthropic/priced-claude"),
    Case("reasoning of GPT", "messages", tokens(read={"cached_tokens": 400}, wrote={"reasoning_tokens": 60}),
         600e-6 + 400 * 1e-7 + 40 * 2e-6 + 60 * 3e-6, "openai/priced-gpt"),
    Case("cached reads of GPT", "messages", tokens(read={"cached_tokens": 400}),
         600e-6 + 400 * 1e-7 + 100 * 2e-6, "openai/priced-gpt"),
    Case("cached reads of a base model", "chat", chat(read={"cached_tokens": 400}),
         600e-6 + 400 * 1e-7 + 100 * 2e-6, "openai/based-gpt"),
    Case("reasoning of a base model", "responses", tokens(wrote={"reasoning_tokens": 60}),
         1000e-6 + 40 * 2e-6 + 60 * 3e-6, "openai/based-gpt"),
    Case("a base model behind another API", "messages", tokens(), 1000e-6 + 100 * 2e-6, "openai/based-gpt"),
    Case("written for an hour by a base model", "messages", claude(**writes(0, 1000)),
         20e-6 + 1000 * 2.5e-6 + 100 * 2e-6, "anthropic/based-claude"),
]  # fmt: skip


class Calls(CustomLogger):
    """Notes what LiteLLM knows of each call, as the gateway's hook does, and what it charges."""

    def __init__(self) -> None:
        super().__init__()
        self.charged: asyncio.Queue[float] = asyncio.Queue()

    def log_pre_api_call(self, model: str, messages: object, kwargs: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        provider_answer.note_call(kwargs)

    async def async_log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        await self.charged.put(float(kwargs["standard_logging_object"]["response_cost"]))


@dataclass(frozen=True)
class World:
    """A provider, and a router in front of it."""

    upstream: Upstream
    router: Router
    calls: Calls


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    server = HTTPServer(threaded=True)
    server.start()
    upstream = Upstream(server)
    litellm.register_model(MODELS)
    logger = Calls()
    litellm.logging_callback_manager.add_litellm_callback(logger)
    yield World(upstream, router_of(upstream), logger)
    litellm.callbacks.remove(logger)
    server.clear()
    server.stop()


def router_of(upstream: Upstream) -> Router:
    def params(model: str) -> dict[str, Any]:
        base = upstream.base_url if model.startswith("openai/") else upstream.base_url.removesuffix("/v1")
        return {"model": model, "api_key": "sk-none", "api_base": base}

    models = [{"model_name": model, "litellm_params": params(model)} for model in MODELS]
    models += [
        {"model_name": model, "litellm_params": params(model), "model_info": {"base_model": base}}
        for model, base in BASED.items()
    ]
    return Router(model_list=models, num_retries=0, disable_cooldowns=True)


def answer_of(case: Case, provider: str) -> dict[str, Any]:
    if provider == "anthropic":
        return {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
                "stop_sequence": None, "content": [{"type": "text", "text": "Fine."}], "usage": case.usage,
                **(case.answer or {})}  # fmt: skip
    if "input_tokens" in case.usage:
        return {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "completed",
                "output": [SAID], "usage": case.usage, "error": None, "incomplete_details": None,
                **(case.answer or {})}  # fmt: skip
    choice = {"index": 0, "message": {"role": "assistant", "content": "Fine."}, "finish_reason": "stop"}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice],
            "usage": case.usage, **(case.answer or {})}  # fmt: skip


def chunks_of(answer: dict[str, Any]) -> list[dict[str, Any]]:
    frame = {name: value for name, value in answer.items() if name not in ("choices", "usage")}
    frame["object"] = "chat.completion.chunk"
    said = {"index": 0, "delta": {"role": "assistant", "content": "Fine."}, "finish_reason": None}
    end: dict[str, Any] = {"index": 0, "delta": {}, "finish_reason": "stop"}
    return [
        {**frame, "choices": [said]},
        {**frame, "choices": [end]},
        {**frame, "choices": [], "usage": answer["usage"]},
    ]


async def booked(case: Case, world: World, *, stream: bool, wait: float = 0.0) -> TierCall:
    while not world.calls.charged.empty():
        world.calls.charged.get_nowait()
    model = case.model or ("anthropic/priced-claude" if case.dialect == "messages" else "openai/priced-gpt")
    provider, name = model.split("/")
    answer = answer_of(case, provider)
    how = raw_stream(*chunks_of(answer)) if stream and "choices" in answer else gives(answer)
    world.upstream.on(name, slow(wait, how) if wait else how)
    source: Any = lambda: world.router  # noqa: E731
    pricer = RouterPricer(source)
    completer = RouterCompleter(source, pricer, Translations(source))
    body = {**ASKS[case.dialect], **(case.asked or {})}
    request = with_body(ChatRequest(request_id="r", route="r", messages=(), dialect=case.dialect), body)
    journal = Journal(request, clock=SystemClock(), stream=stream, capture_content=False)
    asker = Asker(completer, pricer, journal)
    if stream:
        async with aclosing(asker.stream(model, request).pieces()) as pieces:
            async for _ in pieces:
                pass
    else:
        await asker.ask(model, request)
    (call,) = journal.calls
    return call


def price_of_writing(usage: dict[str, Any]) -> float:
    """What the tokens cost that went into the provider's cache; where no time is told, it is five minutes."""
    hour = usage.get("cache_creation", {}).get(HOUR, 0)
    return hour * 2.5e-6 + (usage["cache_creation_input_tokens"] - hour) * 1.25e-6


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.dialect}: {case.id}")
async def test_a_call_costs_the_hand_sum_of_its_usage_in_the_ledger_and_in_litellms_charge(
    case: Case, stream: bool, world: World
) -> None:
    call = await booked(case, world, stream=stream)
    assert call.cost_usd == pytest.approx(case.cost, abs=1e-9)
    assert call.usage.is_estimated is False
    assert sum(call.cost_parts.values()) == pytest.approx(call.cost_usd, abs=1e-9)
    if case.id.startswith("written"):
        # The usage of Responses does not tell for how long: the sum is right, and the share is near.
        error = 2e-4 if case.dialect == "responses" else 1e-9
        parts = [call.cost_parts.get(name, 0.0) for name in ("input_cache_creation", "input_cache_creation_1h")]
        assert sum(parts) == pytest.approx(price_of_writing(case.usage), abs=error)
        hour = 0 if case.dialect == "responses" else case.usage.get("cache_creation", {}).get(HOUR, 0)
        assert parts[1] == pytest.approx(hour * 2.5e-6, abs=1e-9)
        assert call.usage.cache_write_tokens == case.usage["cache_creation_input_tokens"]
        assert call.usage.cache_write_1h_tokens == hour
    charged = await asyncio.wait_for(world.calls.charged.get(), 10)
    assert charged == pytest.approx(case.cost, abs=1e-9)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("dialect", "usage"), [("chat", chat()), ("responses", tokens()), ("messages", tokens())])
async def test_a_price_of_a_second_is_charged_for_the_time_that_a_call_took(
    dialect: str, usage: dict[str, Any], stream: bool, world: World
) -> None:
    call = await booked(Case("seconds", dialect, usage, 0.0, "openai/second-gpt"), world, stream=stream, wait=0.4)
    charged = await asyncio.wait_for(world.calls.charged.get(), 10)
    assert call.cost_usd >= 0.4 * 0.01
    # A stream is still being read when we look at the clock; LiteLLM looks a moment later, or earlier.
    assert charged >= 0.4 * 0.01 if stream else charged == pytest.approx(call.cost_usd, rel=0.1)


ABSURD = [
    ("chat", chat(10**15)), ("chat", chat(1000, 10**15)), ("chat", chat(-5, 100)), ("messages", claude(10**15)),
    ("messages", claude(20, -7)), ("responses", tokens(10**15)),
]  # fmt: skip


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("dialect", "usage"), ABSURD)
async def test_usage_that_cannot_be_believed_is_clamped_and_marked(
    dialect: str, usage: dict[str, Any], stream: bool, world: World
) -> None:
    call = await booked(Case("absurd", dialect, usage, 0.0), world, stream=stream)
    assert call.usage.is_estimated
    assert 0 <= call.usage.prompt_tokens <= MOST_TOKENS
    assert 0 <= call.usage.completion_tokens <= MOST_TOKENS
    assert 0 <= call.cost_usd <= MOST_TOKENS * 5e-6
    await asyncio.wait_for(world.calls.charged.get(), 10)


ELSEWHERE = [("azure/x", "eu/gpt-4o-2024-08-06"), ("azure/x", "mistral-large-2402"), ("azure_ai/x", "grok-3"),
             ("openai/gpt-4o", "gpt-4oo")]  # fmt: skip


@pytest.mark.parametrize(("model", "base"), ELSEWHERE)
def test_a_base_model_has_its_price_wherever_litellm_finds_one(model: str, base: str) -> None:
    params = {"model": model, "api_key": "sk-none", "api_base": "http://127.0.0.1:9"}
    entry = {"model_name": "m", "litellm_params": params, "model_info": {"base_model": base}}
    router = Router(model_list=[entry])
    usage = {"prompt_tokens": 1000, "completion_tokens": 1000, "total_tokens": 2000}
    answer = litellm.ModelResponse(model=model, usage=usage)
    known = router.get_model_ids("m")[0]
    charged = litellm.completion_cost(answer, model=model, base_model=base, router_model_id=known)
    assert charged > 0
    source: Any = lambda: router  # noqa: E731  its type is the router's, not the port's
    assert RouterPricer(source).call_cost_usd("m", usage) == pytest.approx(charged, abs=1e-9)
