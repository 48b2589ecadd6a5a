"""Which model groups LiteLLM may ask with a request that went through a policy: no one that is stricter.

LiteLLM asks its router's `fallback_access_check` before each fallback to another model group, whatever lists it, and
never before it goes on to another deployment of the same one. Here the policy is asked first, then what was there.
What else it does to ask another model than the one that was named (auto routers, groups for routing, a session that is
bound to one) ends with a deployment that it has chosen: the policy is asked of each of these.

Failure behaviour: fails closed. Where it is not known what a request went through it falls back nowhere, and what was
chosen and may not be asked is an error of the request, a 400, with which LiteLLM goes on to its fallbacks.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from litellm.exceptions import BadRequestError
from litellm.router import Router

from thriftgate.proxy.privacy.layer import Exchange, current
from thriftgate.wire.shapes import mapping

STAYS = "thriftgate_stays"
"""In LiteLLM's notes on a call: it falls back to no other model group."""
_NOTES = ("metadata", "litellm_metadata")
_HAS_POLICY = "_has_thriftgate_policy"
_OURS = "thriftgate_purpose"
"""In the notes on a call that the gateway makes itself: a route's policy stands for its tiers."""
_CHOOSING = (
    "async_get_available_deployment",
    "get_available_deployment",
    "async_get_available_deployment_for_pass_through",
    "get_available_deployment_for_pass_through",
)
"""Where LiteLLM chooses a deployment, whatever leads it there."""
_BINDING = "_resolve_claude_code_session_router"

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
    for name in _CHOOSING:
        setattr(router, name, _choosing(getattr(router, name)))
    bound = getattr(router, _BINDING, None)
    if bound is not None:  # without it what is chosen is looked at all the same
        setattr(router, _BINDING, _binding(bound))
    setattr(router, _HAS_POLICY, True)


def _choosing(theirs: Callable[..., Any]) -> Callable[..., Any]:
    if iscoroutinefunction(theirs):

        @wraps(theirs)
        async def ours(
            model: str, request_kwargs: dict[str, Any] | None = None, *args: Any, **more: Any
        ) -> Mapping[str, Any]:
            if current.get() is None:
                return await theirs(model, request_kwargs, *args, **more)
            call = _Call.of(request_kwargs)
            token = _within.set(call)  # who chooses may ask models which to choose
            try:
                chosen = await theirs(model, request_kwargs, *args, **more)
            finally:
                _within.reset(token)
            call.check(model, chosen)
            return chosen

        return ours

    @wraps(theirs)
    def ours_at_once(model: str, *args: Any, **more: Any) -> Mapping[str, Any]:
        chosen = theirs(model, *args, **more)
        _Call.of(more.get("request_kwargs")).check(model, chosen)
        return chosen

    return ours_at_once


def _binding(theirs: Callable[..., Awaitable[str]]) -> Callable[..., Awaitable[str]]:
    """A session of Claude Code that LiteLLM binds to an auto router: only where that may be sent the request."""

    async def ours(*, model: str, registered_model_name: str, request_kwargs: Mapping[str, object]) -> str:
        bound = await theirs(model=model, registered_model_name=registered_model_name, request_kwargs=request_kwargs)
        exchange = current.get()
        if bound == registered_model_name or exchange is None or exchange.may_stand_in is None:
            return bound
        stays = _Call.of(request_kwargs).stays
        return bound if exchange.may_stand_in(bound, stays=stays) else registered_model_name

    return ours


@dataclass(frozen=True, slots=True)
class _Call:
    """What is noted of a call."""

    stays: bool
    is_ours: bool

    @classmethod
    def of(cls, request: Mapping[str, object] | None) -> "_Call":
        notes = [mapping(mapping(request).get(name)) for name in _NOTES]
        around = _within.get()
        stays = any(one.get(STAYS) is True for one in notes) or (around is not None and around.stays)
        return cls(stays, any(_OURS in one for one in notes))

    def check(self, model: str, deployment: Mapping[str, Any]) -> None:
        """Raises BadRequestError where the deployment may not be asked."""
        exchange = current.get()
        if exchange is None or exchange.may_be_chosen is None:
            return
        if not exchange.may_be_chosen(model, deployment, stays=self.stays, is_ours=self.is_ours):
            words = "LiteLLM chose a model whose privacy policy is stricter than the one that the request went through"
            raise BadRequestError(message=words, model=model, llm_provider="")


_within: ContextVar[_Call | None] = ContextVar("thriftgate_choosing", default=None)


def _checked(theirs: Callable[..., Awaitable[bool]] | None) -> Callable[..., Awaitable[bool]]:
    async def ours(*, model: str, request_kwargs: Mapping[str, object], llm_router: Router) -> bool:
        exchange = current.get()
        if any(mapping(request_kwargs.get(notes)).get(STAYS) is True for notes in _NOTES):
            return False
        if exchange is not None and exchange.may_be_sent is not None and not exchange.may_be_sent(model):
            return False
        return theirs is None or await theirs(model=model, request_kwargs=request_kwargs, llm_router=llm_router)

    return ours
