"""Counts the hits of cached answers, one write at a time for each of them.

A popular answer is hit many times at once. Each of these writes would wait for the one before it, on the same row and
with a connection that look-ups need; so hits that come while one is written are written together after it.

Failure behaviour: hits that cannot be written are lost. They only say which answers to drop when there are too many.
"""

from collections import Counter

from thriftgate.ports import AnswerCache
from thriftgate.services.request.background import BackgroundTasks


class HitCounter:
    """Counts hits beside the requests."""

    def __init__(self, cache: AnswerCache, background: BackgroundTasks) -> None:
        self._cache = cache
        self._background = background
        self._waiting: Counter[tuple[str, str]] = Counter()
        self._writing: set[tuple[str, str]] = set()

    def count(self, scope: str, entry_id: str) -> None:
        """One hit more."""
        entry = (scope, entry_id)
        if entry in self._writing:
            self._waiting[entry] += 1
        else:
            self._writing.add(entry)
            if not self._background.start("cache_touch", self._write(entry)):
                self._writing.discard(entry)

    async def _write(self, entry: tuple[str, str]) -> None:
        hits = 1
        try:
            while hits:
                await self._cache.touch(*entry, hits=hits)
                hits = self._waiting.pop(entry, 0)
        finally:
            self._waiting.pop(entry, None)
            self._writing.discard(entry)
