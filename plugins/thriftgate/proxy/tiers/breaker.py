"""Completes LiteLLM's breaker: a deployment that cannot be reached cools down like one that answers with errors.

LiteLLM cools a deployment down after errors, rate limits and time-outs, but leaves connection errors out, so that
a dead host is tried again by every request.

A group whose deployments all cool down is closed to everybody. One request that makes each of them fail must not do
that, so one deployment of a closed group is tried again every second: the half-open state of a circuit breaker. That
holds of a rate limit and of a refused key too: a provider answers 429 to one request that is larger than a minute's
tokens or asks for a tier of service that is full, and 401 to headers that a caller sent along.

Failure behaviour: a deployment that LiteLLM no longer knows is passed over; nothing is raised.
"""

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast

import aiohttp
import httpx
import openai
from litellm.router import Router
from litellm.router_utils.cooldown_cache import CooldownCache
from litellm.types.router import RouterRateLimitError

Call = Callable[..., Awaitable[Any]]
"""One of the router's public methods."""

_DEFAULT_COOLDOWN = 30.0
PROBE_EVERY = 1.0
"""Seconds between two tries of a closed group, per worker."""
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
        self._probed: dict[str, float] = {}
        """When each closed group was last tried."""

    def note_failure(self, kwargs: Mapping[str, Any]) -> None:
        """A call failed; `kwargs` are those of LiteLLM's failure event."""
        error: object = kwargs.get("exception")
        if not _is_unreachable(error):
            return
        params = cast("Mapping[str, Any]", kwargs.get("litellm_params") or {})
        info = cast("Mapping[str, Any]", params.get("model_info") or {})
        deployment_id = info.get("id")
        router = self._router()
        if deployment_id is None or router.get_deployment(model_id=str(deployment_id)) is None:
            return
        router.cooldown_cache.add_deployment_to_cooldown(
            model_id=str(deployment_id),
            original_exception=cast("Exception", error),
            exception_status=503,
            cooldown_time=float(router.cooldown_time or _DEFAULT_COOLDOWN),
        )

    def half_open(self, theirs: Call) -> Call:
        """The router's method, which tries what others' requests have closed: for tiers and plain models alike."""

        @wraps(theirs)
        async def ours(*args: Any, **kwargs: Any) -> Any:
            try:
                return await theirs(*args, **kwargs)
            except RouterRateLimitError as error:
                # A request that closed the group itself has had its tries.
                is_closed_by_others = own_failure(error) is error
                if not (is_closed_by_others and await self.reopen(str(kwargs.get("model")))):
                    raise
            # One try: LiteLLM would wait before it tries a second time what is closed again by then.
            return await theirs(*args, **{**kwargs, "num_retries": 0})

        return ours

    async def reopen(self, group: str) -> bool:
        """Whether a closed group may be tried now; lets the deployment back in whose failure is the longest ago."""
        now = self._monotonic()
        if now - self._probed.get(group, -PROBE_EVERY) < PROBE_EVERY:
            return False
        cache = self._router().cooldown_cache
        ids = sorted(self._router().get_candidate_model_ids_for_route(group))
        cooling = await cache.async_get_active_cooldowns(model_ids=ids, parent_otel_span=None)
        failed = [(value["timestamp"], one) for one, value in cooling]
        if not failed:
            return False
        self._probed[group] = now
        await cache.cooldown_store.async_delete_cache(CooldownCache.get_cooldown_cache_key(min(failed)[1]))
        return True

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
