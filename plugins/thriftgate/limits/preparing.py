"""How many requests are made ready beyond the places, so that a place that comes free is taken at once.

Before its model is asked, a request is read, masked and looked up in the cache. Were it let in only when a place is
free, the place would be empty meanwhile. By Little's law (Little 1961) places that come free `r` times a second want
`r` times the seconds of that work on their way to them; twice the root of it more, since neither is regular (the
square-root staffing of Halfin and Whitt 1981).
"""

from math import ceil, sqrt

_SPARE = 2.0


def ahead(places: int, *, service: float | None, preparation: float | None) -> int:
    """Requests to make ready beyond those that hold a place: one at least, at most as many as there are places.

    Args:
        places: Requests whose models may work at once.
        service: Mean seconds for which one of them holds its place; None: not known yet.
        preparation: Mean seconds until one is ready, waiting not counted; None: not known yet.
    """
    if not service or not preparation:
        return 1
    due = places / service * preparation
    return max(1, min(places, ceil(due + _SPARE * sqrt(due))))


def until_due(patience: float, approach: float | None) -> float:
    """Seconds of a patience after which it is too late to begin: twice the mean is left, at most half of all.

    `approach` is the mean from when a request is let in until its models work; None: not known yet.
    """
    return max(patience / 2, patience - _SPARE * (approach or 0.0))
