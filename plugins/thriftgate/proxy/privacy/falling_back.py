"""Which model groups LiteLLM may fall back to with a request that went through a policy: no one that is stricter.

LiteLLM asks its router's `fallback_access_check` before each fallback to another model group, whatever lists it, and
never before it goes on to another deployment of the same one. Here the policy is asked first, then what was there.

Failure behaviour: fails closed. Where it is not known what a request went through it falls back nowhere.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from litellm.router import Router

from thriftgate.proxy.privacy.layer import Exchange, current
from thriftgate.wire.shapes import mapping

STAYS = "thriftgate_stays"
"""In LiteLLM's notes on a call: it falls back to no other model group."""
_NOTES = ("metadata", "litellm_metadata")
_HAS_POLICY = "_has_thriftgate_policy"

MayBeSent = Callable[[str], bool]
"""Whether the request may be sent as it is to a model of this name."""


def limit_fallbacks(data: dict[str, Any], exchange: Exchange | None, may_be_sent: MayBeSent) -> None:
    """Have this request of a plain model fall back only to models that it may be sent to.

    Somewhere else than under the layer (a web socket) nothing would be known of it: there it falls back nowhere.
    """
    if exchange is not None:
        exchange.may_be_sent = may_be_sent
    else:
        data["disable_fallbacks"] = True


def install_policy(router: Router | None) -> None:
    """Put the policies before this router's own check; again changes nothing."""
    if router is None or getattr(router, _HAS_POLICY, False):
        return
    setattr(router, "fallback_access_check", _checked(router.fallback_access_check))  # noqa: B010  it is declared final
    setattr(router, _HAS_POLICY, True)


def _checked(theirs: Callable[..., Awaitable[bool]] | None) -> Callable[..., Awaitable[bool]]:
    async def ours(*, model: str, request_kwargs: Mapping[str, object], llm_router: Router) -> bool:
        exchange = current.get()
        if any(mapping(request_kwargs.get(notes)).get(STAYS) is True for notes in _NOTES):
            return False
        if exchange is not None and exchange.may_be_sent is not None and not exchange.may_be_sent(model):
            return False
        return theirs is None or await theirs(model=model, request_kwargs=request_kwargs, llm_router=llm_router)

    return ours
