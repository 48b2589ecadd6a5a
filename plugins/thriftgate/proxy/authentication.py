"""What LiteLLM asks for every request: `general_settings.custom_auth: thriftgate.proxy.plugin.authenticate`.

LiteLLM leaves most of what a custom authentication says of a key to itself and looks at less than half of it. So
everything is enforced here: expiry, revocation, blocks, endpoints, models, roles. The master key is let through. A key
that is not ours is LiteLLM's own, where it has its database, with every check that LiteLLM makes of one.

Failure behaviour: who is not known gets 401, who may not 403, both in the endpoint's own form of an error. A store that
is away lets nobody in but the master key: 503.
"""

import hmac
from collections.abc import Callable, Mapping, MutableMapping
from contextvars import ContextVar
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, cast

from fastapi import Request
from fastapi.responses import JSONResponse
from litellm.constants import LITELLM_PROXY_MASTER_KEY_ALIAS
from litellm.proxy import proxy_server
from litellm.proxy._types import LiteLLMRoutes, LitellmUserRoles, ProxyException, SpecialModelNames, UserAPIKeyAuth
from litellm.proxy.auth.auth_utils import (
    fallback_target_model_name,
    get_model_from_request,  # pyright: ignore[reportUnknownVariableType]
    get_request_route,
    iter_request_fallback_targets,
    route_in_additonal_public_routes,
)
from litellm.proxy.auth.resolvers.store import IdentityStore
from litellm.proxy.auth.user_api_key_auth import run_centralized_common_checks, validate_resolved_virtual_key
from litellm.proxy.common_utils.http_parsing_utils import (
    read_request_body,  # pyright: ignore[reportUnknownVariableType]
)
from litellm.proxy.utils import hash_token

from thriftgate.errors import GatewayError, NotAllowedError, StoreUnavailableError, UnknownKeyError
from thriftgate.identity.permission import Denial, Denied, Wish, has_model_limit, models_of, permits
from thriftgate.identity.records import Identity, Role
from thriftgate.services.identity.authentication import UNKNOWN, Authenticator

identified: ContextVar[Identity | None] = ContextVar("thriftgate_identity", default=None)
"""Who the request being served is from, for what comes after the authentication; None for keys that are not ours."""

TIER = "tier"
"""Under which word of a key's metadata LiteLLM and the limits find its tier."""
_ROLES = {
    Role.ADMIN: LitellmUserRoles.PROXY_ADMIN,
    Role.VIEWER: LitellmUserRoles.PROXY_ADMIN_VIEW_ONLY,
    Role.CALLER: LitellmUserRoles.INTERNAL_USER,
}
_CODES = {
    Denial.BLOCKED: "blocked",
    Denial.MODEL: "model_not_allowed",
    Denial.ENDPOINT: "endpoint_not_allowed",
    Denial.READ_ONLY: "read_only",
    Denial.EXPIRED: "expired_api_key",
    Denial.REVOKED: "revoked_api_key",
    Denial.UNKNOWN: "invalid_api_key",
}
_PATH_MODELS = ("model", "model_name", "model_id")


class RefusedCallerError(ProxyException):
    """A refusal that is answered in the form of the endpoint that was called."""

    def __init__(self, error: GatewayError, *, code: str) -> None:
        headers = {"www-authenticate": "Bearer"} if error.status_code == 401 else {}
        super().__init__(
            message=error.message, type=error.error_type, param=None, code=error.status_code, headers=headers
        )
        self.openai_code = code

    def to_dict(self) -> dict[str, Any]:
        """OpenAI's error object."""
        return {"message": self.message, "type": self.type, "param": self.param, "code": self.openai_code}


class Authentication:
    """Answers LiteLLM's question who somebody is."""

    def __init__(self, authenticator: Callable[[], Authenticator | None]) -> None:
        """`authenticator` gives None where the section `identity` is off: then only the master key is known."""
        self._authenticator = authenticator

    async def __call__(self, request: Request, api_key: str | None) -> UserAPIKeyAuth:
        """Who comes with this key; LiteLLM gives None where there is none. Raises RefusedCallerError."""
        api_key = api_key or ""
        identified.set(None)
        _answer_refusals_in_dialect(request)
        endpoint = get_request_route(request=request)
        if is_master_key(api_key):
            return master_key_auth()
        if _is_public(endpoint):
            return UserAPIKeyAuth(user_role=LitellmUserRoles.INTERNAL_USER_VIEW_ONLY)
        authenticator = self._authenticator()
        try:
            known = await authenticator.identify(api_key) if authenticator is not None else UNKNOWN
        except StoreUnavailableError:
            words = "keys cannot be looked up at the moment"
            raise RefusedCallerError(StoreUnavailableError(words), code="service_unavailable") from None
        if isinstance(known, Denied):
            if known.reason is Denial.UNKNOWN and api_key and proxy_server.prisma_client is not None:
                return await _litellms_own(request, api_key, endpoint)
            raise refusal(known)
        asked = Wish(
            endpoint=endpoint,
            method=str(request.scope.get("method") or "POST"),
            models=await _models_asked_for(request, endpoint),
        )
        verdict = permits(known, asked)
        if isinstance(verdict, Denied):
            raise refusal(verdict)
        identified.set(known)
        return auth_of(known)


def refusal(denied: Denied) -> RefusedCallerError:
    """The HTTP form of a verdict: 401 where the key is good for nothing, 403 where it is not good for this."""
    kind = UnknownKeyError if denied.reason.is_stranger else NotAllowedError
    return RefusedCallerError(kind(denied.words), code=_CODES[denied.reason])


