"""What tokens cost: LiteLLM's own price function, with everything the provider says of its usage.

There is no second price model: cache writes and reads, audio, reasoning, tiers of service and of context, and prices
written in `litellm_params` or `model_info` are all LiteLLM's to know.

Failure behaviour: a model without a known price costs None. Without LiteLLM's router, RuntimeError.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import litellm
from litellm.litellm_core_utils.llm_cost_calc.tool_call_cost_tracking import StandardBuiltInToolCostTracking
from litellm.llms.anthropic.chat.transformation import AnthropicConfig
from litellm.responses.utils import ResponseAPILoggingUtils
from litellm.router import Router
from litellm.types.llms.openai import ResponsesAPIResponse
from litellm.types.router import Deployment
from litellm.types.utils import ModelResponse, StandardBuiltInToolsParams
from litellm.types.utils import Usage as LiteLLMUsage
from pydantic import BaseModel

from thriftgate.cascade.signals.evidence import message_text
from thriftgate.proxy.tiers.provider_answer import ProviderAnswer
from thriftgate.tracing.attributes import TokenPrices, split_cost
from thriftgate.types import Usage
from thriftgate.wire.dialects import answer_view
from thriftgate.wire.shapes import count, mapping
from thriftgate.wire.turns import Dialect
from thriftgate.wire.usage import NAMES

_MANY = 1000
"""Tokens whose price is asked for, to learn the plain price of one."""
_WRITTEN = (
    {"cache_creation_input_tokens": _MANY},
    {"cache_creation_input_tokens": _MANY,
     "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": _MANY}},
)  # fmt: skip
"""So many that are written into the provider's cache, for five minutes and for an hour."""
_NOT_TEXT = ("audio_tokens", "image_tokens", "video_tokens", "reasoning_tokens")
_OPEN_PRICES = ("input_cost_per_token", "output_cost_per_token", "input_cost_per_second")


@dataclass(frozen=True, slots=True)
class Priced:
    """One deployment as LiteLLM prices it."""

    model: str
    provider: str | None
    deployment_id: str
    is_custom: bool
    """Its prices are written in the configuration."""
    base_model: str | None = None
    """Whose prices it has by the configuration, where its own name has none."""


