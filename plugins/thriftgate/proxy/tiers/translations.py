"""Which deployment speaks which dialect, and what a request would lose on the way to one that speaks another.

LiteLLM translates for a provider that does not speak the client's dialect, and leaves out what it has no place for. A
group may have deployments of several providers; while a route asks it, only those are in question that get all of the
request (`fitting`, which LiteLLM asks through a hook whenever it chooses a deployment, fallbacks included).

Also in the client's own dialect LiteLLM leaves out the fields that it has never heard of. Of Responses they are handed
on beside its own (`handed_on`), of messages they are put back where it picks those that it knows (`hand_on_messages`).

Failure behaviour: what LiteLLM does not know is taken for a provider of the chat dialect; nothing is raised.
"""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from functools import wraps
from typing import Any, cast, get_type_hints

import litellm
from litellm.llms.anthropic.pass_through.messages.utils import AnthropicMessagesRequestUtils
from litellm.types.llms.anthropic import AnthropicMessagesRequestOptionalParams
from litellm.types.llms.openai import ResponsesAPIOptionalRequestParams
from litellm.types.router import Deployment
from litellm.types.utils import LlmProviders, all_litellm_params
from litellm.utils import ProviderConfigManager

from thriftgate.proxy.books.pricing import RouterSource
from thriftgate.services.request.reading import body_of, view_of
from thriftgate.types import ChatRequest
from thriftgate.wire.dialects import carries
from thriftgate.wire.identity import IMMATERIAL_FIELDS
from thriftgate.wire.request import RequestView
from thriftgate.wire.shapes import mapping
from thriftgate.wire.turns import Dialect

asked: ContextVar[ChatRequest | None] = ContextVar("thriftgate_asked_request", default=None)
"""The route's request that the router is being asked with."""
_MESSAGES_BY_RESPONSES = frozenset({"openai"})
"""Providers that LiteLLM asks by Responses for a client of Anthropic's."""
_PROVIDERS = frozenset(provider.value for provider in LlmProviders)
_LITELLMS = frozenset(all_litellm_params) | {
    "additional_drop_params", "allowed_openai_params", "client_side_timeout", "content_policy_fallbacks",
    "context_window_fallbacks", "disable_fallbacks", "drop_params", "extra_headers", "include_fallback_errors",
    "litellm_agent", "model_group_retry_policy", "policies", "priority", "session_id", "trace_id",
}  # fmt: skip
"""Fields of a request that are for LiteLLM."""
_HEARD_OF: Mapping[Dialect, frozenset[str]] = {
    Dialect.MESSAGES: frozenset(
        {"messages", *get_type_hints(AnthropicMessagesRequestOptionalParams), *IMMATERIAL_FIELDS[Dialect.MESSAGES]}
    ) | _LITELLMS,
    Dialect.RESPONSES: frozenset(
        {"input", "extra_body", "extra_query", *get_type_hints(ResponsesAPIOptionalRequestParams),
         *IMMATERIAL_FIELDS[Dialect.RESPONSES]}
    ) | _LITELLMS,
}  # fmt: skip
"""Of the two dialects of which LiteLLM sends on only the fields that it knows."""
_NEVER_BESIDE = frozenset({"messages", "n", "system"})
"""Another dialect's: handed on beside a response, LiteLLM would read them as its own."""


