"""Where LiteLLM trips over a request before anything of it has been sent: the request is at fault, not its provider.

LiteLLM says so with whatever Python raised, as a failure of the provider (500), which SDKs try again and which a route
would take for an outage. Two things tell such a stumble: an error of Python's own in what led to it, and that no HTTP
request has left this process for the call. Which field it was is then guessed by the documented types of the fields.

Failure behaviour: nothing is raised. What may have been sent is never called a stumble.
"""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

import aiohttp
import httpx
from litellm.types.router import RouterErrors, RouterRateLimitError, RouterRateLimitErrorBasic

from thriftgate.errors import GatewayError, InvalidRequestError
from thriftgate.proxy.books.usages import read_usage
from thriftgate.proxy.endpoints.fields import TYPES, note_fault, type_fault
from thriftgate.proxy.tiers import provider_answer
from thriftgate.proxy.tiers.breaker import causes
from thriftgate.wire.shapes import items, mapping

_OF_PYTHON = (TypeError, AttributeError, LookupError, ValueError, RecursionError, AssertionError)
_OF_THE_CALL = (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError, json.JSONDecodeError, ImportError)
"""What can only come of a call, or of how it is set up; OpenAI's own classes do not tell, for all of LiteLLM's derive
from them."""
_OF_THE_ROUTER = (RouterRateLimitError, RouterRateLimitErrorBasic)
"""A ValueError to Python where all deployments of a group are closed: nothing was sent, and nobody tripped."""
_PYTHONS_WORDS = (
    "Traceback (most recent call last)", "validation error for ", "object has no attribute", "is not iterable",
    "object is not ", "unexpected keyword argument", "indices must be", "not supported between instances",
    "unhashable type", "argument must be", "object does not support", "expected string or bytes-like",
    "must be str or bytes",
)  # fmt: skip
_LITELLMS_WORDS = (
    "Please ensure all messages are valid", "Please ensure all user messages are valid",
    "Image url not in expected format", "Should always start with 'role'='user'", "function_call missing",
    "Missing corresponding tool call for", "Unable to parse anthropic tool result",
)  # fmt: skip
"""What it says of a conversation with an exception of no class of its own."""
_TAKEN = re.compile(r"got multiple values for (?:keyword )?argument '(\w{1,100})'")
_REJECTED = re.compile(r"Rejected Request: ([\w.]{1,100}) is not allowed in (?:the )?request body")
"""LiteLLM says so with a 401, which clients take for a wrong key."""
_ORDINARY = frozenset(
    {
        "model", "messages", "input", "system", "instructions", "stream", "stream_options", "max_tokens",
        "max_completion_tokens", "max_output_tokens", "temperature", "top_p", "stop", "stop_sequences", "seed", "n",
        "user", "metadata", "litellm_metadata", "litellm_call_id", "num_retries", "timeout",
    }
)  # fmt: skip
"""What every provider takes, and what LiteLLM or we put there."""


def note_sending() -> None:
    """Note from now on for each call whether an HTTP request has left, and what came back; again changes nothing.

    LiteLLM's own client is httpx, with aiohttp below it or without, and so are those of the providers' SDKs; one of its
    providers is asked by aiohttp alone. A thread has the context of its call.
    """
    for client, method in ((httpx.AsyncClient, "send"), (httpx.Client, "send"), (aiohttp.ClientSession, "_request")):
        theirs: Callable[..., Any] = getattr(client, method)
        if not hasattr(theirs, "_is_noted"):
            ours = _noting_async(theirs) if iscoroutinefunction(theirs) else _noting(theirs)
            setattr(ours, "_is_noted", True)  # noqa: B010  functions have no such field
            setattr(client, method, ours)


