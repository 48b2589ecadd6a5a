"""Play a stream of labelled questions through the cache, to measure a policy before anybody is served by it.

Two questions of one group have the same right answer. Each question is looked up among the entries stored so far;
a hit is right when the groups are equal. What the policy gets to know is exactly what a running gateway would know:

- a miss goes upstream anyway, so its fresh answer is compared with those of its nearest neighbours, for free;
- a share of the hits (`verify_share`) is verified by one extra call each, and all of those that must be;
- every comparison may be mistaken (`missed_agreement`, `false_agreement`), or come to nothing (`untold`), as a judge of
  texts is; asked again about the same two answers, it says the same again.

It is the second driver of `lookup` and `comparing`: what is decided there is decided for requests in the same lines.

Failure behaviour: pure and deterministic for a given `seed`.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, TypeVar, cast

import numpy as np
import numpy.typing as npt

from thriftgate.caching.comparing import Compare, Settled, settle, verify
from thriftgate.caching.decision import Decision, Explore, Hit, Miss, MissReason
from thriftgate.caching.entries import CacheEntry, Lookup, Neighbour, Observation
from thriftgate.caching.evidence import FEATURES, NEIGHBOURS, Evidence, gather
from thriftgate.caching.lookup import Asked, Check, Decide, Embed, Find, Found, look_up
from thriftgate.types import Vector

_Outcome = TypeVar("_Outcome")
_KEPT_OUTCOMES = 64
_SCOPE = "rehearsal"

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Questions with the answer group of each, and their unit vectors: shape (n, dimensions)."""

    questions: Sequence[str]
    groups: Sequence[str]
    vectors: Vectors
    tenants: Sequence[int] = ()
    """Who asks each question, from 1 on; nobody finds the answers of another. Empty: all are one."""

    def __len__(self) -> int:
        return len(self.questions)

    def take(self, indices: Sequence[int]) -> "Labelled":
        """The questions at these places, in this order."""
        return Labelled(
            [self.questions[i] for i in indices],
            [self.groups[i] for i in indices],
            self.vectors[list(indices)],
            [self.tenants[i] for i in indices] if self.tenants else (),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What the world is like while a stream is played."""

    verify_share: float = 0.02
    missed_agreement: float = 0.0
    """Probability that two equal answers are taken for different ones."""
    false_agreement: float = 0.0
    """Probability that two different answers are taken for equal ones."""
    untold: float = 0.0
    """Probability that a comparison says nothing."""
    comparisons: int = NEIGHBOURS
    """With so many neighbours' answers a fresh answer is compared."""


@dataclass(frozen=True, slots=True)
class RehearsedQuestion:
    """What became of one question."""

    decision: Decision
    is_right: bool
    """Whether the answer in question (of a hit, or of an entry to explore) is the right one; False for a miss."""

    @property
    def is_wrong_hit(self) -> bool:
        """A wrong answer was served."""
        return isinstance(self.decision, Hit) and not self.is_right


class ReplayDecider(Protocol):
    """Decides, and may learn: a `Learner` is one."""

    def decide(self, question: str, neighbours: Sequence[Neighbour], *, draw: float, tenant: float = 0.0) -> Decision:
        """Hit, Explore or Miss."""
        ...

    def check_begun(self) -> None:
        """A hit that must be checked is."""
        ...

    def update(self, observation: Observation) -> None:
        """Take in one verified outcome."""
        ...


class _Shelf:
    """The entries stored so far."""

    def __init__(self, dimensions: int, capacity: int) -> None:
        self._vectors = np.empty((capacity, dimensions), dtype=np.float32)
        self.entries: list[CacheEntry] = []
        self._places: dict[str, int] = {}

    def near(self, vector: Vector) -> tuple[Neighbour, ...]:
        if not self.entries:
            return ()
        similarities = self._vectors[: len(self.entries)] @ vector
        count = min(NEIGHBOURS, len(similarities))
        places = np.argpartition(-similarities, count - 1)[:count]
        places = places[np.argsort(-similarities[places], kind="stable")]
        nearest = cast("list[int]", places.tolist())
        return tuple(Neighbour(self.entries[place], max(0.0, float(similarities[place]))) for place in nearest)

    def add(self, entry: CacheEntry, vector: Vector) -> None:
        self._vectors[len(self.entries)] = vector
        self._places[entry.entry_id] = len(self.entries)
        self.entries.append(entry)

    def note(self, observation: Observation) -> None:
        place = self._places[observation.entry_id]
        entry = self.entries[place]
        self.entries[place] = replace(entry, outcomes=(*entry.outcomes, observation)[-_KEPT_OUTCOMES:])


class _Rehearsal:
    """Performs the effects of `lookup` for one stream of questions; what is random in the world is drawn here."""

    def __init__(self, data: Labelled, conditions: Conditions, rng: np.random.Generator) -> None:
        counts = Counter(data.tenants or [0] * len(data))
        self.shelves = {tenant: _Shelf(data.vectors.shape[1], count) for tenant, count in counts.items()}
        self.group_of: dict[str, str] = {}
        self._told: dict[frozenset[str], bool | None] = {}
        self._conditions = conditions
        self._rng = rng

    def find(self, asked: Asked, vector: Vector, shelf: _Shelf, decide: Decide) -> Found:
        """Drive `look_up`."""
        flow = look_up(asked, decide)
        sent: Any = None
        while True:
            try:
                effect = flow.send(sent)
            except StopIteration as stop:
                return cast("Found", stop.value)
            match effect:
                case Embed():
                    sent = vector
                case Find():
                    sent = Lookup(None, shelf.near(vector))
                case Check(hit):
                    sent = hit.must_be_checked or self._rng.random() < self._conditions.verify_share

    def settle(self, found: Found, fresh: str, group: str) -> Settled:
        """Drive `settle` for the fresh answer to the question `fresh`."""
        compared: set[str] = set()

        def perform(effect: Compare) -> bool | None:
            verdict = self._compared(effect, len(compared), fresh, group)
            compared.add(effect.entry.entry_id)
            return verdict

        return _driven(settle(found.decision, found.neighbours), perform)

    def judged(self, entry: CacheEntry, group: str) -> bool | None:
        """What a fallible comparison of an entry's answer with the right one says; None when it cannot tell."""
        is_equal = self.group_of[entry.entry_id] == group
        mistake = self._conditions.missed_agreement if is_equal else self._conditions.false_agreement
        verdict = is_equal != (self._rng.random() < mistake)
        return None if self._conditions.untold and self._rng.random() < self._conditions.untold else verdict

    def verify(self, hit: Hit, group: str) -> bool | None:
        """Drive `verify`."""
        # There is no judge that costs a call here.
        return _driven(verify(hit), lambda one: None if one.is_worth_a_call else self.judged(one.entry, group))

    def _compared(self, effect: Compare, compared: int, fresh: str, group: str) -> bool | None:
        if effect.beside is not None:
            other = effect.beside.entry_id
            return self._once(effect.entry, other, self.judged(effect.entry, self.group_of[other]))
        # There is no judge that costs a call here, and only so many answers are compared.
        if effect.is_worth_a_call or compared >= self._conditions.comparisons:
            return None
        return self._once(effect.entry, fresh, self.judged(effect.entry, group))

    def _once(self, entry: CacheEntry, other: str, drawn: bool | None) -> bool | None:
        """What was said of these two kept answers before, else what was drawn now.

        The judge compares texts, and kept texts stay what they are: a second look at a mistake is no second opinion.
        """
        return self._told.setdefault(frozenset((entry.entry_id, other)), drawn)


def rehearse(
    data: Labelled, decider: ReplayDecider, *, conditions: Conditions, seed: int
) -> Iterator[RehearsedQuestion]:
    """Play `data` in the given order; yields a step for each question."""
    rng = np.random.default_rng(seed)
    world = _Rehearsal(data, conditions, rng)
    tenants = data.tenants or [0] * len(data)
    rows = zip(data.questions, data.groups, _rows(data.vectors), tenants, strict=True)
    for number, (question, group, vector, tenant) in enumerate(rows):
        shelf = world.shelves[tenant]
        decide = partial(decider.decide, draw=float(rng.random()), tenant=float(tenant))
        found = world.find(Asked(scope=_SCOPE, key=str(number), question=question), vector, shelf, decide)
        decision = found.decision or Miss(reason=MissReason.EMPTY)
        is_right = not isinstance(decision, Miss) and world.group_of[decision.entry.entry_id] == group
        yield RehearsedQuestion(decision, is_right)
        if isinstance(decision, Hit):
            if decision.must_be_checked:
                decider.check_begun()
            if found.is_checked:
                _learn(decider, shelf, decision, world.verify(decision, group))
            continue
        settled = world.settle(found, str(number), group)
        if isinstance(decision, Explore):
            _learn(decider, shelf, decision, settled.is_correct)
        world.group_of[str(number)] = group
        shelf.add(_entry(str(number), question, settled), vector)


def _driven(flow: Generator[Compare, bool | None, _Outcome], perform: Callable[[Compare], bool | None]) -> _Outcome:
    """What a generator of `comparing` comes to."""
    sent: bool | None = None
    while True:
        try:
            effect = flow.send(sent)
        except StopIteration as stop:
            return cast("_Outcome", stop.value)
        sent = perform(effect)


class _Collector:
    """A `ReplayDecider` that serves the candidate of the evidence by its similarity, and keeps the evidence."""

    def __init__(self, min_similarity: float) -> None:
        self._min_similarity = min_similarity

    def decide(self, question: str, neighbours: Sequence[Neighbour], *, draw: float, tenant: float = 0.0) -> Decision:
        found = gather(question, neighbours)
        if not isinstance(found, Evidence):
            return Miss(reason=MissReason.GUARD)
        entry, similarity = found.candidate.entry, found.candidate.similarity
        features: dict[str, float] = dict(zip(FEATURES, found.values, strict=True))
        kind = Hit if similarity >= self._min_similarity else Explore
        return kind(entry=entry, similarity=similarity, confidence=None, features=features)

    def check_begun(self) -> None:
        pass

    def update(self, observation: Observation) -> None:
        pass


def collect(
    data: Labelled, *, conditions: Conditions, seed: int, min_similarity: float = 0.9
) -> tuple[list[tuple[float, ...]], list[bool]]:
    """The evidence of every question in a stream served by similarity, and whether the candidate's answer was right."""
    rows: list[tuple[float, ...]] = []
    labels: list[bool] = []
    for step in rehearse(data, _Collector(min_similarity), conditions=conditions, seed=seed):
        if not isinstance(step.decision, Miss):
            rows.append(tuple(step.decision.features[name] for name in FEATURES))
            labels.append(step.is_right)
    return rows, labels


def _rows(vectors: Vectors) -> list[Vector]:
    return [vectors[place] for place in range(len(vectors))]


def _learn(decider: ReplayDecider, shelf: _Shelf, decision: Hit | Explore, is_correct: bool | None) -> None:
    if is_correct is None:
        return
    observation = Observation(
        entry_id=decision.entry.entry_id,
        scope=_SCOPE,
        route=_SCOPE,
        similarity=decision.similarity,
        features=decision.features,
        is_correct=is_correct,
        observed_at=0.0,
    )
    decider.update(observation)
    shelf.note(observation)


def _entry(entry_id: str, question: str, settled: Settled) -> CacheEntry:
    return CacheEntry(
        entry_id=entry_id,
        scope=_SCOPE,
        key=question,
        route=_SCOPE,
        question=question,
        embedding=None,
        choices=(),
        model="",
        created_at=0.0,
        expires_at=float("inf"),
        answer_group=settled.group,
        joined=settled.joined,
    )
