"""What LiteLLM tells a plain model's client in headers, told of the tier's call that a route's answer came from.

The provider's own headers (`llm_provider-*`, its `x-ratelimit-*` and request id), the model group and deployment, their
retries, the call's durations, and what it cost by parts. A kept answer was no call, so a hit has none of them.

Failure behaviour: pure; what LiteLLM does not know of a call is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from litellm.proxy._types import UserAPIKeyAuth
from litellm.proxy.common_request_processing import ProxyBaseLLMRequestProcessing

_OF_THE_REQUEST = ("x-litellm-call-id", "x-litellm-version")
_COST = "x-litellm-response-cost"
_ORIGINAL = f"{_COST}-original"
_CENT_OF_NOTHING = 1e-9
"""Dollars by which the parts of a cost may miss it."""


@dataclass(frozen=True, slots=True)
class AnsweredCall:
    """A tier's call that has answered."""

    hidden: Mapping[str, Any]
    """What LiteLLM keeps beside the answer."""
    log: Any
    """LiteLLM's log of the call."""
    deployment: str
    """The deployment's model, as `model_list` has it."""
    is_streamed: bool = False

    def headers(self, auth: UserAPIKeyAuth, *, cost_usd: float | None) -> dict[str, str]:
        """As the plain model group's; `cost_usd` is what the whole request costs, None as long as nobody knows."""
        hidden = self.hidden
        additional: Mapping[str, Any] = hidden.get("additional_headers") or {}
        written = cast("Any", ProxyBaseLLMRequestProcessing.get_custom_headers)
        found: dict[str, str] = written(
            user_api_key_dict=auth,
            model_id=str(hidden.get("model_id") or ""),
            api_base=str(hidden.get("api_base") or ""),
            response_cost=cost_usd,
            hidden_params=hidden,
            litellm_logging_obj=self.log,
            **additional,
        )
        if self.deployment:
            found["x-litellm-model-name"] = self.deployment
        for name in _OF_THE_REQUEST:
            found.pop(name, None)
        # Of a stream LiteLLM has zeros by then; and of a request with several calls, one call's parts are not its own.
        if cost_usd is None or abs(float(found.get(_ORIGINAL) or 0) - cost_usd) > _CENT_OF_NOTHING:
            return {name: value for name, value in found.items() if not name.startswith(_COST)}
        return found


def hidden_of_stream(stream: Mapping[str, Any], chunk: Mapping[str, Any]) -> Mapping[str, Any]:
    """What LiteLLM keeps beside a stream and its first chunk: the chunk has the deployment, the stream the group."""
    additional: dict[str, Any] = {**(stream.get("additional_headers") or {}), **(chunk.get("additional_headers") or {})}
    return {**stream, **chunk, "additional_headers": additional}