def is_master_key(text: str) -> bool:
    """Whether this is the proxy's master key, in a time that does not tell how much of it was right."""
    master = proxy_server.master_key
    given = text.encode("utf-8", "surrogatepass")
    return bool(master) and hmac.compare_digest(given, (master or "").encode("utf-8", "surrogatepass"))


def master_key_auth() -> UserAPIKeyAuth:
    """What LiteLLM itself makes of the master key: an administrator without the key's text or digest."""
    return UserAPIKeyAuth(
        api_key=LITELLM_PROXY_MASTER_KEY_ALIAS,
        user_role=LitellmUserRoles.PROXY_ADMIN,
        user_id=proxy_server.litellm_proxy_admin_name,
    )


def auth_of(identity: Identity) -> UserAPIKeyAuth:
    """An identity in LiteLLM's words. A key is named by its id, which stays when its secret is rotated."""
    key, user, team = identity.key, identity.user, identity.team
    metadata: dict[str, Any] = {}
    for one in (team, user, key):
        metadata |= dict(one.metadata) if one is not None else {}
    if identity.tier_name is not None:
        metadata[TIER] = identity.tier_name
    expires = key.expires_at if key is not None else None
    return UserAPIKeyAuth(
        api_key=key.key_id if key is not None else _bearer_id(identity),
        key_alias=key.alias if key is not None else None,
        expires=datetime.fromtimestamp(expires, UTC) if expires is not None else None,
        models=_listed_models(identity),
        metadata=metadata,
        user_id=identity.user_id,
        user_role=_ROLES[identity.role],
        team_id=identity.team_id,
        team_alias=team.alias if team is not None else None,
        team_metadata=dict(team.metadata) if team is not None else None,
    )


def _bearer_id(identity: Identity) -> str:
    """Names whoever comes with a token in place of a key's id: the same for all tokens of one user in one team."""
    return (
        "token-" + sha256(f"{identity.user_id}\0{identity.team_id}".encode("utf-8", "surrogatepass")).hexdigest()[:24]
    )


def _listed_models(identity: Identity) -> list[str]:
    """What `/v1/models` shows; LiteLLM takes an empty list for all of them."""
    if not has_model_limit(identity):
        return []
    router = proxy_server.llm_router
    names = router.get_model_names() if router is not None else []
    return list(models_of(identity, names)) or [SpecialModelNames.no_default_models.value]


async def _models_asked_for(request: Request, endpoint: str) -> tuple[str, ...]:
    """Every model that the request names: in its body, its path, its query and headers, fallbacks among them."""
    body = await _body(request)
    found = get_model_from_request(
        request_data=body,
        route=endpoint,
        request_headers=dict(request.headers),
        request_query_params=dict(request.query_params),
        llm_router=proxy_server.llm_router,
        request=request,
    )
    names = [found] if isinstance(found, str) else list(found or ())
    # A path's model goes before the body's, whatever LiteLLM's own check looks at.
    names += [str(request.path_params[name]) for name in _PATH_MODELS if request.path_params.get(name)]
    names += [name for target in iter_request_fallback_targets(body) if (name := fallback_target_model_name(target))]
    # LiteLLM asks several models at once where a name is a list with commas.
    return tuple(dict.fromkeys(part.strip() for name in names for part in name.split(",")))


async def _body(request: Request) -> dict[str, Any]:
    """The request's body as LiteLLM has read it; a body it cannot read is refused after us, with 400."""
    try:
        return cast("dict[str, Any]", await read_request_body(request=request))
    except ProxyException:
        return {}


def _is_public(endpoint: str) -> bool:
    """What LiteLLM shows to everybody."""
    public = cast("frozenset[str]", LiteLLMRoutes.public_routes.value)
    return endpoint in public or route_in_additonal_public_routes(current_route=endpoint)


async def _litellms_own(request: Request, api_key: str, endpoint: str) -> UserAPIKeyAuth:
    """A virtual key of LiteLLM's own database, with all the checks LiteLLM makes where nobody asks us."""
    store = IdentityStore(
        proxy_server.prisma_client, proxy_server.user_api_key_cache, proxy_logging_obj=proxy_server.proxy_logging_obj
    )
    hashed = hash_token(api_key)
    try:
        found = IdentityStore.key_from_principal(await store.resolve(hashed_token=hashed))
    except ProxyException as error:
        if str(error.code) in ("401", "404"):
            raise refusal(UNKNOWN) from None
        raise
    body = await _body(request)
    auth = await validate_resolved_virtual_key(
        request=request,
        request_data=body,
        valid_token=found,
        api_key=hashed,
        route=endpoint,
        start_time=datetime.now(UTC),
        parent_otel_span=None,
        end_user_id=None,
        end_user_params={},
        _end_user_object=None,
    )
    # `sub_call`: LiteLLM forgets what was reserved in here, so that nothing must be.
    await run_centralized_common_checks(auth, request, body, endpoint, force_virtual_key_checks=True, sub_call=True)
    return auth


def _answer_refusals_in_dialect(request: Request) -> None:
    """Starlette hands every request the table by which errors become answers; ours has a line of its own in it."""
    handlers = request.scope.get("starlette.exception_handlers")
    if handlers:
        table = cast("MutableMapping[type[Exception], Any]", handlers[0])
        table.setdefault(RefusedCallerError, answer_refusal)


async def answer_refusal(request: Request, error: RefusedCallerError) -> JSONResponse:
    """The refusal in OpenAI's form, or in Anthropic's where that was called."""
    fields: Mapping[str, Any] = {"error": error.to_dict()}
    if get_request_route(request=request).startswith("/v1/messages"):
        fields = {"type": "error", "error": {"type": error.type, "message": error.message}}
    return JSONResponse(status_code=int(error.code), content=fields, headers=error.headers)
