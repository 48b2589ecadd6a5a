"""Which deployment speaks which dialect, and what a request would lose on the way to one that speaks another.

LiteLLM translates for a provider that does not speak the client's dialect, and leaves out what it has no place for. A
group may have deployments of several providers; while a route asks it, only those are in question that get all of the
request (`fitting`, which LiteLLM asks through a hook whenever it chooses a deployment, fallbacks included).

What has a counterpart there, under another name, is written before LiteLLM translates (`for_deployment`, which LiteLLM
asks through a hook before each call of a deployment). `carry_strict_tools` has it keep a tool's `strict`.

Also in the client's own dialect LiteLLM leaves out the fields that it has never heard of. Of Responses they are handed
on beside its own (`handed_on`), of messages they are put back where it picks those that it knows (`hand_on_messages`).

Failure behaviour: what LiteLLM does not know is taken for a provider of the chat dialect; nothing is raised.
"""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast, get_type_hints

import litellm
from litellm.llms.anthropic.chat.transformation import AnthropicConfig
from litellm.llms.anthropic.pass_through.messages.utils import AnthropicMessagesRequestUtils
from litellm.types.llms.anthropic import AnthropicMessagesRequestOptionalParams
from litellm.types.llms.openai import ResponsesAPIOptionalRequestParams
from litellm.types.router import Deployment
from litellm.types.utils import CallTypes, LlmProviders, all_litellm_params
from litellm.utils import ProviderConfigManager

from thriftgate.proxy.books.pricing import RouterSource
from thriftgate.proxy.tiers.abilities import abilities
from thriftgate.services.request.reading import body_of, view_of
from thriftgate.types import ChatRequest
from thriftgate.wire.abilities import NO_ABILITIES, Ability
from thriftgate.wire.counterparts import translated
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


_CALLED: Mapping[Dialect, CallTypes] = {
    Dialect.CHAT: CallTypes.acompletion,
    Dialect.MESSAGES: CallTypes.anthropic_messages,
    Dialect.RESPONSES: CallTypes.aresponses,
}
"""How LiteLLM calls a deployment in each dialect, before it translates: what it then calls is another one's."""


@dataclass(frozen=True, slots=True)
class _Spoken:
    """How a deployment's provider is asked for a client of one dialect."""

    dialect: Dialect
    takes: frozenset[Ability] = NO_ABILITIES


class Translations:
    """Knows the router's deployments."""

    def __init__(self, router: RouterSource) -> None:
        self._router = router
        self._spoken: dict[tuple[str, str, Dialect], _Spoken] = {}

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
        if any(one.dialect is dialect for one in spoken):
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
        others = {one for one in spoken if one.dialect is not dialect}
        if not others:
            return list(deployments)
        view = view_of(request)
        losing = {one for one in others if _lost(view, one, request.added)}
        return [entry for entry, one in zip(deployments, spoken, strict=True) if one not in losing]

    def for_deployment(self, kwargs: Mapping[str, Any], call_type: CallTypes | None) -> dict[str, Any] | None:
        """A call of a deployment with what its provider reads elsewhere than the client wrote it; None: as it is."""
        request = asked.get()
        dialect = None if request is None else Dialect(request.dialect)
        if dialect is None or call_type is not _CALLED[dialect]:
            return None
        spoken = self._spoken_by({"litellm_params": kwargs, "model_info": kwargs.get("model_info")}, dialect)
        changes = translated(dialect, spoken.dialect, kwargs, spoken.takes)
        if not changes:
            return None
        gone = {name for name, value in changes.items() if value is None}
        return {name: value for name, value in {**kwargs, **changes}.items() if name not in gone}

    def _spoken_by_deployment(self, deployment: Deployment, dialect: Dialect) -> _Spoken:
        key = (str(deployment.model_info.id), deployment.litellm_params.model, dialect)
        known = self._spoken.get(key)
        return known or self._spoken_by(deployment.model_dump(exclude_none=True), dialect)

    def _spoken_by(self, entry: Mapping[str, Any], dialect: Dialect) -> _Spoken:
        """How a deployment's provider gets what a client said in `dialect`."""
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


def carry_strict_tools() -> None:
    """Have LiteLLM's translation to Anthropic keep a route's `strict` of tools; again changes nothing."""
    theirs = AnthropicConfig._map_tool_helper  # pyright: ignore[reportPrivateUsage]  no other place sees one tool
    if hasattr(theirs, "__wrapped__"):
        return

    @wraps(theirs)
    def mapped(self: AnthropicConfig, tool: Any) -> tuple[Any, Any]:
        made, server = theirs(self, tool)
        found = cast("dict[str, Any] | None", made)
        if found is None or asked.get() is None or not mapping(mapping(tool).get("function")).get("strict"):
            return found, server
        return ({**found, "strict": True} if _can_be_strict(found) else found), server

    AnthropicConfig._map_tool_helper = mapped  # pyright: ignore[reportPrivateUsage]


def _can_be_strict(tool: Mapping[str, Any]) -> bool:
    """Whether Anthropic takes the schema as it is: it refuses a strict one with bounds of numbers, lengths or lists."""
    schema: dict[str, Any] = tool.get("input_schema") or {}
    return AnthropicConfig.filter_anthropic_output_schema(schema) == schema


def _lost(view: RequestView, spoken: _Spoken, ours: frozenset[str]) -> tuple[str, ...]:
    lost = carries(view, spoken.dialect, spoken.takes)
    if not (lost and ours):
        return lost
    return tuple(path for path in lost if path.partition(".")[0].partition("[")[0] not in ours)


def _spoken(params: Mapping[str, Any], info: Mapping[str, Any], dialect: Dialect) -> _Spoken:
    try:
        model, provider, _, _ = litellm.get_llm_provider(
            model=str(params.get("model")),
            custom_llm_provider=params.get("custom_llm_provider"),
            api_base=params.get("api_base"),
        )
    except Exception:  # LiteLLM has no class of its own for it
        return _Spoken(Dialect.CHAT)
    match dialect:
        case Dialect.MESSAGES:
            target = _of_messages(model, provider, info)
        case Dialect.RESPONSES:
            config = ProviderConfigManager.get_provider_responses_api_config(
                provider=provider, model=model, api_base=params.get("api_base")
            )
            by_chat = config is None or bool(params.get("use_chat_completions_api"))
            target = _of_chat(model, provider) if by_chat else Dialect.RESPONSES
        case Dialect.CHAT:
            target = _of_chat(model, provider)
    if target is dialect:
        return _Spoken(target)
    allowed = cast("Sequence[str]", params.get("allowed_openai_params") or ())
    return _Spoken(target, abilities(model, provider, target, allowed=allowed))


def _of_chat(model: str, provider: str) -> Dialect:
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
