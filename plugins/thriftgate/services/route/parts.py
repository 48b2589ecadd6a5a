"""What a route is made of, and whom it hands its records to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from thriftgate.config import RouteConfig
from thriftgate.limits.ladder import LadderStep
from thriftgate.ports import Clock, Completer, Embedder, Pricer
from thriftgate.services.cache.service import CacheService
from thriftgate.services.cascade.planning import Planner
from thriftgate.services.checking.audit import CascadeAuditor
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.route.coalescing import Coalescer
from thriftgate.services.route.place import NoPlace, WorkPlace
from thriftgate.types import ChatRequest, PromptRef, RequestRecord


class Recorder(Protocol):
    """Takes the record of a request that has ended; never blocks, never raises."""

    def submit(self, record: RequestRecord) -> None:
        """Take it."""
        ...


class PromptStage(Protocol):
    """Puts the route's prompt in front of the conversation."""

    def __call__(self, request: ChatRequest) -> tuple[ChatRequest, PromptRef]:
        """Raises InvalidPromptError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteParts:
    """What a route is made of; None where a stage is off."""

    name: str
    config: RouteConfig
    completer: Completer
    pricer: Pricer
    planner: Planner
    recorder: Recorder
    background: BackgroundTasks
    clock: Clock
    auditor: CascadeAuditor | None = None
    embedder: Embedder | None = None
    prompt: PromptStage | None = None
    cache: CacheService | None = None
    coalescer: Coalescer | None = None
    steps: Callable[[], frozenset[LadderStep]] = frozenset
    """What the route gives up right now, because of its load."""
    place: Callable[[], WorkPlace] = NoPlace
    """The place of the request that is being served."""
    private_models: frozenset[str] = frozenset()
    """Model groups that private requests may go to."""


def baseline_of(config: RouteConfig) -> str:
    """The model group that savings are counted against: what clients would use without us."""
    return config.cascade.baseline or config.cascade.tiers[-1].model
