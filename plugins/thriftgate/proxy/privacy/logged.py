"""What LiteLLM's loggers are told of a call that stays out of logs: names, numbers and times, and none of its words.

Everything is dropped but what is known by its name to be no word of the request or of the answer. LiteLLM's own
redaction goes by the other way round and leaves instructions, tools, metadata and what an answer echoes of them.

Failure behaviour: fails closed. What cannot be read (an object that contains itself, an odd class) is told as redacted.
LiteLLM asks no hook about failures; its own methods are wrapped for them, and `tests/proxy/test_privacy_failures.py`
notices when they are called otherwise.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from datetime import date
from functools import wraps
from typing import Any, cast

import httpx
from litellm.constants import REDACTED_BY_LITELLM
from litellm.litellm_core_utils.litellm_logging import Logging
from litellm.proxy.utils import ProxyLogging
from pydantic import BaseModel

from thriftgate.wire.shapes import mapping

_WRAPPED = "_thriftgate_tells_no_words"
_ANSWERS = frozenset({"complete_streaming_response", "async_complete_streaming_response"})
_NOTES = frozenset({"metadata", "litellm_metadata"})
_OF_THE_CALL = frozenset({
    "model", "call_type", "custom_llm_provider", "api_base", "api_version", "litellm_call_id", "litellm_trace_id",
    "litellm_session_id", "session_id", "standard_callback_dynamic_params", "log_event_type", "combined_usage_object",
    "exception", "model_info", "base_model", "region_name", "parent_otel_span", "litellm_parent_otel_span",
    "cost_breakdown", "model_map_information", "preset_cache_key", "cache_key", "function_id",
    "litellm_logging_obj", "response_headers", "litellm_disabled_callbacks", "custom_pricing", "url", "method",
    "headers", "litellm_overhead_time_ms", "model_group", "deployment", "model_group_alias",
})  # fmt: skip
"""Of LiteLLM's details of a call, of its parameters and of the HTTP request: what is its own or the operator's."""
_OF_THE_PAYLOAD = frozenset({
    "id", "trace_id", "session_id", "litellm_call_id", "call_type", "cost_breakdown", "status", "status_fields",
    "custom_llm_provider", "model_map_information", "model", "model_id", "model_group", "api_base", "cache_key",
    "request_tags", "request_model_access_groups", "end_user", "requester_ip_address", "user_agent", "hidden_params",
    "autorouter_savings_estimate", "autorouter_baseline_observation", "response_cost_failure_debug_info",
    "zero_cost_diagnostic",
})  # fmt: skip
_OF_AN_ANSWER = frozenset({
    "id", "object", "model", "status", "type", "role", "finish_reason", "stop_reason", "service_tier", "name",
    "system_fingerprint", "call_id", "item_id", "tool_call_id",
})  # fmt: skip
_PARTS_OF_AN_ANSWER = frozenset({
    "choices", "message", "delta", "output", "content", "tool_calls", "function", "function_call", "summary",
    "response",
})  # fmt: skip
_CLIENTS_TO_LITELLM = frozenset({"tags", "session_id", "trace_id"})
"""What a client says in `metadata` to LiteLLM: money and requests are counted by it."""
_NOTED_BY_LITELLM = frozenset({
    "deployment", "deployment_model_name", "api_base", "caching_groups", "hidden_params", "endpoint", "headers",
    "requester_ip_address", "user_agent", "model_info", "model_group", "model_group_alias", "usage_object", "status",
    "global_max_parallel_requests", "applied_guardrails", "team_alias", "team_id", "cost_breakdown", "request_route",
    "queue_time_seconds", "cold_storage_object_key",
})  # fmt: skip
_OF_AN_ERROR = frozenset({"llm_provider", "model", "code", "type", "headers", "litellm_response_headers"})
_said: ContextVar[tuple[BaseException, BaseException] | None] = ContextVar("said", default=None)


def without_words(details: dict[str, Any], result: Any) -> tuple[dict[str, Any], Any]:
    """What loggers are told of a call that stays out of logs, and of its answer; other calls as they are."""
    if not _stays_out(details):
        return details, result
    return _details(details), _answer(result)


def tell_no_words_of_failures() -> None:
    """Let LiteLLM log failures of calls that stay out of logs without words from now on; again changes nothing."""
    logging, proxy = cast("Any", Logging), cast("Any", ProxyLogging)
    noted, told = logging._failure_handler_helper_fn, proxy.post_call_failure_hook
    if hasattr(noted, _WRAPPED):
        return
    failed, failed_in_thread = logging.async_failure_handler, logging.failure_handler

    @wraps(noted)
    def note(self: Logging, *args: Any, **kwargs: Any) -> Any:
        times = noted(self, *args, **kwargs)
        self.model_call_details = without_words(self.model_call_details, None)[0]
        return times

    @wraps(failed)
    async def fail(self: Logging, exception: Exception, traceback_exception: str, *args: Any, **kwargs: Any) -> None:
        if _stays_out(self.model_call_details):
            exception, traceback_exception = unspoken(exception), ""
        await failed(self, exception, traceback_exception, *args, **kwargs)

    @wraps(failed_in_thread)
    def fail_in_thread(self: Logging, exception: Exception, traceback_exception: str, *args: Any, **more: Any) -> None:
        if _stays_out(self.model_call_details):
            exception, traceback_exception = unspoken(exception), ""
        failed_in_thread(self, exception, traceback_exception, *args, **more)

    @wraps(told)
    async def tell(
        self: Any, request_data: dict[str, Any], original_exception: Exception, *args: Any, **more: Any
    ) -> Any:
        log = request_data.get("litellm_logging_obj")
        if log is None or not _stays_out(getattr(log, "model_call_details", {})):
            return await told(self, request_data, original_exception, *args, **more)
        bare = unspoken(original_exception)
        token = _said.set((bare, original_exception))
        try:
            return await told(self, request_data, bare, *args, **{**more, "traceback_str": None})
        finally:
            _said.reset(token)

    setattr(note, _WRAPPED, None)
    setattr(Logging, "_failure_handler_helper_fn", note)  # noqa: B010
    setattr(Logging, "async_failure_handler", fail)  # noqa: B010
    setattr(Logging, "failure_handler", fail_in_thread)  # noqa: B010
    setattr(ProxyLogging, "post_call_failure_hook", tell)  # noqa: B010


def as_said(error: Exception) -> Exception:
    """The error whose client is to be answered, where loggers are told of one without words."""
    known = _said.get()
    return cast("Exception", known[1]) if known is not None and known[0] is error else error


def unspoken(error: Exception) -> Exception:
    """An error of the same class, status and headers that says nothing, and so are those that led to it."""
    return cast("Exception", _or(RuntimeError(REDACTED_BY_LITELLM), _unspoken, error))


def _unspoken(error: BaseException) -> BaseException:
    bare = type(error).__new__(type(error))
    for name, value in vars(error).items():
        if _is_plain(value) or name in _OF_AN_ERROR:
            vars(bare)[name] = value
        elif isinstance(value, str):
            vars(bare)[name] = REDACTED_BY_LITELLM
        elif isinstance(value, httpx.Response):  # the router reads how long to wait
            vars(bare)[name] = httpx.Response(value.status_code, headers=value.headers)
        else:
            vars(bare)[name] = None
    bare.args = tuple(value if _is_plain(value) else REDACTED_BY_LITELLM for value in error.args)
    if error.__cause__ is not None:
        bare.__cause__ = _unspoken(error.__cause__)
    elif error.__context__ is not None and not error.__suppress_context__:
        bare.__context__ = _unspoken(error.__context__)
    str(bare)
    return bare


def _stays_out(details: Mapping[str, Any]) -> bool:
    return bool(mapping(details.get("standard_callback_dynamic_params")).get("turn_off_message_logging"))


def _details(details: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, value in details.items():
        if name == "standard_logging_object":
            told[name] = None if value is None else _payload(mapping(value))
        elif name == "messages":
            told[name] = _MESSAGES
        elif name in {"input", "prompt"}:
            told[name] = ""
        elif name in _ANSWERS:
            told[name] = None if value is None else _answer(value)
        else:
            _keep(told, name, value)
    return told


_MESSAGES = [{"role": "user", "content": REDACTED_BY_LITELLM}]


def _keep(told: dict[str, Any], name: str, value: Any) -> None:
    """One of the details, of LiteLLM's parameters or of the request that came in: what is known, or no word."""
    if name in _NOTES:
        told[name] = _or({}, _notes, value)
    elif name in {"optional_params", "litellm_params", "proxy_server_request", "body"}:
        if isinstance(value, Mapping):
            told[name] = (_numbers if name == "optional_params" else _parameters)(cast("Mapping[str, Any]", value))
    elif _is_plain(value) or name in _OF_THE_CALL or name.startswith("user_api_key"):
        told[name] = value


