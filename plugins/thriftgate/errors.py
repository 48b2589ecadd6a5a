"""Every way thriftgate says no, as one tree.

    GatewayError
    ├── ConfigurationError            start only, exit code 2
    ├── RequestRejectedError          4xx: the caller can fix it
    │   ├── InvalidRequestError       400
    │   ├── UnknownKeyError           401
    │   ├── NotAllowedError           403
    │   ├── NotFoundError             404
    │   ├── InvalidPromptError        400
    │   ├── ContextWindowExceededError 400
    │   ├── ContentBlockedError       400
    │   ├── OutputInvalidError        422
    │   ├── BudgetExceededError       429, with `retry_after`
    │   └── RateLimitExceededError    429, with `retry_after`
    ├── TierFailedError               one tier did not answer; never reaches a client by itself
    ├── AllTiersFailedError           the last tier's class (400, 404, 408, 422, 429, 529 …), else 502, with each cause
    │   ├── ModelFailedError          the same of a plain model, with its provider's own status
    │   └── CountFailedError          the same of a provider that was to count tokens
    ├── BrokenOffError                502, after the first token of a stream: it cannot be taken back
    ├── StoreUnavailableError         503, only from what fails closed; what fails open catches it
    ├── PrivacyUnavailableError       503: nobody can say what is in the request, so it does not leave
    ├── DeadlineExceededError         408: the caller did not want to wait longer
    ├── GuardUnavailableError         503: a guard could not look, and the operator wants nothing to pass then
    └── OverloadedError               503, with `retry_after`

Messages are written for the person who reads them at the other end of the wire: they never quote what a
user sent or was told, and never a credential.
"""

from collections.abc import Mapping, Sequence
from typing import Literal


class GatewayError(Exception):
    """Something thriftgate refuses or cannot do."""

    status_code = 500
    error_type = "api_error"

    @property
    def message(self) -> str:
        """The sentence a client may read."""
        return str(self)


class ConfigurationError(GatewayError):
    """The configuration has mistakes; `problems` names every one of them.

    Raised at start only; the process ends with exit code 2.
    """

    error_type = "configuration_error"

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class RequestRejectedError(GatewayError):
    """The request cannot be served as it is; the caller can change it."""

    status_code = 400
    error_type = "invalid_request_error"

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None) -> None:
        self.code = code
        self.param = param
        super().__init__(message)


class InvalidRequestError(RequestRejectedError):
    """A parameter is missing, malformed or contradicts another one."""


class UnknownKeyError(RequestRejectedError):
    """The request's key is not one of the gateway's."""

    status_code = 401
    error_type = "authentication_error"


class NotAllowedError(RequestRejectedError):
    """The key is good, and not for this."""

    status_code = 403
    error_type = "permission_error"


class NotFoundError(RequestRejectedError):
    """There is nothing of that name."""

    status_code = 404
    error_type = "not_found_error"


class InvalidPromptError(RequestRejectedError):
    """The route's prompt cannot be rendered from the given variables."""


class ContextWindowExceededError(RequestRejectedError):
    """The conversation does not fit the model, even after trimming."""


class ContentBlockedError(RequestRejectedError):
    """A guard refused what was sent or what would have been answered."""


class OutputInvalidError(RequestRejectedError):
    """No tier gave an answer of the shape that the route requires."""

    status_code = 422


