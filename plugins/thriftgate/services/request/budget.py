"""How often something may happen: a share of the occasions, and at most so many in a minute."""

from collections import deque
from collections.abc import Callable

from thriftgate.ports import Clock

_MINUTE = 60.0


class RateBudget:
    """Says yes to a random `share` of the occasions, but never more than `max_per_minute` times in a minute."""

    def __init__(self, *, share: float, max_per_minute: int, clock: Clock, draw: Callable[[], float]) -> None:
        self._share = share
        self._max_per_minute = max_per_minute
        self._clock = clock
        self._draw = draw
        self._granted: deque[float] = deque()

    def take(self, *, is_certain: bool = False) -> bool:
        """Whether it may happen this time; `is_certain` leaves nothing to the share, only to the minute."""
        if not is_certain and self._draw() >= self._share:
            return False
        now = self._clock.monotonic()
        while self._granted and now - self._granted[0] >= _MINUTE:
            self._granted.popleft()
        if len(self._granted) >= self._max_per_minute:
            return False
        self._granted.append(now)
        return True
