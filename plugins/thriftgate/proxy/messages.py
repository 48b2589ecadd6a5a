"""LiteLLM's requests as ours: who asks, and what, in the client's own dialect.

Failure behaviour: a request that is no conversation raises InvalidRequestError.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from litellm.constants import LITELLM_PROXY_ADMIN_NAME
from litellm.proxy._types import UserAPIKeyAuth

from thriftgate.identity.shown import shown_names
from thriftgate.proxy.edge import EdgeRequest
from thriftgate.services.request.background import beside_loop
from thriftgate.services.request.reading import refuse_what_nobody_stored, view_of, with_body
from thriftgate.types import Caller, ChatRequest
from thriftgate.wire.identity import MATERIAL_HEADERS
from thriftgate.wire.shapes import mapping
from thriftgate.wire.weight import is_heavy

_NOT_OF_THE_BODY = frozenset(
    {
        "model", "prompt_id", "prompt_variables", "cache", "litellm_metadata", "tags",
        "timeout", "request_timeout", "stream_timeout", "client_side_timeout",
    }
)  # fmt: skip
"""Fields of a client's request that are for the gateway."""


async def request_read(edge: EdgeRequest, dialect: str, kwargs: Mapping[str, Any]) -> ChatRequest:
    """`request_of`; a heavy one is made beside the loop, and looked through there for whoever asks."""
    heavy = is_heavy(_sent(kwargs))
    return await beside_loop(partial(_looked_through if heavy else request_of, edge, dialect, kwargs), is_heavy=heavy)


def _looked_through(edge: EdgeRequest, dialect: str, kwargs: Mapping[str, Any]) -> ChatRequest:
    request = request_of(edge, dialect, kwargs)
    assert view_of(request).turns is not None, "looked at once, and known from here on"
    return request


def request_of(edge: EdgeRequest, dialect: str, kwargs: Mapping[str, Any]) -> ChatRequest:
    """The request as the route sees it; `kwargs` are what LiteLLM would have asked its router with.

    The body is what the client sent, as hooks and guardrails left it. Raises InvalidRequestError.
    """
    body = {
        name: kwargs.get(name, value)
        for name, value in _sent(kwargs).items()
        if name not in _NOT_OF_THE_BODY and not name.startswith("_litellm")  # marks that LiteLLM makes for itself
    }
    if dialect == "chat":
        body.pop("metadata", None)  # LiteLLM's own there
    if kwargs.get("_litellm_strip_stream_usage"):
        body.pop("stream_options", None)  # LiteLLM put it there, and takes out what comes of it
    wishes = {wish.strip().lower() for wish in edge.headers.get("cache-control", "").split(",")}
    asked: object = edge.body.get("cache")
    cache: Mapping[str, Any] = cast("Mapping[str, Any]", asked) if isinstance(asked, Mapping) else {}
    request = ChatRequest(
        request_id=edge.request_id,
        route=edge.route,
        messages=(),
        dialect=dialect,
        headers={name: edge.headers[name] for name in MATERIAL_HEADERS if edge.headers.get(name)},
        caller=caller_of(edge),
        no_cache="no-cache" in wishes or bool(cache.get("no-cache")),
        no_store="no-store" in wishes or bool(cache.get("no-store")) or edge.is_suspect,
        strong_because=edge.strong_because,
        is_private=edge.is_private,
        is_local=edge.is_local,
        notes=edge.notes,
        prompt_variables=edge.body.get("prompt_variables") or {},
        prompt_id=edge.prompt_id,
        traceparent=edge.headers.get("traceparent"),
        edge={**kwargs, "client_body": body},
    )
    refuse_what_nobody_stored(body)
    return with_body(request, body)


def _sent(kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", (kwargs.get("proxy_server_request") or {}).get("body") or {})


def caller_of(edge: EdgeRequest) -> Caller:
    """Who asks, as the proxy authenticated them."""
    auth = edge.auth
    metadata = mapping(edge.body.get("litellm_metadata")) or mapping(edge.body.get("metadata"))
    tags = metadata.get("tags")
    session = edge.body.get("litellm_session_id") or metadata.get("session_id") or edge.headers.get("x-session-id")
    if auth is None:
        return Caller()
    named: object = auth.end_user_id or edge.body.get("user")
    end_user = shown_names.shown(str(named)) if named else None
    # The master key is the operator's, and no person's: it may ask for anybody.
    owner = auth.user_id if auth.user_id != LITELLM_PROXY_ADMIN_NAME else None
    return Caller(
        key_hash=auth.api_key or auth.token,
        key_alias=auth.key_alias,
        user_id=owner or end_user or auth.user_id,
        end_user_id=end_user,
        team_id=auth.team_id,
        team_alias=auth.team_alias,
        session_id=shown_names.shown(str(session)) if session else None,
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
