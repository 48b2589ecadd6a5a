"""What limits say to a client, in the words of the API it speaks.

Failure behaviour: total.
"""

import json
import time
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, cast

from thriftgate.errors import (
    GatewayError,
    OverloadedError,
    RateLimitExceededError,
    StoreUnavailableError,
)
from thriftgate.limits.headers import LimitStanding, anthropic_headers, openai_headers, retry_headers
from thriftgate.limits.ladder import LadderStep
from thriftgate.services.limits.passes import LimitRefusal, Pass, QueuePlace
from thriftgate.wire.shapes import mapping
from thriftgate.wire.streaming.sse import SseBlocks, data_of

_STORE_RETRY = 2.0
"""Seconds after which to come back when the store of limits is away."""


class LimitedApi(Enum):
    """An API that clients speak."""

    CHAT = "chat"
    MESSAGES = "messages"
    RESPONSES = "responses"


_ENDINGS = {
    "/chat/completions": LimitedApi.CHAT,
    "/v1/messages": LimitedApi.MESSAGES,
    "/responses": LimitedApi.RESPONSES,
}
_OTHERS = ("completions", "messages", "responses", "embeddings", "rerank", "moderations", "count_tokens",
           "input_tokens", "generations", "speech", "batches")  # fmt: skip
"""How the paths of LiteLLM's model endpoints end: each takes an object, and trips over anything else."""

_ANTHROPICS = {
    "upstream_error": "api_error", "service_unavailable_error": "api_error", "insufficient_quota": "rate_limit_error",
}  # fmt: skip
"""Our words for errors that are none of Anthropic's."""
_ANTHROPICS_OF = {
    401: "authentication_error", 402: "billing_error", 403: "permission_error", 404: "not_found_error",
    413: "request_too_large", 429: "rate_limit_error", 529: "overloaded_error",
}  # fmt: skip


def dialect_of(path: str) -> LimitedApi | None:
    """The API behind a path; None for all that limits leave alone."""
    return next((dialect for ending, dialect in _ENDINGS.items() if path.endswith(ending)), None)


def api_of(path: str) -> LimitedApi | None:
    """Whose errors the clients of a model endpoint read, be it limited or not; None for any other path."""
    if not path.endswith(_OTHERS) or "/workflows/" in path:  # messages of a run, which LiteLLM only stores
        return None
    is_anthropics = "/messages" in path and "/threads/" not in path  # OpenAI's assistants have messages too
    return LimitedApi.MESSAGES if is_anthropics else dialect_of(path) or LimitedApi.CHAT


def error_body(error: GatewayError, dialect: LimitedApi) -> dict[str, Any]:
    """An error as this API's clients read it."""
    if dialect is LimitedApi.MESSAGES:
        kind = _ANTHROPICS.get(error.error_type, error.error_type)
        return {"type": "error", "error": {"type": kind, "message": error.message}}
    param: object = getattr(error, "param", None)
    code: object = getattr(error, "code", None)
    return {
        "error": {
            "message": error.message,
            "type": error.error_type,
            "param": param if isinstance(param, str) else None,
            "code": code if isinstance(code, str) else str(error.status_code),
        }
    }


def as_anthropics(body: bytes, status: int) -> bytes:
    """An error's body in Anthropic's form where LiteLLM wrote it in OpenAI's; anything else as it is."""
    try:
        told: object = json.loads(body)
    except ValueError:
        return body
    error = mapping(mapping(told).get("error"))
    if not error or "type" in mapping(told):
        return body
    kind = _ANTHROPICS_OF.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return json.dumps({"type": "error", "error": {"type": kind, "message": str(error.get("message") or "")}}).encode()


def error_event(error: Mapping[str, Any], dialect: LimitedApi, *, number: int = 0) -> bytes:
    """The same for a stream that has begun; `error` is an error's body, `number` the event's place in Responses."""
    if dialect is LimitedApi.MESSAGES:
        return b"event: error\ndata: " + json.dumps(error).encode() + b"\n\n"
    if dialect is LimitedApi.RESPONSES:
        told = cast("Mapping[str, Any]", error.get("error") or {})
        event: dict[str, Any] = {
            "type": "error", "code": told.get("code"), "message": told.get("message"), "param": told.get("param"),
            "sequence_number": number,
        }  # fmt: skip
        return b"event: error\ndata: " + json.dumps(event).encode() + b"\n\n"
    return b"data: " + json.dumps(error).encode() + b"\n\ndata: [DONE]\n\n"


def next_number(events: bytes) -> int:
    """The `sequence_number` of the event after these, of Responses; 0 where the last has none."""
    try:
        event: object = json.loads(data_of(events.rstrip().rpartition(b"\n\n")[2]))
    except (ValueError, RecursionError):
        return 0
    number = mapping(event).get("sequence_number")
    return number + 1 if isinstance(number, int) else 0


def retold(events: bytes, error: GatewayError, dialect: LimitedApi) -> bytes:
    """Events of a stream with the one that LiteLLM made of our error saying what a whole answer would; others stay.

    An event `response.failed` is LiteLLM's to the letter: it has a place for the code and for the words alone.
    """
    if dialect is LimitedApi.RESPONSES or b'"error"' not in events:
        return events
    blocks = SseBlocks()
    whole = blocks.feed(events)
    return b"".join(_retold(block, error, dialect) for block in whole) + blocks.rest()


def _retold(block: bytes, error: GatewayError, dialect: LimitedApi) -> bytes:
    try:
        told: object = json.loads(data_of(block))
    except ValueError:
        return block
    if mapping(mapping(told).get("error")).get("message") != error.message:
        return block
    name = b"event: error\n" if dialect is LimitedApi.MESSAGES else b""
    return name + b"data: " + json.dumps(error_body(error, dialect)).encode() + b"\n\n"


def pass_headers(passed: Pass, dialect: LimitedApi) -> dict[str, str]:
    """What an answer tells of its caller's limits, and of how it came to run."""
    headers = _standing_headers(passed.standings, dialect)
    if passed.waited:
        headers["x-thriftgate-queue-wait"] = f"{passed.waited:.3f}"
    if passed.place is not None:
        headers["x-thriftgate-queue-position"] = str(passed.place.position)
    if passed.steps:
        headers["x-thriftgate-load-steps"] = ",".join(step.value for step in LadderStep if step in passed.steps)
    return headers


def refusal_headers(refusal: LimitRefusal, dialect: LimitedApi) -> dict[str, str]:
    """What a refused client is told beside its error."""
    headers = _standing_headers(refusal.standings, dialect)
    error = refusal.error
    if isinstance(error, RateLimitExceededError | OverloadedError):
        headers |= retry_headers(error.retry_after)
    elif isinstance(error, StoreUnavailableError):
        headers |= retry_headers(_STORE_RETRY)
    if refusal.place is not None:
        headers["x-thriftgate-queue-position"] = str(refusal.place.position)
        headers["x-thriftgate-estimated-wait"] = f"{min(refusal.place.expected_wait, 86_400.0):.1f}"
    return headers


def waiting_comment(place: QueuePlace) -> bytes:
    """A comment in a stream, which clients pass over: where a request stands."""
    return f": queued {place.position}, about {max(1, round(place.expected_wait))} s\n\n".encode()


def _standing_headers(standings: Sequence[LimitStanding], dialect: LimitedApi) -> dict[str, str]:
    if dialect is LimitedApi.MESSAGES:
        return anthropic_headers(standings, now=time.time())
    return openai_headers(standings)
