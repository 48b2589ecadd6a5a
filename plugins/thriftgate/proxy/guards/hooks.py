"""Looks at a request before LiteLLM sends, caches or traces anything of it; behind privacy, so it sees placeholders.

Failure behaviour: a guard that fails lets the text pass, or answers 503, as configured (`guards.fail`). What a guard
blocks is a 400 that names the guard and quotes nothing.
"""

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy._types import UserAPIKeyAuth

from thriftgate.decisions import Reason
from thriftgate.errors import GatewayError
from thriftgate.guards.leaks import PromptLeak
from thriftgate.guards.spotlighting import marked
from thriftgate.privacy.restoring import Restorer
from thriftgate.proxy.books.refusals import edge_of
from thriftgate.proxy.edge import EdgeRequest
from thriftgate.proxy.edge import current as current_edge
from thriftgate.proxy.errors import ClientHTTPException
from thriftgate.proxy.guards.exchange import current, made_answers
from thriftgate.proxy.messages import caller_of
from thriftgate.proxy.privacy.layer import current as taken_out
from thriftgate.proxy.tiers.groups import ModelGroups
from thriftgate.services.guards.decisions import Decision
from thriftgate.services.guards.inspecting import GuardService, Said
from thriftgate.services.guards.judging import JudgedRequest
from thriftgate.services.request.background import beside_loop
from thriftgate.wire.dialects import request_view
from thriftgate.wire.request import RequestView
from thriftgate.wire.texts import free_texts
from thriftgate.wire.turns import Dialect, TextKind

_DIALECTS = {
    "completion": Dialect.CHAT, "acompletion": Dialect.CHAT, "anthropic_messages": Dialect.MESSAGES,
    "responses": Dialect.RESPONSES, "aresponses": Dialect.RESPONSES, "acompact_responses": Dialect.RESPONSES,
}  # fmt: skip
_PLACES = {
    TextKind.USER: "user", TextKind.TOOL_RESULT: "tool", TextKind.DEFINITION: "tool", TextKind.SYSTEM: "system",
    TextKind.DOCUMENT: "tool", TextKind.DATA: "tool",
}  # fmt: skip
_ELSEWHERE = ("prompt", "suffix", "input", "instruction", "instructions", "query", "documents", "contents", "messages")
"""Where texts stand at all the other endpoints, in whatever shape."""
Note = Callable[[Decision, str, str], None]
"""Takes a decision, the model and the request's id: for the audit log and the metrics."""