def _noting_async(theirs: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(theirs)
    async def send(*args: Any, **options: Any) -> Any:
        _note_sent()
        try:
            return _noted(await theirs(*args, **options))
        except Exception as error:
            _note_broken(error)
            raise

    return send


def _noting(theirs: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(theirs)
    def send(*args: Any, **options: Any) -> Any:
        _note_sent()
        try:
            return _noted(theirs(*args, **options))
        except Exception as error:
            _note_broken(error)
            raise

    return send


def _note_sent() -> None:
    departure = provider_answer.departure.get()
    if departure is not None:
        departure.is_sent = True
    answer = provider_answer.current.get()
    if answer is not None:
        answer.is_sent, answer.status, answer.headers, answer.failure = True, None, None, None


def _noted(response: Any) -> Any:
    answer = provider_answer.current.get()
    if answer is not None:
        answer.status = getattr(response, "status_code", None) or getattr(response, "status", None)
        answer.headers = getattr(response, "headers", None)
        read_usage(response, answer)
    return response


def _note_broken(error: Exception) -> None:
    answer = provider_answer.current.get()
    if answer is not None:
        answer.failure = error


def stumble(
    body: Mapping[str, Any], error: BaseException, *, beside: frozenset[str] = frozenset()
) -> InvalidRequestError | None:
    """What to say of a request that LiteLLM tripped over; asked in the context of the call.

    `body` is what the client sent, `beside` what of it is not the client's. None where something was sent, and where
    there is nothing in the request to trip over: then the deployment is not set up well.
    """
    answer = provider_answer.current.get()
    if answer is None or answer.is_sent or not _is_of_python(error):
        return None
    if isinstance(answer.raw, str) and answer.raw not in str(error):
        return None  # an answer, by a transport that is not known here; LiteLLM notes its own error there too
    fault = _wrong_field(body)
    if fault is not None:
        return fault
    unusual = [name for name, value in body.items() if value is not None and name not in _ORDINARY | beside]
    if not unusual and not _has_parts(body):
        return None
    param = unusual[0] if len(unusual) == 1 and unusual[0].isidentifier() else None
    where = "its fields and their types" if param is None else f"'{param}'"
    return InvalidRequestError(f"the request cannot be put into its provider's form; look at {where}", param=param)


def _is_of_python(error: BaseException) -> bool:
    chain = list(causes(error))
    # An error of ours is said already: what led to it (an analyzer that crashed) is not the client's doing.
    if any(isinstance(one, (*_OF_THE_CALL, *_OF_THE_ROUTER, GatewayError)) for one in chain):
        return False
    said = str(error)[:5000]
    if any(refusal.value in said for refusal in RouterErrors):
        return False
    known = (*_PYTHONS_WORDS, *_LITELLMS_WORDS)
    return any(isinstance(one, _OF_PYTHON) for one in chain) or any(words in said for words in known)


def early_stumble(body: Mapping[str, Any], error: BaseException) -> InvalidRequestError | None:
    """The same where LiteLLM read the body for itself, before any hook: only where a field is plainly wrong.

    It hands the body's fields to functions of its own by their names, and some names are taken.
    """
    if not _is_of_python(error):
        return None
    taken = _TAKEN.search(str(error)[:5000])
    if taken is not None and taken[1] in body:
        return InvalidRequestError(f"'{taken[1]}' is not a field of a request", param=taken[1])
    return _wrong_field(body)


def rejected_field(error: BaseException) -> InvalidRequestError | None:
    """A field that LiteLLM lets no client send, named as what it is."""
    found = _REJECTED.search(str(getattr(error, "message", error))[:5000])
    return None if found is None else InvalidRequestError(f"'{found[1]}' is not a field of a request", param=found[1])


def _wrong_field(body: Mapping[str, Any]) -> InvalidRequestError | None:
    for name, value in body.items():
        check = TYPES.get(name)
        if check is not None and (fault := type_fault(name, check, value)) is not None:
            return fault
    return note_fault(body)


def _has_parts(body: Mapping[str, Any]) -> bool:
    """Whether a message is more than a text: an image, a tool call."""
    turns = [mapping(one) for name in ("messages", "input") for one in items(body.get(name))]
    return any(not isinstance(turn.get("content"), str) or not turn.keys() <= {"role", "content"} for turn in turns)
