"""What this worker of the gateway is doing at the moment: its queues, what it lost, and its deployments' health.

Failure behaviour: values only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from thriftgate.services.telemetry.away import AwayLine

Health = Literal["healthy", "unhealthy", "unknown"]


@dataclass(frozen=True, slots=True)
class QueueState:
    """Work behind the requests."""

    name: str
    waiting: int | None
    """None for work that does not wait."""
    failed: int
    """Items that were tried and lost."""
    dropped: int
    """Items that were lost untried, for want of room."""
    trouble: str = ""
    """What is wrong at the moment, in fixed words; empty while all is well."""


@dataclass(frozen=True, slots=True)
class ShownDeployment:
    """One deployment of a model group."""

    group: str
    model: str
    is_cooling_down: bool
    health: Health
    """By LiteLLM's latest background health check."""


@dataclass(frozen=True, slots=True)
class State:
    """One worker at this moment."""

    queues: Sequence[QueueState]
    deployments: Sequence[ShownDeployment]
    load_steps: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """What each route or model gives up because of its load, where it gives up anything."""
    away: Sequence[AwayLine] = ()
    """What it has to do without, or had to."""
    changed: str | None = None
    """That the files of its configuration are not what it serves any more, in words."""
    reload_command: str = ""
    """What has them taken."""
    traces_at: str | None = None
    """The address of a trace without its id; None where traces go nowhere that is known."""
