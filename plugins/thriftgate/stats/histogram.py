"""A histogram with fixed bounds: how many observations fell below each, as Prometheus counts them.

Histograms of several processes add up without loss, which percentiles do not.

Failure behaviour: bounds that do not rise, and histograms of different bounds to be added, raise ValueError. An
observation that is no number is not counted.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise


@dataclass(slots=True)
class Histogram:
    """Observations by the first bound they do not exceed; the last count is of those above every bound."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list[int])
    """Length `len(bounds) + 1`; not cumulative."""
    total: float = 0.0
    """The sum of all observations."""

    def __post_init__(self) -> None:
        if any(low >= high for low, high in pairwise(self.bounds)):
            raise ValueError("the bounds of a histogram rise")
        self.counts = self.counts or [0] * (len(self.bounds) + 1)
        if len(self.counts) != len(self.bounds) + 1:
            raise ValueError(f"{len(self.bounds)} bounds make {len(self.bounds) + 1} counts")

    @property
    def n(self) -> int:
        """How many were observed."""
        return sum(self.counts)

    def observe(self, value: float) -> None:
        """Count one observation."""
        if math.isfinite(value):
            self.counts[bisect_left(self.bounds, value)] += 1
            self.total += value

    def add(self, other: "Histogram") -> None:
        """Count all that another one has counted."""
        if other.bounds != self.bounds:
            raise ValueError("only histograms of the same bounds add up")
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.total += other.total

    def cumulative(self) -> Sequence[tuple[float, int]]:
        """Each bound, infinity last, with how many observations do not exceed it."""
        return list(zip((*self.bounds, math.inf), accumulate(self.counts), strict=True))
