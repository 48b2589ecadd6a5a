"""What private models see more than others, and what keeps LiteLLM from sending or keeping it elsewhere.

Failure behaviour: none; `tests/proxy/test_privacy_failures.py` notices when LiteLLM no longer reads one of these.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from thriftgate.privacy.documents import transformed
from thriftgate.privacy.restoring import Restorer
from thriftgate.proxy.privacy.layer import current
from thriftgate.services.request.reading import body_of, with_body
from thriftgate.types import ChatRequest

UNKEPT: Mapping[str, Any] = {"cache": {"no-cache": True, "no-store": True}}
"""Parameters of a call whose answer LiteLLM's own cache neither gives nor keeps."""


def keep_out_of_logs(log: Any) -> None:
    """Let LiteLLM's loggers see no text of the request that is being served; `log` is LiteLLM's object for it.

    A route's calls are logged by objects of their own: the completer makes them under LiteLLM's context for that.
    """
    if log is not None:
        log.standard_callback_dynamic_params["turn_off_message_logging"] = True


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