def _parameters(values: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, value in values.items():
        _keep(told, name, value)
    return told


def _numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if _is_plain(value)}


def _notes(values: Any) -> Any:
    """LiteLLM's notes, without what the client wrote: it stands among them or in their place, and again by itself."""
    fields = mapping(values)
    own = mapping(fields.get("requester_metadata"))
    return {
        name: value
        for name, value in fields.items()
        if name in _CLIENTS_TO_LITELLM
        or name.startswith("user_api_key")  # LiteLLM takes those of clients out
        or (_is_litellms(name, value) and not (name in own and own[name] == value))
    }


def _is_litellms(name: str, value: Any) -> bool:
    is_data = isinstance(value, str | Mapping | list | tuple | set | BaseModel)
    return not is_data or name in _NOTED_BY_LITELLM or name.startswith(("litellm_", "thriftgate_", "_"))


def _payload(payload: Mapping[str, Any]) -> dict[str, Any]:
    """LiteLLM's standard logging object."""
    told = {name: value for name, value in payload.items() if _is_plain(value) or name in _OF_THE_PAYLOAD}
    failure = mapping(payload.get("error_information"))
    changed: dict[str, Any] = {
        "messages": _MESSAGES,
        "response": _answer(payload.get("response")),
        "metadata": _or({}, _notes, payload.get("metadata")),
        "model_parameters": _numbers(mapping(payload.get("model_parameters"))),
        "error_str": payload.get("error_str") and REDACTED_BY_LITELLM,
        "error_information": failure
        and {
            name: value if name in {"error_code", "error_class", "llm_provider"} else value and REDACTED_BY_LITELLM
            for name, value in failure.items()
        },
        "guardrail_information": _or(None, _guardrails, payload.get("guardrail_information")),
        "standard_built_in_tools_params": {},
    }
    return {**told, **{name: value for name, value in changed.items() if payload.get(name) is not None}}


