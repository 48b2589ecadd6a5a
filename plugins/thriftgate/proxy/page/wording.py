"""Numbers and times as the live page writes them.

Failure behaviour: pure and total; what is not known is a dash.
"""

import math
from datetime import UTC, datetime

from thriftgate.stats.intervals import Interval

UNKNOWN = "\N{EN DASH}"


def digits_for(largest: float) -> int:
    """Decimals that show a few significant digits of the largest sum of money."""
    return 2 if largest >= 100 else 3 if largest >= 10 else 4 if largest >= 0.1 else 6


def money(value: float, digits: int) -> str:
    """US dollars."""
    # Not «-$0.00»: what rounds to nothing has no sign.
    sign = "\N{MINUS SIGN}" if round(value, digits) < 0 else ""
    return f"{sign}${abs(value):,.{digits}f}"


def percent(share: float, digits: int = 1) -> str:
    """A share in per cent."""
    return UNKNOWN if math.isnan(share) else f"{100 * share:.{digits}f}%".replace("-", "\N{MINUS SIGN}")


def interval_words(share: Interval | None, digits: int = 1) -> str:
    """Where a share lies, in per cent; empty when that cannot be said."""
    if share is None or math.isnan(share.estimate):
        return ""
    low, high = (f"{100 * end:.{digits}f}".replace("-", "\N{MINUS SIGN}") for end in (share.low, share.high))
    return f"{low} to {high}%"


def count(value: int) -> str:
    """A number of things."""
    return f"{value:,}"


def counted(value: int, one: str, many: str) -> str:
    """A number of things with their name."""
    return f"{value:,} {one if value == 1 else many}"


def seconds(value: float) -> str:
    """A duration."""
    if math.isnan(value):
        return UNKNOWN
    return f"{1000 * value:.0f} ms" if value < 1 else f"{value:.2f} s" if value < 100 else f"{value:.0f} s"


def ago(at: float, now: float) -> str:
    """How long ago a moment was."""
    passed = max(0.0, now - at)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if passed >= size:
            return f"{passed / size:.0f} {unit} ago"
    return f"{passed:.0f} s ago"


def moment(at: float) -> str:
    """A moment for people, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def short_moment(at: float, *, step: float) -> str:
    """A moment on an axis with steps of so many seconds."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M" if step < 21_600 else "%d %b")


def machine_moment(at: float) -> str:
    """A moment for the attribute `datetime`."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