class Translations:
    """Knows the router's deployments."""

    def __init__(self, router: RouterSource) -> None:
        self._router = router
        self._spoken: dict[tuple[str, str, Dialect], Dialect] = {}

    def lost(self, group: str, request: ChatRequest) -> tuple[str, ...]:
        """The paths of what no deployment of the group would get; none when one gets everything.

        What we have put into the request ourselves does not count.
        """
        router = self._router()
        found = [router.get_deployment(model_id=one) for one in router.get_model_ids(model_name=group)]
        dialect = Dialect(request.dialect)
        spoken = {self._spoken_by_deployment(one, dialect) for one in found if one is not None}
        if not spoken:
            return ()
        if dialect in spoken:
            is_beside = dialect is Dialect.RESPONSES
            return tuple(name for name in _unheard_of(request) if is_beside and name in _NEVER_BESIDE)
        view = view_of(request)
        return min((_lost(view, one, request.added) for one in spoken), key=len)

    def fitting(self, deployments: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Of the deployments that LiteLLM may choose from, those that get all of the request that a route asks."""
        request = asked.get()
        if request is None:
            return list(deployments)
        dialect = Dialect(request.dialect)
        spoken = [self._spoken_by(entry, dialect) for entry in deployments]
        others = {one for one in spoken if one is not dialect}
        if not others:
            return list(deployments)
        view = view_of(request)
        losing = {one for one in others if _lost(view, one, request.added)}
        return [entry for entry, one in zip(deployments, spoken, strict=True) if one not in losing]

    def _spoken_by_deployment(self, deployment: Deployment, dialect: Dialect) -> Dialect:
        key = (str(deployment.model_info.id), deployment.litellm_params.model, dialect)
        known = self._spoken.get(key)
        return known or self._spoken_by(deployment.model_dump(exclude_none=True), dialect)

    def _spoken_by(self, entry: Mapping[str, Any], dialect: Dialect) -> Dialect:
        """The dialect in which a deployment's provider gets what a client said in `dialect`."""
        params = cast("Mapping[str, Any]", entry.get("litellm_params") or {})
        info = cast("Mapping[str, Any]", entry.get("model_info") or {})
        key = (str(info.get("id")), str(params.get("model")), dialect)
        if key not in self._spoken:
            self._spoken[key] = _spoken(params, info, dialect)
        return self._spoken[key]


def handed_on(request: ChatRequest) -> Mapping[str, Any]:
    """How a router is told of what LiteLLM would leave out of a client's response."""
    if request.dialect != Dialect.RESPONSES:
        return {}
    unheard = {name: value for name, value in _unheard_of(request).items() if name not in _NEVER_BESIDE}
    return {"extra_body": {**unheard, **mapping(body_of(request).get("extra_body"))}} if unheard else {}


def hand_on_messages() -> None:
    """Have LiteLLM send a route's messages with the fields that it leaves out; again changes nothing."""
    theirs = AnthropicMessagesRequestUtils.get_requested_anthropic_messages_optional_param
    if hasattr(theirs, "__wrapped__"):
        return

    @wraps(theirs)
    def picked(params: Mapping[str, object], **kwargs: Any) -> Any:
        found = theirs(params, **kwargs)
        request = asked.get()
        if request is None or request.dialect != Dialect.MESSAGES:
            return found
        return {**_unheard_of(request), **cast("Mapping[str, Any]", found)}

    name = theirs.__name__
    setattr(AnthropicMessagesRequestUtils, name, staticmethod(picked))


def _unheard_of(request: ChatRequest) -> Mapping[str, Any]:
    """The fields of a client's that LiteLLM would leave out on the way to a provider of the client's own dialect."""
    known = _HEARD_OF.get(Dialect(request.dialect))
    if known is None:
        return {}
    return {name: value for name, value in body_of(request).items() if name not in known and value is not None}


def _lost(view: RequestView, target: Dialect, ours: frozenset[str]) -> tuple[str, ...]:
    lost = carries(view, target)
    if not (lost and ours):
        return lost
    return tuple(path for path in lost if path.partition(".")[0].partition("[")[0] not in ours)


def _spoken(params: Mapping[str, Any], info: Mapping[str, Any], dialect: Dialect) -> Dialect:
    try:
        model, provider, _, _ = litellm.get_llm_provider(
            model=str(params.get("model")),
            custom_llm_provider=params.get("custom_llm_provider"),
            api_base=params.get("api_base"),
        )
    except Exception:  # LiteLLM has no class of its own for it
        return Dialect.CHAT
    match dialect:
        case Dialect.MESSAGES:
            return _of_messages(model, provider, info)
        case Dialect.RESPONSES:
            config = ProviderConfigManager.get_provider_responses_api_config(
                provider=provider, model=model, api_base=params.get("api_base")
            )
            return Dialect.CHAT if config is None or params.get("use_chat_completions_api") else Dialect.RESPONSES
        case Dialect.CHAT:
            is_claude = provider == "anthropic" or "claude" in model.lower()
            return Dialect.MESSAGES if is_claude and _has_messages(model, provider) else Dialect.CHAT


def _of_messages(model: str, provider: str, info: Mapping[str, Any]) -> Dialect:
    endpoints: object = info.get("supported_endpoints")
    if _has_messages(model, provider) or (isinstance(endpoints, list | tuple) and "/v1/messages" in endpoints):
        return Dialect.MESSAGES
    by_responses = provider in _MESSAGES_BY_RESPONSES and not litellm.use_chat_completions_url_for_anthropic_messages
    return Dialect.RESPONSES if by_responses else Dialect.CHAT


def _has_messages(model: str, provider: str) -> bool:
    return (
        provider in _PROVIDERS
        and ProviderConfigManager.get_provider_anthropic_messages_config(model=model, provider=LlmProviders(provider))
        is not None
    )
