"""The drawings of the live page and of the HTML report, without scripts, fonts or colours of their own.

Colours are classes of a style sheet, so that a drawing follows light and dark. The report's drawings are whole SVG with
a title, a description and words; the live page's are boxes of 1000 by 100 that it stretches to the room there is, with
the words beside them as HTML. The numbers themselves stand in a table beside either.

Failure behaviour: pure and total; names are escaped, and without data there is no drawing (an empty text).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from thriftgate.stats.intervals import Interval
from thriftgate.wording import duration, money

WIDTH = 1000.0
HEIGHT = 100.0
"""Of a drawing on the live page."""

_WIDTH = 720
_ROW = 26
_LABEL = 190
_LONGEST = 26
_AXIS = 22
_WIDEST = 90


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; `look` is a class of the style sheet, `words` are shown on hovering."""

    look: str
    x: float
    y: float
    width: float
    height: float
    words: str = ""


@dataclass(frozen=True, slots=True)
class BarPart:
    """One piece of a bar."""

    look: str
    value: float
    words: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart, from its pieces, with what stands at its end."""

    label: str
    parts: Sequence[BarPart]
    words: str = ""


@dataclass(frozen=True, slots=True)
class SpendStep:
    """One stretch of time in `spending_columns`: what was spent, and what the baseline would have."""

    at: float
    cost: float
    baseline: float


@dataclass(frozen=True, slots=True)
class Whisker:
    """An interval on a scale that begins at zero, beside the limit it is held against; places from 0 to `WIDTH`."""

    low: float
    high: float
    estimate: float
    limit: float | None


@dataclass(frozen=True, slots=True)
class PercentileRange:
    """Three points of one row on a logarithmic scale, rising, in seconds."""

    label: str
    p50: float
    p95: float
    p99: float


def spent_and_saved(cost: float, baseline: float) -> list[BarPart]:
    """A sum of money as two pieces: what was spent and what was saved, or what was spent beyond the baseline."""
    if cost > baseline:
        over = cost - baseline
        return [BarPart("spent", baseline, f"{money(cost)} spent"), BarPart("lost", over, f"{money(over)} too much")]
    saved = baseline - cost
    return [BarPart("spent", cost, f"{money(cost)} spent"), BarPart("saved", saved, f"{money(saved)} saved")]


def spending_columns(steps: Sequence[SpendStep], *, since: float, until: float, step: float) -> list[Box]:
    """A column for each stretch of time: spent at the bottom, saved above it; over the baseline is `lost`."""
    top = max((max(one.cost, one.baseline) for one in steps), default=0.0)
    pitch = WIDTH / max(1, math.ceil((until - since) / step))
    return [
        box
        for one in steps
        for box in _stacked_up(
            Bar("", spent_and_saved(one.cost, one.baseline)),
            x=round((one.at - since) / step) * pitch,
            pitch=pitch,
            bottom=HEIGHT,
            room=HEIGHT,
            whole=top,
        )
    ]


def divided_bar(counts: Mapping[str, int]) -> list[Box]:
    """One bar that is divided by counts, in their order; `look` is the part's name."""
    bar = Bar("", [BarPart(name, n, "") for name, n in counts.items()])
    return list(_side_by_side(bar, x=0.0, y=0.0, height=HEIGHT, room=WIDTH, whole=sum(counts.values())))


def whisker(share: Interval, limit: float | None) -> Whisker:
    """The scale ends where both the interval and twice the limit fit."""
    end = max(share.high * 1.1, 2 * (limit or 0.0), 1e-9)

    def place(value: float) -> float:
        return round(WIDTH * min(max(value, 0.0), end) / end, 1)

    return Whisker(place(share.low), place(share.high), place(share.estimate), None if limit is None else place(limit))


def bars(name: str, title: str, description: str, rows: Sequence[Bar], *, share: bool = False) -> str:
    """Lying bars, one below the other. With `share` each is a whole of its own, else all have one scale."""
    sums = [sum(part.value for part in row.parts) for row in rows]
    longest = max(sums, default=0.0)
    if longest <= 0:
        return ""
    room = _WIDTH - _LABEL - 110
    drawn: list[str] = []
    for place, (row, total) in enumerate(zip(rows, sums, strict=True)):
        y, whole = place * _ROW, total if share else longest
        drawn.append(_text(_LABEL - 8, y + 17, _short(row.label), "end"))
        drawn += map(_rect, _side_by_side(row, x=_LABEL, y=y + 4, height=_ROW - 8, room=room, whole=whole))
        drawn.append(_text(_LABEL + room * (total / (whole or 1.0)) + 6, y + 17, row.words, "start", "soft"))
    return _svg(name, title, description, len(rows) * _ROW + 4, drawn)


