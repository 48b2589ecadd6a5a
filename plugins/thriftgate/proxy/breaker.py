"""Completes LiteLLM's breaker: a deployment that cannot be reached cools down like one that answers with errors.

LiteLLM cools a deployment down after errors, rate limits and time-outs, but leaves connection errors out, so that
a dead host is tried again by every request.

Failure behaviour: a deployment that LiteLLM no longer knows is passed over; nothing is raised.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from litellm import exceptions
from litellm.router import Router

_DEFAULT_COOLDOWN = 30.0


@dataclass(frozen=True, slots=True)
class DeploymentState:
    """One deployment and whether the breaker leaves it out."""

    group: str
    model: str
    deployment_id: str
    is_cooling_down: bool


class Breaker:
    """Cools down what cannot be reached, and says what is cooling down."""

    def __init__(self, router: Callable[[], Router]) -> None:
        self._router = router

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


def _is_unreachable(error: object) -> bool:
    """Connection refused, reset, or no such host; LiteLLM gives it one class on some ways and another on others."""
    if isinstance(error, exceptions.APIConnectionError):
        return True
    return isinstance(error, exceptions.InternalServerError) and "Connection error" in str(error)
