"""A rehearsal decides as requests are served: what evaluations measure of the cache is what clients get."""

import asyncio
from collections.abc import Sequence

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.fakes import FakeClock, InMemoryAnswerCache, answer_of, ask, settle

from thriftgate.caching.decision import Hit, Miss
from thriftgate.caching.policy import FixedThreshold
from thriftgate.caching.rehearsal import Conditions, Labelled, Vectors, rehearse
from thriftgate.config import CacheConfig
from thriftgate.services.cache.deciding import FixedDecider
from thriftgate.services.cache.pending import Served
from thriftgate.services.cache.service import CacheService
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.request.journal import Journal
from thriftgate.types import Vector

# Near each other in pairs of which a guard lets some pass, and some not.
QUESTIONS = (
    "how do I cancel an order", "how can I cancel the order", "how do I cancel order 12", "how do I cancel order 13",
    "how is a name changed", "why is a name not changed", "which parcels are insured", "what parcels get insured",
    "how do I send money from Rome to Paris", "how do I send money from Paris to Rome",
)  # fmt: skip


class Placed:
    """An embedder whose vectors are given."""

    fingerprint = "placed"
    dimensions = 3

    def __init__(self, vectors: dict[str, Vector]) -> None:
        self._vectors = vectors

    def cached(self, text: str) -> Vector | None:
        return self._vectors[text] if len(text) % 2 else None

    async def embed(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self._vectors[text] for text in texts])


async def served(questions: list[str], vectors: Vectors, decider: FixedDecider) -> list[str | None]:
    """Whose answer each question gets; None where a model is asked, whose answer is kept."""
    clock = FakeClock()
    service = CacheService(
        CacheConfig.model_validate({"min_similarity": 0.8, "max_error": 0.0}),
        cache=InMemoryAnswerCache(clock), embedder=Placed(dict(zip(questions, vectors, strict=True))), decider=decider,
        verifier=None, tier_policy=["small"], clock=clock, draw=lambda: 0.5, background=BackgroundTasks(),
    )  # fmt: skip
    given_by: list[str | None] = []
    for question in questions:
        request = ask(question)
        found = await service.find(request, None, Journal(request, clock=clock, stream=False, capture_content=False))
        given_by.append(found.entry.question if isinstance(found, Served) else None)
        if not isinstance(found, Served):
            service.keep(request, found, answer_of(f"about {question}"), prompt=None, baseline_cost_usd=0.2)
            await settle()
    return given_by


@settings(max_examples=20)
@given(order=st.permutations(QUESTIONS), seed=st.integers(0, 2**32 - 1), threshold=st.sampled_from([0.7, 0.9, 0.98]))
@example(order=list(QUESTIONS), seed=0, threshold=0.7)
def test_a_rehearsal_gives_each_question_the_answer_that_the_service_gives(
    order: list[str], seed: int, threshold: float
) -> None:
    drawn = np.random.default_rng(seed).normal(size=(len(order), 3)) * 0.3 + (1.0, 0.0, 0.0)
    vectors = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
    decider = FixedDecider(FixedThreshold(threshold))
    steps = list(rehearse(Labelled(order, order, vectors), decider, conditions=Conditions(), seed=1))
    assert all(isinstance(step.decision, Hit | Miss) for step in steps)
    rehearsed = [step.decision.entry.question if isinstance(step.decision, Hit) else None for step in steps]
    assert asyncio.run(served(order, vectors, decider)) == rehearsed
    assert threshold > 0.7 or any(rehearsed)
