"""What private models see more than others, and what keeps LiteLLM from sending or keeping it elsewhere.

Failure behaviour: none; `tests/proxy/test_privacy_failures.py` notices when LiteLLM no longer reads one of these.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, cast

from litellm.constants import REDACTED_BY_LITELLM
from pydantic import BaseModel

from thriftgate.privacy.documents import transformed
from thriftgate.privacy.restoring import Restorer
from thriftgate.proxy.privacy.layer import current
from thriftgate.services.request.reading import body_of, with_body
from thriftgate.types import ChatRequest

HERE_ALONE: Mapping[str, Any] = {"disable_fallbacks": True, "cache": {"no-cache": True, "no-store": True}}
"""Parameters of a call that stays with its model group."""
_WORDS = frozenset({"text", "content", "refusal", "arguments", "input", "reasoning_content", "thinking"})
_LOGGED_ANSWERS = ("standard_logging_object", "complete_streaming_response", "async_complete_streaming_response")


def keep_out_of_logs(log: Any) -> None:
    """Let LiteLLM's loggers see no text of the request that is being served; `log` is LiteLLM's object for it.

    A route's calls are logged by objects of their own: the completer makes them under LiteLLM's context for that.
    """
    if log is not None:
        log.standard_callback_dynamic_params["turn_off_message_logging"] = True


def without_words(details: dict[str, Any], result: Any) -> tuple[dict[str, Any], Any]:
    """What LiteLLM's loggers are told of a call that stays out of logs, and of its answer, without any of its words.

    LiteLLM takes the texts out, but not those of the Responses API where its types hold plain objects, and not the
    tokens of log-probabilities.
    """
    dynamic: Any = details.get("standard_callback_dynamic_params") or {}
    if not dynamic.get("turn_off_message_logging"):
        return details, result
    told = {name: _bare(details[name]) for name in _LOGGED_ANSWERS if details.get(name) is not None}
    return {**details, **told}, _bare(result)


def _bare(value: Any) -> Any:
    """A copy without words; objects of LiteLLM's types stay such."""
    if isinstance(value, Mapping):
        return {name: _bare_field(name, one) for name, one in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list):
        return [_bare(one) for one in cast("list[Any]", value)]
    if not isinstance(value, BaseModel):
        return value
    fields = {**vars(value), **(value.model_extra or {})}
    return value.model_copy(update={name: _bare_field(name, one) for name, one in fields.items()})


def _bare_field(name: str, value: Any) -> Any:
    if name == "logprobs" or (name == "input" and isinstance(value, Mapping)):
        return None
    return REDACTED_BY_LITELLM if name in _WORDS and isinstance(value, str) else _bare(value)


def as_seen_by(model: str, request: ChatRequest, private_models: Collection[str]) -> ChatRequest:
    """The request as a tier may see it: a private one with the values that are `local`, as a private request then."""
    exchange = current.get()
    if not request.is_local or exchange is None or model not in private_models:
        return request
    restorer = Restorer(exchange.local)

    def shown(text: str, label: str) -> str:
        if label == "name" and "<" not in text:  # a participant's: the protocols allow few signs there
            return text
        stream = restorer.stream()
        return stream.feed(text) + stream.flush()

    return replace(with_body(request, transformed(body_of(request), shown)), is_private=True, added=request.added)
