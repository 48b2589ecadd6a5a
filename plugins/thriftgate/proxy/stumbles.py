"""Where LiteLLM trips over a request before anything of it has been sent: the request is at fault, not its provider.

LiteLLM says so with whatever Python raised, as a failure of the provider (500), which SDKs try again and which a route
would take for an outage. Two things tell such a stumble: an error of Python's own in what led to it, and that no HTTP
request has left this process for the call. Which field it was is then guessed by the documented types of the fields.

Failure behaviour: nothing is raised. What may have been sent is never called a stumble.
"""

import json
from collections.abc import Mapping
from functools import wraps
from typing import Any

import aiohttp
import httpx
from litellm.types.router import RouterErrors, RouterRateLimitError, RouterRateLimitErrorBasic

from thriftgate.errors import GatewayError, InvalidRequestError
from thriftgate.proxy import endings
from thriftgate.proxy.breaker import causes
from thriftgate.wire.shapes import items

_OF_PYTHON = (TypeError, AttributeError, LookupError, ValueError, RecursionError, AssertionError)
_OF_THE_CALL = (httpx.HTTPError, aiohttp.ClientError, OSError, json.JSONDecodeError)
"""What can only come of a call; OpenAI's own classes do not tell, for all of LiteLLM's derive from them."""
_OF_THE_ROUTER = (RouterRateLimitError, RouterRateLimitErrorBasic)
"""A ValueError to Python where all deployments of a group are closed: nothing was sent, and nobody tripped."""
_PYTHONS_WORDS = (
    "Traceback (most recent call last)", "validation error for ", "object has no attribute", "is not iterable",
    "object is not ", "unexpected keyword argument", "indices must be", "not supported between instances",
    "unhashable type", "argument must be", "object does not support", "expected string or bytes-like",
    "must be str or bytes",
)  # fmt: skip
_WORDS_OF: Mapping[str, tuple[type, ...]] = {
    "a text": (str,),
    "a number": (int, float),
    "a whole number": (int,),
    "true or false": (bool,),
    "an object": (dict,),
    "a text or an object": (str, dict),
    "a list": (list,),
    "a list of objects": (list,),
    "a list of texts": (list,),
    "a list or an object": (list, dict),
    "a text or a list": (str, list),
}
_TYPES: Mapping[str, str] = {
    name: words
    for words, names in {
        "a text": "model user instructions previous_response_id prompt_cache_key prompt_cache_retention speed "
        "verbosity reasoning_effort safety_identifier service_tier truncation inference_geo litellm_session_id "
        "litellm_trace_id",
        "a number": "temperature top_p top_k frequency_penalty presence_penalty timeout",
        "a whole number": "n seed max_tokens max_completion_tokens max_output_tokens max_tool_calls top_logprobs "
        "num_retries",
        "true or false": "stream store background logprobs parallel_tool_calls drop_params",
        "an object": "metadata litellm_metadata logit_bias response_format audio prediction stream_options thinking "
        "web_search_options reasoning text prompt output_config output_format cache_control extra_headers extra_body "
        "cache context_window_fallback_dict",
        "a text or an object": "tool_choice function_call conversation container",
        "a list": "messages fallbacks guardrails",
        "a list of objects": "tools functions mcp_servers",
        "a list of texts": "modalities include stop_sequences tags betas",
        "a list or an object": "context_management",
        "a text or a list": "input system stop",
    }.items()
    for name in names.split()
}
"""What the documented fields of the three endpoints are, and LiteLLM's own beside them."""
_ALWAYS_THERE = frozenset(
    {"model", "messages", "input", "stream", "max_tokens", "metadata", "litellm_metadata", "num_retries", "timeout"}
)
"""Also what LiteLLM or we put there."""


def note_sending() -> None:
    """Note from now on for each call whether an HTTP request has left for it; again changes nothing."""
    theirs = httpx.AsyncClient.send
    if hasattr(theirs, "_is_noted"):
        return

    @wraps(theirs)
    async def send(self: httpx.AsyncClient, request: httpx.Request, **options: Any) -> httpx.Response:
        answer = endings.current.get()
        if answer is not None:
            answer.is_sent = True
        return await theirs(self, request, **options)

    setattr(send, "_is_noted", True)  # noqa: B010  functions have no such field
    setattr(httpx.AsyncClient, "send", send)  # noqa: B010


def is_stumble(error: BaseException) -> bool:
    """Whether LiteLLM tripped over this call's request; asked in the context of the call."""
    answer = endings.current.get()
    if answer is None or answer.is_sent or answer.raw is not None:
        return False
    return _is_of_python(error)


def _is_of_python(error: BaseException) -> bool:
    chain = list(causes(error))
    # An error of ours is said already: what led to it (an analyzer that crashed) is not the client's doing.
    if any(isinstance(one, (*_OF_THE_CALL, *_OF_THE_ROUTER, GatewayError)) for one in chain):
        return False
    said = str(error)[:5000]
    if any(refusal.value in said for refusal in RouterErrors):
        return False
    return any(isinstance(one, _OF_PYTHON) for one in chain) or any(words in said for words in _PYTHONS_WORDS)


def early_stumble(body: Mapping[str, Any], error: BaseException) -> InvalidRequestError | None:
    """The same where LiteLLM read the body for itself, before any hook: only where a field is plainly wrong."""
    name = _wrong_field(body) if _is_of_python(error) else None
    return None if name is None else _named(name)


def fault_of(body: Mapping[str, Any], *, beside: frozenset[str] = frozenset()) -> InvalidRequestError:
    """What to say of a request that LiteLLM tripped over; `beside`: what is not the client's."""
    name = _wrong_field(body)
    if name is not None:
        return _named(name)
    others = [one for one in _TYPES if body.get(one) is not None and one not in _ALWAYS_THERE | beside]
    param = others[0] if len(others) == 1 else None
    where = "its fields and their types" if param is None else f"'{param}'"
    return InvalidRequestError(f"the request cannot be put into its provider's form; look at {where}", param=param)


def _wrong_field(body: Mapping[str, Any]) -> str | None:
    return next((name for name in body if name in _TYPES and not _is_as_documented(name, body[name])), None)


def _is_as_documented(name: str, value: object) -> bool:
    words = _TYPES[name]
    inside = {"a list of objects": (dict,), "a list of texts": (str,)}.get(words)
    return _fits(value, _WORDS_OF[words]) and (inside is None or all(_fits(one, inside) for one in items(value)))


def _fits(value: object, types: tuple[type, ...]) -> bool:
    if value is None:
        return True
    if isinstance(value, bool):
        return bool in types
    return isinstance(value, types) or (dict in types and isinstance(value, Mapping))


def _named(name: str) -> InvalidRequestError:
    return InvalidRequestError(f"'{name}' must be {_TYPES[name]}", param=name)
