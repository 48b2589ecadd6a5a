"""What a deployment's provider takes of a request that comes in another dialect, as far as LiteLLM knows.

Failure behaviour: of a model or a provider that LiteLLM does not know nothing is taken for granted; nothing is raised.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any, cast

import litellm
from litellm.llms.anthropic.chat.transformation import AnthropicConfig
from litellm.router_utils.reasoning_effort_capability import resolve_supported_reasoning_efforts
from litellm.types.utils import LlmProviders
from litellm.utils import ProviderConfigManager

from thriftgate.wire.abilities import Ability
from thriftgate.wire.turns import Dialect

_HOSTS_WITH_TOP_K = frozenset(
    {"deepinfra", "hosted_vllm", "llamafile", "lm_studio", "ollama", "ollama_chat", "openrouter", "together_ai", "vllm"}
)
"""Providers of which LiteLLM sends on whatever fields it does not know, and which document this one."""
_BY_PARAMETER = (Ability.ONE_CALL, Ability.EFFORT, Ability.SERVICE_TIER)
"""What LiteLLM lists among an OpenAI-compatible provider's parameters."""
_OPENAI = frozenset({"openai", "azure"})
_BEDROCK = frozenset({"bedrock", "bedrock_converse"})
_OTHER_TIERS = frozenset({"groq"})
"""Providers whose service tiers have names of their own."""
_LOSING_ONE_CALL = _BEDROCK | {"gemini", "vertex_ai", "vertex_ai_beta"}
"""Providers whose list has the parameter, and for which LiteLLM leaves it out all the same."""


def abilities(model: str, provider: str, spoken: Dialect, *, allowed: Collection[str] = ()) -> frozenset[Ability]:
    """What the provider of a model takes, asked in the dialect it speaks.

    `allowed`: parameters of which an operator says that this deployment takes them (`allowed_openai_params`).
    """
    match spoken:
        case Dialect.MESSAGES:
            return _of_anthropic(model, provider)
        case Dialect.RESPONSES:
            efforts = _efforts(model, provider) if litellm.supports_reasoning(model, provider) else frozenset[Ability]()
            return efforts | {Ability.ONE_CALL, Ability.SERVICE_TIER}
        case Dialect.CHAT:
            return _of_chat(model, provider, frozenset(allowed))


def _of_anthropic(model: str, provider: str) -> frozenset[Ability]:
    # Anthropic itself keeps a tool's arguments to their schema; for Bedrock LiteLLM sees to it model by model.
    is_strict = provider == "anthropic" and AnthropicConfig().uses_native_structured_output(model)
    return frozenset({Ability.STRICT_TOOLS}) if is_strict or provider in _BEDROCK else frozenset()


def _of_chat(model: str, provider: str, allowed: frozenset[str]) -> frozenset[Ability]:
    params = allowed
    with suppress(Exception):  # some providers' configurations want their key to say it
        listed: Any = cast("Any", litellm.get_supported_openai_params)(model=model, custom_llm_provider=provider)
        params = allowed.union(listed or ())
    found = {ability for ability in _BY_PARAMETER if ability in params}
    if provider in _OTHER_TIERS:
        found.discard(Ability.SERVICE_TIER)
    if provider in _LOSING_ONE_CALL:
        found.discard(Ability.ONE_CALL)
    if "claude" in model.lower():
        # LiteLLM sends on its thinking as it is: an effort without any would become one with.
        found.discard(Ability.EFFORT)
    if Ability.EFFORT in found:
        found |= _efforts(model, provider)
    if Ability.TOP_K in params or provider in _HOSTS_WITH_TOP_K or _has_top_k(model, provider):
        found.add(Ability.TOP_K)
    return frozenset(found)


def _efforts(model: str, provider: str) -> frozenset[Ability]:
    """That a model takes an effort, and whether it can do without thinking; one that nobody knows is believed to."""
    info: Mapping[str, Any] = {}
    with suppress(Exception):  # LiteLLM raises a bare one for what it has no prices of
        info = dict(litellm.get_model_info(model=model, custom_llm_provider=provider))
    known = resolve_supported_reasoning_efforts(info, deployment_is_mapped=bool(info))
    # Of a model that thinks LiteLLM may not know how much: those of OpenAI's first series cannot rest.
    can_rest = "none" in known if known else not (info and provider in _OPENAI)
    return frozenset({Ability.EFFORT, Ability.NO_EFFORT} if can_rest else {Ability.EFFORT})


def _has_top_k(model: str, provider: str) -> bool:
    """Whether LiteLLM's configuration of the provider has the field."""
    with suppress(Exception):
        config = ProviderConfigManager.get_provider_chat_config(model=model, provider=LlmProviders(provider))
        return any("top_k" in vars(kind).get("__annotations__", ()) for kind in type(config).__mro__)
    return False
