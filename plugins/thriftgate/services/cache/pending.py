"""What a look-up in the cache leads to: an answer, or where to keep the fresh one."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from thriftgate.caching.decision import Decision
from thriftgate.caching.entries import CacheEntry, Neighbour
from thriftgate.caching.sharing.eligibility import Verdict
from thriftgate.caching.sharing.scope import CacheScope
from thriftgate.types import Answer, DecisionKind, Vector


@dataclass(slots=True)
class PendingEntry:
    """What a miss leads to: where its answer will be kept."""

    scope: CacheScope | None = None
    content: Verdict | None = None
    """What was found about the request itself when its place was looked for."""
    embedding: Vector | None = None
    decision: Decision | None = None
    neighbours: tuple[Neighbour, ...] = ()
    """What was found near the question, nearest first."""
    asked_at: float | None = None
    """When its request began."""
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """A correction is written after what it corrects."""

    @property
    def coalescing_key(self) -> str | None:
        """The key to coalesce by; None when this request must not share."""
        return self.scope.coalescing_key if self.scope else None


@dataclass(frozen=True, slots=True)
class Served:
    """An answer from the cache."""

    answer: Answer
    entry: CacheEntry
    kind: DecisionKind
    similarity: float
    confidence: float | None
    is_stale: bool
    features: Mapping[str, float] = field(default_factory=dict[str, float])
    """The evidence of a semantic hit."""
