"""What is away: since when, why, and how many requests went on without it; and one warning a minute about all of it.

Requests, background tasks and upkeep all tell the same object, so that an outage is one line in the log and not one
for each of them.

Failure behaviour: nothing is raised.
"""

import logging
from collections import Counter
from dataclasses import dataclass, field

from thriftgate.errors import CAUSES, Cause
from thriftgate.ports import Clock

logger = logging.getLogger(__name__)

_WARN_EVERY = 60.0


@dataclass(slots=True)
class Outage:
    """How one thing that requests need, or can do without, is doing."""

    since: float | None = None
    """Unix time from which on it is away; None while it is there."""
    cause: Cause | None = None
    """Why it is away, or was the last time."""
    requests: int = 0
    """Requests that went on without it or were refused, since the start of this worker."""
    by_cause: Counter[str] = field(default_factory=Counter[str])


class Outages:
    """Of this worker."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._found: dict[str, Outage] = {}
        self._warned_at: float | None = None
        self._behind: Counter[str] = Counter()

    def of(self, name: str) -> Outage:
        """How one of them is doing."""
        return self._found.setdefault(name, Outage())

    @property
    def all(self) -> dict[str, Outage]:
        """Every one that was ever away."""
        return dict(self._found)

    def answered(self, name: str) -> None:
        """It did what it was asked."""
        found = self._found.get(name)
        if found is not None:
            found.since = None

    def missed(self, name: str, cause: Cause, *, is_request: bool = True) -> None:
        """A request went on without it, or something else could not use it."""
        found = self.note(name, cause)
        found.requests += is_request
        self._warn(f"{name} is away: {CAUSES[cause]}; {found.requests} requests went on without it so far")

    def refused(self, name: str, cause: Cause) -> None:
        """A request was refused for the want of it."""
        found = self.note(name, cause)
        found.requests += 1
        self._warn(f"{name} is away: {CAUSES[cause]}; {found.requests} requests were refused so far")

    def note(self, name: str, cause: Cause) -> Outage:
        """Something could not be used, of which another one tells the log."""
        found = self.of(name)
        if found.since is None:
            found.since = self._clock.time()
        found.cause = cause
        found.by_cause[cause] += 1
        return found

    def missed_behind(self, task: str, cause: Cause) -> None:
        """A task behind the requests failed for the want of a store."""
        self._behind[task] += 1
        self._warn(f"{', '.join(sorted(self._behind))} failed {self._behind.total()} times: {CAUSES[cause]}")

    def _warn(self, words: str) -> None:
        now = self._clock.monotonic()
        if self._warned_at is None or now - self._warned_at >= _WARN_EVERY:
            self._warned_at = now
            self._behind.clear()
            logger.warning("%s", words)
