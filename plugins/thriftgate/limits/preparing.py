"""How many requests are made ready beyond the places, so that a place that comes free is taken at once.

Before its model is asked, a request is read, masked and looked up in the cache. Were it let in only when a place is
free, the place would be empty meanwhile. By Little's law (Little 1961) places that come free `r` times a second want
`r` times the seconds of that work on their way to them; twice the root of it more, since neither is regular (the
square-root staffing of Halfin and Whitt 1981).
"""

from dataclasses import dataclass, replace
from math import ceil, sqrt

_MEMORY = 64.0
"""About so many of the latest requests count."""
_SPARE = 2.0


@dataclass(frozen=True, slots=True)
class Preparation:
    """How long requests take until their model is asked; older ones faded out."""

    seconds: float = 0.0
    n: float = 0.0

    def observe(self, duration: float) -> "Preparation":
        """With one more request that was made ready in so many seconds."""
        fade = 1 - 1 / _MEMORY
        return replace(self, seconds=fade * self.seconds + max(0.0, duration), n=fade * self.n + 1)

    def until_due(self, patience: float) -> float:
        """Seconds of a patience after which it is too late to begin: twice the mean is left, at most half of all."""
        mean = self.seconds / self.n if self.n else 0.0
        return max(patience / 2, patience - _SPARE * mean)

    def ahead(self, places: int, service: float | None) -> int:
        """Requests to make ready beyond those that hold a place: one at least, at most as many as there are places.

        Args:
            places: Requests whose models may work at once.
            service: Mean seconds for which one of them holds its place; None: not known yet.
        """
        if not self.n or not service:
            return 1
        due = places / service * (self.seconds / self.n)
        return max(1, min(places, ceil(due + _SPARE * sqrt(due))))
