"""Takes personal data out of what a provider is only to count the tokens of.

LiteLLM counts outside of its router and calls no hook: a request to `/v1/messages/count_tokens`, to
`/v1/responses/input_tokens`, to Gemini's `:countTokens` or to `/utils/token_counter` reached its provider as it came.
All four end in one function. There the texts are replaced by those that a request for an answer would be sent with.

Failure behaviour: fails closed. What the check can say nothing of, or a kind that may not be sent, is the error that a
request for an answer would have ended in; what only private models may see is counted here, and sent to nobody.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any

from litellm.proxy import proxy_server
from litellm.proxy._types import TokenCountRequest

_COUNTED = ("prompt", "messages", "contents", "tools", "system")
_BESIDE = ("output_format", "context_management")
"""What LiteLLM's endpoints hand over beside the request."""
Protect = Callable[[str, Mapping[str, Any]], Awaitable[tuple[Mapping[str, Any], bool]]]
"""Model and fields → the fields as they may be sent, and whether its provider may see them."""


def protect_counts(protect: Protect) -> None:
    """From now on, whoever asks for a count."""
    theirs: Callable[..., Awaitable[Any]] = proxy_server.count_request_tokens

    @wraps(theirs)
    async def counted(request: TokenCountRequest, call_endpoint: bool = False, **beside: Any) -> Any:
        if not call_endpoint:  # it is counted here
            return await theirs(request=request, call_endpoint=False, **beside)
        fields = {name: getattr(request, name) for name in _COUNTED} | {name: beside.get(name) for name in _BESIDE}
        shown, may_be_sent = await protect(
            request.model, {name: value for name, value in fields.items() if value is not None}
        )
        asked = request.model_copy(update={name: shown[name] for name in _COUNTED if name in shown})
        told = {name: shown.get(name, value) for name, value in beside.items()}
        return await theirs(request=asked, call_endpoint=may_be_sent, **told)

    setattr(proxy_server, "count_request_tokens", counted)  # noqa: B010  a name of LiteLLM's module, not of ours
