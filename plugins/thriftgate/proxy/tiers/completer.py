"""Asks model groups through the proxy's own router: retries, cooldowns and fallbacks stay LiteLLM's.

A tier is asked in the client's own dialect, with what LiteLLM would have handed to the plain model group: a provider
that speaks it gets the body natively, any other LiteLLM's translation of it.

Money: a nested call that serves the request, a second sample included, carries the caller's identity, so that
LiteLLM charges it to the caller's key; the request itself costs nothing there. Exactly one of the two is charged. What
the gateway asks to check itself (audits, verifications, judges) belongs to the operator: it goes out without the
caller's identity, so no key pays for it and no key's empty budget holds it up.

Failure behaviour: whatever the router raises after its retries and fallbacks becomes a TierFailedError. A request
that is refused with parameters of ours in it (a prompt's, log-probabilities) is asked again without those that the
refusal names, then without any. Closing a stream closes the provider's connection.
"""

import asyncio
import json
import math
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, cast

import litellm
from litellm.litellm_core_utils.initialize_dynamic_callback_params import inherit_message_logging_privacy
from litellm.litellm_core_utils.internal_call_metadata import forwarded_internal_call_metadata
from litellm.types.utils import InternalCallOrigin

from thriftgate.config.litellm.model_list import FALLBACK_FIELDS
from thriftgate.errors import TierFailedError
from thriftgate.proxy import edge
from thriftgate.proxy.answered import AnsweredCall, hidden_of_stream
from thriftgate.proxy.books.bills import TierBill, keep_bills
from thriftgate.proxy.books.pricing import RouterPricer, RouterSource
from thriftgate.proxy.dialects import METHODS, as_served, body_of_response, drop_logprobs, hidden_params, stream_pieces
from thriftgate.proxy.errors import tier_failure
from thriftgate.proxy.patience import wait_for_no_provider
from thriftgate.proxy.privacy.falling_back import STAYS
from thriftgate.proxy.privacy.private import UNKEPT, as_seen_by
from thriftgate.proxy.tiers import endings, listening, stumbles
from thriftgate.proxy.tiers.breaker import own_failure
from thriftgate.proxy.tiers.closing import close_stream
from thriftgate.proxy.tiers.deployments import DeploymentNames
from thriftgate.proxy.tiers.plain_chunks import build_plain_chunks
from thriftgate.proxy.tiers.provider_answer import ProviderAnswer, current
from thriftgate.proxy.tiers.translations import Translations, asked, carry_strict_tools, hand_on_messages, handed_on
from thriftgate.proxy.tiers.wrapped_chunks import copy_wrapped_chunks
from thriftgate.services.request.background import beside_loop
from thriftgate.services.request.reading import answer_of, body_of, view_of, with_fields
from thriftgate.services.request.unpaid import note_given_up
from thriftgate.tracing.identity import outgoing_traceparent
from thriftgate.types import Answer, CallPurpose, ChatRequest, StreamPiece
from thriftgate.wire.dialects import answer_view
from thriftgate.wire.turns import Dialect

_OWN = frozenset({CallPurpose.AUDIT, CallPurpose.VERIFY, CallPurpose.JUDGE})
"""Calls that nobody's answer waits for."""
_ORIGIN = cast("InternalCallOrigin", "thriftgate")
"""Marks the spend rows of nested calls; LiteLLM's type lists only its own features."""
_OF_THE_REQUEST = frozenset(
    {
        "model", "stream", "metadata", "litellm_metadata", "litellm_logging_obj", "litellm_call_id", "num_retries",
        "proxy_server_request", "prompt_id", "prompt_variables", "cache", "specific_deployment",
    }
)  # fmt: skip
"""What LiteLLM hands over that belongs to the client's request and not to the calls made for it."""


_WORD = re.compile(r"\w+")
_OK = 200
_MOST_REFUSAL = 2000
"""Characters of a provider's refusal that are looked at."""


