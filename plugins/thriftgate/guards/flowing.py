"""An answer looked at while it is written, with a window that slides.

    for piece in stream:
        shown = flow.feed(event, text)           # events that may be shown by now
        if flow.is_due: found = check(flow.window) ; flow.checked()

Whoever checks decides; here is only what must wait for it. An event waits until what it says, and `HOLD` characters
more, have been looked at, so that nothing forbidden is out before its end is seen.

Failure behaviour: pure and total.
"""

from collections import deque
from typing import Generic, TypeVar

EVERY = 160
"""Characters after which the window is looked at again."""
HOLD = 48
"""Characters behind an event that must have been looked at before it is shown; longer words may begin to show."""
WINDOW = 1_200

T = TypeVar("T")


class Flow(Generic[T]):
    """Holds events back while `is_holding`, else only says when it is time to look."""

    def __init__(self, *, is_holding: bool) -> None:
        self._is_holding = is_holding
        self._held: deque[tuple[T, int]] = deque()
        self._said = 0
        self._looked = 0
        self.window = ""
        """The latest of what was said."""

    @property
    def offset(self) -> int:
        """Where the window begins in the whole answer."""
        return self._said - len(self.window)

    @property
    def is_due(self) -> bool:
        """Enough was said since the last look."""
        return self._said - self._looked >= EVERY

    @property
    def has_more(self) -> bool:
        """Something was said since the last look."""
        return self._said > self._looked

    def feed(self, event: T, text: str) -> list[T]:
        """Take in an event and what it says; the events that may be shown."""
        self._said += len(text)
        self.window = (self.window + text)[-WINDOW:] if len(text) < WINDOW else text
        if not self._is_holding:
            return [event]
        self._held.append((event, self._said))
        return self._released(self._looked - HOLD)

    def checked(self, *, is_last: bool = False) -> list[T]:
        """The window was looked at and may be shown; the events that may be shown."""
        self._looked = self._said
        return self._released(self._said if is_last else self._looked - HOLD)

    def _released(self, up_to: int) -> list[T]:
        found: list[T] = []
        while self._held and self._held[0][1] <= up_to:
            found.append(self._held.popleft()[0])
        return found
