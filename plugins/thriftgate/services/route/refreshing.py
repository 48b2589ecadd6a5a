"""Which stale answers of the cache are fetched afresh: each once at a time, however many hits there are meanwhile.

After a try it is left alone for a while. A fresh answer that was kept has taken its place by then; one that was not
(its call failed, or it was let through for one client) would be paid for again by each hit.

Failure behaviour: none; an entry that was forgotten is tried again.
"""

import math
from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager

from thriftgate.ports import Clock


class RefreshTurns:
    """Says whose turn it is to fetch a stale entry's answer afresh; remembers the `size` entries tried last.

    `pause` is how many seconds an entry is left alone after a try.
    """

    def __init__(self, clock: Clock, *, pause: float = 30.0, size: int = 1_000) -> None:
        self._clock = clock
        self._pause = pause
        self._size = size
        self._under_way: set[str] = set()
        self._resting: OrderedDict[str, float] = OrderedDict()
        """Until when each entry is left alone, the latest last."""

    @contextmanager
    def turn(self, entry_id: str) -> Generator[bool]:
        """Whether to fetch the entry's answer afresh now, which is done within the context."""
        rests_until = self._resting.get(entry_id, -math.inf)
        if entry_id in self._under_way or self._clock.monotonic() < rests_until:
            yield False
            return
        self._under_way.add(entry_id)
        try:
            yield True
        finally:
            self._under_way.discard(entry_id)
            self._resting[entry_id] = self._clock.monotonic() + self._pause
            self._resting.move_to_end(entry_id)
            while len(self._resting) > self._size:
                self._resting.popitem(last=False)