class RouterCompleter:
    """The `Completer` port on LiteLLM's router."""

    def __init__(
        self,
        router: RouterSource,
        pricer: RouterPricer,
        translations: Translations,
        *,
        forward_traceparent: bool = False,
        private_models: Collection[str] = (),
    ) -> None:
        self._router = router
        self._translations = translations
        self._pricer = pricer
        self._forward_traceparent = forward_traceparent
        self._private_models = private_models
        self._models = DeploymentNames(router)
        self._supported: dict[str, frozenset[str]] = {}
        listening.listen()
        hand_on_messages()
        carry_strict_tools()
        stumbles.note_sending()
        build_plain_chunks()
        copy_wrapped_chunks()
        keep_bills()
        wait_for_no_provider()

    async def complete(self, model: str, request: ChatRequest, *, purpose: CallPurpose) -> Answer:
        """The whole answer of the model group. Raises TierFailedError."""
        seen = self._listening(model, request)
        token = current.set(seen)
        try:
            response = await self._asked(model, request, purpose, stream=False)
        except BaseException as error:
            TierBill(seen, self._pricer, model, edge=asking_of(purpose)).give_up(error)
            raise
        finally:
            current.reset(token)
        try:
            answer = self._read(model, request.dialect, response, seen)
        except Exception as error:
            if isinstance(error, TierFailedError):
                failure = error
            else:  # a provider's odd field that LiteLLM let through
                cause = f"answered with something that is no answer ({type(error).__name__})"
                failure = TierFailedError(model, cause)
            self._note_charge(failure, request.dialect, response, seen)
            raise failure from None
        if request.dialect == Dialect.CHAT and "logprobs" in request.added:
            drop_logprobs(response)
        if (asking := asking_of(purpose)) is not None:
            asking.took(answer.usage)
            asking.answered = AnsweredCall(hidden_params(response), seen.log, answer.deployment)
        return answer

    def _listening(self, model: str, request: ChatRequest) -> ProviderAnswer:
        seen = ProviderAnswer()
        count = partial(self._pricer.count_tokens, model)
        seen.estimate = lambda said: (count(request.messages), count(said))
        return seen

    def _read(self, model: str, dialect: str, response: object, seen: ProviderAnswer) -> Answer:
        hidden, body = hidden_params(response), as_served(dialect, body_of_response(response))
        if body.get("error"):
            raise TierFailedError(model, "answered with an error")
        if dialect == Dialect.MESSAGES and not _is_json(body):  # the other two have types
            raise TierFailedError(model, "answered with numbers that are none")
        answer = answer_of(
            dialect,
            endings.as_ended(dialect, body, seen),
            model=model,
            deployment=self._name(hidden),
            cost_usd=self._cost_usd(model, dialect, hidden, body, seen),
            edge=response,
        )
        if not answer.choices:
            raise TierFailedError(model, "answered without any choice", deployment=answer.deployment)
        if seen.is_miscounted:
            answer = replace(answer, usage=replace(answer.usage, is_estimated=True))
        deployment_id = str(hidden.get("model_id") or "")
        parts = self._pricer.cost_parts(model, answer.usage, answer.cost_usd, deployment_id=deployment_id)
        return replace(answer, cost_parts=parts)

    def _note_charge(self, failure: TierFailedError, dialect: str, response: object, seen: ProviderAnswer) -> None:
        """What LiteLLM has charged for an answer that is none to us."""
        with suppress(Exception):  # it is no answer: anything may be wrong with it
            hidden, body = hidden_params(response), body_of_response(response)
            failure.cost_usd = self._cost_usd(failure.tier, dialect, hidden, body, seen)
            counted = answer_view(Dialect(dialect), {"usage": body.get("usage")}).usage
            failure.tokens = (counted.input_tokens, counted.output_tokens) if counted else (0, 0)

    def _name(self, hidden: Mapping[str, Any]) -> str:
        """The deployment's model as `model_list` has it: the same whether an answer is whole or streamed."""
        return self._models.name_of(str(hidden.get("model_id") or "")) or str(hidden.get("litellm_model_name") or "")

    def deployment_of(self, model: str) -> str:
        """The model of the group's first deployment."""
        return self._models.first_of(model)

    def _cost_usd(
        self,
        model: str,
        dialect: str,
        hidden: Mapping[str, Any],
        body: Mapping[str, Any],
        seen: ProviderAnswer,
    ) -> float:
        """What LiteLLM charged for the call; of some translated answers it does not say."""
        charged: object = hidden.get("response_cost")
        if isinstance(charged, int | float) and math.isfinite(charged) and charged > 0:
            return float(charged)
        if not isinstance(body.get("usage"), Mapping):
            return 0.0
        charge = self._pricer.charge_of(model, dialect, seen, deployment_id=str(hidden.get("model_id") or ""))
        return charge(body) or 0.0

    async def stream(
        self, model: str, request: ChatRequest, *, purpose: CallPurpose
    ) -> AsyncGenerator[StreamPiece, None]:
        """The answer's events as they come. Raises TierFailedError, also in the middle."""
        seen = self._listening(model, request)
        seen.bill = bill = TierBill(seen, self._pricer, model, edge=edge.current.get())
        token = current.set(seen)
        try:
            response = await self._asked(model, request, purpose, stream=True)
        except BaseException as error:
            bill.give_up(error)
            raise
        finally:
            current.reset(token)
        is_begun = False
        try:
            async for piece in stream_pieces(request.dialect, model, response, seen):
                told = piece if is_begun else replace(piece, settle=bill.settle)
                is_begun = True
                if piece.deployment_id:
                    bill.deployment_id = piece.deployment_id
                    name = self._models.name_of(piece.deployment_id) or piece.deployment
                    charge = self._pricer.charge_of(model, request.dialect, seen, deployment_id=piece.deployment_id)
                    told = replace(told, deployment=name, charge=charge)
                    if (asking := asking_of(purpose)) is not None:
                        hidden = hidden_of_stream(hidden_params(response), hidden_params(piece.edge))
                        asking.answered = AnsweredCall(hidden, seen.log, name, is_streamed=True)
                yield told
        except TierFailedError:
            raise
        except Exception as error:
            failure = self._failure(model, error, stream=True)
            failure.__cause__ = error  # by which a time-out is known
            _give_up(bill, failure, is_begun=is_begun)
            raise failure from error
        except asyncio.CancelledError as error:
            _give_up(bill, error, is_begun=is_begun)
            raise
        finally:
            await close_stream(response)
            if not is_begun:
                bill.drop()

    def lost(self, model: str, request: ChatRequest) -> Sequence[str]:
        """The places of the request that no provider of the model group would get."""
        return self._translations.lost(model, request)

    async def _asked(self, model: str, request: ChatRequest, purpose: CallPurpose, *, stream: bool) -> object:
        if lost := self.lost(model, request):
            cause = f"would not get '{lost[0]}' of this request: its provider speaks another API"
            raise TierFailedError(model, cause, status_code=400, rejected=True, param=lost[0])
        # What checks the gateway itself is for the operator, who sees placeholders.
        if purpose not in _OWN:
            seen = partial(as_seen_by, model, request, self._private_models)
            request = await beside_loop(seen, is_heavy=request.is_local and view_of(request).is_heavy)
        token = asked.set(request)
        try:
            return await self._asked_fitting(model, request, purpose, stream=stream)
        finally:
            asked.reset(token)

    async def _asked_fitting(self, model: str, request: ChatRequest, purpose: CallPurpose, *, stream: bool) -> object:
        while True:
            try:
                # The call is logged by an object of its own, which looks at this when it is made.
                with inherit_message_logging_privacy(request.is_private):
                    return await self._call(request.dialect, self._kwargs(model, request, purpose, stream=stream))
            except Exception as error:
                failure = self._stumble(model, request, error) or self._failure(model, error, stream=stream)
                ours = request.added | request.raised.keys()
                if not (failure.rejected and ours):
                    raise failure from error
                # The client sent none of it, so it must not fail for it.
                request = _without(request, named_in(str(error), ours) or ours)

    def _stumble(self, model: str, request: ChatRequest, error: Exception) -> TierFailedError | None:
        """LiteLLM tripped over the request before it sent anything: nothing is known to be wrong with the tier."""
        fault = stumbles.stumble(body_of(request), own_failure(error), beside=request.added)
        if fault is None:
            return None
        failure = TierFailedError(model, fault.message, status_code=400, rejected=True, param=fault.param)
        failure.deployment = self._models.first_of(model)
        return failure

    def _failure(self, model: str, error: Exception, *, stream: bool) -> TierFailedError:
        """What a failed call means to us, with the name of the deployment that failed last."""
        failure = tier_failure(model, error)
        seen = current.get()
        if failure.rejected and failure.code is None and not stream and seen is not None and seen.status == _OK:
            # LiteLLM says 422 of an answer that it cannot read.
            failure = TierFailedError(model, f"answered with something that is no answer ({type(error).__name__})")
        failure.deployment = failure.deployment or self._models.failed(model, own_failure(error))
        return failure

    async def _call(self, dialect: str, kwargs: dict[str, Any]) -> object:
        call = cast("Callable[..., Awaitable[object]]", getattr(self._router(), METHODS[dialect]))
        return await call(**kwargs)

    def supports(self, model: str, param: str) -> bool:
        """Whether every deployment of the model group takes this OpenAI parameter, as far as LiteLLM knows."""
        known = self._supported.get(model)
        if known is None:
            known = self._supported[model] = self._common_params(model)
        return param in known

    def _common_params(self, model: str) -> frozenset[str]:
        router = self._router()
        found = [router.get_deployment(model_id=one) for one in router.get_model_ids(model_name=model)]
        params = [
            frozenset(cast("list[str]", litellm.get_supported_openai_params(model=one.litellm_params.model) or ()))
            for one in found
            if one is not None
        ]
        return frozenset[str].intersection(*params) if params else frozenset()

    def _kwargs(self, model: str, request: ChatRequest, purpose: CallPurpose, *, stream: bool) -> dict[str, Any]:
        parent = cast("Mapping[str, Any]", request.edge or {})
        is_own = purpose in _OWN
        bucket = "metadata" if request.dialect == "chat" else "litellm_metadata"
        metadata = {} if is_own else forwarded_internal_call_metadata(_bucket(parent), _ORIGIN)
        metadata |= {"thriftgate_purpose": purpose.value, "thriftgate_route": request.route, STAYS: request.is_private}

        kwargs: dict[str, Any] = {}
        if request.body is not None:
            # What LiteLLM itself put beside the client's body: headers for the provider, time-outs, sessions.
            kwargs |= {name: value for name, value in parent.items() if name not in _OF_THE_REQUEST}
            gone = set(cast("Mapping[str, Any]", parent.get("client_body") or {})) - set(request.body)
            kwargs = {name: value for name, value in kwargs.items() if name not in gone and name != "client_body"}
        kwargs |= {name: value for name, value in body_of(request).items() if name not in _OF_THE_REQUEST}
        kwargs |= handed_on(request)
        if request.dialect != "chat" and "metadata" in body_of(request):
            kwargs["metadata"] = body_of(request)["metadata"]
        kwargs |= {"model": model, bucket: metadata}
        for name in ("litellm_trace_id", "litellm_session_id"):
            if parent.get(name):
                kwargs[name] = parent[name]
        if stream:
            kwargs["stream"] = True
            if request.dialect == "chat":
                kwargs["stream_options"] = {**(kwargs.get("stream_options") or {}), "include_usage": True}
        else:
            kwargs.pop("stream_options", None)
        if request.is_private:
            kwargs = _staying(kwargs)
        if is_own:
            kwargs.pop("user", None)  # LiteLLM keeps a budget for it as well
        if self._forward_traceparent:
            headers = cast("Mapping[str, str]", kwargs.get("extra_headers") or {})
            traceparent = outgoing_traceparent(request.request_id, request.traceparent)
            kwargs["extra_headers"] = {**headers, "traceparent": traceparent}
        return kwargs


