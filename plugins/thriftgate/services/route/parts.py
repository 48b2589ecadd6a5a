"""What a route is made of, whom it hands its records to, and what its answers would have cost without us."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from thriftgate.config import RouteConfig
from thriftgate.limits.ladder import LadderStep
from thriftgate.ports import Clock, Completer, Embedder, Pricer
from thriftgate.services.cache.service import CacheService
from thriftgate.services.cascade.planning import Planner
from thriftgate.services.checking.audit import CascadeAuditor
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.route.coalescing import Coalescer
from thriftgate.services.route.place import NoPlace, WorkPlace
from thriftgate.types import Answer, ChatRequest, PromptRef, RequestRecord, Usage


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


class Baseline:
    """Prices answers as if one model group had given them all: the one that clients would use without us."""

    def __init__(self, pricer: Pricer, model: str) -> None:
        self._pricer = pricer
        self._model = model

    def cost_usd(self, answer: Answer) -> float:
        """For the same tokens; the answer's own cost where that model gave it, or has no price."""
        if answer.model == self._model:
            return answer.cost_usd
        cost = self._pricer.cost_usd(self._model, answer.usage)
        return answer.cost_usd if cost is None else cost

    def estimated_usd(self, messages: Sequence[Any], text: str) -> float:
        """For an answer that no model was asked for, by a tokenizer's count."""
        usage = Usage(self._pricer.count_tokens(self._model, messages), self._pricer.count_tokens(self._model, text))
        return self._pricer.cost_usd(self._model, usage) or 0.0
