"""Says what is wrong with a request before LiteLLM trips over it.

LiteLLM answers a malformed request with the traceback of whatever it hit first. Some it takes for a failure of the
provider, such as one with a number that is not finite, and its breaker then closes the provider to everybody. Only the
shape is looked at, and only where every provider agrees on it; what a model supports is for the model to say.

Failure behaviour: raises InvalidRequestError (HTTP 400), which names the parameter and never quotes what was said.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, cast

from thriftgate.errors import InvalidRequestError
from thriftgate.proxy.endpoints.chosen import check_chosen, check_headers, check_operators, check_targets, targets_of
from thriftgate.proxy.endpoints.fields import OBJECT, TEXT_OR_OBJECTS, TYPES, Check, note_fault, type_fault
from thriftgate.proxy.endpoints.parts import (
    check_calls,
    check_content,
    check_formats,
    check_items,
    check_tools,
    must_be,
)
from thriftgate.wire.shapes import mapping

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_LARGEST = 2**63
"""Whole numbers from here on have no place in anybody's JSON parser."""
_LITELLMS_OWN = frozenset({"metadata", "litellm_metadata", "proxy_server_request", "secret_fields", "litellm_params"})
"""What LiteLLM has put beside the client's parameters by the time that it is seen here."""


_EVERYWHERE = (
    "stream tools temperature top_p timeout tags reasoning thinking stream_options context_management mcp_servers "
    "include previous_response_id model_group_retry_policy provider_specific_header request_timeout api_key"
)


def _checks(names: str, **others: Check) -> Mapping[str, Check]:
    return {name: TYPES[name] for name in f"{_EVERYWHERE} {names}".split()} | others


_CHAT = _checks(
    "n max_tokens max_completion_tokens seed top_logprobs frequency_penalty presence_penalty logprobs "
    "parallel_tool_calls stop tool_choice response_format logit_bias"
)
_MESSAGES = _checks("max_tokens system stop_sequences", tool_choice=OBJECT)
_RESPONSES = _checks("instructions max_output_tokens", input=TEXT_OR_OBJECTS)
_PLAIN = _checks(
    "max_tokens max_completion_tokens max_output_tokens tool_choice response_format", input=TEXT_OR_OBJECTS
)
_PROMPT: Mapping[str, Check] = {name: TYPES[name] for name in ("prompt_variables", "prompt_id")}
"""What a client says of the route's prompt."""
_EARLY: Mapping[str, Check] = {
    name: TYPES[name] for name in ("model", "user", "tags", "metadata", "litellm_metadata", "litellm_call_id", "system")
}
"""What LiteLLM reads of any body, be it to log that it refused it or to count its tokens."""
_NO_FIELD = "litellm_logging_obj"
"""LiteLLM's own logger of a request, which it looks for among the client's fields."""
_MARK = "_"
"""So begins what LiteLLM notes for itself beside a client's fields, and believes whoever wrote it."""
_LISTING = ("model", "target_model_names")
"""Where LiteLLM takes names of models "a,b", and asks every one of them, all at once."""
_MOST_MODELS = 16
_LONGEST_MODEL = 1_000
"""Characters of them together."""
_SHAPED = frozenset({"completion", "acompletion", "anthropic_messages", "responses", "aresponses"})


def check_request(body: Mapping[str, Any], call_type: str) -> None:
    """A request to a route, on any endpoint. Raises InvalidRequestError naming the parameter, never quoting a value."""
    check_any(body)
    if body.get("api_key") or any(one.get("api_key") for one in targets_of(_as_sent(body))):
        raise InvalidRequestError("'api_key' is not a field of a request to a route", param="api_key")
    if body.get("models"):
        raise InvalidRequestError("'models' is not a field of a request to a route", param="models")
    check_operators(_chosen_fields(body))
    if call_type in ("completion", "acompletion"):
        _check_parameters(body, _CHAT)
        _check_conversation(body, _check_message)
    elif call_type == "anthropic_messages":
        _check_parameters(body, _MESSAGES)
        _check_user(body)
        _check_conversation(body, _check_block_message)
        if isinstance(body.get("system"), list):
            check_content(body["system"], "system")
    elif call_type in ("responses", "aresponses"):
        _check_parameters(body, _RESPONSES)
        check_items(body.get("input"))
    check_tools(body)
    check_formats(body)


def check_asking(body: Mapping[str, Any], *, allows: Callable[[str, object], bool]) -> None:
    """What a client of a plain model says of how it is asked; `allows` says which fields the operator leaves to it.

    Raises InvalidRequestError naming the parameter, never quoting a value.
    """
    check_operators(_chosen_fields(body), allows=allows)


def check_plain(body: Mapping[str, Any], call_type: str) -> None:
    """A request to a plain model: its shape, while its roles and parameters are between the client and the provider.

    Raises InvalidRequestError naming the parameter, never quoting a value.
    """
    if call_type not in _SHAPED:
        return
    check_any(body)
    _check_parameters(body, _PLAIN)
    if call_type == "anthropic_messages":
        _check_user(body)
    messages: object = body.get("messages")
    if messages is not None:
        _check_conversation(body, _check_plain_message)
    if isinstance(body.get("system"), list):
        check_content(body["system"], "system")
    check_items(body.get("input"))
    check_tools(body)
    check_formats(body)


