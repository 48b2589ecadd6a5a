"""A cascade over fakes, and a client that reads what it streams."""

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from tests.fakes import FakeClock, FakeCompleter, FakePricer, answer_of, ask

from thriftgate.cascade.flow import Outcome, Scored, Tier
from thriftgate.cascade.plan import Plan
from thriftgate.config import CascadeConfig
from thriftgate.decisions import Reason
from thriftgate.services.cascade.driver import CascadeRun
from thriftgate.services.request.asking import Asker
from thriftgate.services.request.journal import Journal
from thriftgate.types import Answer, ChatRequest, DecisionKind, Status, Vector

SURE = answer_of("a good answer of several words", logprob=-0.01)
UNSURE = answer_of("perhaps a poor answer of several words", logprob=-3.0)
STRONG = answer_of("the strong answer", model="large")
TIERS = (Tier("small", 0.7), Tier("large"))
THREE = (Tier("small", 0.7), Tier("middle", 0.7), Tier("large"))


@dataclass
class FakeScorer:
    """Knows the confidence of each answer by its text, and remembers what it saw."""

    confidence: dict[str, float | BaseException]
    second: list[str | None] = field(default_factory=list[str | None])
    without: float | None = 1.0
    """None: there is no confidence without a rating."""
    veto: Reason | None = None

    def score(
        self,
        request: ChatRequest,
        answer: Answer,
        *,
        second: Answer | None = None,
        rating: float | None = None,
        vector: Vector | None = None,
    ) -> Scored:
        self.second.append(second.text if second else None)
        confidence = self.confidence[answer.text]
        if isinstance(confidence, BaseException):
            raise confidence
        agrees = second is not None and second.text == answer.text
        if self.veto is not None or (rating is None and self.without is None):
            return Scored(confidence=None, veto=self.veto)
        confidence = confidence + 0.2 * agrees if rating is None else rating
        return Scored(confidence=min(1.0, confidence), signals={"length": float(len(answer.text))})


class Setup:
    """A cascade over fakes."""

    def __init__(self, tiers: tuple[Tier, ...] = TIERS, *, reason: str = "cascade", **config: Any) -> None:
        self.clock = FakeClock()
        self.completer = FakeCompleter({"large": STRONG})
        self.scorer = FakeScorer({SURE.text: 0.9, UNSURE.text: 0.3, STRONG.text: 1.0})
        self.plan = Plan(tiers, Reason(reason))
        self.config = CascadeConfig.model_validate({"tiers": [{"model": tier.model} for tier in tiers], **config})
        self.run = self.of(ask())

    def of(self, request: ChatRequest) -> CascadeRun:
        self.journal = Journal(request, clock=self.clock, stream=True, capture_content=False)
        asker = Asker(self.completer, FakePricer(), self.journal)
        return CascadeRun(asker, request, config=self.config, scorer=self.scorer, plan=self.plan)

    @property
    def outcome(self) -> Outcome:
        assert self.run.outcome is not None
        return self.run.outcome

    @property
    def booked(self) -> list[tuple[str, Status]]:
        return [(call.model, call.status) for call in self.journal.calls]


@dataclass
class Client:
    """Reads a streamed answer and remembers when what was there."""

    run: CascadeRun
    choices: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    expected: tuple[DecisionKind, str] | None = None
    """What was known at the first chunk."""
    why: tuple[Reason | None, float | None] | None = None
    """The same of the reason and the confidence."""

    async def read(self, *, at_most: int | None = None) -> None:
        async with aclosing(self.run.stream()) as choices:
            async for piece in choices:
                decision, tier, reason, confidence = self.run.expected
                if self.expected is None:
                    self.expected, self.why = (decision, tier), (reason, confidence)
                self.choices.extend(piece.event["choices"])
                if len(self.choices) == at_most:
                    break

    @property
    def text(self) -> str:
        return "".join(choice["delta"].get("content") or "" for choice in self.choices)
