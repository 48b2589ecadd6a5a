"""Which dialect LiteLLM asks each provider in, and whom it may choose while a route asks."""

import warnings
from typing import Any, cast

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # LiteLLM's own imports are not ours to mend
    from litellm.llms.anthropic.chat.transformation import AnthropicConfig
    from litellm.router import Router
    from litellm.types.utils import CallTypes

    from thriftgate.proxy.tiers.abilities import abilities
    from thriftgate.proxy.tiers.translations import Translations, asked, carry_strict_tools

from thriftgate.services.request.reading import with_body
from thriftgate.types import ChatRequest
from thriftgate.wire.abilities import Ability
from thriftgate.wire.turns import Dialect

pytestmark = [pytest.mark.xdist_group("litellm"), pytest.mark.filterwarnings("ignore")]

FAILED_TOOL: dict[str, Any] = {
    "max_tokens": 5,
    "messages": [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "w", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "no", "is_error": True}]},
    ],
}
IS_ERROR = "messages[2].content[0].is_error"
PLAIN_MESSAGE: dict[str, Any] = {"max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}
SEVERAL: dict[str, Any] = {"messages": [{"role": "user", "content": "Hi"}], "n": 3}
GOES_ON: dict[str, Any] = {"input": "Hi", "previous_response_id": "resp_1"}


def translations(*models: str) -> tuple[Translations, Router]:
    """A group `tier` of these models."""
    params = [{"model": model, "api_key": "sk-none", "api_base": "http://127.0.0.1:9"} for model in models]
    router = Router(model_list=[{"model_name": "tier", "litellm_params": one} for one in params])
    return Translations(lambda: router), router  # pyright: ignore[reportArgumentType]


def request(dialect: Dialect, body: dict[str, Any], **more: Any) -> ChatRequest:
    return with_body(ChatRequest(request_id="r", route="r", messages=(), dialect=dialect.value, **more), body)


@pytest.mark.parametrize(
    ("dialect", "body", "models", "lost"),
    [
        (Dialect.MESSAGES, FAILED_TOOL, ["anthropic/claude-haiku-4-5"], ()),
        (Dialect.MESSAGES, FAILED_TOOL, ["bedrock/anthropic.claude-3-5-sonnet-20240620-v1:0"], ()),
        (Dialect.MESSAGES, FAILED_TOOL, ["openai/gpt-5"], (IS_ERROR,)),
        (Dialect.MESSAGES, FAILED_TOOL, ["hosted_vllm/llama"], (IS_ERROR,)),
        (Dialect.MESSAGES, FAILED_TOOL, ["openai/gpt-5", "anthropic/claude-haiku-4-5"], ()),
        (Dialect.MESSAGES, PLAIN_MESSAGE, ["openai/gpt-5"], ()),
        (Dialect.MESSAGES, {**PLAIN_MESSAGE, "stop_sequences": ["E"]}, ["openai/gpt-5"], ("stop_sequences",)),
        (Dialect.MESSAGES, {**PLAIN_MESSAGE, "stop_sequences": ["E"]}, ["hosted_vllm/llama"], ()),
        (Dialect.CHAT, SEVERAL, ["openai/gpt-5"], ()),
        (Dialect.CHAT, SEVERAL, ["hosted_vllm/llama"], ()),
        (Dialect.CHAT, SEVERAL, ["anthropic/claude-haiku-4-5"], ("n",)),
        (Dialect.RESPONSES, GOES_ON, ["openai/gpt-5"], ()),
        (Dialect.RESPONSES, GOES_ON, ["hosted_vllm/llama"], ()),
        (Dialect.RESPONSES, GOES_ON, ["anthropic/claude-haiku-4-5"], ("previous_response_id",)),
        (Dialect.RESPONSES, GOES_ON, ["mistral/mistral-large-latest"], ("previous_response_id",)),
    ],
)
def test_what_a_tier_would_not_get(dialect: Dialect, body: dict[str, Any], models: list[str], lost: Any) -> None:
    known, _ = translations(*models)
    assert known.lost("tier", request(dialect, body)) == lost


def test_what_we_added_ourselves_does_not_count() -> None:
    known, _ = translations("anthropic/claude-haiku-4-5")
    assert known.lost("tier", request(Dialect.CHAT, {**SEVERAL, "n": 1, "logprobs": True})) == ("logprobs",)
    ours = request(Dialect.CHAT, {**SEVERAL, "n": 1, "logprobs": True}, added=frozenset({"logprobs"}))
    assert known.lost("tier", ours) == ()


@pytest.mark.parametrize(
    ("dialect", "body", "chosen"),
    [
        (Dialect.MESSAGES, FAILED_TOOL, {"anthropic/claude-haiku-4-5"}),
        (Dialect.MESSAGES, PLAIN_MESSAGE, {"anthropic/claude-haiku-4-5", "openai/gpt-5"}),
        (Dialect.CHAT, SEVERAL, {"openai/gpt-5"}),
    ],
)
async def test_litellm_chooses_only_among_deployments_that_get_everything(
    dialect: Dialect, body: dict[str, Any], chosen: set[str]
) -> None:
    known, router = translations("openai/gpt-5", "anthropic/claude-haiku-4-5")
    entries = cast("list[dict[str, Any]]", router.model_list)
    token = asked.set(request(dialect, body))
    try:
        fitting = known.fitting(entries)
    finally:
        asked.reset(token)
    assert {one["litellm_params"]["model"] for one in fitting} == chosen
    assert len(known.fitting(entries)) == 2


THINKS = {Ability.EFFORT, Ability.NO_EFFORT}


@pytest.mark.parametrize(
    ("model", "provider", "spoken", "takes"),
    [
        ("gpt-5.4", "openai", Dialect.RESPONSES, {Ability.ONE_CALL, Ability.SERVICE_TIER, *THINKS}),
        ("gpt-4o", "openai", Dialect.RESPONSES, {Ability.ONE_CALL, Ability.SERVICE_TIER}),
        ("gpt-5", "azure", Dialect.CHAT, {Ability.ONE_CALL, Ability.SERVICE_TIER, Ability.EFFORT}),
        ("llama", "hosted_vllm", Dialect.CHAT, {Ability.ONE_CALL, Ability.SERVICE_TIER, Ability.TOP_K, *THINKS}),
        ("o3", "openai", Dialect.RESPONSES, {Ability.ONE_CALL, Ability.SERVICE_TIER, Ability.EFFORT}),
        ("llama-3.3-70b-versatile", "groq", Dialect.CHAT, {Ability.ONE_CALL}),
        ("x", "scaledown", Dialect.CHAT, set[Ability]()),
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock", Dialect.MESSAGES, {Ability.STRICT_TOOLS}),
        ("mistral-large-latest", "mistral", Dialect.CHAT, {Ability.ONE_CALL}),
        ("llama3", "ollama_chat", Dialect.CHAT, {Ability.TOP_K, *THINKS}),
        ("gemini-2.5-flash", "gemini", Dialect.CHAT, {Ability.SERVICE_TIER, Ability.TOP_K, *THINKS}),
        ("anthropic/claude-opus-4.6", "openrouter", Dialect.CHAT,
         {Ability.ONE_CALL, Ability.SERVICE_TIER, Ability.TOP_K}),
        ("claude-haiku-4-5", "anthropic", Dialect.MESSAGES, {Ability.STRICT_TOOLS}),
        ("claude-3-haiku-20240307", "anthropic", Dialect.MESSAGES, set[Ability]()),
        ("claude-haiku-4-5", "vertex_ai", Dialect.MESSAGES, set[Ability]()),
    ],
)  # fmt: skip
def test_what_a_provider_takes(model: str, provider: str, spoken: Dialect, takes: set[Ability]) -> None:
    assert abilities(model, provider, spoken) == takes


@pytest.mark.parametrize(
    ("schema", "is_strict"),
    [
        ({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}, True),
        (
            {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}, "additionalProperties": False},
            False,
        ),
    ],
)
def test_a_tool_is_strict_for_a_route_where_anthropic_takes_its_schema(schema: dict[str, Any], is_strict: bool) -> None:
    carry_strict_tools()
    tool: Any = {"type": "function", "function": {"name": "f", "parameters": schema, "strict": True}}
    made: Any = AnthropicConfig()._map_tool_helper(tool)[0]  # pyright: ignore[reportPrivateUsage]
    assert "strict" not in made, "a plain model's requests stay as they are"
    token = asked.set(request(Dialect.CHAT, SEVERAL))
    try:
        told: Any = AnthropicConfig()._map_tool_helper(tool)[0]  # pyright: ignore[reportPrivateUsage]
    finally:
        asked.reset(token)
    assert told == ({**made, "strict": True} if is_strict else made)


