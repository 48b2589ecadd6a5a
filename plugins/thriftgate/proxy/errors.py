"""Our errors as HTTP, and LiteLLM's as ours: the one table of each.

Failure behaviour: an error that nobody foresaw becomes a blank 500 with the request's id; its text stays in
the log, and there only as its class.
"""

import asyncio
import json
import math
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any, cast

import httpx
from fastapi import HTTPException
from litellm import exceptions
from litellm.litellm_core_utils.secret_redaction import redact_string
from litellm.types.router import RouterRateLimitError

from thriftgate.errors import (
    AllTiersFailedError,
    BrokenOffError,
    BudgetExceededError,
    GatewayError,
    ModelFailedError,
    OverloadedError,
    RateLimitExceededError,
    TierFailedError,
)
from thriftgate.proxy.tiers.breaker import PROBE_EVERY, causes, is_litellms, own_failure
from thriftgate.proxy.tiers.windows import is_of_a_field, is_too_long
from thriftgate.wire.shapes import mapping

_CAUSES: tuple[tuple[type[BaseException], str], ...] = (
    (exceptions.Timeout, "timed out"),
    (exceptions.RateLimitError, "is rate limited"),
    (exceptions.AuthenticationError, "refused our credentials"),
    (exceptions.PermissionDeniedError, "refused our credentials"),
    (exceptions.NotFoundError, "does not know the model"),
    (exceptions.ServiceUnavailableError, "is unavailable"),
    (exceptions.APIConnectionError, "cannot be reached"),
    (exceptions.InternalServerError, "had an internal error"),
    (exceptions.BadGatewayError, "had an internal error"),
    (httpx.TimeoutException, "timed out"),
    (asyncio.TimeoutError, "timed out"),
    (httpx.HTTPError, "cannot be reached"),
)
_BY_STATUS: Mapping[int, str] = {
    401: "refused our credentials", 403: "refused our credentials", 404: "does not know the model", 408: "timed out",
    429: "is rate limited", 500: "had an internal error", 502: "had an internal error", 503: "is unavailable",
    504: "timed out", 529: "is overloaded",
}  # fmt: skip
_MAX_PROVIDER_TEXT = 400
_TOO_LONG = "context_length_exceeded"
_TOO_LONG_BY = frozenset({400, 413, 422, 424, 500})
"""How providers answer to it. It is a 400 to clients, whatever its provider has for it."""
_IN_A_LOOP = "The model is repeating the same chunk"
"""LiteLLM's own verdict on a stream with a hundred equal pieces: a 500 to it, though nobody's server has failed."""
_LONGEST_WAIT = 86_400
"""Seconds of a `retry-after` that is believed."""
_LONGEST_DATE = 100
_OVERLOADED = 529
"""Anthropic's own status."""
_LITELLMS_NAMES = re.compile(
    r"^(?:(?:litellm\.)?\w{1,60}(?:Error|Exception)(?: - |: | (?=\w{1,60}(?:Error|Exception)\b)))*"
    r"(?:Error: )?(?:UNKNOWN - )?"
)
_MESSAGE = re.compile(r'"(?:message|detail)"\s?:\s?"((?:[^"\\]|\\.)*)"')
_PATH = re.compile(r"[A-Za-z_][\w.\[\]]{0,99}", re.ASCII)
_LITELLMS_ADVICE = re.compile(r" (?:To drop [^.`]{1,200} set `|(?:To|If|Either) [^.`]{1,200}`litellm)")
_REQUEST_AT_FAULT = frozenset({400, 413, 422})
_REFUSED_BY_LITELLM = frozenset({400, 403, 404, 422})
"""How LiteLLM refuses a request itself. That it is too early for one, or that a key of ours is wrong, is no refusal."""
_NOT_THE_REQUEST = (exceptions.AuthenticationError, exceptions.PermissionDeniedError)


class ToldInStreamError(Exception):
    """A provider's answer of HTTP to a call, which LiteLLM has made an event of a stream of Anthropic's."""

    def __init__(self, event: Mapping[str, object], status_code: int, headers: object) -> None:
        told = mapping(event.get("error")).get("message")
        super().__init__(str(told))
        self.message = str(told)
        self.status_code = status_code
        self.headers = headers
        self.llm_provider = ""
        """By this an error is known to be of a call."""


