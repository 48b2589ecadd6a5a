"""What the three dialects assume of LiteLLM: where its endpoints meet the router, and what its translations lose."""

import inspect
import json
import warnings
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire_samples.messages_requests import MESSAGES_REQUESTS

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # LiteLLM's own imports are not ours to mend
    from litellm.llms.anthropic.pass_through.responses_adapters.transformation import (
        LiteLLMAnthropicToResponsesAPIAdapter,
    )
    from litellm.proxy import proxy_server
    from litellm.proxy.anthropic_endpoints import endpoints as anthropic_endpoints
    from litellm.proxy.auth.auth_checks import is_model_cost_zero
    from litellm.proxy.proxy_server import count_request_tokens
    from litellm.proxy.response_api_endpoints import endpoints as response_endpoints
    from litellm.proxy.route_llm_request import route_request  # pyright: ignore[reportUnknownVariableType]
    from litellm.router import Router
    from litellm.types.utils import ModelResponseStream

    from thriftgate.proxy.dialects import METHODS, has_fallen_back, words_as_bytes
    from thriftgate.proxy.endpoints.describing import describe_routes

from thriftgate.wire.dialects import carries, request_view
from thriftgate.wire.turns import Dialect

pytestmark = [pytest.mark.xdist_group("litellm"), pytest.mark.filterwarnings("ignore")]

CONVERSATIONS: dict[str, dict[str, Any]] = {
    Dialect.CHAT: {"messages": [{"role": "user", "content": "Hi"}]},
    Dialect.MESSAGES: {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5},
    Dialect.RESPONSES: {"input": "Hi"},
}
LOST_ON_THE_WAY_TO_RESPONSES = {
    "failed tool": "is_error",
    "one call at a time": "parallel",
    "apples": "apples are red",
    "search result": "apples are red",
    "cited document": "Fruit",
    "image by id": "file_1",
    "container upload": "file_3",
    "container": "container_1",
    "thought before": "c2ln",
    "web fetch": "web_fetch_20250910",
    "mcp": "https://example.com/mcp",
    "sampling": "END",
    "unknown field": "brand_new",
    "unknown block": "hologram",
}
"""Words that would stand in the translated request if LiteLLM carried that part of it."""
CARRIED_TO_RESPONSES = {
    "system": "Be brief.",
    "image by address": "https://example.com/a.png",
    "tools": "The weather of a city",
    "tool result": "19 degrees",
    "few tokens": "5",
    "pdf": "data:application/pdf;base64,",
    "pdf by address": "https://example.com/a.pdf",
}
SAMPLES = {sample.name: sample.body for sample in MESSAGES_REQUESTS}


def router(*models: tuple[str, str]) -> Router:
    """A router of model groups that are never asked."""
    return Router(
        model_list=[
            {"model_name": name, "litellm_params": {"model": model, "api_key": "sk-none"}} for name, model in models
        ]
    )


@pytest.mark.parametrize("dialect", list(METHODS))
async def test_a_request_meets_the_router_in_the_method_where_routes_are_intercepted(dialect: str) -> None:
    method = METHODS[dialect]
    ours = router(("support", "openai/gpt-4o"))
    met: list[dict[str, Any]] = []

    async def here(**kwargs: Any) -> str:
        met.append(kwargs)
        return "ours"

    assert inspect.iscoroutinefunction(getattr(ours, method)) or callable(getattr(ours, method))
    setattr(ours, method, here)
    body = {"model": "support", **CONVERSATIONS[dialect]}
    answer = cast(
        "Any", await route_request(data=dict(body), llm_router=ours, user_model=None, route_type=cast("Any", method))
    )
    assert (await answer if inspect.isawaitable(answer) else answer) == "ours"
    (kwargs,) = met
    assert {name: kwargs[name] for name in body} == body


@pytest.mark.parametrize(
    ("endpoints", "route_type"), [(anthropic_endpoints, "anthropic_messages"), (response_endpoints, "aresponses")]
)
def test_the_endpoints_name_these_methods(endpoints: object, route_type: str) -> None:
    assert f'route_type="{route_type}"' in inspect.getsource(cast("Any", endpoints))


@pytest.mark.parametrize("name", LOST_ON_THE_WAY_TO_RESPONSES)
def test_what_we_refuse_to_translate_is_still_lost(name: str) -> None:
    """When LiteLLM learns to carry it, `wire.messages.carrying` may let it through."""
    body, words = SAMPLES[name], LOST_ON_THE_WAY_TO_RESPONSES[name]
    assert carries(request_view(Dialect.MESSAGES, body), Dialect.RESPONSES)
    assert words not in _translated(body)


@pytest.mark.parametrize("name", CARRIED_TO_RESPONSES)
def test_what_we_let_through_is_still_carried(name: str) -> None:
    body, words = SAMPLES[name], CARRIED_TO_RESPONSES[name]
    assert carries(request_view(Dialect.MESSAGES, body), Dialect.RESPONSES) == ()
    assert words in _translated(body)


