"""Completes LiteLLM's breaker: a deployment that cannot be reached cools down like one that answers with errors.

LiteLLM cools a deployment down after errors, rate limits and time-outs, but leaves connection errors out, so that
a dead host is tried again by every request.

A group whose deployments all cool down is closed to everybody. What one caller's requests have failed at must not do
that: a provider answers 429 to a request that is larger than a minute's tokens or asks for a tier of service that is
full, and 401 to headers that a caller sent along. So a group stays open to callers who have not failed there
themselves until a second caller has (`failings`). One that is closed is tried again every second, the half-open state
of a circuit breaker; who has failed there takes no such try from who has not.

All of it happens where LiteLLM chooses a deployment: for tiers, plain models, fallbacks and every endpoint alike.

Failure behaviour: a deployment that LiteLLM no longer knows is passed over; nothing is raised.
"""

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast

import aiohttp
import httpx
import openai
from litellm.router import Router
from litellm.router_utils.cooldown_cache import CooldownCache
from litellm.types.router import RouterRateLimitError

from thriftgate.proxy.tiers.failings import Failings
from thriftgate.wire.shapes import mapping

Call = Callable[..., Awaitable[Any]]
"""One of the router's public methods."""

_DEFAULT_COOLDOWN = 30.0
_LEAVING_OUT = "_filter_cooldown_deployments"
PROBE_EVERY = 1.0
"""Seconds between two tries of a closed group, per worker: of those who have failed there, and of the others."""
_CHOOSING = (
    "async_get_healthy_deployments", "async_get_available_deployment",
    "async_get_available_deployment_for_pass_through",
)  # fmt: skip
"""The router's methods that choose a deployment; which of them there is to ask depends on how it routes."""
_COUNTED = frozenset({401, 402, 404, 408, 429})
"""Errors that are a caller's by their status and cool a deployment down."""
_UNREACHABLE = (httpx.TransportError, openai.APIConnectionError, aiohttp.ClientConnectionError, OSError)


@dataclass(frozen=True, slots=True)
class DeploymentState:
    """One deployment and whether the breaker leaves it out."""

    group: str
    model: str
    deployment_id: str
    is_cooling_down: bool


