"""Why a provider did not count a request's tokens, in the words of the client's API.

LiteLLM counts outside of its router: no hook sees such a request, and a provider's failure goes out with the provider's
own status and text. A credential of the operator's that is refused would be the caller's 401, a connection that breaks
a 500, and `retry-after` would be lost. Here it is the error that a call for an answer would have ended in.

Failure behaviour: nothing is raised; LiteLLM's own error is still what its log says.
"""

from functools import wraps

import httpx
from litellm.proxy._types import ProxyException
from litellm.proxy.common_utils.token_count_settings import ProviderCountFailure

from thriftgate.errors import CountFailedError, GatewayError, InvalidRequestError
from thriftgate.proxy.endpoints.refusing import answer_with
from thriftgate.proxy.errors import error_headers, tier_failure
from thriftgate.proxy.tiers import provider_answer

_PROVIDER = "the provider"


class _SaidError(Exception):
    """A provider's failure in the form of one of LiteLLM's."""

    llm_provider = _PROVIDER

    def __init__(self, status: int, message: str, headers: object = None) -> None:
        super().__init__(message)
        self.status_code, self.message, self.headers = status, message, headers


def explain_counts() -> None:
    """From now on; again changes nothing."""
    theirs = ProviderCountFailure.to_proxy_exception
    if hasattr(theirs, "_is_explained"):
        return

    @wraps(theirs)
    def told(self: ProviderCountFailure) -> ProxyException:
        error = _error_of(self)
        answer_with(error)
        said = theirs(self)
        # Gemini's API makes an error of its own of it.
        said.message, said.code, said.headers = error.message, str(error.status_code), dict(error_headers(error))
        return said

    setattr(told, "_is_explained", True)  # noqa: B010  functions have no such field
    setattr(ProviderCountFailure, "to_proxy_exception", told)  # noqa: B010


def _error_of(failure: ProviderCountFailure) -> GatewayError:
    answer = provider_answer.current.get() or provider_answer.ProviderAnswer()
    if failure.status_code == 500 and not answer.is_sent:
        # LiteLLM tripped over it before anybody was asked.
        return InvalidRequestError("the request cannot be put into its provider's form; look at its messages and tools")
    said: BaseException = _SaidError(failure.status_code, failure.message, answer.headers)
    if isinstance(answer.failure, httpx.TimeoutException | TimeoutError):
        said = _SaidError(408, "the time is over")
    elif answer.failure is not None:
        said = answer.failure  # LiteLLM has a 500 for it, whatever it was
    return CountFailedError(_PROVIDER, (tier_failure(_PROVIDER, said),))
