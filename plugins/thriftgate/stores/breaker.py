"""How long to leave a server alone that is down.

After a failure nobody asks for a moment; then it is tried once. Each failed try doubles the moment, up to a second; a
success ends it.
"""

from dataclasses import dataclass, field


@dataclass(slots=True)
class CircuitBreaker:
    """Closed while the server answers; open for a short, growing time after it did not.

    Times are seconds of a clock that never goes back. Not thread-safe: one event loop uses it at a time.
    """

    first_pause: float = 0.1
    longest_pause: float = 1.0
    _pause: float = field(default=0.0, init=False)
    """0 while closed."""
    _opened_at: float = field(default=0.0, init=False)

    @property
    def is_open(self) -> bool:
        """Whether the last thing known of the server is a failure."""
        return self._pause > 0

    @property
    def pause(self) -> float:
        """Seconds between two tries; 0 while closed."""
        return self._pause

    def succeeded(self) -> None:
        """A call was answered."""
        self._pause = 0.0

    def failed(self, *, started_at: float, now: float) -> None:
        """A call that began at `started_at` was not answered.

        Calls that were under way when the breaker opened tell nothing new, so fifty of them count as one.
        """
        if self.is_open and started_at < self._opened_at:
            return
        self._pause = min(self.longest_pause, 2 * self._pause) if self.is_open else self.first_pause
        self._opened_at = now
