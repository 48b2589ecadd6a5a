"""Money, shares, intervals, durations and moments as people read them: one way for the page, the report and commands.

Pure and total: what is not known (None, NaN) is a dash. Money is in US dollars, durations are in seconds, moments in
seconds since the epoch and shown in UTC.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Estimated(Protocol):
    """A number with the interval around it."""

    @property
    def low(self) -> float:
        """Where the interval begins."""
        ...

    @property
    def high(self) -> float:
        """Where it ends."""
        ...

    @property
    def estimate(self) -> float:
        """The number itself."""
        ...


UNKNOWN = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"


def digits_for(largest: float) -> int:
    """Decimals that show a few significant digits of the largest sum of money."""
    size = abs(largest)
    return 2 if size >= 100 or size == 0 else 3 if size >= 10 else 4 if size >= 0.1 else 6


def money(value: float | None, digits: int | None = None) -> str:
    """US dollars; with as many decimals as the sum needs where none are asked for."""
    if value is None or math.isnan(value):
        return UNKNOWN
    digits = digits_for(value) if digits is None else digits
    # Not «-$0.00»: what rounds to nothing has no sign.
    sign = _MINUS if round(value, digits) < 0 else ""
    return f"{sign}${abs(value):,.{digits}f}"


def percent(share: float | None, digits: int = 1) -> str:
    """A share in per cent."""
    if share is None or math.isnan(share):
        return UNKNOWN
    shown = f"{share:.{digits}%}"
    # What rounds to nothing has no sign.
    return shown.replace("-", _MINUS if shown.strip("-0.%") else "")


def confidence(share: float) -> str:
    """How sure something is, in per cent; never rounded up to certainty."""
    return percent(min(share, 0.999), 1) if share >= 0.99 else percent(share, 0)


def with_interval(value: Estimated, digits: int = 1, *, write: Callable[[float, int], str] = percent) -> str:
    """An estimate with the interval around it: `2.0% [1.1%, 3.4%]`."""
    return f"{write(value.estimate, digits)} [{write(value.low, digits)}, {write(value.high, digits)}]"


def between(share: Estimated | None, digits: int = 1) -> str:
    """Where a share lies, in per cent: `1.1 to 3.4%`; empty when that cannot be said."""
    if share is None or math.isnan(share.estimate):
        return ""
    return f"{percent(share.low, digits).removesuffix('%')} to {percent(share.high, digits)}"


def plain(value: float | None, digits: int = 3) -> str:
    """A number without a unit."""
    return UNKNOWN if value is None or math.isnan(value) else f"{value:,.{digits}f}".replace("-", _MINUS)


def give_or_take(share: Estimated) -> str:
    """A share and half the length of its interval, in points of per cent: `2.0 ± 0.6`."""
    return f"{plain(100 * share.estimate, 1)} ± {plain(50 * (share.high - share.low), 1)}"


def counted(n: int, one: str, many: str) -> str:
    """A number of things with their name."""
    return f"{n:,} {one if n == 1 else many}"


def duration(seconds: float | None) -> str:
    """A time span in the unit that suits it."""
    if seconds is None or math.isnan(seconds):
        return UNKNOWN
    if seconds < 0.0009995:
        return f"{seconds * 1e6:.0f} µs"
    value, unit = (seconds * 1e3, "ms") if seconds < 0.9995 else (seconds, "s")
    return f"{value:.3g} {unit}" if value < 999.5 else f"{value:,.0f} {unit}"


def ago(at: float, now: float) -> str:
    """How long ago a moment was."""
    passed = max(0.0, now - at)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if passed >= size:
            return f"{passed / size:.0f} {unit} ago"
    return f"{passed:.0f} s ago"


def moment(at: float | None, *, seconds: bool = False) -> str:
    """A moment, to the minute or the second."""
    form = "%Y-%m-%d %H:%M:%S UTC" if seconds else "%Y-%m-%d %H:%M UTC"
    return UNKNOWN if at is None else datetime.fromtimestamp(at, UTC).strftime(form)


def tick(at: float, *, step: float) -> str:
    """A moment on an axis with steps of so many seconds."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M" if step < 21_600 else "%d %b")


def machine_moment(at: float, timespec: str = "seconds") -> str:
    """A moment for programs, by ISO 8601: `2026-01-31T12:00:00Z`; `timespec` as `datetime.isoformat` has it."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def day_of(at: float) -> str:
    """The day of a moment: `2026-01-31`."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()
