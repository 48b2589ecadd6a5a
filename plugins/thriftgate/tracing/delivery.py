"""What became of something that was sent, and how long to wait before the next try: pure.

Delivered      it is there; some of it may have been refused for good
Unacceptable   the request itself is at fault: the same again would be refused again, smaller parts may not
Away           nobody took it: later it may go through
"""

from dataclasses import dataclass

_FIRST = 1.0
_LONGEST = 60.0
_MOST_PATIENT = 300.0


@dataclass(frozen=True, slots=True)
class Delivered:
    """It arrived."""

    refused: int = 0
    """So many parts of it were not wanted."""


@dataclass(frozen=True, slots=True)
class Unacceptable:
    """It will never be taken as it is."""

    reason: str
    """A fixed phrase with a status; never what was sent or answered."""


@dataclass(frozen=True, slots=True)
class Away:
    """It was not taken this time."""

    reason: str
    retry_after: float | None = None
    """Seconds that the other side asked for."""


Delivery = Delivered | Unacceptable | Away


def pause_after(failures: int, *, draw: float, retry_after: float | None = None) -> float:
    """Seconds to wait after so many failures in a row: twice as long each time, up to a minute.

    `draw` in [0, 1) spreads the tries of many workers over the second half of that time. Who asks for more patience
    gets it, up to five minutes.
    """
    longest = min(_LONGEST, _FIRST * 2.0 ** min(failures - 1, 16))
    asked = min(retry_after, _MOST_PATIENT) if retry_after is not None else 0.0
    return max(asked, longest * (0.5 + draw / 2))
