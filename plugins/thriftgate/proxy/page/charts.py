"""The geometry of the live page's drawings: rectangles and lines in a box of 1000 by 100, no text.

Text stands beside a drawing as HTML, where it can be read, copied, enlarged and read aloud; the page stretches the
box to the room there is.

Failure behaviour: pure and total; without data there is nothing to draw.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from thriftgate.stats.intervals import Interval

WIDTH = 1000.0
HEIGHT = 100.0


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; `look` is a class of the style sheet."""

    look: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class SpendStep:
    """One stretch of time in `spending_columns`: what was spent, and what the baseline would have."""

    at: float
    cost: float
    baseline: float


def spending_columns(steps: Sequence[SpendStep], *, since: float, until: float, step: float) -> list[Box]:
    """A column for each stretch of time: spent at the bottom, saved above it; over the baseline is `lost`."""
    top = max((max(one.cost, one.baseline) for one in steps), default=0.0)
    places = max(1, math.ceil((until - since) / step))
    if top <= 0:
        return []
    pitch = WIDTH / places
    boxes: list[Box] = []
    for one in steps:
        x = round((one.at - since) / step) * pitch + 0.1 * pitch
        below = HEIGHT * min(one.cost, one.baseline) / top
        above = HEIGHT * abs(one.baseline - one.cost) / top
        boxes.append(_box("spent", x, HEIGHT - below, 0.8 * pitch, below))
        boxes.append(
            _box("saved" if one.baseline >= one.cost else "lost", x, HEIGHT - below - above, 0.8 * pitch, above)
        )
    return [box for box in boxes if box.height > 0]


def stack(parts: Mapping[str, int]) -> list[Box]:
    """One bar that is divided by counts, in their order; `look` is the part's name."""
    total = sum(parts.values())
    boxes: list[Box] = []
    x = 0.0
    for name, n in parts.items():
        width = WIDTH * n / total if total else 0.0
        if width:
            boxes.append(_box(name, x, 0.0, width, HEIGHT))
        x += width
    return boxes


@dataclass(frozen=True, slots=True)
class Whisker:
    """An interval on a scale that begins at zero, beside the limit it is held against."""

    low: float
    high: float
    estimate: float
    limit: float | None


def whisker(share: Interval, limit: float | None) -> Whisker:
    """Places between 0 and 1000. The scale ends where both the interval and twice the limit fit."""
    end = max(share.high * 1.1, 2 * (limit or 0.0), 1e-9)

    def place(value: float) -> float:
        return round(WIDTH * min(max(value, 0.0), end) / end, 1)

    return Whisker(place(share.low), place(share.high), place(share.estimate), None if limit is None else place(limit))


def _box(look: str, x: float, y: float, width: float, height: float) -> Box:
    return Box(look, round(x, 2), round(y, 2), round(width, 2), round(height, 2))