def tier_failure(model: str, error: BaseException) -> TierFailedError:
    """What a failed call of a model group means to us.

    A provider's own words are passed on only when they say what is wrong with the request (400, 413, 422),
    with everything redacted that looks like a credential.
    """
    if isinstance(error, TierFailedError):
        return error
    error = own_failure(error)
    if isinstance(error, RouterRateLimitError):
        return TierFailedError(model, "cools down after failures (503)", status_code=503, retry_after=PROBE_EVERY)
    if any(is_litellms(one) and _IN_A_LOOP in str(one)[:200] for one in causes(error)):
        return _looped(model)
    status = getattr(error, "status_code", None)
    status = status if isinstance(status, int) and 400 <= status < 600 else 502
    if status == 500 and any(getattr(one, "status_code", None) == _OVERLOADED for one in causes(error)):
        status = _OVERLOADED  # LiteLLM has no class for it
    if isinstance(error, HTTPException) and status in _REFUSED_BY_LITELLM:
        return TierFailedError(model, _refused_by_litellm(error), status_code=400, rejected=True)
    return _of_a_call(model, error, status)


def _of_a_call(model: str, error: BaseException, status: int) -> TierFailedError:
    """The same of what a provider said, or did not."""
    retry_after = _retry_after(error)
    does_not_fit = status in _TOO_LONG_BY and _is_too_long(error, status)
    if does_not_fit:
        status = 400
    is_filtered = isinstance(error, exceptions.ContentPolicyViolationError)
    if status in _REQUEST_AT_FAULT and not isinstance(error, _NOT_THE_REQUEST):
        code = _TOO_LONG if does_not_fit else "content_filter" if is_filtered else _code(error)
        text = _words_of(error)
        if does_not_fit and not text.startswith("prompt is too long"):
            text = f"prompt is too long: {text}"
        return TierFailedError(model, text, status_code=status, rejected=True, code=code, param=_provider_param(error))
    cause = next((text for kind, text in _CAUSES if isinstance(error, kind)), None)
    if cause is None and is_litellms(error):
        cause = _BY_STATUS.get(status)
    if cause is not None:
        return TierFailedError(model, f"{cause} ({status})", status_code=status, retry_after=retry_after)
    return TierFailedError(
        model, f"failed ({type(error).__name__}, {status})", status_code=status, retry_after=retry_after
    )


def _refused_by_litellm(error: HTTPException) -> str:
    """What LiteLLM says where it refused a request itself, such as for an MCP server that the caller may not use."""
    told: object = error.detail
    said = mapping(told).get("error", told)
    return redact_string(str(said))[:_MAX_PROVIDER_TEXT] if isinstance(said, str) else "the request is refused"


def model_failure(model: str, error: BaseException) -> ModelFailedError | None:
    """The same of a plain model, as a client may see it; None for what is not an error of LiteLLM's about a call."""
    error = own_failure(error)
    is_closed = isinstance(error, RouterRateLimitError)
    if not (is_closed or is_litellms(error)):
        return None
    failure = tier_failure(model, error)
    if is_closed:
        failure.status_code = 429  # as LiteLLM has it
    return ModelFailedError(failure)


def _words_of(error: BaseException) -> str:
    """What the provider says is wrong, without LiteLLM's names for it and without anything like a credential."""
    said = str(getattr(error, "message", "") or error)[: 4 * _MAX_PROVIDER_TEXT]
    words = _LITELLMS_ADVICE.split(redact_string(said).split("\n")[0])[0]
    words = _LITELLMS_NAMES.sub("", words)
    if words[:2] in ('{"', "b'", 'b"'):
        # Of some providers LiteLLM hands on the whole body.
        told = _MESSAGE.search(words.replace("\\'", "'").replace('\\\\"', '\\"'))
        words = _unescaped(told[1]) if told else "the provider refuses the request"
    return words[:_MAX_PROVIDER_TEXT]


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text


def _is_too_long(error: BaseException, status: int) -> bool:
    """Whether a provider says that the conversation does not fit."""
    said = str(getattr(error, "message", "") or error)[: 4 * _MAX_PROVIDER_TEXT]
    if isinstance(error, exceptions.ContextWindowExceededError):
        return not is_of_a_field(said)
    return is_too_long(said, _code(error), is_servers_fault=status == 500)


def loop_in(model: str, event: Mapping[str, Any]) -> TierFailedError | None:
    """The same where LiteLLM has made an event of it, as on `/v1/messages` before another API; None for any other."""
    said = mapping(event.get("error")).get("message") if event.get("type") == "error" else None
    return _looped(model) if isinstance(said, str) and _IN_A_LOOP in said[:200] else None


