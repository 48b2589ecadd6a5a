"""The record of a call that went past the routes, so that ledger, metrics and traces hold the gateway's whole bill.

A plain model of `model_list` is LiteLLM's own business: it is not served by us, only booked from LiteLLM's log of the
finished call. Its baseline is what it cost, for nothing was saved. LiteLLM's health checks are such calls too, and
stand together under a name of their own. A call that failed is booked once, when its client is told so: LiteLLM logs
each of its tries, and requests that nobody was asked for.

Failure behaviour: nothing here raises into LiteLLM's log; a call that LiteLLM did not log, or not in the form that is
known here, has no record.
"""

import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from litellm.constants import LITTELM_INTERNAL_HEALTH_SERVICE_ACCOUNT_NAME
from litellm.integrations.custom_logger import CustomLogger

from thriftgate.decisions import DecisionKind, Reason
from thriftgate.errors import describe_failure
from thriftgate.identity.shown import shown_names
from thriftgate.proxy.books.pricing import RouterPricer
from thriftgate.proxy.books.refusals import OWN_ID, unchosen_id
from thriftgate.proxy.edge import EdgeRequest
from thriftgate.proxy.messages import caller_of
from thriftgate.proxy.tiers import provider_answer
from thriftgate.proxy.tiers.deployments import DeploymentNames
from thriftgate.tracing.attributes import shown_parameters
from thriftgate.types import Caller, CallPurpose, RequestRecord, Status, TierCall, Usage
from thriftgate.wire.answer import openai_usage
from thriftgate.wire.shapes import mapping, text

logger = logging.getLogger(__name__)

HEALTH_CHECKS = "health checks"
"""Where those calls are booked, all deployments together: nobody asked for them, and each call names its deployment."""
_OURS = "thriftgate"


class PlainModelLog(CustomLogger):
    """Books every call that no route made."""

    def __init__(self, names: DeploymentNames, pricer: RouterPricer, record: Callable[[RequestRecord], None]) -> None:
        super().__init__()
        self._names = names
        self._pricer = pricer
        self._record = record

    async def async_log_success_event(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, kwargs: Mapping[str, Any], response_obj: object, start_time: object, end_time: object
    ) -> None:
        """A call has ended well; a stream at its end."""
        payload: object = kwargs.get("standard_logging_object")
        if not isinstance(payload, Mapping) or _is_of_a_route(kwargs):
            return
        try:
            self._record(self.record_of(cast("Mapping[str, Any]", payload), kwargs))
        except (KeyError, TypeError, ValueError) as error:
            logger.warning("a call of a plain model could not be booked: %s", type(error).__name__)

    def note_failure(self, edge: EdgeRequest, error: BaseException) -> None:
        """A request whose provider was asked has failed for good."""
        answer = provider_answer.current.get()
        asked = mapping(answer and answer.call)
        deployment_id = text(mapping(mapping(asked.get("litellm_params")).get("model_info")).get("id"))
        duration = max(0.0, time.time() - edge.started_at)
        call = TierCall(
            model=edge.model,
            deployment=self._names.name_of(deployment_id) or text(asked.get("model")),
            started_at=edge.started_at,
            duration=duration,
            status=Status.FAILED,
            error=describe_failure(error),
        )
        self._record(
            RequestRecord(
                request_id=edge.request_id,
                route=edge.model,
                caller=caller_of(edge),
                started_at=edge.started_at,
                duration=duration,
                status=Status.FAILED,
                error=call.error,
                stream=bool(edge.body.get("stream")),
                decision=DecisionKind.FAILED,
                reason=Reason.PLAIN_MODEL,
                calls=(call,),
            )
        )

    def record_of(self, payload: Mapping[str, Any], kwargs: Mapping[str, Any]) -> RequestRecord:
        """One call by LiteLLM's log of it."""
        asked = str(payload.get("model") or "")
        deployment_id = str(payload.get("model_id") or "")
        # A health check goes to a deployment past the router, and its log names neither the group nor the deployment.
        group, name = str(payload.get("model_group") or ""), self._names.name_of(deployment_id)
        if not (group and name):
            found_group, found_name = self._names.called(asked)
            group, name = group or found_group, name or found_name
        model = group or asked
        started_at, ended_at = float(payload["startTime"]), float(payload["endTime"])
        cost_usd, usage = float(payload.get("response_cost") or 0.0), _usage_of(payload)
        is_stream = bool(payload.get("stream"))
        first_at = float(payload.get("completionStartTime") or ended_at)
        first_token = max(0.0, first_at - started_at) if is_stream else None
        call = TierCall(
            model=model,
            deployment=name or asked,
            purpose=CallPurpose.EMBEDDING if "embedding" in str(payload.get("call_type")) else CallPurpose.ANSWER,
            started_at=started_at,
            duration=max(0.0, ended_at - started_at),
            time_to_first_token=first_token,
            usage=usage,
            cost_usd=cost_usd,
            cost_parts=self._pricer.cost_parts(model, usage, cost_usd, deployment_id=deployment_id),
            parameters=shown_parameters(payload.get("model_parameters") or {}),
        )
        caller = _caller_of(payload)
        is_check = caller.team_id == LITTELM_INTERNAL_HEALTH_SERVICE_ACCOUNT_NAME
        return RequestRecord(
            request_id=_request_id(kwargs),
            route=HEALTH_CHECKS if is_check else model,
            caller=replace(caller, team_alias=HEALTH_CHECKS) if is_check else caller,
            started_at=started_at,
            duration=call.duration,
            time_to_first_token=first_token,
            stream=is_stream,
            decision=DecisionKind.ONLY_TIER,
            reason=Reason.HEALTH_CHECK if is_check else Reason.PLAIN_MODEL,
            tier=model,
            usage=usage,
            cost_usd=cost_usd,
            baseline_cost_usd=cost_usd,
            calls=(call,),
        )


