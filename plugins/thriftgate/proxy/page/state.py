"""What this worker of the gateway is doing at the moment: its queues, what it lost, and its deployments' health.

Failure behaviour: nothing is raised; what LiteLLM has not looked at yet is `unknown`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from litellm.proxy import proxy_server

from thriftgate.proxy.assembly import Gateway

Health = Literal["healthy", "unhealthy", "unknown"]


@dataclass(frozen=True, slots=True)
class Queue:
    """Work behind the requests."""

    name: str
    waiting: int | None
    """None for work that does not wait."""
    failed: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment of a model group."""

    group: str
    model: str
    is_cooling_down: bool
    health: Health
    """By LiteLLM's latest background health check."""


@dataclass(frozen=True, slots=True)
class State:
    """One worker at this moment."""

    queues: Sequence[Queue]
    deployments: Sequence[Deployment]


async def state_of(gateway: Gateway) -> State:
    """Look at this worker."""
    health = _health()
    return State(
        queues=_queues(gateway),
        deployments=[
            Deployment(one.group, one.model, one.is_cooling_down, health.get(one.deployment_id, "unknown"))
            for one in await gateway.breaker.states()
        ],
    )


def _queues(gateway: Gateway) -> list[Queue]:
    writer, background = gateway.writer, gateway.background
    names = sorted({*background.failures, *background.dropped})
    return [
        Queue("ledger", writer.waiting, 0, writer.dropped),
        *(Queue(name, None, background.failures[name], background.dropped[name]) for name in names),
    ]


def _health() -> Mapping[str, Health]:
    results = cast("Mapping[str, Any]", proxy_server.health_check_results)
    found: dict[str, Health] = {}
    for name, health in (("healthy_endpoints", "healthy"), ("unhealthy_endpoints", "unhealthy")):
        for endpoint in cast("Sequence[Mapping[str, Any]]", results.get(name) or ()):
            found[str(endpoint.get("model_id"))] = cast("Health", health)
    return found
