"""The clock of this machine, for everything that is given a clock.

Failure behaviour: none.
"""

import time


class SystemClock:
    """Implements `ports.Clock`."""

    def time(self) -> float:
        """Seconds since the Unix epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()
