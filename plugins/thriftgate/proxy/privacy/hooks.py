"""Takes personal data out of a request before LiteLLM does anything with it.

Runs after the hook that opens the request (`proxy/hooks.py`), which refuses what is malformed, and before everything
that sends, caches, traces or logs. What LiteLLM has copied from the request by then is replaced as well.

Failure behaviour: fails closed. Whatever goes wrong, the request is refused (503, or 400 where a kind is blocked or the
model may not see it), and its texts are taken out of what LiteLLM logs of refused requests. Where only an earlier
answer is fetched nothing is sent: with the vault away it keeps its placeholders, and a line is logged.
"""

import logging
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, cast

from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy._types import UserAPIKeyAuth

from thriftgate.config.privacy_policies import Policies
from thriftgate.errors import ContentBlockedError, GatewayError, PrivacyUnavailableError
from thriftgate.identity.shown import shown_names
from thriftgate.privacy.documents import transformed
from thriftgate.privacy.policy import Action, PrivacyPolicy
from thriftgate.privacy.pseudonyms import Pseudonym
from thriftgate.proxy.edge import current as current_edge
from thriftgate.proxy.endpoints.refusing import answer_with
from thriftgate.proxy.errors import ClientHTTPException
from thriftgate.proxy.privacy.falling_back import limit_fallbacks
from thriftgate.proxy.privacy.layer import Exchange, Remember, current
from thriftgate.proxy.privacy.logged import tell_no_words_of_failures, without_words
from thriftgate.proxy.privacy.private import UNKEPT, keep_out_of_logs
from thriftgate.proxy.tiers.groups import ModelGroups
from thriftgate.services.privacy.protecting import Conversation, PrivacyService
from thriftgate.wire.shapes import mapping

logger = logging.getLogger(__name__)

_CONVERSATIONS = ("messages", "input", "prompt")

_OPENS = re.compile(r"auth|key|token|secret|cookie|credential|password|signature", re.IGNORECASE)
"""In the name of a header that has a credential, which its provider is to see."""
_FETCHING = frozenset({"aget_responses", "alist_input_items"})
"""Asks for an earlier answer, or for what it answered."""
_LITELLMS_OWN = frozenset({
    "model", "metadata", "litellm_metadata", "proxy_server_request", "secret_fields", "litellm_logging_obj",
    "litellm_call_id", "litellm_trace_id", "litellm_session_id", "litellm_params", "api_key", "api_base", "headers",
    "extra_headers", "allowed_openai_params", "num_retries", "specific_deployment", "deployment", "api_version",
    "cache", "ttl", "caching", "guardrails", "tags", "callbacks", "success_callback", "failure_callback",
})  # fmt: skip
"""What LiteLLM keeps beside the client's parameters, or what only it reads."""
_LITELLMS_NOTES = frozenset({
    "headers", "endpoint", "litellm_api_version", "global_max_parallel_requests", "requester_ip_address", "user_agent",
    "litellm_parent_otel_span", "requester_metadata", "session_id", "litellm_received_at", "llm_api_timing_windows",
    "litellm_roi_estimator", "used_client_oauth_token", "inherited_tags", "user_api_end_user_max_budget",
    "user_api_key",
})  # fmt: skip
"""What LiteLLM has noted of a request by now, and always writes over what a client called the same.

`agent_id`, `guardrails`, `policies` and their like are not among them: a client's own stand there where a key has none.
`caller_tags` are the client's own words.
"""


