"""Asks model groups through the proxy's own router: retries, cooldowns and fallbacks stay LiteLLM's.

Money: each nested call carries the caller's identity, so that LiteLLM charges it to the caller's key; the outer
call of the route itself costs nothing there. Exactly one of the two is charged.

Failure behaviour: whatever the router raises after its retries and fallbacks becomes a TierFailedError.
Closing a stream closes the provider's connection.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, cast

import litellm
from litellm.litellm_core_utils.internal_call_metadata import forwarded_internal_call_metadata
from litellm.types.utils import InternalCallOrigin, ModelResponse, ModelResponseStream

from thriftgate.proxy.errors import tier_failure
from thriftgate.proxy.messages import answer_of
from thriftgate.proxy.pricing import RouterPricer, RouterSource
from thriftgate.services.chunks import usage_of
from thriftgate.types import Answer, CallPurpose, ChatRequest

_ORIGIN = cast("InternalCallOrigin", "thriftgate")
"""Marks the spend rows of nested calls; LiteLLM's type lists only its own features."""


class RouterCompleter:
    """The `Completer` port on LiteLLM's router."""

    def __init__(self, router: RouterSource, pricer: RouterPricer) -> None:
        self._router = router
        self._pricer = pricer
        self._supported: dict[str, frozenset[str]] = {}

    async def complete(self, model: str, request: ChatRequest, *, purpose: CallPurpose) -> Answer:
        """The whole answer of the model group. Raises TierFailedError."""
        try:
            response = await self._call(self._kwargs(model, request, purpose))
        except Exception as error:
            raise tier_failure(model, error) from error
        hidden = _hidden(response)
        return answer_of(
            model,
            cast("ModelResponse", response),
            deployment=str(hidden.get("litellm_model_name") or ""),
            cost_usd=float(cast("float", hidden.get("response_cost")) or 0.0),
        )

    async def stream(
        self, model: str, request: ChatRequest, *, purpose: CallPurpose
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        """OpenAI chunks as they come. Raises TierFailedError, also in the middle."""
        kwargs = self._kwargs(model, request, purpose)
        kwargs |= {"stream": True, "stream_options": {"include_usage": True}}
        try:
            response = await self._call(kwargs)
        except Exception as error:
            raise tier_failure(model, error) from error
        chunks = cast("AsyncIterator[ModelResponseStream]", response)
        try:
            async for chunk in chunks:
                yield self._chunk(chunk)
        except Exception as error:
            raise tier_failure(model, error) from error
        finally:
            close = getattr(response, "aclose", None)
            if close is not None:
                await close()

    async def _call(self, kwargs: dict[str, Any]) -> object:
        call = cast("Callable[..., Awaitable[object]]", self._router().acompletion)
        return await call(**kwargs)

    def supports(self, model: str, param: str) -> bool:
        """Whether every deployment of the model group takes this OpenAI parameter, as far as LiteLLM knows."""
        known = self._supported.get(model)
        if known is None:
            known = self._supported[model] = self._common_params(model)
        return param in known

    def _common_params(self, model: str) -> frozenset[str]:
        router = self._router()
        found = [router.get_deployment(model_id=one) for one in router.get_model_ids(model_name=model)]
        params = [
            frozenset(cast("list[str]", litellm.get_supported_openai_params(model=one.litellm_params.model) or ()))
            for one in found
            if one is not None
        ]
        return frozenset[str].intersection(*params) if params else frozenset()

    def _chunk(self, chunk: ModelResponseStream) -> Mapping[str, Any]:
        raw: dict[str, Any] = chunk.model_dump(exclude_none=True)
        usage = usage_of(raw.get("usage"))
        hidden = _hidden(chunk)
        if usage is not None:
            raw["cost_usd"] = self._pricer.deployment_cost_usd(str(hidden.get("model_id") or ""), usage)
            if raw["cost_usd"] is None:
                del raw["cost_usd"]
        if hidden.get("litellm_model_name"):
            raw["deployment"] = str(hidden["litellm_model_name"])
        return raw

    def _kwargs(self, model: str, request: ChatRequest, purpose: CallPurpose) -> dict[str, Any]:
        parent = cast("Mapping[str, Any]", request.edge or {})
        metadata = forwarded_internal_call_metadata(parent.get("metadata"), _ORIGIN)
        metadata |= {"thriftgate_purpose": purpose.value, "thriftgate_route": request.route}
        kwargs: dict[str, Any] = {
            "model": model,
            "messages": [dict(message) for message in request.messages],
            **request.params,
            "metadata": metadata,
        }
        for name in ("litellm_trace_id", "litellm_session_id"):
            if parent.get(name):
                kwargs[name] = parent[name]
        return kwargs


def _hidden(response: object) -> Mapping[str, Any]:
    hidden: object = getattr(response, "_hidden_params", None)
    return cast("Mapping[str, Any]", hidden) if isinstance(hidden, Mapping) else {}
