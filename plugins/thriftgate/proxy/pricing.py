"""What tokens cost, from LiteLLM's price map or the prices written in `model_list`.

Failure behaviour: a model without a known price costs None. Without LiteLLM's router, RuntimeError.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import litellm
from litellm.router import Router

from thriftgate.types import Usage


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per token."""

    prompt: float
    completion: float
    cached: float

    def cost_usd(self, usage: Usage) -> float:
        """The price of these tokens."""
        fresh = max(usage.prompt_tokens - usage.cached_tokens, 0)
        return fresh * self.prompt + usage.cached_tokens * self.cached + usage.completion_tokens * self.completion


class RouterPricer:
    """Prices of the router's deployments. The first deployment of a group speaks for the group."""

    def __init__(self, router: "RouterSource") -> None:
        self._router = router
        self._by_group: dict[str, Price | None] = {}
        self._by_deployment: dict[str, Price | None] = {}

    def cost_usd(self, model: str, usage: Usage) -> float | None:
        """The price of `usage` at the model group `model`; None when no price is known."""
        if model not in self._by_group:
            ids = self._router().get_model_ids(model_name=model)
            self._by_group[model] = self.price_of(ids[0]) if ids else None
        price = self._by_group[model]
        return None if price is None else price.cost_usd(usage)

    def deployment_cost_usd(self, deployment_id: str, usage: Usage) -> float | None:
        """The price of `usage` at one deployment; None when no price is known."""
        price = self.price_of(deployment_id)
        return None if price is None else price.cost_usd(usage)

    def price_of(self, deployment_id: str) -> Price | None:
        """The price list of one deployment."""
        if deployment_id not in self._by_deployment:
            self._by_deployment[deployment_id] = self._look_up(deployment_id)
        return self._by_deployment[deployment_id]

    def _look_up(self, deployment_id: str) -> Price | None:
        deployment = self._router().get_deployment(model_id=deployment_id)
        if deployment is None:
            return None
        written: Mapping[str, Any] = deployment.litellm_params.model_dump(exclude_none=True)
        known: Mapping[str, Any] = {}
        try:
            known = litellm.get_model_info(deployment.litellm_params.model)  # pyright: ignore[reportAssignmentType]
        except Exception:
            if "input_cost_per_token" not in written:
                return None
        prompt = _first(written, known, "input_cost_per_token")
        completion = _first(written, known, "output_cost_per_token")
        cached = _first(written, known, "cache_read_input_token_cost")
        return Price(prompt or 0.0, completion or 0.0, prompt or 0.0 if cached is None else cached)

    def count_tokens(self, model: str, messages: Sequence[Mapping[str, Any]] | str) -> int:
        """Tokens by the tokenizer that LiteLLM has for the group's first deployment."""
        ids = self._router().get_model_ids(model_name=model)
        deployment = self._router().get_deployment(model_id=ids[0]) if ids else None
        name = deployment.litellm_params.model if deployment else model
        if isinstance(messages, str):
            return litellm.token_counter(model=name, text=messages) if messages else 0
        return litellm.token_counter(model=name, messages=[dict(message) for message in messages])


class RouterSource:
    """Hands out the proxy's router, which is built after our plugin is imported."""

    def __call__(self) -> Router:
        """The router. Raises RuntimeError before the proxy has built it."""
        from litellm.proxy import proxy_server

        if proxy_server.llm_router is None:
            raise RuntimeError("the proxy has no router yet: is `model_list` empty?")
        return proxy_server.llm_router


def _first(written: Mapping[str, Any], known: Mapping[str, Any], name: str) -> float | None:
    value = written.get(name)
    value = known.get(name) if value is None else value
    return None if value is None else float(value)