class PrivacyHooks(CustomLogger):
    """Protects every request to a route or model that has a policy."""

    enforces_request_content = True
    """LiteLLM's fast path may not go around it."""

    def __init__(
        self, service: PrivacyService, policies: Policies, routes: Collection[str], groups: ModelGroups
    ) -> None:
        """`routes` are those that have a private tier."""
        super().__init__()
        self._groups = groups
        tell_no_words_of_failures()
        self._routes = routes
        self._service = service
        self._policies = policies

    async def async_pre_call_hook(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, user_api_key_dict: UserAPIKeyAuth, cache: object, data: dict[str, Any], call_type: str
    ) -> dict[str, Any] | None:
        """Replace every value by what the policy says."""
        exchange = current.get()
        if call_type in _FETCHING:
            if exchange is not None:
                exchange.entries = await self._fetched(data, user_api_key_dict)
            return None
        groups = self._groups.of(str(data.get("model") or ""))
        policy = self._policies.policy_of(*groups)
        self._limit_fallbacks(data, exchange, policy)
        names = _names_of(data, user_api_key_dict)
        if policy is None:
            _note_names(names, ())
            return None
        is_private_model = current_edge.get() is None and self._policies.private_models.issuperset(groups)
        if is_private_model:
            policy = policy.for_private_model()
        body = {name: value for name, value in data.items() if name not in _LITELLMS_OWN}
        noted = _noted_by_client(data)
        conversation = self._conversation(data, user_api_key_dict)
        try:
            protected = await self._service.protect(
                {"body": body, "noted": noted, "sent": _headers_of(data)},
                policy,
                conversation,
                caller=str(user_api_key_dict.api_key or user_api_key_dict.token or ""),
                names=names,
            )
            _check_model(protected.private, is_private_model=is_private_model)
        except Exception as error:
            raise self._refusal(data, error) from None
        data.update(cast("Mapping[str, Any]", protected.body["body"]))
        _replace_notes(data, noted, cast("Mapping[str, Any]", protected.body["noted"]))
        _replace_headers(data, cast("Mapping[str, Mapping[str, Any]]", protected.body["sent"]))
        _note_names(names, protected.personal)
        _replace_copies(data)
        if protected.private:
            _keep_private(data, protected.private)
            if exchange is not None and current_edge.get() is None:
                self._limit_choice(exchange, policy, is_private=True)
        if exchange is not None:
            exchange.entries = protected.entries
            self._show_to_private_tiers(data, exchange, policy)
            if call_type in {"aresponses", "responses"}:
                exchange.remember = self._remembering(_caller(user_api_key_dict))
        return data

    def _remembering(self, caller: tuple[str, str, str]) -> Remember:
        async def remember(answer_id: str, entries: Sequence[Pseudonym]) -> None:
            await self._service.remember(self._service.conversation(*caller, "conversation", answer_id).id, entries)
            if caller[-1]:
                await self._service.remember(self._service.conversation(*_fetching(caller, answer_id)).id, entries)

        return remember

    async def _fetched(self, data: Mapping[str, Any], auth: UserAPIKeyAuth) -> Sequence[Pseudonym]:
        """What stands in an answer that is fetched by its id, as whoever had it made in the background does."""
        caller, answer_id = _caller(auth), str(data.get("response_id") or "")
        names = [(*caller, "conversation", answer_id), *([] if caller[-1] else [_fetching(caller, answer_id)])]
        try:
            for name in names:
                if entries := await self._service.known(self._service.conversation(*name)):
                    return entries
        except GatewayError as error:
            logger.warning("the pseudonyms of an answer could not be read: %s", type(error).__name__)
        return ()

    async def protect_count(self, model: str, fields: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
        """What a provider may be given to count, and whether this one may be; see `counting`."""
        groups = self._groups.of(model)
        policy = self._policies.policy_of(*groups)
        if policy is None:
            return fields, True
        is_private_model = self._policies.private_models.issuperset(groups)
        if is_private_model:
            policy = policy.for_private_model()
        exchange = current.get()
        try:
            protected = await self._service.protect(fields, policy, caller=exchange.caller if exchange else "")
        except Exception as error:
            refusal = _said(error)
            answer_with(refusal)
            raise ClientHTTPException(refusal) from None
        return protected.body, is_private_model or not protected.private

    async def async_logging_hook(
        self, kwargs: dict[str, Any], result: Any, call_type: str
    ) -> tuple[dict[str, Any], Any]:
        """Called before any logger is, of every call."""
        return without_words(kwargs, result)

    def logging_hook(self, kwargs: dict[str, Any], result: Any, call_type: str) -> tuple[dict[str, Any], Any]:
        """The same for calls that LiteLLM logs from a thread."""
        return without_words(kwargs, result)

    def _limit_fallbacks(self, data: dict[str, Any], exchange: Exchange | None, policy: PrivacyPolicy | None) -> None:
        """A plain model falls back to none whose policy is stricter than the one that the request goes through.

        A route's own policy stands for its tiers and for what these fall back to; a route may have none.
        """

        def may_be_sent(model: str) -> bool:
            return all(self._policies.may_be_sent(policy, group) for group in self._groups.of(model))

        if exchange is not None:
            exchange.may_be_sent = None  # LiteLLM may come again with another model
            self._limit_choice(exchange, policy)
        if self._policies.differ and (policy is None or current_edge.get() is None):
            limit_fallbacks(data, exchange, may_be_sent)

    def _limit_choice(self, exchange: Exchange, policy: PrivacyPolicy | None, *, is_private: bool = False) -> None:
        """What is chosen in the place of what was asked has no stricter policy; of a private request it is private."""
        policies, groups = self._policies, self._groups

        def may_be_sent(names: Collection[str], *, stays: bool) -> bool:
            if stays or is_private:
                return policies.private_models.issuperset(names)
            return all(policies.may_be_sent(policy, one) for one in names)

        def may_be_chosen(model: str, deployment: Mapping[str, Any], *, stays: bool, is_ours: bool) -> bool:
            # A private model may be so by its name; a route's policy stands for its tiers.
            is_enough = model in policies.private_models if stays or is_private else is_ours
            is_named = is_enough and groups.answers_itself(model, deployment)
            return is_named or may_be_sent(groups.judging(model, deployment), stays=stays)

        def may_stand_in(model: str, *, stays: bool) -> bool:
            return may_be_sent(groups.of(model), stays=stays)

        exchange.may_be_chosen, exchange.may_stand_in = may_be_chosen, may_stand_in

    def _show_to_private_tiers(self, data: Mapping[str, Any], exchange: Exchange, policy: PrivacyPolicy) -> None:
        """A route's private tiers are asked with the values that are `local`; what they answer is logged nowhere."""
        edge = current_edge.get()
        local = [entry for entry in exchange.entries if policy.actions.get(entry.entity_type) is Action.LOCAL]
        if edge is None or edge.route not in self._routes or not local:
            return
        exchange.local = {entry.placeholder: entry.value for entry in local}
        keep_out_of_logs(data.get("litellm_logging_obj"))
        edge.is_local = True
        edge.notes = {**edge.notes, "local": sorted({entry.entity_type for entry in local})}

    def _conversation(self, data: Mapping[str, Any], auth: UserAPIKeyAuth) -> Conversation | None:
        """What the request says it continues; ids of one caller mean nothing to another."""
        earlier = data.get("previous_response_id") or data.get("conversation")
        if isinstance(earlier, Mapping):
            earlier = cast("Mapping[str, Any]", earlier).get("id")
        if isinstance(earlier, str) and earlier:
            return self._service.conversation(*_caller(auth), "conversation", earlier, is_continued=True)
        metadata = mapping(data.get("metadata") or data.get("litellm_metadata"))
        session = data.get("litellm_session_id") or metadata.get("session_id")
        if isinstance(session, str) and session:
            return self._service.conversation(*_caller(auth), "session", session)
        return None

    def _refusal(self, data: dict[str, Any], error: Exception) -> ClientHTTPException:
        refusal = _said(error)
        _forget_texts(data)
        edge = current_edge.get()
        if edge is not None:
            edge.refuse(refusal)
        return ClientHTTPException(refusal)


def _said(error: Exception) -> GatewayError:
    if isinstance(error, GatewayError):
        return error
    logger.error("privacy failed: %s", type(error).__name__)
    return PrivacyUnavailableError("the check for personal data failed; nothing was sent")


def _check_model(private: Collection[str], *, is_private_model: bool) -> None:
    """Raises ContentBlockedError for a plain model that may not see what is private; a route chooses by itself."""
    if private and current_edge.get() is None and not is_private_model:
        raise ContentBlockedError(
            f"the request has personal data that only private models may see: {', '.join(sorted(private))}",
            code="personal_data_blocked",
        )


def _keep_private(data: dict[str, Any], kinds: Collection[str]) -> None:
    """Whoever serves the request keeps it where it is; the kinds are noted, and nothing of the values."""
    keep_out_of_logs(data.get("litellm_logging_obj"))
    edge = current_edge.get()
    if edge is None:
        data.update(UNKEPT)
        limit_fallbacks(data, current.get(), lambda model: False)
    else:
        edge.is_private = True
        edge.notes = {**edge.notes, "private": sorted(kinds)}


def _headers_of(data: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The headers that the client's body adds to the request to a provider, but for what opens something there."""
    return {
        name: {"headers": {key: value for key, value in mapping(data.get(name)).items() if not _OPENS.search(key)}}
        for name in ("extra_headers", "headers")
        if isinstance(data.get(name), dict)
    }


def _replace_headers(data: dict[str, Any], sent: Mapping[str, Mapping[str, Any]]) -> None:
    for name, one in sent.items():
        data[name] = {**data[name], **one["headers"]}


def _names_of(data: Mapping[str, Any], auth: UserAPIKeyAuth) -> list[str]:
    """What the client calls whom it asks for, and the session, as the books would say it."""
    edge = current_edge.get()
    notes = [mapping(data.get("metadata")), mapping(data.get("litellm_metadata"))]
    sessions = [data.get("litellm_session_id"), *(one.get("session_id") for one in notes)]
    sessions += [data.get("litellm_trace_id"), edge.headers.get("x-session-id") if edge is not None else None]
    return [str(name) for name in (auth.end_user_id, data.get("user"), *sessions) if name]


def _note_names(names: Iterable[str], personal: Collection[str]) -> None:
    for name in names:
        shown_names.note(name, is_personal=name in personal)


def _caller(auth: UserAPIKeyAuth) -> tuple[str, str, str]:
    return str(auth.api_key or ""), str(auth.user_id or ""), str(auth.end_user_id or "")


def _fetching(caller: tuple[str, str, str], answer_id: str) -> tuple[str, ...]:
    """Who fetches an answer has no body to say for whom, as whoever asked for it had."""
    return (*caller[:2], "fetched", answer_id)


def _noted_by_client(data: Mapping[str, Any]) -> dict[str, Any]:
    """What the client put into `metadata`, where LiteLLM keeps its own notes too, but not at every endpoint.

    At those of messages and responses its notes have a place of their own, and `metadata` goes to the provider.
    """
    noted: dict[str, Any] = {}
    for name in ("metadata", "litellm_metadata"):
        kept = data.get(name)
        if not isinstance(kept, Mapping):
            continue
        fields = cast("Mapping[str, Any]", kept)
        # A client can write `requester_metadata` as well: only where LiteLLM's own notes are tells whose these are.
        if name == "metadata" and "requester_metadata" in mapping(data.get("litellm_metadata")):
            noted[name] = dict(fields)
            continue
        # What a client says in `litellm_metadata` stands among LiteLLM's notes and is in no list of the client's.
        noted[name] = {key: _as_json(value) for key, value in fields.items() if not _is_litellms(key)}
        noted[name]["requester_metadata"] = dict(mapping(fields.get("requester_metadata")))
    return noted


def _as_json(value: object) -> object:
    """`caller_tags` come as a tuple, in which no text is looked for."""
    return list(cast("tuple[object, ...]", value)) if isinstance(value, tuple) else value


def _is_litellms(key: str) -> bool:
    return key in _LITELLMS_NOTES or key.startswith("user_api_key_")


def _replace_notes(data: dict[str, Any], noted: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    for name, values in noted.items():
        fields = cast("dict[str, Any]", data[name])
        for key in values:  # a key may have become another
            fields.pop(key, None)
        fields.update(new[name])


def _replace_copies(data: Mapping[str, Any]) -> None:
    """What LiteLLM wrote down of the request when it came in."""
    # An input that was taken away is an empty text, and has to be written down as that.
    conversation: Any = next((data[name] for name in _CONVERSATIONS if data.get(name) is not None), None)
    log: Any = data.get("litellm_logging_obj")
    if log is not None and conversation is not None:
        log.update_messages(conversation)
        if "input" in log.model_call_details:
            log.model_call_details["input"] = conversation
    sent = data.get("proxy_server_request")
    if isinstance(sent, dict):
        cast("dict[str, Any]", sent)["body"] = {
            name: value
            for name, value in data.items()
            if name not in {"proxy_server_request", "secret_fields", "litellm_logging_obj"}
        }


def _forget_texts(data: dict[str, Any]) -> None:
    """Of a refused request LiteLLM logs what it knows: let it know no text."""
    for name in [name for name in data if name not in _LITELLMS_OWN]:
        try:
            data[name] = transformed(data[name], lambda text, label: "")
        except GatewayError:
            data[name] = None
    noted = _noted_by_client(data)
    _replace_notes(data, noted, {name: {} for name in noted})
    _replace_copies(data)
