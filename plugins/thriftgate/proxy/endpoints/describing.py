"""What LiteLLM says of a route without asking it for an answer: how many tokens a request has, how large a window is.

LiteLLM asks its router for both; for a route's name it is told of the tiers instead. That is done on the router's
class, since `/v1/models` and `/v1/messages/count_tokens` may be called before any conversation.

Failure behaviour: of a tier that LiteLLM knows nothing of, nothing is said; the others still count.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, cast

from litellm.proxy.utils import create_model_info_response
from litellm.types.router import DeploymentModelListingInfo, ModelGroupInfo

Tiers = Callable[[str], Sequence[str]]
"""By what a client calls a route, its tiers' model groups, the strongest last; none for anything else."""
_LIMITS = ("max_input_tokens", "max_output_tokens")
_PRICES = ("input_cost_per_token", "output_cost_per_token")


def describe_routes(router_class: Any, tiers: Tiers) -> None:
    """Let routers of this class speak of routes as of their tiers."""
    pick: Callable[..., Awaitable[Any]] = router_class.async_get_available_deployment
    listing: Callable[..., DeploymentModelListingInfo | None] = router_class.get_model_listing_info
    group: Callable[..., ModelGroupInfo | None] = router_class.get_model_group_info

    async def pick_of_strongest(self: Any, model: str, request_kwargs: dict[str, Any], **more: Any) -> Any:
        # Whoever wants an answer has a request with it; to count tokens LiteLLM comes with none.
        asked = tiers(model) if not request_kwargs else ()
        return await pick(self, model=asked[-1] if asked else model, request_kwargs=request_kwargs, **more)

    def listing_of_tiers(self: Any, model_name: str) -> DeploymentModelListingInfo | None:
        found = listing(self, model_name)
        if found is None or not (asked := tiers(model_name)):
            return found
        rows = [
            cast("dict[str, Any]", create_model_info_response(model_id=tier, provider="openai", llm_router=self))
            for tier in asked
        ]
        return replace(found, **{name: _smallest(row.get(name) for row in rows) for name in _LIMITS})

    def group_of_tiers(self: Any, model_group: str, *, include_hidden: bool = False) -> ModelGroupInfo | None:
        found = group(self, model_group, include_hidden=include_hidden)
        if found is None or not (asked := tiers(model_group)):
            return found
        infos = [info for tier in asked if (info := group(self, tier, include_hidden=True)) is not None]
        return found.model_copy(update=_common(infos)) if infos else found

    router_class.async_get_available_deployment = pick_of_strongest
    router_class.get_model_listing_info = listing_of_tiers
    router_class.get_model_group_info = group_of_tiers


def _smallest(limits: Iterable[object]) -> int | None:
    """The smallest of the limits that are known."""
    return min((int(limit) for limit in limits if isinstance(limit, int | float)), default=None)


def _common(infos: Sequence[ModelGroupInfo]) -> dict[str, Any]:
    """What all the tiers can do, the smallest of their limits, and the highest of their prices.

    By the prices LiteLLM holds back in a key's budget what a request may cost.
    """
    abilities = [name for name in ModelGroupInfo.model_fields if name.startswith("supports_")]
    can = {name: all(getattr(info, name) for info in infos) for name in abilities}
    params = [info.supported_openai_params or [] for info in infos]
    return {
        **{name: _smallest(getattr(info, name) for info in infos) for name in _LIMITS},
        **{name: max((getattr(info, name) or 0.0 for info in infos), default=None) or None for name in _PRICES},
        **can,
        "supported_openai_params": [name for name in params[-1] if all(name in known for known in params)],
    }
