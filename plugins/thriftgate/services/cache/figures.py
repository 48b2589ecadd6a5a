"""How full a cache is, how useful, and how often it was wrong, as far as checked hits tell.

Failure behaviour: pure, but for `contents_of`, which raises what the store raises; what cannot be known is None.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from thriftgate.caching.entries import CacheEntry, CacheStats
from thriftgate.stats import Interval
from thriftgate.stats.intervals import wilson_interval
from thriftgate.types import Audit, DecisionKind, SummaryRow


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheFigures:
    """One route."""

    route: str
    entries: int
    scopes: int
    answers: int
    """Requests that were answered in the time looked at."""
    exact_hits: int
    semantic_hits: int
    checked: int
    """Semantic hits of that time that were checked and could be judged."""
    wrong: int
    error: Interval | None
    """Share of all answers that were wrong because of a semantic hit, with its 95 % interval, the one of the report and
    the page: the share of wrong ones among the checked hits, times the share of semantic hits. None when no hit was
    checked."""
    max_error: float | None
    """The promise; None with a fixed threshold."""
    max_error_of_hits: float | None = None
    """The promise about the semantic hits themselves; None with a fixed threshold."""
    observations: int
    """Verified outcomes that the learner has, also of near misses and of users' feedback."""

    @property
    def error_of_hits(self) -> Interval | None:
        """The share of wrong ones among the checked hits, with its 95 % interval; None when none was checked."""
        return wilson_interval(self.wrong, self.checked) if self.checked else None

    @property
    def hit_rate(self) -> float | None:
        """Share of the answers that came from the cache; None when there were none."""
        return (self.exact_hits + self.semantic_hits) / self.answers if self.answers else None


def cache_figures_of(
    promises: Mapping[str, float | None],
    stats: Sequence[CacheStats],
    summaries: Sequence[SummaryRow],
    audits: Sequence[Audit],
) -> list[CacheFigures]:
    """Every route in `promises` (with its `max_error`), in their order.

    `summaries` are by route, `audits` of cached answers.
    """
    full = {one.route: one for one in stats}
    used = {row.group: row for row in summaries}
    return [
        _figures(route, promise, full.get(route), used.get(route), [one for one in audits if one.route == route])
        for route, promise in promises.items()
    ]


def _figures(
    route: str, promise: float | None, full: CacheStats | None, used: SummaryRow | None, audits: Sequence[Audit]
) -> CacheFigures:
    decisions: Mapping[DecisionKind, int] = used.decisions if used else {}
    answers = used.requests - used.failures if used else 0
    semantic = decisions.get(DecisionKind.SEMANTIC_HIT, 0)
    judged = [one for one in audits if one.is_acceptable is not None]
    wrong = sum(not one.is_acceptable for one in judged)
    error = None
    if judged and answers:
        share, found = semantic / answers, wilson_interval(wrong, len(judged))
        error = Interval(found.low * share, found.high * share, wrong / len(judged) * share)
    return CacheFigures(
        route=route,
        entries=full.entries if full else 0,
        scopes=full.scopes if full else 0,
        answers=answers,
        exact_hits=decisions.get(DecisionKind.EXACT_HIT, 0),
        semantic_hits=semantic,
        checked=len(judged),
        wrong=wrong,
        error=error,
        max_error=promise,
        observations=full.observations if full else 0,
    )


@dataclass(frozen=True, slots=True)
class Contents:
    """What the cache of one route holds; ages are in seconds."""

    entries: int
    characters: int
    """Of questions and answers; vectors and indexes come on top."""
    oldest: float | None
    newest: float | None
    stale: int
    """Entries that are served once more while a fresh answer is fetched."""

    def __str__(self) -> str:
        if self.oldest is None or self.newest is None:
            return "nothing is kept"
        ages = f"the oldest is {self.oldest / 3600:.1f} h old, the newest {self.newest / 3600:.1f} h"
        return f"{self.entries:,} entries with {self.characters:,} characters; {ages}; {self.stale:,} are stale"


async def contents_of(entries: AsyncIterator[CacheEntry], *, now: float) -> Contents:
    """Read all entries, one after the other; `now` is Unix time. Raises what the store raises."""
    count, characters, stale = 0, 0, 0
    oldest = newest = None
    async for entry in entries:
        age = max(0.0, now - entry.created_at)
        count += 1
        characters += len(entry.question) + sum(len(choice.text) for choice in entry.choices)
        stale += entry.stale_at is not None and entry.stale_at <= now
        oldest = age if oldest is None else max(oldest, age)
        newest = age if newest is None else min(newest, age)
    return Contents(count, characters, oldest, newest, stale)