def check_early(body: Mapping[str, Any]) -> None:
    """What is looked at on every endpoint before anybody is asked who calls. Raises InvalidRequestError."""
    _check_parameters(body, _EARLY)
    _check_names(body)
    check_headers(body)
    check_targets(body)
    if (fault := note_fault(body)) is not None:
        raise fault
    for name in body:
        if name == _NO_FIELD or name.startswith(_MARK):
            known = name if name == _NO_FIELD else None
            raise InvalidRequestError(f"'{known or _MARK + '…'}' is not a field of a request", param=known)


def _check_names(body: Mapping[str, Any]) -> None:
    """One request is not a hundred thousand: a list of so many names held the gateway for minutes."""
    for name in _LISTING:
        value: object = body.get(name)
        if isinstance(value, str) and (len(value) > _LONGEST_MODEL or value.count(",") >= _MOST_MODELS):
            most = f"at most {_MOST_MODELS} names of at most {_LONGEST_MODEL} characters"
            raise InvalidRequestError(f"'{name}' must be {most}", param=name)


def check_any(body: Mapping[str, Any]) -> None:
    """What holds on every endpoint. Raises InvalidRequestError."""
    _check_values(body)
    _check_parameters(body, _PROMPT)
    check_chosen(body)
    _check_names(body)  # once more: a model may also be named in the address
    # Where the whole body was too long to be looked through early.
    sent = _as_sent(body)
    check_headers(sent)
    check_targets(sent)


def _as_sent(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The client's own fields, where the operator may have had LiteLLM put others beside them."""
    return mapping(mapping(body.get("proxy_server_request")).get("body"))


def _chosen_fields(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same without the `api-version` that Azure's SDKs write behind every address, which LiteLLM has put there."""
    is_azures = "api-version=" in str(mapping(body.get("proxy_server_request")).get("url"))
    return {name: value for name, value in _as_sent(body).items() if not (is_azures and name == "api_version")}


def check_single(model: str, routes: Mapping[str, object]) -> None:
    """A route is asked by itself, not in LiteLLM's list of models "a,b". Raises InvalidRequestError."""
    named = next((one for one in map(str.strip, model.split(",")) if one in routes), None) if "," in model else None
    if named is not None:
        raise InvalidRequestError(f"route '{named}' is asked by itself, not in a list of models", param="model")


def _check_parameters(body: Mapping[str, Any], checks: Mapping[str, Check]) -> None:
    for name, check in checks.items():
        if (fault := type_fault(name, check, body.get(name))) is not None:
            raise fault


def _check_user(body: Mapping[str, Any]) -> None:
    """Anthropic's `metadata` is its user's id, and LiteLLM trips over any that is no text."""
    user_id: object = mapping(body.get("metadata")).get("user_id")
    if (fault := type_fault("metadata.user_id", TYPES["user"], user_id)) is not None:
        raise fault


def _check_values(body: Mapping[str, Any]) -> None:
    """Python's JSON reader takes what no provider's does: NaN, endless numbers, halves of characters."""
    for name in body.keys() - _LITELLMS_OWN:
        waiting: list[Any] = [body[name]]
        while waiting:
            one = waiting.pop()
            # By the exact type first, and texts before all: a body may have 100,000 values, and others wait meanwhile.
            if type(one) is str and one.isascii():
                continue
            if type(one) is dict:
                fields = cast("dict[str, Any]", one)
                waiting.extend(fields)
                waiting.extend(fields.values())
                continue
            if type(one) is list:
                waiting.extend(cast("list[Any]", one))
                continue
            fault = _fault_of(one)
            if fault is not None:
                raise InvalidRequestError(f"'{name}' contains {fault}", param=name)


def _fault_of(value: object) -> str | None:
    """Why a value cannot be sent to anybody, if so."""
    if isinstance(value, str):
        # To ask whether a text is ASCII costs nothing, however long it is; most are, images among them.
        return None if value.isascii() or _is_encodable(value) else "text that is not Unicode"
    if isinstance(value, float):
        return None if math.isfinite(value) else "a number that is not finite"
    if isinstance(value, int):
        return None if -_LARGEST <= value < _LARGEST else "a number that is too large"
    return None


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_conversation(body: Mapping[str, Any], check: Callable[[Mapping[str, object], str], None]) -> None:
    messages: object = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise must_be("messages", "a list with at least one message")
    for index, message in enumerate(cast("list[object]", messages)):
        path = f"messages[{index}]"
        if not isinstance(message, Mapping):
            raise must_be(path, "an object with 'role' and 'content'")
        check(cast("Mapping[str, object]", message), path)


def _check_message(fields: Mapping[str, object], path: str) -> None:
    """One of OpenAI's messages."""
    role = fields.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        known = ", ".join(sorted(_ROLES))
        raise must_be(f"{path}.role", f"one of {known}")
    check_calls(fields, path)
    content = fields.get("content")
    if content is None and fields["role"] in ("assistant", "function"):
        return
    _check_content(content, path)


def _check_block_message(fields: Mapping[str, object], path: str) -> None:
    """One of Anthropic's messages; which roles there are is LiteLLM's to say."""
    if not isinstance(fields.get("role"), str):
        raise must_be(f"{path}.role", "a text")
    _check_content(fields.get("content"), path)


def _check_plain_message(fields: Mapping[str, object], path: str) -> None:
    """A message in either dialect, to whoever."""
    if not isinstance(fields.get("role"), str):
        raise must_be(f"{path}.role", "a text")
    check_calls(fields, path)
    if fields.get("content") is not None:
        check_content(fields["content"], f"{path}.content")


def _check_content(content: object, path: str) -> None:
    if content is None:
        raise InvalidRequestError(f"'{path}.content' is missing", param=f"{path}.content")
    check_content(content, f"{path}.content")