class RouterPricer:
    """Prices of the router's deployments. The first deployment of a group speaks for the group."""

    def __init__(self, router: "RouterSource") -> None:
        self._router = router
        self._known: dict[str, Priced | None] = {}
        self._prices: dict[str, TokenPrices | None] = {}

    def cost_usd(self, model: str, usage: Usage) -> float | None:
        """The price of `usage` at the model group `model`; None when no price is known."""
        ids = self._router().get_model_ids(model_name=model)
        return self._cost(self._priced(ids[0]), chat_usage(usage)) if ids else None

    def call_cost_usd(self, model: str, usage: Mapping[str, Any], *, deployment_id: str = "") -> float | None:
        """The price of one call by its provider's usage object; at the group's first deployment where none is named."""
        ids = [deployment_id] if deployment_id else self._router().get_model_ids(model_name=model)
        try:
            read = litellm_usage(usage)
        except Exception:  # a provider's odd field; LiteLLM's readers have no error of their own for it
            return None
        return self._cost(self._priced(ids[0]), read) if ids else None

    def charge_of(
        self, model: str, dialect: str, seen: ProviderAnswer, *, deployment_id: str
    ) -> Callable[[Mapping[str, Any]], float | None]:
        """What LiteLLM charges for a streamed call, by its whole answer's body: it tells nobody before it is over.

        The same function gets the same things as in LiteLLM's own log of the call: the answer with its usage and the
        tier that served it, the parameters that were sent, the tools that the provider ran.
        """
        known = deployment_id or next(iter(self._router().get_model_ids(model_name=model)), "")

        def charge(body: Mapping[str, Any]) -> float | None:
            usage = mapping(body.get("usage"))
            try:
                if isinstance(seen.usage, LiteLLMUsage):
                    response: BaseModel = ModelResponse(model=body.get("model"), usage=seen.usage)
                else:
                    response = _priced_answer(dialect, body, litellm_usage(usage))
            except Exception:  # a provider's odd field; its usage alone will do
                return self.call_cost_usd(model, usage, deployment_id=known)
            call = seen.call
            return self._cost(
                self._priced(known),
                response,
                optional_params=dict(mapping(call.get("optional_params"))),
                standard_built_in_tools_params=_tools_run(call),
                total_time=_milliseconds_since(call.get("start_time")),
                call_type="aresponses" if dialect == Dialect.RESPONSES else "acompletion",
            )

        return charge

    def counted_on(self, model: str, seen: ProviderAnswer, usage: Usage, *, deployment_id: str) -> tuple[Usage, float]:
        """What a stream that broke off has used and costs: what its provider had counted, and what was written since.

        `usage` is a tokenizer's. Where the provider has counted nothing, it stands.
        """
        dialect = Dialect.CHAT if "prompt_tokens" in seen.counted else Dialect.MESSAGES
        sent, got = NAMES[dialect]
        raw = {**seen.counted, got: max(usage.completion_tokens, count(seen.counted.get(got)))}
        if dialect is Dialect.CHAT:
            raw["total_tokens"] = count(raw[sent]) + raw[got]
        read = answer_view(dialect, {"usage": raw}).usage if sent in raw else None
        if read is None:
            return usage, self.cost_usd(model, usage) or 0.0
        cost_usd = self.call_cost_usd(model, raw, deployment_id=deployment_id) or 0.0
        return replace(read.usage, is_estimated=True), cost_usd

    def cost_parts(self, model: str, usage: Usage, cost_usd: float, *, deployment_id: str = "") -> Mapping[str, float]:
        """A call's cost by what it read, read from the provider's cache or put there, and wrote; they add up to it.

        Split in the proportions of the deployment's plain prices. Empty where no price is known.
        """
        ids = [deployment_id] if deployment_id else self._router().get_model_ids(model_name=model)
        weights = self._weights(ids[0]) if ids else None
        return {} if weights is None else split_cost(usage, cost_usd, weights)

    def _weights(self, deployment_id: str) -> "TokenPrices | None":
        if deployment_id not in self._prices:
            priced = self._priced(deployment_id)
            asked = (
                *map(chat_usage, (Usage(_MANY), Usage(_MANY, cached_tokens=_MANY), Usage(0, _MANY))),
                *(litellm_usage({"input_tokens": 0, "output_tokens": 0, **written}) for written in _WRITTEN),
            )
            costs = [self._cost(priced, usage) for usage in asked]
            known = [cost / _MANY for cost in costs if cost is not None]
            self._prices[deployment_id] = TokenPrices(*known) if len(known) == len(asked) else None
        return self._prices[deployment_id]

    def _priced(self, deployment_id: str) -> Priced | None:
        if deployment_id not in self._known:
            deployment = self._router().get_deployment(model_id=deployment_id)
            self._known[deployment_id] = None if deployment is None else _priced(deployment, deployment_id)
        return self._known[deployment_id]

    def _cost(self, priced: Priced | None, answer: LiteLLMUsage | BaseModel, **told: Any) -> float | None:
        if priced is None:
            return None
        response = ModelResponse(model=priced.model, usage=answer) if isinstance(answer, LiteLLMUsage) else answer
        try:
            cost = litellm.completion_cost(
                **told,
                completion_response=response,
                model=priced.model,
                custom_llm_provider=priced.provider,
                custom_pricing=priced.is_custom,
                base_model=priced.base_model,
                router_model_id=priced.deployment_id,
            )
        except Exception:  # LiteLLM has a class of its own for nearly every way not to know a price
            return None
        return max(0.0, cost) if math.isfinite(cost) else None

    def count_tokens(self, model: str, messages: Sequence[Mapping[str, Any]] | str) -> int:
        """Tokens by the tokenizer that LiteLLM has for the group's first deployment; of some, their texts alone.

        It has no count of sound and films, and would fetch a large picture to learn its size.
        """
        ids = self._router().get_model_ids(model_name=model)
        deployment = self._router().get_deployment(model_id=ids[0]) if ids else None
        name = deployment.litellm_params.model if deployment else model
        if isinstance(messages, str):
            return litellm.token_counter(model=name, text=messages) if messages else 0
        told = [dict(message) for message in messages]
        try:
            return litellm.token_counter(model=name, messages=told, use_default_image_token_count=True)
        except Exception:  # it has no class for it
            texts = "\n".join(message_text(message) for message in messages)
            return litellm.token_counter(model=name, text=texts) if texts else 0


