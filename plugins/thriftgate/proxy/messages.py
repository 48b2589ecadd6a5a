"""LiteLLM's requests, answers and chunks ↔ ours.

Failure behaviour: an answer that cannot be read raises TierFailedError, like a tier that gave none.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

from litellm.proxy._types import UserAPIKeyAuth
from litellm.types.utils import ModelResponse, ModelResponseStream

from thriftgate.errors import TierFailedError
from thriftgate.proxy.edge import EdgeRequest
from thriftgate.services.request.chunks import usage_object, usage_of
from thriftgate.types import Answer, Caller, ChatRequest, Choice, Message, Usage

_NOT_PARAMS = frozenset(
    {
        "stream", "stream_options", "max_retries", "extra_body", "timeout", "metadata", "cache", "prompt_variables",
        "prompt_id",
        "api_key", "api_base", "allowed_openai_params", "num_retries",
    }
)  # fmt: skip
"""What LiteLLM hands over among the parameters that is not for the model."""


def chat_request(
    edge: EdgeRequest, messages: Sequence[Message], params: Mapping[str, Any], parent: Mapping[str, Any]
) -> ChatRequest:
    """The request as the route sees it. `parent` is what `completer.py` needs to call models in its name."""
    wishes = {wish.strip().lower() for wish in edge.headers.get("cache-control", "").split(",")}
    asked: object = edge.body.get("cache")
    cache: Mapping[str, Any] = cast("Mapping[str, Any]", asked) if isinstance(asked, Mapping) else {}
    kept = {name: value for name, value in params.items() if name not in _NOT_PARAMS and value is not None}
    if edge.body.get("user"):
        kept["user"] = edge.body["user"]
    return ChatRequest(
        request_id=edge.request_id,
        route=edge.route,
        messages=tuple(messages),
        params=kept,
        caller=caller_of(edge),
        no_cache="no-cache" in wishes or bool(cache.get("no-cache")),
        no_store="no-store" in wishes or bool(cache.get("no-store")),
        prompt_variables=edge.body.get("prompt_variables") or {},
        prompt_id=edge.prompt_id,
        traceparent=edge.headers.get("traceparent"),
        edge=parent,
    )


def caller_of(edge: EdgeRequest) -> Caller:
    """Who asks, as the proxy authenticated them."""
    auth = edge.auth
    metadata: Mapping[str, Any] = edge.body.get("litellm_metadata") or edge.body.get("metadata") or {}
    tags = metadata.get("tags")
    session = edge.body.get("litellm_session_id") or metadata.get("session_id") or edge.headers.get("x-session-id")
    if auth is None:
        return Caller()
    end_user = auth.end_user_id or edge.body.get("user")
    return Caller(
        key_hash=auth.api_key or auth.token,
        key_alias=auth.key_alias,
        user_id=str(end_user) if end_user else auth.user_id,
        team_id=auth.team_id,
        team_alias=auth.team_alias,
        session_id=str(session) if session else None,
        tags=tuple(str(tag) for tag in cast("list[object]", tags)) if isinstance(tags, list) else (),
        budget_used_share=_tightest(edge.budget_used_share, _budget_used_share(auth)),
    )


def _tightest(*shares: float | None) -> float | None:
    return max((share for share in shares if share is not None), default=None)


def _budget_used_share(auth: UserAPIKeyAuth) -> float | None:
    """Of the budgets that LiteLLM knows for this key, its team and its user, how much of the tightest is spent."""
    budgets = (
        (auth.spend, auth.max_budget),
        (auth.team_spend, auth.team_max_budget),
        (auth.user_spend, auth.user_max_budget),
    )
    shares = [(spent or 0.0) / limit for spent, limit in budgets if limit]
    return max(shares) if shares else None


def answer_of(model: str, response: ModelResponse, *, deployment: str, cost_usd: float) -> Answer:
    """Our `Answer` of LiteLLM's response."""
    raw: dict[str, Any] = response.model_dump(exclude_none=True)
    choices: Sequence[Mapping[str, Any]] = raw.get("choices") or ()
    if not choices:
        raise TierFailedError(model, "answered without any choice")
    return Answer(
        choices=tuple(
            Choice(
                message=_message(choice.get("message") or {}),
                finish_reason=choice.get("finish_reason"),
                logprobs=choice.get("logprobs"),
            )
            for choice in choices
        ),
        model=model,
        deployment=deployment or str(raw.get("model") or ""),
        usage=usage_of(raw.get("usage")) or Usage(),
        cost_usd=cost_usd,
        provider_id=raw.get("id"),
    )


def _message(raw: Mapping[str, Any]) -> Message:
    message = {name: value for name, value in raw.items() if value not in ({}, [])}
    message.setdefault("content", None)
    return message


def response_of(answer: Answer, *, route: str, request_id: str, extra: Mapping[str, Any]) -> ModelResponse:
    """LiteLLM's response of our `Answer`; `extra` goes beside `usage` as the field `thriftgate`."""
    choices: list[dict[str, Any]] = []
    for index, choice in enumerate(answer.choices):
        raw: dict[str, Any] = {
            "index": index,
            "message": dict(choice.message),
            "finish_reason": choice.finish_reason or "stop",
        }
        if choice.logprobs is not None:
            raw["logprobs"] = dict(choice.logprobs)
        choices.append(raw)
    return ModelResponse(
        id=answer.provider_id or f"chatcmpl-{request_id}",
        created=int(time.time()),
        model=route,
        choices=choices,
        usage=usage_object(answer.usage),
        thriftgate=dict(extra),
    )


def chunk_of(raw: Mapping[str, Any]) -> ModelResponseStream:
    """LiteLLM's chunk of an OpenAI chunk."""
    return ModelResponseStream(**raw)
