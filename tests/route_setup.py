"""A whole route over fakes, built by what builds it when the gateway serves, and clients that ask it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from tests.fakes import (
    FakeClock,
    FakeCompleter,
    FakeEmbedder,
    FakePricer,
    InMemoryAnswerCache,
    InMemorySingleFlight,
    MemoryLedger,
    answer_of,
    settle,
)

from thriftgate.caching.decision import Decision
from thriftgate.caching.entries import CacheEntry, Neighbour
from thriftgate.caching.policy import FixedThreshold
from thriftgate.config import RouteConfig, RoutePromptConfig
from thriftgate.limits.ladder import LadderStep
from thriftgate.ports import AuditBook
from thriftgate.proxy.compose.routes import Shared, build_route
from thriftgate.services.books.recording import Recorders
from thriftgate.services.cache.deciding import FixedDecider
from thriftgate.services.cache.service import CacheService
from thriftgate.services.checking.verification import CacheVerifier
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.request.outages import Outages
from thriftgate.services.request.prompts import PromptService
from thriftgate.services.route.parts import PromptStage
from thriftgate.services.route.place import NoPlace, WorkPlace
from thriftgate.services.route.route import RouteService
from thriftgate.types import Answer, ChatRequest, PromptRef, RequestRecord

SURE = answer_of("a good answer of several words", logprob=-0.01)
"""Accepted of the small tier."""
UNSURE = answer_of("perhaps a poor answer", logprob=-3.0)
"""Escalated."""
STRONG = answer_of("the strong answer", model="large")


class _NotingDecider(FixedDecider):
    """Serves from a similarity of 0.8, and notes which decisions were to be relaxed."""

    def __init__(self, relaxed: list[bool]) -> None:
        super().__init__(FixedThreshold(0.8))
        self._relaxed = relaxed

    def decide(
        self,
        question: str,
        neighbours: Sequence[Neighbour],
        *,
        draw: float,
        tenant: float = 0.0,
        is_relaxed: bool = False,
    ) -> Decision:
        self._relaxed.append(is_relaxed)
        return super().decide(question, neighbours, draw=draw, tenant=tenant)


@dataclass(frozen=True)
class _Prompts:
    """Plays the prompt service: one stage, whatever the route's prompt is called."""

    stage: PromptStage | None

    def apply(self, request: ChatRequest, route_prompt: RoutePromptConfig) -> tuple[ChatRequest, PromptRef]:
        assert self.stage is not None
        return self.stage(request)


class RouteSetup:
    """The route `support`: small before large, exact and semantic cache, coalescing."""

    def __init__(
        self,
        *,
        prompt: PromptStage | None = None,
        cache: Mapping[str, Any] | None = None,
        route: Mapping[str, Any] | None = None,
        steps: frozenset[LadderStep] = frozenset(),
        private_models: frozenset[str] = frozenset(),
        **cascade: Any,
    ) -> None:
        self.clock = FakeClock()
        self.completer = FakeCompleter({"small": SURE, "large": STRONG})
        self.pricer = FakePricer()
        self.store = InMemoryAnswerCache(self.clock)
        self.single_flight = InMemorySingleFlight(self.clock)
        self.background = BackgroundTasks()
        self.ledger = MemoryLedger()
        self.books: AuditBook = self.ledger
        """Where verdicts are kept."""
        self.sinks: list[Callable[[RequestRecord], None]] = []
        """Where records go besides."""
        self.embedder = FakeEmbedder()
        self.verifier: CacheVerifier | None = None
        self.records: list[RequestRecord] = []
        settings: dict[str, Any] = {
            "cascade": {
                "tiers": [{"model": "small"}, {"model": "large"}],
                "holdout": 0,
                "audit": {"share": 0},
                **cascade,
            },
            "cache": {"max_error": 0, "min_similarity": 0.8, "ttl_jitter": 0, **(cache or {})},
            **({"prompt": {"name": "support"}} if prompt else {}),
            **(route or {}),
        }
        self.config = RouteConfig.model_validate(settings)
        self._prompt = prompt
        self._private_models = private_models
        self.steps = steps
        """What the route gives up because of its load."""
        self.place: Callable[[], WorkPlace] = NoPlace
        """What stands for the limits."""
        self.relaxed: list[bool] = []
        """Of each decision of the cache, whether it was relaxed."""
        self.route = self.worker()

    def worker(self) -> RouteService:
        """The route as another worker serves it, over the same stores."""
        assert self.config.cache is not None
        cache = CacheService(
            self.config.cache,
            cache=self.store,
            embedder=self.embedder,
            decider=_NotingDecider(self.relaxed),
            verifier=self.verifier,
            tier_policy=["small", "large"],
            clock=self.clock,
            draw=lambda: 0.5,
            background=self.background,
        )
        shared = Shared(
            base_dir=Path(),
            clock=self.clock,
            completer=self.completer,
            pricer=self.pricer,
            recorder=Recorders([self.records.append, *self.sinks]),
            background=self.background,
            ledger=self.ledger,
            audits=self.books,
            prompts=cast("PromptService", _Prompts(self._prompt)),
            single_flight=self.single_flight,
            cache=self.store,
            embedder=self.embedder,
            draw=lambda: 0.5,
            outages=Outages(self.clock),
            steps=lambda _: self.steps,
            place=lambda: self.place(),
            private_models=self._private_models,
        )
        return build_route("support", self.config, shared, cache)

    @property
    def record(self) -> RequestRecord:
        """The one record that there is."""
        (record,) = self.records
        return record

    async def entries(self) -> list[CacheEntry]:
        await settle()
        return [entry async for entry in self.store.entries()]

    async def answer(self, request: ChatRequest) -> Answer:
        return await self.route.answer(request, lambda _: None)

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        """Let everything run until the condition holds."""
        for _ in range(10_000):
            if condition():
                return
            await asyncio.sleep(0)
        raise AssertionError("this never happens")


@dataclass
class Client:
    """Reads a streamed answer, and remembers what it was told before the first chunk and at the end."""

    route: RouteService
    chunks: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    told: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    told_at_first_chunk: Mapping[str, Any] | None = None

    async def read(self, request: ChatRequest, *, at_most: int | None = None) -> str:
        """The text of the answer; the client leaves after `at_most` chunks."""
        async with aclosing(self.route.stream(request, self.told.append)) as chunks:
            async for chunk in chunks:
                if not self.chunks:
                    self.told_at_first_chunk = self.told[-1]
                self.chunks.append(chunk.event)
                if len(self.chunks) == at_most:
                    break
        return self.text

    @property
    def text(self) -> str:
        return "".join(choice["delta"].get("content") or "" for chunk in self.chunks for choice in chunk["choices"])
