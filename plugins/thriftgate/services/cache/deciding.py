"""Who decides whether a neighbour's answer is given again, and how workers learn from each other.

Failure behaviour: a store that is away raises StoreUnavailableError from `catch_up` alone; deciding goes on with what
is known.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from thriftgate.caching.artefact import CacheModel, shipped
from thriftgate.caching.decision import Decision, decide
from thriftgate.caching.entries import Neighbour, Observation
from thriftgate.caching.learner import Learner
from thriftgate.caching.policy import CachePolicy, FixedThreshold
from thriftgate.config import CacheConfig, EmbedderName
from thriftgate.ports import AnswerCache

_FIRST_LOOK = 5_000
_LATER_LOOKS = 500
_MOST_KNOWN = 20_000


class Rule(Protocol):
    """Whether a neighbour's answer is right for a question, learnt from verified outcomes."""

    def decide(
        self,
        question: str,
        neighbours: Sequence[Neighbour],
        *,
        draw: float,
        tenant: float = 0.0,
        is_relaxed: bool = False,
    ) -> Decision:
        """`draw` is uniform in [0, 1): the randomness of exploration; `tenant` stands for who asks, 0 for anybody.

        Relaxed: all is served that the promises allow, without a margin for chance.
        """
        ...

    def check_begun(self) -> None:
        """A hit that must be checked is asked afresh now; what could not be is no check."""
        ...

    def update(self, observation: Observation) -> None:
        """Learn from one verified outcome."""
        ...


class Decider(Rule, Protocol):
    """A rule that also learns from what other workers, and earlier lives, have verified."""

    @property
    def threshold(self) -> float | None:
        """The confidence from which hits are served now; None where it is not decided by confidence."""
        ...

    async def catch_up(self) -> int:
        """Learn what the store has and this worker has not seen; returns how many outcomes that were.

        Raises StoreUnavailableError.
        """
        ...


class FixedDecider:
    """Decides by a fixed similarity and learns nothing."""

    def __init__(self, policy: FixedThreshold) -> None:
        self._policy = policy

    def decide(
        self,
        question: str,
        neighbours: Sequence[Neighbour],
        *,
        draw: float,
        tenant: float = 0.0,
        is_relaxed: bool = False,
    ) -> Decision:
        """The nearest entry above the threshold that no guard objects to; there is no promise to relax."""
        return decide(question, neighbours, policy=self._policy, draw=draw)

    def check_begun(self) -> None:
        """No hit must be checked."""

    def update(self, observation: Observation) -> None:
        """A threshold stays what it is."""

    @property
    def threshold(self) -> None:
        """A similarity decides, and no confidence."""

    async def catch_up(self) -> int:
        """There is nothing to learn."""
        return 0


class Learning(Rule, Protocol):
    """A rule that can take in the outcomes of an earlier life: `caching.learner.Learner` is one."""

    @property
    def policy(self) -> CachePolicy:
        """What the next decision is made by."""
        ...

    def replay(self, observations: Iterable[Observation]) -> None:
        """Learn from outcomes that somebody else verified, oldest first."""
        ...


class SharedDecider:
    """A learning decider that also learns from what other workers, and earlier lives, have verified."""

    def __init__(self, learner: Learning, *, route: str, cache: AnswerCache) -> None:
        self._learner = learner
        self._route = route
        self._cache = cache
        self._known: dict[tuple[str, str, int], None] = {}
        """Outcomes learnt already, oldest first; a dict is a set in order."""
        self._looked = False

    @property
    def threshold(self) -> float:
        """The confidence from which hits are served now."""
        return self._learner.policy.threshold

    def decide(
        self,
        question: str,
        neighbours: Sequence[Neighbour],
        *,
        draw: float,
        tenant: float = 0.0,
        is_relaxed: bool = False,
    ) -> Decision:
        """As the learner decides."""
        return self._learner.decide(question, neighbours, draw=draw, tenant=tenant, is_relaxed=is_relaxed)

    def check_begun(self) -> None:
        """As the learner counts it."""
        self._learner.check_begun()

    def update(self, observation: Observation) -> None:
        """Learn from an outcome that this worker verified."""
        self._note(observation)
        self._learner.update(observation)

    async def catch_up(self) -> int:
        """Learn what the store has and this worker has not seen; returns how many outcomes that were.

        Raises StoreUnavailableError.
        """
        limit = _LATER_LOOKS if self._looked else _FIRST_LOOK
        stored = await self._cache.observations(self._route, limit=limit)
        self._looked = True
        unknown = [one for one in reversed(stored) if _identity(one) not in self._known]
        for observation in unknown:
            self._note(observation)
        if unknown:
            self._learner.replay(unknown)
        return len(unknown)

    def _note(self, observation: Observation) -> None:
        self._known[_identity(observation)] = None
        while len(self._known) > _MOST_KNOWN:
            del self._known[next(iter(self._known))]


def _identity(observation: Observation) -> tuple[str, str, int]:
    # Stores keep times to the microsecond at best.
    return observation.entry_id, observation.source, round(observation.observed_at * 100)


def decider_of(
    route: str, config: CacheConfig, base_dir: Path, cache: AnswerCache, *, embedder: EmbedderName
) -> Decider:
    """Who decides for a route by this embedder's similarities.

    Raises ConfigurationError for an artefact that cannot be used, OSError for none.
    """
    if config.min_similarity is not None:
        return FixedDecider(FixedThreshold(config.min_similarity))
    artefact = shipped(embedder)
    if config.artefact is not None:
        path = base_dir / config.artefact
        artefact = CacheModel.from_json(path.read_text(encoding="utf-8"), source=str(path))
        artefact.check(embedder=embedder, source=config.artefact)
    learner = Learner(
        artefact,
        max_error=config.max_error,
        max_error_of_hits=config.max_error_of_hits,
        first_checked=config.verify.first,
    )
    return SharedDecider(learner, route=route, cache=cache)