def test_an_operator_knows_better_what_a_deployment_takes() -> None:
    known = abilities("x", "together_ai", Dialect.CHAT, allowed=["reasoning_effort"])
    assert known >= THINKS


EFFORT: dict[str, Any] = {**PLAIN_MESSAGE, "top_k": 3, "output_config": {"effort": "low"}}


async def test_of_a_mixed_group_each_deployment_is_told_in_its_own_words() -> None:
    known, router = translations("hosted_vllm/llama", "anthropic/claude-haiku-4-5", "openai/gpt-5.4")
    entries = cast("list[dict[str, Any]]", router.model_list)
    token = asked.set(request(Dialect.MESSAGES, EFFORT))
    try:
        fitting = known.fitting(entries)
        assert [one["litellm_params"]["model"].partition("/")[0] for one in fitting] == ["hosted_vllm", "anthropic"]
        vllm, claude = ({**one["litellm_params"], "model_info": one["model_info"], **EFFORT} for one in fitting)
        told = known.for_deployment(vllm, CallTypes.anthropic_messages)
        assert told == {**vllm, "thinking": {"type": "adaptive"}}
        assert known.for_deployment(claude, CallTypes.anthropic_messages) is None
        assert known.for_deployment(vllm, CallTypes.acompletion) is None, "LiteLLM has translated it by then"
    finally:
        asked.reset(token)
    assert known.for_deployment(vllm, CallTypes.anthropic_messages) is None, "a plain model's requests stay as they are"
