"""The record of a request that never reached its route: malformed, blocked by a guard, over a limit or a budget.

Whoever calls with no valid key (401, 403) leaves no record: anybody could fill the ledger that way.

Failure behaviour: nothing here raises; what is not known of such a request stays empty.
"""

import logging
import time
import uuid
from collections.abc import Iterable, Mapping
from functools import wraps
from typing import Any, cast

from litellm.proxy._types import ProxyErrorTypes, UserAPIKeyAuth
from litellm.proxy.utils import ProxyLogging

from thriftgate.decisions import Reason
from thriftgate.errors import GatewayError, InvalidRequestError, UnknownKeyError, describe_failure, status_of
from thriftgate.proxy.edge import EdgeRequest
from thriftgate.proxy.endpoints.validation import check_any
from thriftgate.proxy.messages import caller_of
from thriftgate.proxy.tiers.stumbles import early_stumble, rejected_field, stumble
from thriftgate.types import DecisionKind, RequestRecord, Status
from thriftgate.wire.shapes import mapping

logger = logging.getLogger(__name__)

_STRANGERS = frozenset({401, 403})
_CALL_ID_HEADER = "x-litellm-call-id"
OWN_ID = "thriftgate_request_id"
"""Beside the client's headers in `proxy_server_request`, which LiteLLM hands on to its log of the call."""


def let_refusals_stand() -> None:
    """From now on LiteLLM's own log of a refused request cannot fail in the refusal's place; again changes nothing.

    It writes into the `metadata` that the client sent, which may be null or anything else.
    """
    theirs = cast("Any", ProxyLogging)._handle_logging_proxy_only_error
    if hasattr(theirs, "_is_guarded"):
        return

    @wraps(theirs)
    async def logged(self: ProxyLogging, request_data: dict[str, Any], *args: Any, **options: Any) -> None:
        if request_data.get("metadata") is None:
            request_data.pop("metadata", None)
        try:
            await theirs(self, request_data, *args, **options)
        except (TypeError, AttributeError, LookupError, ValueError) as error:
            logger.warning("LiteLLM could not log a refused request: %s", type(error).__name__)

    setattr(logged, "_is_guarded", True)  # noqa: B010  functions have no such field
    setattr(ProxyLogging, "_handle_logging_proxy_only_error", logged)  # noqa: B010


def edge_of(data: Mapping[str, Any], auth: UserAPIKeyAuth, *, route: str | None = None) -> EdgeRequest:
    """The request as far as LiteLLM has read it by now; `route`: the route's own name, where it is one's."""
    sent = mapping(data.get("proxy_server_request"))
    headers: Mapping[str, str] = sent.get("headers") or {}
    lowered = {name.lower(): value for name, value in headers.items()}
    return EdgeRequest(
        request_id=_request_id(data, sent, lowered),
        route=str(data.get("model") or "") if route is None else route,
        model=str(data.get("model") or ""),
        body=data,
        headers=lowered,
        auth=auth,
    )


def unchosen_id(call_id: object, headers: Iterable[str]) -> str | None:
    """LiteLLM's id of a call; None where a header of its client chose it, or there is none.

    An id that is used twice counts once in the ledger.
    """
    is_chosen = any(name.lower() == _CALL_ID_HEADER for name in headers)
    return str(call_id) if call_id and not is_chosen else None


def _request_id(data: Mapping[str, Any], sent: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    """LiteLLM's id of the call, unless the client chose it.

    What is then used instead stands in `sent`, so that everything that is booked of the request has the same.
    """
    if (known := unchosen_id(data.get("litellm_call_id"), headers)) is not None:
        return known
    own = str(sent.get(OWN_ID) or uuid.uuid4())
    if isinstance(sent, dict):
        sent[OWN_ID] = own
    return own


def early_error(data: Mapping[str, Any], error: BaseException, *, is_route: bool) -> GatewayError | None:
    """What was wrong with a request that LiteLLM refused before it came to us, where LiteLLM does not say it well."""
    if getattr(error, "type", None) == ProxyErrorTypes.no_db_connection:
        # Without a database of LiteLLM's there is one key, and any other is refused for the want of a database.
        return UnknownKeyError("this key is not known here", code="invalid_api_key")
    if (fault := rejected_field(error)) is not None:
        return fault
    if not is_route and (fault := stumble(_sent(data), error)) is not None:
        return fault
    if status_of(error) is not None:
        return None  # LiteLLM knew what it refused: a stranger, a budget, a limit
    if is_route:
        try:
            check_any(data)
        except InvalidRequestError as ours:
            return ours
    return early_stumble(data, error)


def _sent(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The client's own fields, where LiteLLM has kept them; it has put some beside them by now."""
    sent = mapping(mapping(data.get("proxy_server_request")).get("body")) or data
    return {name: value for name, value in sent.items() if not name.startswith("_litellm")}


def is_stranger(error: BaseException, auth: UserAPIKeyAuth) -> bool:
    """Whether a request that no hook of ours has seen yet had no valid key, however its authentication said so.

    LiteLLM makes a 401 of any plain exception of a custom authentication; there is then nobody whom it knows.
    """
    status = status_of(error)
    if status is not None:
        return status in _STRANGERS
    known = (auth.user_id, auth.team_id, auth.key_alias, auth.org_id, auth.user_role, auth.end_user_id)
    return not any(known)


def refusal_of(edge: EdgeRequest, route: str, error: BaseException) -> RequestRecord | None:
    """The record; None for a stranger's request."""
    status = status_of(error)
    if status in _STRANGERS:
        return None
    return RequestRecord(
        request_id=edge.request_id,
        route=route,
        caller=caller_of(edge),
        started_at=edge.started_at,
        duration=max(0.0, time.time() - edge.started_at),
        status=Status.FAILED,
        error=describe_failure(error),
        stream=bool(edge.body.get("stream")),
        decision=DecisionKind.FAILED,
        reason=Reason.REFUSED,
        traceparent=edge.headers.get("traceparent"),
    )