class GuardHooks(CustomLogger):
    """Guards every request to a route or model that has a policy."""

    enforces_request_content = True
    """LiteLLM's fast path may not go around it."""

    def __init__(
        self,
        service: GuardService,
        note: Note,
        prompts_of: Callable[[str], Iterable[str]],
        groups: ModelGroups,
        private_models: Collection[str] = (),
    ) -> None:
        """`prompts_of` gives the texts of a route's own prompt, which no answer should repeat."""
        super().__init__()
        self._service = service
        self._note = note
        self._prompts_of = prompts_of
        self._groups = groups
        self._private_models = frozenset(private_models)

    async def async_pre_call_hook(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, user_api_key_dict: UserAPIKeyAuth, cache: object, data: dict[str, Any], call_type: str
    ) -> dict[str, Any] | None:
        """Look at the request; refuse it, mark what tools gave back, or tell the route what follows."""
        if call_type == "aget_responses":
            self._fetched(data, user_api_key_dict)
            return None
        model = str(data.get("model") or "")
        groups = self._groups.of(model)
        policy = self._service.policies.policy_of(*groups)
        if policy is None:
            return None
        edge, exchange = current_edge.get(), current.get()
        asked = edge if edge is not None else _past_routes(data, user_api_key_dict, model, call_type)
        dialect = _DIALECTS.get(call_type)
        view = request_view(dialect, data) if dialect is not None else None
        try:
            has_lists = any(one.where != "output" for one in policy.config.deny)
            values = taken_out.get() if has_lists else None
            restorer = values.restorer if values is not None else None
            said = await beside_loop(
                lambda: [_as_written(one, restorer) for one in _said(data, view)],
                is_heavy=view is not None and view.is_heavy,
            )
            judge = policy.config.judge
            is_private = self._is_private(edge, groups)
            decision = await self._service.request(
                said,
                policy,
                whose=JudgedRequest(
                    request_id=asked.request_id,
                    route=asked.route,
                    caller=caller_of(asked),
                    traceparent=edge.headers.get("traceparent") if edge is not None else None,
                    is_private=is_private,
                ),
                may_ask=judge is not None and (judge.model in self._private_models or not is_private),
            )
        except GatewayError as error:
            raise _refused(edge, error) from None
        self._note(decision, model, asked.request_id)
        if exchange is not None:
            exchange.policy, exchange.decision = policy, decision
            exchange.model, exchange.request_id = model, asked.request_id
            exchange.caller = str(user_api_key_dict.api_key or user_api_key_dict.token or "")
            exchange.retraction = edge.retraction if edge is not None else None
            exchange.leak = self._leak(view, policy.config.system_prompt.canaries, edge)
        if edge is not None:
            edge.notes = {**edge.notes, **decision.metadata}
            edge.strong_because = Reason.GUARDED if decision.action == "strong" else None
            edge.is_suspect = decision.action != "off"
        if decision.error is not None:
            raise _refused(edge, decision.error)
        if policy.config.spotlight and view is not None:
            data.update(await beside_loop(partial(_spotlighted, view), is_heavy=view.is_heavy))
        return data

    def _fetched(self, data: Mapping[str, Any], auth: UserAPIKeyAuth) -> None:
        """An answer that is fetched by its id, as one that was made in the background, is looked at like any other."""
        exchange = current.get()
        made = made_answers.made_under(str(data.get("response_id") or ""))
        policy, model = made if made is not None else (self._service.policies.policy_of(""), "")
        if exchange is None or policy is None:
            return
        exchange.policy, exchange.model = policy, model
        exchange.request_id = str(data.get("litellm_call_id") or "")
        exchange.caller = str(auth.api_key or auth.token or "")
        exchange.leak = self._leak(None, policy.config.system_prompt.canaries, None)

    def _is_private(self, edge: EdgeRequest | None, groups: Iterable[str]) -> bool:
        """Whether there may be values in it that no model but private ones may see."""
        return edge.is_private if edge is not None else not self._private_models.isdisjoint(groups)

    def _leak(self, view: RequestView | None, canaries: Iterable[str], edge: EdgeRequest | None) -> PromptLeak | None:
        prompts = [view.instructions] if view is not None else []
        own = list(self._prompts_of(edge.route)) if edge is not None else []
        leak = PromptLeak(prompts, tuple(canaries), own=own)
        return None if leak.is_idle else leak


def _past_routes(data: Mapping[str, Any], auth: UserAPIKeyAuth, model: str, call_type: str) -> EdgeRequest:
    """A request that no route is asked for, for the books; the body of one that is passed through is the client's."""
    return edge_of({"model": model} if call_type == "pass_through_endpoint" else data, auth)


def _refused(edge: EdgeRequest | None, error: GatewayError) -> ClientHTTPException:
    if edge is not None:
        edge.refuse(error)
    return ClientHTTPException(error)


def _as_written(one: Said, restorer: Restorer | None) -> Said:
    """With what its sender wrote, where personal values were taken out of it."""
    written = restorer.restored(one.text) if restorer is not None else one.text
    return one if written == one.text else replace(one, written=written)


def _said(data: Mapping[str, Any], view: RequestView | None) -> Iterable[Said]:
    if view is not None:
        for place in view.texts:
            message = place.path[:2] if place.kind in (TextKind.USER, TextKind.TOOL_RESULT) else None
            yield Said(place.text, _PLACES.get(place.kind, "assistant"), message)
        return
    for name in _ELSEWHERE:
        for words in free_texts(data.get(name)):
            yield Said(words, "user")


def _spotlighted(view: RequestView) -> dict[str, Any]:
    """The conversation with what tools gave back between marks; the same mark for all of one request."""
    mark = secrets.token_hex(4)
    results = {place.path: marked(place.text, mark) for place in view.texts if place.kind is TextKind.TOOL_RESULT}
    if not results:
        return {}
    return {view.turns_field: view.with_texts(results)[view.turns_field]}
