"""What the cache keeps, what it finds again, and which answers say the same."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from thriftgate.caching.differences.composing import composed
from thriftgate.types import Choice, Usage, Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One verified outcome: whether an entry's answer would have been right for another question."""

    entry_id: str
    scope: str
    route: str
    similarity: float
    features: Mapping[str, float] = field(default_factory=dict[str, float])
    """The evidence the decision saw, by feature name."""
    is_correct: bool
    observed_at: float
    source: str = "fresh_answer"
    """fresh_answer, judge or feedback."""


def kept_observation(entry_id: str, scope: str, route: str, outcome: Sequence[Any]) -> Observation:
    """An outcome as stores keep it beside its entry: similarity, features, whether it is correct, when, who says so."""
    similarity, features, is_correct, observed_at, source = outcome
    return Observation(
        entry_id=entry_id, scope=scope, route=route, similarity=similarity, features=features, is_correct=is_correct,
        observed_at=observed_at, source=source,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheEntry:
    """One kept answer with the question it answered."""

    entry_id: str
    scope: str
    """Hash of everything that must be equal for an answer to be shared."""
    key: str
    """Hash of the question as it was asked, for exact hits."""
    route: str
    question: str
    embedding: Vector | None
    choices: tuple[Choice, ...]
    body: Mapping[str, Any] | None = None
    """The whole answer in the dialect it was asked in; None: the choices are all there is."""
    model: str
    """The tier that gave the answer."""
    usage: Usage = field(default_factory=Usage)
    cost_usd: float = 0.0
    """What the answer cost when it was made."""
    baseline_cost_usd: float = 0.0
    """What the strongest tier would have cost for it: what each hit saves."""
    created_at: float
    expires_at: float
    stale_at: float | None = None
    """From here on a hit is still served, but a fresh answer is fetched behind it; None: never stale."""
    tags: tuple[str, ...] = ()
    prompt_version: str = ""
    collection: str = ""
    hits: int = 0
    outcomes: tuple[Observation, ...] = ()
    """The latest verified outcomes of this entry (at most 64), oldest first: its learned boundary."""
    answer_group: str = ""
    """Shared by entries whose answers were found to say the same; empty: the entry is a group of its own."""
    joined: tuple[str, ...] = ()
    """Other answer groups that this answer was found to belong to as well: all of them say the same."""
    request_id: str = ""
    """The request that the answer was given to first; empty for one that no request has asked for."""

    @property
    def group(self) -> str:
        """The answer group; the entry's own id when its answer was never found to equal another one."""
        return self.answer_group or self.entry_id


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An entry near a question. `similarity` is the cosine in [0, 1]."""

    entry: CacheEntry
    similarity: float


@dataclass(frozen=True, slots=True)
class Lookup:
    """What one look into the store found."""

    exact: CacheEntry | None = None
    neighbours: tuple[Neighbour, ...] = ()
    """Nearest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeFilter:
    """Which entries to forget; every given condition must hold. With none given, everything goes."""

    route: str | None = None
    scope: str | None = None
    tag: str | None = None
    entry_id: str | None = None
    prompt_version: str | None = None
    prompt_versions_not: tuple[str, ...] = ()
    """Entries made with any other version of the prompt than these; empty: whatever the version."""
    collection: str | None = None

    def matches(self, entry: CacheEntry) -> bool:
        """Whether the entry is to be forgotten."""
        return (
            self.route in (None, entry.route)
            and self.scope in (None, entry.scope)
            and (self.tag is None or self.tag in entry.tags)
            and self.entry_id in (None, entry.entry_id)
            and self.prompt_version in (None, entry.prompt_version)
            and (not self.prompt_versions_not or entry.prompt_version not in self.prompt_versions_not)
            and self.collection in (None, entry.collection)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStats:
    """How full and how useful the cache of one route is."""

    route: str
    entries: int
    hits: int
    scopes: int
    observations: int
    wrong_observations: int


def usage_fields(usage: Usage) -> Mapping[str, int | bool]:
    """The counts that are kept with an answer, by name: those that every version of ours reads.

    While one gateway takes over from another, each reads what the other kept.
    """
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cached_tokens": usage.cached_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "is_estimated": usage.is_estimated,
    }


def united(entries: Iterable[CacheEntry]) -> Mapping[str, str]:
    """Each answer group of these entries by the name of all those that say the same.

    Two groups are one where an entry belongs to both: answers that could not be compared when they came stay apart
    until a third one agrees with each.
    """
    parents: dict[str, str] = {}

    def root(group: str) -> str:
        while parents.setdefault(group, group) != group:
            group = parents[group]
        return group

    for entry in entries:
        own = root(entry.group)
        for other in entry.joined:
            parents[root(other)] = own
    return {group: root(group) for group in parents}


def normalised_answer(answer: str) -> str:
    """An answer as it is compared with another: composed Unicode, no idle white space."""
    return " ".join(composed(answer).split())