def _staying(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Without a client's own fallbacks: one of them may have `metadata`, which takes the place of ours with `STAYS`."""
    return {name: value for name, value in kwargs.items() if name not in FALLBACK_FIELDS} | dict(UNKEPT)


def _give_up(bill: TierBill, error: BaseException, *, is_begun: bool) -> None:
    """A stream ends so; once it has begun, whoever reads it settles its bill."""
    if not is_begun:
        bill.give_up(error)
    elif isinstance(error, Exception) and (used := bill.given_up(error)) is not None:
        note_given_up(error, *used)


def asking_of(purpose: CallPurpose) -> edge.EdgeRequest | None:
    """The client's request that a call is an answer to; None of a call for the gateway's own sake."""
    return edge.current.get() if purpose is CallPurpose.ANSWER else None


def named_in(refusal: str, names: frozenset[str]) -> frozenset[str]:
    """Those of the parameters that a refusal speaks of; each deployment of a group refuses others."""
    words = frozenset(_WORD.findall(refusal[:_MOST_REFUSAL]))
    return names & words


def _is_json(body: Mapping[str, Any]) -> bool:
    """Whether the body can be sent: JSON has no word for what is no number."""
    try:
        json.dumps(body, allow_nan=False)
    except (ValueError, TypeError):
        return False
    return True


def _without(request: ChatRequest, names: frozenset[str]) -> ChatRequest:
    """The request without these fields of ours, and with the client's own value where it sent one."""
    body = {name: value for name, value in body_of(request).items() if name not in names}
    body |= {name: was for name, was in request.raised.items() if name in names}
    raised = {name: was for name, was in request.raised.items() if name not in names}
    return with_fields(request, body, added=request.added - names, raised=raised)


def _bucket(parent: Mapping[str, Any]) -> Mapping[str, Any]:
    """What LiteLLM knows of the caller; where it is kept differs by endpoint."""
    return cast("Mapping[str, Any]", parent.get("litellm_metadata") or parent.get("metadata") or {})
