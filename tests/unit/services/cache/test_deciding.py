"""What one worker verifies, every worker learns, also after a restart; and nothing counts twice."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes import FakeClock, InMemoryAnswerCache

from thriftgate.caching.artefact import shipped
from thriftgate.caching.decision import Decision, Miss, MissReason
from thriftgate.caching.entries import Neighbour, Observation
from thriftgate.caching.evidence import FEATURES
from thriftgate.caching.learner import Learner
from thriftgate.caching.policy import CachePolicy
from thriftgate.config import CacheConfig
from thriftgate.errors import ConfigurationError, StoreUnavailableError
from thriftgate.services.cache.deciding import SharedDecider, decider_of


class Pupil:
    """Remembers what it was taught, in order."""

    def __init__(self) -> None:
        self.taught: list[Observation] = []
        self.policy = CachePolicy.of(shipped(), max_error=0.01)
        self.begun = 0

    def decide(
        self,
        question: str,
        neighbours: Sequence[Neighbour],
        *,
        draw: float,
        tenant: float = 0.0,
        is_relaxed: bool = False,
    ) -> Decision:
        return Miss(reason=MissReason.EMPTY)

    def check_begun(self) -> None:
        self.begun += 1

    def update(self, observation: Observation) -> None:
        self.taught.append(observation)

    def replay(self, observations: Iterable[Observation]) -> None:
        self.taught.extend(observations)


def outcome(number: int, *, is_correct: bool = True) -> Observation:
    features: dict[str, float] = dict.fromkeys(FEATURES, 0.5)
    return Observation(
        entry_id=f"e{number}", scope="s", route="support", similarity=0.9, features=features, is_correct=is_correct,
        observed_at=float(number),
    )  # fmt: skip


class Worker:
    def __init__(self, store: InMemoryAnswerCache) -> None:
        self.store = store
        self.pupil = Pupil()
        self.decider = SharedDecider(self.pupil, route="support", cache=store)

    async def verify(self, observation: Observation) -> None:
        self.decider.update(observation)
        await self.store.observe(observation)

    @property
    def taught(self) -> list[str]:
        return [one.entry_id for one in self.pupil.taught]


@pytest.fixture
def store() -> InMemoryAnswerCache:
    return InMemoryAnswerCache(FakeClock())


async def test_a_new_life_learns_what_was_verified_before_oldest_first(store: InMemoryAnswerCache) -> None:
    for number in range(3):
        await store.observe(outcome(number))
    worker = Worker(store)
    assert await worker.decider.catch_up() == 3
    assert worker.taught == ["e0", "e1", "e2"]


async def test_workers_learn_from_each_other_and_nothing_counts_twice(store: InMemoryAnswerCache) -> None:
    one, other = Worker(store), Worker(store)
    await one.verify(outcome(1))
    await other.verify(outcome(2))
    for _ in range(2):
        await one.decider.catch_up()
        await other.decider.catch_up()
    assert one.taught == ["e1", "e2"]
    assert other.taught == ["e2", "e1"]


async def test_other_routes_teach_nothing(store: InMemoryAnswerCache) -> None:
    await store.observe(outcome(1))
    decider = SharedDecider(Pupil(), route="billing", cache=store)
    assert await decider.catch_up() == 0


async def test_while_the_store_is_away_deciding_goes_on(store: InMemoryAnswerCache) -> None:
    worker = Worker(store)
    store.is_away = True
    with pytest.raises(StoreUnavailableError):
        await worker.decider.catch_up()
    assert isinstance(worker.decider.decide("what?", [], draw=0.5), Miss)


async def test_a_real_learner_is_changed_by_what_others_found_wrong(store: InMemoryAnswerCache) -> None:
    learner = Learner(shipped(), max_error=0.01)
    before = learner.policy.weights.copy()
    for number in range(80):
        await store.observe(outcome(number, is_correct=False))
    await SharedDecider(learner, route="support", cache=store).catch_up()
    assert (learner.policy.weights != before).any()


def test_a_route_decides_by_the_artefact_of_its_embedder(tmp_path: Path) -> None:
    store = InMemoryAnswerCache(FakeClock())
    (tmp_path / "mine.json").write_text(replace(shipped("fast"), threshold=0.9).to_json(), encoding="utf-8")
    usual, own = CacheConfig(), CacheConfig(artefact="mine.json")
    assert decider_of("r", usual, tmp_path, store, embedder="local").threshold == shipped().threshold
    assert decider_of("r", usual, tmp_path, store, embedder="fast").threshold == shipped("fast").threshold
    assert decider_of("r", own, tmp_path, store, embedder="fast").threshold == 0.9
    with pytest.raises(ConfigurationError, match="made with the embedder 'fast'"):
        decider_of("r", own, tmp_path, store, embedder="local")