def _looped(model: str) -> TierFailedError:
    return TierFailedError(model, "went on repeating the same words, and was stopped", status_code=502)


def _code(error: BaseException) -> str | None:
    """The provider's short word for what is wrong, where it is one."""
    code: object = getattr(error, "code", None)
    return code if isinstance(code, str) and code.isidentifier() else None


def _provider_param(error: BaseException) -> str | None:
    """The field that the provider calls wrong, where it is the name of one or a path to it."""
    param: object = getattr(error, "param", None)
    return param if isinstance(param, str) and _PATH.fullmatch(param) else None


def _retry_after(error: BaseException) -> float | None:
    """The seconds of a provider's `retry-after` header, which may be a date; OpenAI also sends it in milliseconds."""
    response: object = getattr(error, "response", None)
    beside: object = getattr(error, "litellm_response_headers", None)
    for source in (getattr(response, "headers", None), getattr(error, "headers", None), beside):
        if isinstance(source, Mapping):
            headers = cast("Mapping[str, object]", source)
            seconds = _seconds(headers.get("retry-after"))
            if seconds is None and (milliseconds := _seconds(headers.get("retry-after-ms"))) is not None:
                seconds = milliseconds / 1000
            if seconds is not None and 0 <= seconds < _LONGEST_WAIT:
                return seconds
    return None


def _seconds(value: object) -> float | None:
    """From now on, of a number or an HTTP date."""
    if not isinstance(value, str | int | float):
        return None
    with suppress(ValueError):
        return float(value)
    with suppress(ValueError, OverflowError):
        return max(0.0, parsedate_to_datetime(str(value)[:_LONGEST_DATE]).timestamp() - time.time())
    return None


def gateway_error(error: BaseException, *, request_id: str) -> GatewayError:
    """The error a client may see: ours as it is, anything else blank."""
    if isinstance(error, TierFailedError):
        return BrokenOffError(error)
    if isinstance(error, GatewayError):
        return error
    return GatewayError(f"internal error; request id {request_id}")


class ClientHTTPException(HTTPException):
    """An error in the form that LiteLLM turns into OpenAI's error object: it reads `type` and `param` off it."""

    def __init__(self, error: GatewayError) -> None:
        super().__init__(error.status_code, error.message, headers=dict(error_headers(error)))
        self.message = error.message
        """What LiteLLM's endpoints other than chat tell the client; without it they tell `str` of this."""
        self.type = error.error_type
        self.param = _param_of(error)
        self.code = _word(error)
        self.is_over_limit = isinstance(error, RateLimitExceededError | OverloadedError)
        """Nothing was wrong with the request: there are too many."""

    def __str__(self) -> str:
        """For logs, which LiteLLM writes it into: a provider's words about a request may quote the request."""
        return f"{self.status_code}: {self.type}"


def _param_of(error: GatewayError) -> str | None:
    """OpenAI's `param`: the field that is wrong."""
    param: object = getattr(error, "param", None)
    return param if isinstance(param, str) else None


def _word(error: GatewayError) -> str | None:
    """OpenAI's `code`: a word for programs."""
    code: object = getattr(error, "code", None)
    return code if isinstance(code, str) else None


class ClientStreamError(Exception):
    """The same for a stream: LiteLLM ends it with an error event where an HTTPException would tear the connection.

    Before the first chunk LiteLLM makes a whole error response of it, with this status.
    """

    def __init__(self, error: GatewayError) -> None:
        super().__init__(error.message)
        self.message = error.message
        self.status_code = error.status_code
        self.type = error.error_type
        self.param = _param_of(error)
        self.code = _word(error)
        """What LiteLLM tells of a stream of Responses; of the others see `endpoints/refusing.py`."""


def error_headers(error: GatewayError) -> Mapping[str, str]:
    """`retry-after` where the error knows when to come back."""
    if isinstance(error, BudgetExceededError):
        # OpenAI's and Anthropic's SDKs try a 429 again by themselves, unless they are told not to.
        final = {"x-should-retry": "false"} if error.is_final else {}
        return {"retry-after": str(max(1, round(error.retry_after))), **final}
    if isinstance(error, RateLimitExceededError | OverloadedError | AllTiersFailedError) and error.retry_after:
        return {"retry-after": str(max(1, math.ceil(error.retry_after)))}
    return {}
