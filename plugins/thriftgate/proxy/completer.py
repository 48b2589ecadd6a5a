"""Asks model groups through the proxy's own router: retries, cooldowns and fallbacks stay LiteLLM's.

Money: a nested call that serves the request, a second sample included, carries the caller's identity, so that
LiteLLM charges it to the caller's key; the outer call of the route itself costs nothing there. Exactly one of the two
is charged. What the gateway asks to check itself (audits, verifications, judges) belongs to the operator: it goes out
without the caller's identity, so no key pays for it and no key's empty budget holds it up.

Failure behaviour: whatever the router raises after its retries and fallbacks becomes a TierFailedError.
Closing a stream closes the provider's connection.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

import litellm
from litellm.litellm_core_utils.internal_call_metadata import forwarded_internal_call_metadata
from litellm.types.router import RouterRateLimitError
from litellm.types.utils import InternalCallOrigin, ModelResponse, ModelResponseStream

from thriftgate.errors import TierFailedError
from thriftgate.proxy.breaker import Breaker, own_failure
from thriftgate.proxy.errors import tier_failure
from thriftgate.proxy.messages import answer_of
from thriftgate.proxy.pricing import RouterPricer, RouterSource
from thriftgate.services.request.chunks import usage_of
from thriftgate.tracing.identity import outgoing_traceparent
from thriftgate.types import Answer, CallPurpose, ChatRequest

_OWN = frozenset({CallPurpose.AUDIT, CallPurpose.VERIFY, CallPurpose.JUDGE})
"""Calls that nobody's answer waits for."""
_ORIGIN = cast("InternalCallOrigin", "thriftgate")
"""Marks the spend rows of nested calls; LiteLLM's type lists only its own features."""


class RouterCompleter:
    """The `Completer` port on LiteLLM's router."""

    def __init__(
        self, router: RouterSource, pricer: RouterPricer, breaker: Breaker, *, forward_traceparent: bool = False
    ) -> None:
        self._router = router
        self._breaker = breaker
        self._pricer = pricer
        self._forward_traceparent = forward_traceparent
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
        seen: set[int] = set()
        try:
            async for chunk in chunks:
                _refuse_made_up_ending(model, chunk, response)
                seen |= {choice.index for choice in chunk.choices}
                yield _finished(self._chunk(chunk, response), seen)
        except TierFailedError:
            raise
        except Exception as error:
            raise tier_failure(model, error) from error
        finally:
            close = getattr(response, "aclose", None)
            if close is not None:
                await close()

    async def _call(self, kwargs: dict[str, Any]) -> object:
        call = cast("Callable[..., Awaitable[object]]", self._router().acompletion)
        try:
            return await call(**kwargs)
        except RouterRateLimitError as error:
            # Closed by others' requests, it may be tried again; a request that closed it itself has had its tries.
            is_closed = own_failure(error) is error
            if not (is_closed and await self._breaker.reopen(str(kwargs["model"]))):
                raise
            # One try: LiteLLM would wait before it tries a second time what is closed again by then.
            return await call(**{**kwargs, "num_retries": 0})

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

    def _chunk(self, chunk: ModelResponseStream, response: object) -> Mapping[str, Any]:
        raw: dict[str, Any] = chunk.model_dump(exclude_none=True)
        usage = usage_of(raw.get("usage"))
        if usage is not None and not any(getattr(one, "usage", None) for one in _received(response)):
            # LiteLLM counts where the provider did not; the request is then priced by a tokenizer, and says so.
            raw["usage_is_estimated"] = True
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
        is_own = purpose in _OWN
        metadata = {} if is_own else forwarded_internal_call_metadata(parent.get("metadata"), _ORIGIN)
        metadata |= {"thriftgate_purpose": purpose.value, "thriftgate_route": request.route}
        kwargs: dict[str, Any] = {
            "model": model,
            "messages": [dict(message) for message in request.messages],
            **request.params,
            "metadata": metadata,
        }
        if is_own:
            kwargs.pop("user", None)  # LiteLLM keeps a budget for it as well
        if self._forward_traceparent:
            headers = cast("Mapping[str, str]", request.params.get("extra_headers") or {})
            traceparent = outgoing_traceparent(request.request_id, request.traceparent)
            kwargs["extra_headers"] = {**headers, "traceparent": traceparent}
        for name in ("litellm_trace_id", "litellm_session_id"):
            if parent.get(name):
                kwargs[name] = parent[name]
        return kwargs


def _finished(chunk: Mapping[str, Any], seen: set[int]) -> Mapping[str, Any]:
    """LiteLLM ends only the first of several choices: its finish reason stands for all that were seen."""
    reasons = [choice["finish_reason"] for choice in chunk.get("choices") or () if choice.get("finish_reason")]
    if not reasons or len(seen) == 1:
        return chunk
    endings: list[dict[str, Any]] = [
        {"index": index, "delta": {}, "finish_reason": reasons[0]} for index in sorted(seen)
    ]
    return {**chunk, "choices": endings}


def _received(response: object) -> Sequence[object]:
    """The chunks that came from the provider, as LiteLLM's stream wrapper keeps them."""
    return cast("Sequence[object]", getattr(response, "chunks", None) or ())


def _refuse_made_up_ending(model: str, chunk: ModelResponseStream, response: object) -> None:
    """LiteLLM says `stop` for a stream that just ends, as a cut one does; the provider's own chunks tell."""
    if not any(choice.finish_reason for choice in chunk.choices):
        return
    received = _received(response)
    if received and not any(
        choice.finish_reason for one in received for choice in cast("ModelResponseStream", one).choices
    ):
        raise TierFailedError(model, "the stream ended without a finish reason")


def _hidden(response: object) -> Mapping[str, Any]:
    hidden: object = getattr(response, "_hidden_params", None)
    return cast("Mapping[str, Any]", hidden) if isinstance(hidden, Mapping) else {}