class Breaker:
    """Cools down what cannot be reached, and says what is cooling down."""

    def __init__(self, router: Callable[[], Router], *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._router = router
        self._monotonic = monotonic
        self._failings = Failings(monotonic)
        self._asking: ContextVar[str | None] = ContextVar("thriftgate_breaker_asking", default=None)
        """The caller for whom a deployment is being chosen."""
        self._probed: dict[tuple[str, bool], float] = {}
        """When each closed group was last tried; by one of its deployments, and whether the caller had failed there."""

    def note_failure(self, kwargs: Mapping[str, Any]) -> None:
        """A call failed; `kwargs` are those of LiteLLM's failure event."""
        error: object = kwargs.get("exception")
        deployment_id = _deployment_of(kwargs)
        router = self._router()
        if deployment_id is None or router.get_deployment(model_id=deployment_id) is None:
            return
        if _may_cool_down(error):
            self._failings.failed(deployment_id, _caller_of(_params_of(kwargs)), within=self._cooldown())
        if not _is_unreachable(error):
            return
        router.cooldown_cache.add_deployment_to_cooldown(
            model_id=deployment_id,
            original_exception=cast("Exception", error),
            exception_status=503,
            cooldown_time=self._cooldown(),
        )

    def note_success(self, kwargs: Mapping[str, Any]) -> None:
        """A provider answered a call; `kwargs` are those of LiteLLM's success event."""
        if self._failings and not kwargs.get("cache_hit") and (deployment_id := _deployment_of(kwargs)) is not None:
            self._failings.succeeded(deployment_id, _caller_of(_params_of(kwargs)))

    def install(self, router: Router) -> None:
        """Have a say in which deployments this router leaves out."""
        for name in _CHOOSING:
            setattr(router, name, self._half_open(getattr(router, name)))
        leave_out = cast("Callable[[list[Any], list[str]], list[Any]]", getattr(router, _LEAVING_OUT))

        def ours(healthy_deployments: list[Any], cooldown_deployments: list[str]) -> list[Any]:
            left = leave_out(healthy_deployments, cooldown_deployments)
            caller = self._asking.get()
            if left or caller is None:
                return left
            spared = [one for one in cooldown_deployments if self._failings.spares(one, caller)]
            closed = [one for one in cooldown_deployments if one not in spared]
            return leave_out(healthy_deployments, closed) if spared else left

        setattr(router, _LEAVING_OUT, ours)

    def _half_open(self, theirs: Call) -> Call:
        """One of the router's choosing methods, which tries again what others' requests have closed."""

        @wraps(theirs)
        async def ours(*args: Any, **kwargs: Any) -> Any:
            caller = _caller_of(cast("Mapping[str, Any]", kwargs.get("request_kwargs") or {}))
            asking = self._asking.set(caller)
            try:
                return await theirs(*args, **kwargs)
            except RouterRateLimitError as error:
                # A request that closed the group itself has had its tries.
                is_closed_by_others = own_failure(error) is error
                if not (is_closed_by_others and await self.reopen(str(kwargs.get("model")), caller)):
                    raise
                return await theirs(*args, **kwargs)
            finally:
                self._asking.reset(asking)

        return ours

    async def reopen(self, group: str, caller: str = "") -> bool:
        """Whether a closed group may be tried now; lets the deployment back in whose failure is the longest ago."""
        cache = self._router().cooldown_cache
        ids = sorted(self._router().get_candidate_model_ids_for_route(group))
        if not ids:
            return False
        now = self._monotonic()
        # Not by the name: of a wildcard clients may think of any number.
        place = (ids[0], any(self._failings.has_failed(one, caller) for one in ids))
        if now - self._probed.get(place, -PROBE_EVERY) < PROBE_EVERY:
            return False
        cooling = await cache.async_get_active_cooldowns(model_ids=ids, parent_otel_span=None)
        failed = [(value["timestamp"], one) for one, value in cooling]
        if not failed:
            return False
        self._probed[place] = now
        await cache.cooldown_store.async_delete_cache(CooldownCache.get_cooldown_cache_key(min(failed)[1]))
        return True

    def _cooldown(self) -> float:
        return float(self._router().cooldown_time or _DEFAULT_COOLDOWN)

    async def states(self) -> Sequence[DeploymentState]:
        """Every plain deployment with its state."""
        router = self._router()
        entries = cast("Sequence[Mapping[str, Any]]", router.model_list)
        ids = [str(entry["model_info"]["id"]) for entry in entries]
        cooling = await router.cooldown_cache.async_get_active_cooldowns(model_ids=ids, parent_otel_span=None)
        cold = {str(model_id) for model_id, _ in cooling}
        return [
            DeploymentState(
                group=str(entry["model_name"]),
                model=str(entry["litellm_params"]["model"]),
                deployment_id=deployment_id,
                is_cooling_down=deployment_id in cold,
            )
            for entry, deployment_id in zip(entries, ids, strict=True)
            if not str(entry["litellm_params"]["model"]).startswith("thriftgate/")
        ]


def own_failure(error: BaseException) -> BaseException:
    """What went wrong for this request, where LiteLLM only says at last that no deployment is left."""
    if not isinstance(error, RouterRateLimitError):
        return error
    return next((one for one in causes(error) if is_litellms(one)), error)


def _params_of(kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", kwargs.get("litellm_params") or {})


def _deployment_of(kwargs: Mapping[str, Any]) -> str | None:
    """Which deployment was asked; `kwargs` are those of an event of LiteLLM's."""
    info = cast("Mapping[str, Any]", _params_of(kwargs).get("model_info") or {})
    return None if info.get("id") is None else str(info["id"])


def _caller_of(params: Mapping[str, Any]) -> str:
    """The hash of the key for which a call is made; empty of a call for the gateway's own sake."""
    for name in ("litellm_metadata", "metadata"):
        if found := mapping(params.get(name)).get("user_api_key_hash"):
            return str(found)
    return ""


def _may_cool_down(error: object) -> bool:
    """Whether LiteLLM's breaker would count it, or ours."""
    status: object = getattr(error, "status_code", None)
    return not (isinstance(status, int) and 400 <= status < 500) or status in _COUNTED


def _is_unreachable(error: object) -> bool:
    """Connection refused, reset, or no such host, of the call to the provider.

    LiteLLM's own class for it does not tell: it stands for whatever LiteLLM itself tripped over as well. A 4xx never
    counts, whatever led to it: an address in the client's own request that nobody answers at ends in one.
    """
    if not isinstance(error, BaseException):
        return False
    status: object = getattr(error, "status_code", None)
    if isinstance(status, int) and 400 <= status < 500:
        return False
    return any(isinstance(one, _UNREACHABLE) and not is_litellms(one) for one in causes(error))


def is_litellms(error: BaseException) -> bool:
    """LiteLLM's errors of a call, each of which names its provider; they derive from OpenAI's."""
    return hasattr(error, "llm_provider")


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it."""
    one: BaseException | None = error
    seen: set[int] = set()
    while one is not None and id(one) not in seen:
        yield one
        seen.add(id(one))
        one = one.__cause__ or one.__context__
