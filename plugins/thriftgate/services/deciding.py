"""Who decides whether a neighbour's answer is given again.

Failure behaviour: pure.
"""

from collections.abc import Sequence
from typing import Protocol

from thriftgate.caching.decision import Decision, decide
from thriftgate.caching.entries import Neighbour, Observation
from thriftgate.caching.policy import FixedThreshold


class Decider(Protocol):
    """Whether a neighbour's answer is right for a question, learnt from verified outcomes."""

    def decide(self, question: str, neighbours: Sequence[Neighbour], *, draw: float) -> Decision:
        """`draw` is uniform in [0, 1): the randomness of exploration."""
        ...

    def update(self, observation: Observation) -> None:
        """Learn from one verified outcome."""
        ...


class FixedDecider:
    """Decides by a fixed similarity and learns nothing."""

    def __init__(self, policy: FixedThreshold) -> None:
        self._policy = policy

    def decide(self, question: str, neighbours: Sequence[Neighbour], *, draw: float) -> Decision:
        """The nearest entry above the threshold that no guard objects to."""
        return decide(question, neighbours, policy=self._policy, draw=draw)

    def update(self, observation: Observation) -> None:
        """A threshold stays what it is."""