def _params(kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", kwargs.get("litellm_params") or {})


def _is_of_a_route(kwargs: Mapping[str, Any]) -> bool:
    """A route's own log, or a call that was made for one; the route books both."""
    params = _params(kwargs)
    if _OURS in (kwargs.get("custom_llm_provider"), params.get("custom_llm_provider")):
        return True
    buckets = (params.get("metadata"), params.get("litellm_metadata"), kwargs.get("litellm_metadata"))
    return any("thriftgate_purpose" in cast("Mapping[str, Any]", one) for one in buckets if isinstance(one, Mapping))


def _request_id(kwargs: Mapping[str, Any]) -> str:
    """LiteLLM's id of the call, unless the client chose it.

    Then what a guard booked its judge under, for the first call that ends: each of several has a row of its own.
    """
    sent = mapping(_params(kwargs).get("proxy_server_request"))
    known: object = unchosen_id(kwargs.get("litellm_call_id"), mapping(sent.get("headers")))
    if known is None and isinstance(sent, dict):
        known = sent.pop(OWN_ID, None)
    return str(known or uuid.uuid4())


def _usage_of(payload: Mapping[str, Any]) -> Usage:
    """Tokens by LiteLLM's count, and of them those of the provider's cache where it says so."""
    metadata = cast("Mapping[str, Any]", payload.get("metadata") or {})
    # Whatever the dialect, it is in OpenAI's shape here.
    details = openai_usage(metadata.get("usage_object"), sent="prompt", got="completion")
    return replace(
        Usage() if details is None else details.usage,
        prompt_tokens=int(payload.get("prompt_tokens") or 0),
        completion_tokens=int(payload.get("completion_tokens") or 0),
        is_estimated=False,
    )


def _caller_of(payload: Mapping[str, Any]) -> Caller:
    known = cast("Mapping[str, Any]", payload.get("metadata") or {})
    named = payload.get("end_user") or known.get("user_api_key_end_user_id")
    end_user = shown_names.shown(str(named)) if named else None
    tags: object = payload.get("request_tags")
    return Caller(
        key_hash=known.get("user_api_key_hash"),
        key_alias=known.get("user_api_key_alias"),
        user_id=known.get("user_api_key_user_id") or end_user,
        end_user_id=end_user,
        team_id=known.get("user_api_key_team_id"),
        team_alias=known.get("user_api_key_team_alias"),
        session_id=shown_names.shown(str(payload["session_id"])) if payload.get("session_id") else None,
        tags=tuple(str(tag) for tag in cast("list[object]", tags)) if isinstance(tags, list) else (),
    )
