"""Looks at this worker of the gateway: its queues, and its deployments as LiteLLM knows them.

Failure behaviour: nothing is raised; what LiteLLM has not looked at yet is `unknown`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

from litellm.proxy import proxy_server

from thriftgate.config.taken import what_changed
from thriftgate.proxy.compose.gateway import Gateway
from thriftgate.proxy.page.state import Health, QueueState, ShownDeployment, State
from thriftgate.services.telemetry.exporting import ExportQueueState


async def state_of(gateway: Gateway, *, now: float) -> State:
    """Look at this worker."""
    health = _health()
    taken = gateway.taken
    # Files may lie on a network.
    changed = None if taken is None else await asyncio.to_thread(what_changed, taken, now=now)
    return State(
        queues=_queues(gateway),
        deployments=[
            ShownDeployment(one.group, one.model, one.is_cooling_down, health.get(one.deployment_id, "unknown"))
            for one in await gateway.breaker.states()
        ],
        load_steps=_load_steps(gateway),
        away=gateway.away,
        changed=changed,
        reload_command=taken.command if taken is not None else "",
        traces_at=gateway.trace_address.prefix if gateway.trace_address else None,
    )


def _queues(gateway: Gateway) -> list[QueueState]:
    writer, background = gateway.writer, gateway.background
    names = sorted({*background.failures, *background.dropped})
    queues: Mapping[str, ExportQueueState] = gateway.traces.states() if gateway.traces else {}
    return [
        QueueState("ledger", writer.waiting, 0, writer.dropped),
        *(
            [QueueState("cache_withdraw", gateway.withdrawals.waiting, 0, gateway.withdrawals.dropped)]
            if gateway.withdrawals is not None and (gateway.withdrawals.waiting or gateway.withdrawals.dropped)
            else ()
        ),
        QueueState("budgets", gateway.budgets.waiting, 0, gateway.budgets.dropped),
        *(
            QueueState(f"{name} to Langfuse", queue.waiting, queue.refused, queue.dropped, _trouble(queue))
            for name, queue in queues.items()
        ),
        *(QueueState(name, None, background.failures[name], background.dropped[name]) for name in names),
    ]


def _load_steps(gateway: Gateway) -> Mapping[str, Sequence[str]]:
    if gateway.admission is None:
        return {}
    return {name: [step.value for step in steps] for name, steps in gateway.admission.load_steps().items()}


def _trouble(queue: ExportQueueState) -> str:
    """Why nothing goes out; one failed try alone is no trouble."""
    return f"{queue.failures} tries in a row failed: {queue.last_error}" if queue.failures > 1 else ""


def _health() -> Mapping[str, Health]:
    results = cast("Mapping[str, Any]", proxy_server.health_check_results)
    found: dict[str, Health] = {}
    for name, health in (("healthy_endpoints", "healthy"), ("unhealthy_endpoints", "unhealthy")):
        for endpoint in cast("Sequence[Mapping[str, Any]]", results.get(name) or ()):
            found[str(endpoint.get("model_id"))] = cast("Health", health)
    return found
