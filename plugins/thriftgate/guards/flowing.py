"""An answer looked at while it is written, with a window that slides.

    for piece in stream:
        shown = flow.feed(event, text)           # events that may be shown by now
        if flow.is_due: found = check(flow.window()) ; flow.checked()

Whoever checks decides; here is only what must wait for it. An event waits until what it says, and `HOLD` characters
more, have been looked at, so that nothing forbidden is out before its end is seen.

A window has all that was not looked at yet, however much came at once, and `OVERLAP` characters before it: whatever is
no longer than that lies in one window as a whole, wherever the stream was cut. It begins and ends between words, so
that no part of a word (or of a link) is taken for one.

Failure behaviour: pure and total; keeps what is unread and `OVERLAP` characters, and is linear in the stream.
"""

from collections import deque
from typing import Generic, TypeVar

EVERY = 160
"""Characters after which the window is looked at again."""
HOLD = 48
"""Characters behind an event that must have been looked at before it is shown; longer words may begin to show."""
OVERLAP = 1_040
"""Characters that are looked at once more, with what comes behind them."""
LONGEST_WORD = 80
"""Characters of a word whose end is waited for; a longer one is looked at as far as it goes."""

T = TypeVar("T")


class Flow(Generic[T]):
    """Holds events back while `is_holding`, else only says when it is time to look."""

    def __init__(self, *, is_holding: bool) -> None:
        self._is_holding = is_holding
        self._held: deque[tuple[T, int]] = deque()
        self._said = 0
        self._looked = 0
        self._text = ""
        """The end of what was said, with all that is unread."""

    @property
    def offset(self) -> int:
        """Where the window begins in the whole answer."""
        return self._said - len(self._text)

    @property
    def is_due(self) -> bool:
        """Enough was said since the last look."""
        return self._said - self._looked >= EVERY

    @property
    def has_more(self) -> bool:
        """Something was said since the last look."""
        return self._said > self._looked

    def window(self, *, is_last: bool = False) -> str:
        """What must be looked at; up to the last word, which may go on, and with it when nothing more comes."""
        return self._text if is_last else self._text[: _between_words(self._text, len(self._text))]

    def feed(self, event: T, text: str) -> list[T]:
        """Take in an event and what it says; the events that may be shown."""
        self._said += len(text)
        self._text += text
        if not self._is_holding:
            return [event]
        self._held.append((event, self._said))
        return self._released(self._looked - HOLD)

    def checked(self, *, is_last: bool = False) -> list[T]:
        """The window was looked at and may be shown; the events that may be shown."""
        length = len(self.window(is_last=is_last))
        self._looked = self.offset + length
        self._text = self._text[_between_words(self._text, max(0, length - OVERLAP)) :]
        return self._released(self._said if is_last else self._looked - HOLD)

    def _released(self, up_to: int) -> list[T]:
        found: list[T] = []
        while self._held and self._held[0][1] <= up_to:
            found.append(self._held.popleft()[0])
        return found


def _between_words(text: str, at: int) -> int:
    """The last place up to `at` that has a blank before it; `at` where none is near."""
    return next((place for place in range(at, max(0, at - LONGEST_WORD), -1) if text[place - 1].isspace()), at)
