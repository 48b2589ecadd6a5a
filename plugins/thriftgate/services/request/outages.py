"""What is away: since when, why, and how many requests went on without it; and one warning a minute about it.

Requests, background tasks and upkeep all tell the same object, so that an outage is one line in the log and not one
for each of them. What is newly away is said at once, whatever else was said in the same minute.

Failure behaviour: nothing is raised.
"""

import logging
from collections import Counter
from dataclasses import dataclass, field

from thriftgate.errors import CAUSES, Cause
from thriftgate.ports import Clock

logger = logging.getLogger(__name__)

_WARN_EVERY = 60.0
_BEHIND = "tasks behind the requests"


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
        self._warned: dict[str, float] = {}
        """When each was said last."""
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
        self._warn(name, f"{name} is away: {CAUSES[cause]}; {found.requests} requests went on without it so far")

    def refused(self, name: str, cause: Cause) -> None:
        """A request was refused for the want of it."""
        found = self.note(name, cause)
        found.requests += 1
        self._warn(name, f"{name} is away: {CAUSES[cause]}; {found.requests} requests were refused so far")

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
        # Most likely for the same reason as what was said a moment ago.
        words = f"{', '.join(sorted(self._behind))} failed {self._behind.total()} times: {CAUSES[cause]}"
        if self._warn(_BEHIND, words, *self._warned):
            self._behind.clear()

    def _warn(self, name: str, words: str, *others: str) -> bool:
        """Say it, unless it or one of the others was said within the minute; whether it was said."""
        now = self._clock.monotonic()
        said = [self._warned[one] for one in (name, *others) if one in self._warned]
        if any(now - at < _WARN_EVERY for at in said):
            return False
        self._warned[name] = now
        logger.warning("%s", words)
        return True