def _guardrails(values: Any) -> Any:
    """Which guardrails ran, how long and to what end."""
    return [
        {name: one for name, one in mapping(value).items() if _is_plain(one) or name in _OF_A_GUARDRAIL}
        for value in cast("list[Any]", values)
    ]


_OF_A_GUARDRAIL = frozenset({"guardrail_name", "guardrail_provider", "guardrail_mode", "guardrail_status"})


def _answer(value: Any) -> Any:
    return _or({"text": REDACTED_BY_LITELLM}, _bare, value)


def _bare(value: Any) -> Any:
    """A part of an answer; objects of LiteLLM's types stay such."""
    if _is_plain(value):
        return value
    if isinstance(value, Mapping):
        return {name: _bare_field(name, one) for name, one in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list):
        return [_bare(one) for one in cast("list[Any]", value)]
    if isinstance(value, BaseModel):
        fields = {**vars(value), **(value.model_extra or {})}
        return value.model_copy(update={name: _bare_field(name, one) for name, one in fields.items()})
    return REDACTED_BY_LITELLM


def _bare_field(name: str, value: Any) -> Any:
    if _is_plain(value) or name == "usage" or (name in _OF_AN_ANSWER and isinstance(value, str)):
        return value
    if isinstance(value, str) or name in _PARTS_OF_AN_ANSWER:
        return _bare(value) if name in _PARTS_OF_AN_ANSWER else REDACTED_BY_LITELLM
    return [] if isinstance(value, list) else {} if isinstance(value, Mapping) else None


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | date)


def _or(least: Any, make: Callable[[Any], Any], value: Any) -> Any:
    """What `make` gives, or the least that may be told where it raises, whatever that is."""
    with suppress(Exception):
        return make(value)
    return least