def _translated(body: dict[str, Any]) -> str:
    return json.dumps(LiteLLMAnthropicToResponsesAPIAdapter().translate_request(cast("Any", dict(body))))


class DescribedRouter(Router):
    """A router of our own, so that LiteLLM's stays as it is for other tests."""


TIERS = {"support": ("small", "large")}
describe_routes(DescribedRouter, lambda model: TIERS.get(model, ()))


def described() -> Any:
    return DescribedRouter(
        model_list=[
            {"model_name": "support", "litellm_params": {"model": "openai/not-asked", "api_key": "sk-none"}},
            {"model_name": "small", "litellm_params": {"model": "openai/gpt-3.5-turbo", "api_key": "sk-none"}},
            {"model_name": "large", "litellm_params": {"model": "anthropic/claude-sonnet-4-5", "api_key": "sk-none"}},
        ]
    )


async def test_tokens_of_a_route_are_counted_by_its_strongest_tier() -> None:
    """LiteLLM picks a deployment for that with no request in hand; with one, it is not our business."""
    assert "request_kwargs={}" in inspect.getsource(count_request_tokens)
    found: Any = await described().async_get_available_deployment(model="support", request_kwargs={})
    assert found["litellm_params"]["model"] == "anthropic/claude-sonnet-4-5"
    asked: Any = await described().async_get_available_deployment(model="support", request_kwargs={"input": "x"})
    assert asked["litellm_params"]["model"] == "openai/not-asked"


def test_a_route_has_the_smallest_window_and_the_common_abilities_of_its_tiers() -> None:
    ours = described()
    listed = {tier: ours.get_model_group_info(tier) for tier in ("small", "large", "support")}
    small, large, route = listed["small"], listed["large"], listed["support"]
    assert small is not None
    assert large is not None
    assert route is not None
    assert small.max_input_tokens is not None
    assert (small.supports_vision, large.supports_vision, route.supports_vision) == (False, True, False)
    assert route.supports_function_calling is True
    assert route.max_input_tokens == small.max_input_tokens
    info = ours.get_model_listing_info("support")
    assert info is not None
    assert info.max_input_tokens == small.max_input_tokens


def test_a_route_has_the_highest_prices_of_its_tiers() -> None:
    """By which LiteLLM holds money in budgets; and a route without any price of its own is not free of them."""
    ours = described()
    large, route = (ours.get_model_group_info(name) for name in ("large", "support"))
    assert large is not None
    assert route is not None
    assert large.input_cost_per_token == route.input_cost_per_token == pytest.approx(3e-6)
    assert large.output_cost_per_token == route.output_cost_per_token == pytest.approx(15e-6)
    assert not is_model_cost_zero(model="support", llm_router=ours)


words = st.text(max_size=8)
deltas: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["assistant", None]),
        "content": words | st.none(),
        "refusal": words | st.none(),
        "reasoning_content": words,
        "tool_calls": st.just([{"index": 0, "id": "call_1", "function": {"name": "f", "arguments": "{}"}}]),
    },
)
chunks: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"choices": st.lists(st.fixed_dictionaries(
        {"index": st.integers(0, 2), "delta": deltas},
        optional={"finish_reason": st.sampled_from(["stop", "length", None]), "logprobs": st.just({"content": []})},
    ), max_size=2)},
    optional={
        "id": words, "created": st.integers(0, 9), "model": words, "system_fingerprint": words, "service_tier": words,
        "obfuscation": words, "usage": st.just({"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}),
    },
)  # fmt: skip


@given(chunks)
def test_words_go_out_as_litellm_writes_them(fields: dict[str, Any]) -> None:
    chunk = ModelResponseStream(**fields)

    written = words_as_bytes(chunk.model_dump(exclude_none=True), model=None)

    if written is not None:
        theirs: Any = proxy_server._serialize_streaming_chunk(chunk)  # pyright: ignore[reportPrivateUsage]
        assert json.loads(written.removeprefix(b"data: ")) == json.loads(theirs)
        assert written.endswith(b"\n\n")


def test_words_are_written_under_the_clients_name_of_the_model() -> None:
    choices: Any = [{"index": 0, "delta": {"role": "assistant", "content": "hi"}}]
    chunk = ModelResponseStream(choices=choices, model="tier")

    written = words_as_bytes(chunk.model_dump(exclude_none=True), model="support")

    assert written is not None
    assert json.loads(written.removeprefix(b"data: "))["model"] == "support"


def test_an_answer_of_a_fallback_is_told_from_the_tiers_own() -> None:
    chunk = ModelResponseStream(choices=[])
    assert not has_fallen_back(chunk)
    chunk._hidden_params = {"additional_headers": {"x-litellm-attempted-fallbacks": 1}}  # pyright: ignore[reportPrivateUsage]
    assert has_fallen_back(chunk)
    assert proxy_server._get_streaming_fallback_metadata(chunk)[0]  # pyright: ignore[reportPrivateUsage]
