"""What a look into the cache can come to.

A decision is a value: `Hit` is served, `Explore` and `Miss` go upstream. An `Explore` was close: its fresh answer
should be compared with the entry's, which costs no extra call and is what the policy learns from.

Failure behaviour: pure and total.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from thriftgate.caching.entries import CacheEntry


class MissReason(StrEnum):
    """Why nothing was served."""

    EMPTY = "nothing similar in the cache"
    TOO_FAR = "no question is near enough"
    GUARD = "a guard saw a difference"
    UNSURE = "the answer might be wrong"
    BUDGET = "the error budget is spent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """Serve the answer of `entry`."""

    entry: CacheEntry
    similarity: float
    confidence: float
    """Estimated probability that the answer is right for the question."""
    features: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True, kw_only=True)
class Explore:
    """Ask upstream, and compare the fresh answer with that of `entry`: the policy wants to know."""

    entry: CacheEntry
    similarity: float
    confidence: float
    features: Mapping[str, float] = field(default_factory=dict[str, float])
    reason: MissReason = MissReason.UNSURE


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """Ask upstream; there is nothing to be learnt."""

    reason: MissReason
    similarity: float | None = None
    """Of the nearest entry; None when there was none."""
    veto: str | None = None
    """The guard that objected to the nearest entry."""


Decision = Hit | Explore | Miss