def columns(name: str, title: str, description: str, rows: Sequence[Bar], *, top_words: str) -> str:
    """Standing bars side by side, for days; `top_words` says how much the highest is."""
    height = 180
    highest = max((sum(part.value for part in row.parts) for row in rows), default=0.0)
    if highest <= 0:
        return ""
    pitch = min((_WIDTH - 20) / len(rows), _WIDEST)
    every = math.ceil(74 / pitch)
    drawn = [_line(10, 20, _WIDTH - 10, 20, "grid"), _text(_WIDTH - 10, 15, top_words, "end", "soft")]
    for place, row in enumerate(rows):
        x = 10 + place * pitch
        drawn += map(_rect, _stacked_up(row, x=x, pitch=pitch, bottom=20.0 + height, room=height, whole=highest))
        if place % every == 0:
            drawn.append(_text(x + pitch / 2, height + 36, row.label, "middle", "soft"))
    drawn.append(_line(10, 20 + height, _WIDTH - 10, 20 + height, "axis"))
    return _svg(name, title, description, height + 44, drawn)


def spans(name: str, title: str, description: str, rows: Sequence[PercentileRange]) -> str:
    """A line from median to 99th percentile for each row, a mark at the 95th, on one logarithmic scale."""
    values = [value for row in rows for value in (row.p50, row.p99) if value > 0]
    if not values:
        return ""
    low = math.floor(math.log10(min(values)))
    high = max(math.ceil(math.log10(max(values))), low + 1)
    room = _WIDTH - _LABEL - 30

    def across(seconds: float) -> float:
        exponent = math.log10(seconds) if seconds > 0 else low
        return _LABEL + room * (min(max(exponent, low), high) - low) / (high - low)

    bottom = len(rows) * _ROW
    drawn: list[str] = []
    for exponent in range(low, high + 1):
        drawn += [
            _line(across(10.0**exponent), 0, across(10.0**exponent), bottom, "grid"),
            _text(across(10.0**exponent), bottom + 16, duration(10.0**exponent), "middle", "soft"),
        ]
    for place, row in enumerate(rows):
        y = place * _ROW + _ROW / 2
        words = f"{row.label}: p50 {duration(row.p50)}, p95 {duration(row.p95)}, p99 {duration(row.p99)}"
        drawn.append(_text(_LABEL - 8, y + 4, _short(row.label), "end"))
        drawn += map(_rect, (
            Box("span", across(row.p50), y - 3, max(2.0, across(row.p99) - across(row.p50)), 6, words),
            Box("mark", across(row.p95) - 1.5, y - 7, 3, 14, words),
        ))  # fmt: skip
    return _svg(name, title, description, bottom + _AXIS, drawn)


def _svg(name: str, title: str, description: str, height: float, drawn: Sequence[str]) -> str:
    identity = escape(name, quote=True)
    return (
        f'<svg role="img" aria-labelledby="{identity}-title {identity}-words" viewBox="0 0 {_WIDTH} {height:.0f}">'
        f'<title id="{identity}-title">{escape(title)}</title><desc id="{identity}-words">{escape(description)}</desc>'
        f"{''.join(drawn)}</svg>"
    )


def _stacked_up(bar: Bar, *, x: float, pitch: float, bottom: float, room: float, whole: float) -> Iterator[Box]:
    """The pieces of a standing bar, the first at the bottom; a fifth of the pitch stays free."""
    for part in bar.parts:
        tall = room * (part.value / (whole or 1.0))
        bottom -= tall
        if tall > 0:
            yield _box(part, bar.label, x + 0.1 * pitch, bottom, 0.8 * pitch, tall)


def _side_by_side(bar: Bar, *, x: float, y: float, height: float, room: float, whole: float) -> Iterator[Box]:
    """The pieces of a lying bar from left to right."""
    for part in bar.parts:
        width = room * (part.value / (whole or 1.0))
        if width > 0:
            yield _box(part, bar.label, x, y, width, height)
        x += width


def _box(part: BarPart, label: str, x: float, y: float, width: float, height: float) -> Box:
    return Box(
        part.look,
        round(x, 2),
        round(y, 2),
        round(width, 2),
        round(height, 2),
        f"{label}: {part.words}" if label else "",
    )


def _rect(box: Box) -> str:
    place = f'x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
    return f'<rect class="{escape(box.look, quote=True)}" {place}><title>{escape(box.words)}</title></rect>'


def _line(x1: float, y1: float, x2: float, y2: float, look: str) -> str:
    return f'<line class="{look}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, words: str, anchor: str, look: str = "word") -> str:
    return (
        f'<text class="{look}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>' if words else ""
    )


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST else label[: _LONGEST - 1] + "…"