def _priced(deployment: Deployment, deployment_id: str) -> Priced | None:
    params: Mapping[str, Any] = deployment.litellm_params.model_dump(exclude_none=True)
    info: Mapping[str, Any] = deployment.model_info.model_dump(exclude_none=True)
    model = deployment.litellm_params.model
    is_custom = any(name in params or name in info for name in _OPEN_PRICES)
    provider = params.get("custom_llm_provider")
    base_model = params.get("base_model") or info.get("base_model")
    if not is_custom and base_model is None:  # of a base model LiteLLM says when it has no price
        try:
            litellm.get_model_info(model, provider)
        except Exception:
            return None
    return Priced(model, provider, deployment_id, is_custom, base_model)


def chat_usage(usage: Usage) -> LiteLLMUsage:
    """LiteLLM's usage of our numbers."""
    return LiteLLMUsage(
        prompt_tokens=max(0, usage.prompt_tokens),
        completion_tokens=max(0, usage.completion_tokens),
        total_tokens=max(0, usage.total_tokens),
        prompt_tokens_details={"cached_tokens": usage.cached_tokens} if usage.cached_tokens else None,  # pyright: ignore[reportArgumentType]
        completion_tokens_details={"reasoning_tokens": usage.reasoning_tokens} if usage.reasoning_tokens else None,  # pyright: ignore[reportArgumentType]
    )


def litellm_usage(raw: Mapping[str, Any]) -> LiteLLMUsage:
    """LiteLLM's usage of a provider's usage object: OpenAI's chat, OpenAI's Responses or Anthropic's."""
    if "prompt_tokens" in raw:
        return LiteLLMUsage(**_text_once({name: value for name, value in raw.items() if value is not None}))
    if any(name in raw for name in ("input_tokens_details", "total_tokens")):
        return ResponseAPILoggingUtils._transform_response_api_usage_to_chat_usage(dict(raw))  # pyright: ignore[reportPrivateUsage]
    return AnthropicConfig().calculate_usage(usage_object=dict(raw), reasoning_content=None)


def _text_once(usage: dict[str, Any]) -> dict[str, Any]:
    """The usage without text that is counted as audio or an image too.

    Of a stream LiteLLM says that all that is not reasoning is text, and charges for what is audio a second time.
    """
    details = mapping(usage.get("completion_tokens_details"))
    if not details.get("text_tokens"):
        return usage
    others = sum(count(details.get(name)) for name in _NOT_TEXT)
    said, whole = count(details.get("text_tokens")), count(usage.get("completion_tokens"))
    if said + others <= whole:
        return usage
    return {**usage, "completion_tokens_details": {**details, "text_tokens": max(0, whole - others)}}


def _priced_answer(dialect: str, body: Mapping[str, Any], usage: LiteLLMUsage) -> BaseModel:
    """An answer as LiteLLM prices it. Raises what LiteLLM's types raise for odd fields."""
    if dialect == Dialect.RESPONSES:
        return ResponsesAPIResponse(**body)
    if dialect == Dialect.CHAT:
        known = {name: body[name] for name in ("model", "choices", "service_tier") if body.get(name) is not None}
        return ModelResponse(**known, usage=usage)
    return ModelResponse(model=body.get("model"), usage=usage)


def _tools_run(call: Mapping[str, Any]) -> StandardBuiltInToolsParams:
    """What of a call's parameters says that its provider may search."""
    asked = dict(mapping(call.get("optional_params")))
    return StandardBuiltInToolsParams(
        web_search_options=StandardBuiltInToolCostTracking.get_web_search_options(asked),
        file_search=StandardBuiltInToolCostTracking.get_file_search_tool_call(asked),
    )


def _milliseconds_since(start: object) -> float:
    """How long a call has taken so far: some deployments cost by the second."""
    return max(0.0, time.time() - start.timestamp()) * 1000 if isinstance(start, datetime) else 0.0


class RouterSource:
    """Hands out the proxy's router, which is built after our plugin is imported."""

    def __call__(self) -> Router:
        """The router. Raises RuntimeError before the proxy has built it."""
        from litellm.proxy import proxy_server

        if proxy_server.llm_router is None:
            raise RuntimeError("the proxy has no router yet: is `model_list` empty?")
        return proxy_server.llm_router