class RateLimitExceededError(RequestRejectedError):
    """The caller's allowance is used up; `retry_after` seconds from now there is more."""

    status_code = 429
    error_type = "rate_limit_error"

    def __init__(self, message: str, *, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(message, code="rate_limit_exceeded")


class BudgetExceededError(RequestRejectedError):
    """The money is used up until `retry_after` seconds from now, or held by requests under way.

    `is_final` says that trying again before then is of no use, and clients are told not to.
    """

    status_code = 429
    error_type = "insufficient_quota"

    def __init__(self, message: str, *, retry_after: float, is_final: bool) -> None:
        self.retry_after = retry_after
        self.is_final = is_final
        super().__init__(message, code="insufficient_quota")


class TierFailedError(GatewayError):
    """One tier gave no answer, after all retries and fallbacks of its model group.

    `status_code` is the provider's own where it sent one; `cause` is safe to show to a client.
    `rejected` says that this model refused the request itself (a 400, 413 or 422); another may take it. `code` is
    the provider's word for why, `retry_after` the seconds after which it wants to be asked again, `deployment` the
    model of the last one that failed, where that is known. `param`: the request's field that is wrong, where known.
    """

    def __init__(
        self,
        tier: str,
        cause: str,
        *,
        status_code: int = 502,
        rejected: bool = False,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
        deployment: str = "",
    ) -> None:
        self.param = param
        self.tier = tier
        self.deployment = deployment
        self.cause = cause
        self.status_code = status_code
        self.rejected = rejected
        self.code = code
        self.retry_after = retry_after
        self.tokens: tuple[int, int] = (0, 0)
        """What went in and came out all the same, for the provider counted it."""
        self.cost_usd = 0.0
        """What the caller's key was charged for it."""
        super().__init__(f"{tier}: {cause}")


_SURVIVING: dict[int, str] = {
    400: "invalid_request_error", 404: "not_found_error", 408: "timeout_error", 413: "invalid_request_error",
    422: "invalid_request_error", 429: "rate_limit_error", 504: "timeout_error", 529: "overloaded_error",
}  # fmt: skip
"""The provider's statuses that tell a client something it can act on. All others, a refused credential of the
operator's among them, are a 502."""


class AllTiersFailedError(GatewayError):
    """No tier of the route answered; `failures` holds each tier's cause in the order they were asked.

    What the last tier said of the request reaches the client: its status, its `code`, its `retry_after`.
    """

    status_code = 502
    error_type = "upstream_error"

    def __init__(self, route: str, failures: Sequence[TierFailedError]) -> None:
        self.route = route
        self.failures = tuple(failures)
        last = self.failures[-1] if self.failures else None
        self.code = last.code if last else None
        self.param = last.param if last else None
        self.retry_after = last.retry_after if last else None
        if last is not None and last.status_code in _SURVIVING:
            self.status_code, self.error_type = last.status_code, _SURVIVING[last.status_code]
        if last is not None and last.rejected:
            super().__init__(last.cause)
            return
        causes = "; ".join(str(failure) for failure in self.failures) or "no tier could be asked"
        super().__init__(self._words(causes))

    def _words(self, causes: str) -> str:
        return f"every tier of route '{self.route}' failed: {causes}"


class ModelFailedError(AllTiersFailedError):
    """A plain model did not answer; the status is its provider's, whatever it is."""

    def __init__(self, failure: TierFailedError) -> None:
        super().__init__(failure.tier, (failure,))
        self.status_code = failure.status_code

    def _words(self, causes: str) -> str:
        return causes


class CountFailedError(AllTiersFailedError):
    """The provider that was to count a request's tokens did not; it is told as of an answer."""

    def _words(self, causes: str) -> str:
        return f"the tokens could not be counted: {causes}"


class BrokenOffError(GatewayError):
    """A streamed answer broke off after its first token; the client has only a part of it."""

    status_code = 502
    error_type = "upstream_error"

    def __init__(self, failure: TierFailedError) -> None:
        self.failure = failure
        super().__init__(f"the answer broke off: {failure}")


Cause = Literal[
    "time_out", "unreachable", "password", "no_query_engine", "full", "loading", "refused", "embedder", "unknown"
]
"""Why something cannot be used, in a word for metrics and headers."""

CAUSES: Mapping[Cause, str] = {
    "time_out": "it does not answer in time",
    "unreachable": "nobody answers there",
    "password": "it refuses our user or password",
    "no_query_engine": "this build of Redis lacks the query engine; the official image has it",
    "full": "it is full and takes nothing new",
    "loading": "it is still loading its data",
    "refused": "it refuses our commands",
    "embedder": "the embedder is not ready",
    "unknown": "it cannot be used",
}
"""The same for people."""


class StoreUnavailableError(GatewayError):
    """A store did not answer in time, or refuses to; `cause` says why in a word."""

    status_code = 503
    error_type = "service_unavailable_error"

    def __init__(self, message: str = "", *, cause: Cause = "unknown") -> None:
        self.cause: Cause = cause
        super().__init__(message)


class PrivacyUnavailableError(GatewayError):
    """Personal data cannot be looked for, so nothing was sent."""

    status_code = 503
    error_type = "service_unavailable_error"


class DeadlineExceededError(GatewayError):
    """The answer did not come within the time that the caller gave it."""

    status_code = 408
    error_type = "timeout_error"


class GuardUnavailableError(GatewayError):
    """A guard that fails closed could not look at a text."""

    status_code = 503
    error_type = "service_unavailable_error"


class OverloadedError(GatewayError):
    """More requests wait than can be served before their deadlines."""

    status_code = 503
    error_type = "overloaded_error"

    def __init__(self, message: str, *, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(message)


def status_of(error: BaseException) -> int | None:
    """An error's HTTP status: most have a `status_code`, LiteLLM's own a `code`, which may be text."""
    for name in ("status_code", "code"):
        found: object = getattr(error, name, None)
        if isinstance(found, int) or (isinstance(found, str) and found.isdigit()):
            return int(found)
    return None


def describe_failure(error: BaseException) -> str:
    """An error's class and status, never its text: that may quote a request."""
    status = status_of(error)
    return type(error).__name__ + (f" {status}" if status else "")
