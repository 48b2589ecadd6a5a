"""What waits for the other side to take it: bounded, in order, tried again, and split where one item spoils a batch.

    put ▸ take a batch ▸ send it ─▶ taken()     it is there
                                 ─▶ away()      nobody took it: it waits at the front again
                                 ─▶ refused()   it is at fault: it goes again in smaller parts; one alone is dropped

Failure behaviour: pure; no clock and no lock. Beyond its bounds the oldest items are dropped and counted.
"""

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class RetryQueue(Generic[T]):
    """Items on their way, one batch at a time.

    Args:
        max_items: So many wait at most.
        batch_items: So many go at once at most.
        size_of: The bytes of an item; absent: only their number counts.
        max_bytes: Together at most so many bytes wait; a larger item is dropped at once.
        batch_bytes: So many bytes go at once at most, unless one item alone has more.
    """

    def __init__(
        self,
        *,
        max_items: int,
        batch_items: int,
        size_of: Callable[[T], int] | None = None,
        max_bytes: float = math.inf,
        batch_bytes: float = math.inf,
    ) -> None:
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._batch_items = batch_items
        self._batch_bytes = batch_bytes
        self._size_of = size_of
        self._queue: deque[tuple[T, int]] = deque()
        self._under_way: list[tuple[T, int]] = []
        self._suspects = 0
        """So many items at the front were refused together; at most `_portion` of them go at once."""
        self._portion = batch_items
        self.waiting_bytes = 0
        self.sent = 0
        self.dropped = 0
        """Lost for want of room."""
        self.rejected = 0
        """Lost because the other side does not want them."""

    @property
    def waiting(self) -> int:
        """Items that are not there yet."""
        return len(self._queue) + len(self._under_way)

    def put(self, item: T) -> int:
        """Let an item wait; the oldest make room for it. Returns how many were lost."""
        size = self._size_of(item) if self._size_of is not None else 0
        before = self.dropped
        if size > self._max_bytes:
            self.dropped += 1
        else:
            self._queue.append((item, size))
            self.waiting_bytes += size
            while len(self._queue) > self._max_items or self.waiting_bytes > self._max_bytes:
                self.waiting_bytes -= self._queue.popleft()[1]
                self.dropped += 1
        return self.dropped - before

    def take(self) -> list[T]:
        """The next batch, empty when nothing waits.

        `taken`, `away` or `refused` follows; without one of them the same batch is taken once more.
        """
        most = self._portion if self._suspects else self._batch_items
        total = 0
        while self._queue and len(self._under_way) < most:
            total += self._queue[0][1]
            if self._under_way and total > self._batch_bytes:
                break
            self._under_way.append(self._queue.popleft())
            self.waiting_bytes -= self._under_way[-1][1]
        return [item for item, _ in self._under_way]

    def taken(self, *, rejected: int = 0, again: Sequence[T] = ()) -> None:
        """The batch is there, but for so many of its items that were not wanted, and those that must go again."""
        left = set(map(id, again))
        ended = sum(id(item) not in left for item, _ in self._under_way)
        self._under_way = [one for one in self._under_way if id(one[0]) in left]
        rejected = min(rejected, ended)
        self.rejected += rejected
        self.sent += ended - rejected
        self._suspects = max(0, self._suspects - ended)
        self.away()

    def refused(self) -> bool:
        """The same batch would be refused again. False when it was one item, which is dropped."""
        if len(self._under_way) == 1:
            self.taken(rejected=1)
            return False
        self._suspects = max(self._suspects, len(self._under_way))
        self._portion = max(1, len(self._under_way) // 2)
        self.away()
        return True

    def away(self) -> None:
        """To the front again, as far as there is room: newer items may have come in meanwhile."""
        batch, self._under_way = self._under_way, []
        for item, size in reversed(batch):
            if len(self._queue) >= self._max_items or self.waiting_bytes + size > self._max_bytes:
                self.dropped += 1
            else:
                self._queue.appendleft((item, size))
                self.waiting_bytes += size

    def give_up(self) -> int:
        """Forget what waits, and count it as dropped; returns how many."""
        lost = self.waiting
        self._queue.clear()
        self._under_way.clear()
        self.waiting_bytes = 0
        self.dropped += lost
        return lost
