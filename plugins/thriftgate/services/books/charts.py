"""The drawings of the HTML report: SVG as text, without scripts, fonts or colours of its own.

Colours are classes of the page's style sheet, so that a drawing follows light and dark. Every drawing has a title and
a description for those who cannot see it; the numbers themselves stand in a table beside it.

Failure behaviour: pure and total; names are escaped, and without data there is no drawing (an empty text).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH = 720
_ROW = 26
_LABEL = 190
_LONGEST = 26
_AXIS = 22
_WIDEST = 90


@dataclass(frozen=True, slots=True)
class BarPart:
    """One piece of a bar; `look` is a class of the style sheet, `words` are shown on hovering."""

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
class PercentileRange:
    """Three points of one row on a logarithmic scale, rising, in seconds."""

    label: str
    p50: float
    p95: float
    p99: float


def bars(name: str, title: str, description: str, rows: Sequence[Bar], *, share: bool = False) -> str:
    """Lying bars, one below the other. With `share` each is a whole of its own, else all have one scale."""
    sums = [sum(part.value for part in row.parts) for row in rows]
    longest = max(sums, default=0.0)
    if longest <= 0:
        return ""
    room = _WIDTH - _LABEL - 110
    drawn: list[str] = []
    for place, (row, total) in enumerate(zip(rows, sums, strict=True)):
        y, x, whole = place * _ROW, float(_LABEL), (total if share else longest) or 1.0
        drawn.append(_text(_LABEL - 8, y + 17, _short(row.label), "end"))
        for part in row.parts:
            width = room * (part.value / whole)
            if width > 0:
                drawn.append(_box(part.look, x, y + 4, width, _ROW - 8, f"{row.label}: {part.words}"))
            x += width
        drawn.append(_text(x + 6, y + 17, row.words, "start", "soft"))
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
        x, y = 10 + place * pitch, 20.0 + height
        for part in row.parts:
            tall = part.value / highest * height
            y -= tall
            if tall > 0:
                drawn.append(_box(part.look, x + 0.1 * pitch, y, 0.8 * pitch, tall, f"{row.label}: {part.words}"))
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
            _text(across(10.0**exponent), bottom + 16, short_duration(10.0**exponent), "middle", "soft"),
        ]
    for place, row in enumerate(rows):
        y = place * _ROW + _ROW / 2
        words = (
            f"{row.label}: p50 {short_duration(row.p50)}, p95 {short_duration(row.p95)}, p99 {short_duration(row.p99)}"
        )
        drawn.append(_text(_LABEL - 8, y + 4, _short(row.label), "end"))
        drawn.append(_box("span", across(row.p50), y - 3, max(2.0, across(row.p99) - across(row.p50)), 6, words))
        drawn.append(_box("mark", across(row.p95) - 1.5, y - 7, 3, 14, words))
    return _svg(name, title, description, bottom + _AXIS, drawn)


def short_duration(seconds: float) -> str:
    """A time span in the unit that suits it; a dash where there is none."""
    if math.isnan(seconds):
        return "-"
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 1:
        return f"{seconds * 1e3:.3g} ms"
    return f"{seconds:.3g} s"


def _svg(name: str, title: str, description: str, height: float, drawn: Sequence[str]) -> str:
    identity = escape(name, quote=True)
    return (
        f'<svg role="img" aria-labelledby="{identity}-title {identity}-words" viewBox="0 0 {_WIDTH} {height:.0f}">'
        f'<title id="{identity}-title">{escape(title)}</title><desc id="{identity}-words">{escape(description)}</desc>'
        f"{''.join(drawn)}</svg>"
    )


def _box(look: str, x: float, y: float, width: float, height: float, words: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect class="{escape(look, quote=True)}" {place}><title>{escape(words)}</title></rect>'


def _line(x1: float, y1: float, x2: float, y2: float, look: str) -> str:
    return f'<line class="{look}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, words: str, anchor: str, look: str = "word") -> str:
    return (
        f'<text class="{look}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>' if words else ""
    )


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST else label[: _LONGEST - 1] + "…"
