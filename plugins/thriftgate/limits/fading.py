"""A mean in which what was lately counts more than what was long ago."""

from dataclasses import dataclass

_MEMORY = 64.0
"""About so many of the latest values count."""
_FADE = 1 - 1 / _MEMORY


@dataclass(frozen=True, slots=True)
class FadingMean:
    """A sum of values and their number, both faded with each new one."""

    total: float = 0.0
    n: float = 0.0

    def observe(self, value: float) -> "FadingMean":
        """With one more value."""
        return FadingMean(_FADE * self.total + value, _FADE * self.n + 1)

    @property
    def mean(self) -> float | None:
        """None before anything is known."""
        return self.total / self.n if self.n > 0 else None
