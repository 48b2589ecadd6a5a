"""In what order, and in which company, waiting texts are embedded.

Three decisions, all pure. Callers take turns: a round takes one text of each after the other, so a question of one
text is never stuck behind a warm-up of ten thousand. Who has had nothing yet comes before who has had something, so
that it is not stuck behind many callers with much either; of these one has a text in every second round at least. And
within a round only texts of about equal length are computed together: padding costs as much as words, and on a CPU a
batch is hardly cheaper than its parts.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

CallerT = TypeVar("CallerT")

ROUND_TEXTS = 16
ROUND_BYTES = 2_000
"""UTF-8, which has more bytes where a script has more tokens to a character: for so long a newcomer waits.

Of MiniLM some 440 tokens and 70 ms of one core in English, and twice that in what it spells letter by letter (German,
Chinese, Russian 120 to 170 ms, Korean 200).
"""
_PADDING_SHARE = 0.25
_PADDING_TOKENS = 4
_GROUP_TOKENS = 256
"""As many as the longest text has. Larger groups were not faster: 80-word texts one by one 15 ms each, by 16 17 ms."""


@dataclass(frozen=True, slots=True)
class QueuedText(Generic[CallerT]):
    """One text of one caller; `position` is its place among the texts of that caller."""

    caller: CallerT
    position: int
    text: str


_Line = deque[tuple[CallerT, deque[QueuedText[CallerT]]]]


class TextQueue(Generic[CallerT]):
    """Texts that wait, by caller. Not thread-safe."""

    def __init__(self) -> None:
        self._new: _Line[CallerT] = deque()
        """Callers of whom no text was taken yet."""
        self._waiting: _Line[CallerT] = deque()
        self._is_owed = False
        """Those that wait had nothing of the latest round."""

    def add(self, caller: CallerT, texts: Sequence[str]) -> None:
        """A caller joins the end of the line with its texts (at least one)."""
        self._new.append((caller, deque(QueuedText(caller, place, text) for place, text in enumerate(texts))))

    def next_round(self, *, max_texts: int = ROUND_TEXTS, max_bytes: int = ROUND_BYTES) -> list[QueuedText[CallerT]]:
        """The texts to embed now: one of each caller in turn, until the round is full. Empty when none wait.

        A round always has at least one text, however long.
        """
        batch: list[QueuedText[CallerT]] = []
        room = max_bytes
        first = self._waiting if self._is_owed and self._waiting else None
        self._is_owed = bool(self._waiting)
        while len(batch) < max_texts and (line := first or self._new or self._waiting):
            caller, texts = line[0]
            if batch and _bytes_of(texts[0].text) > room:
                break
            self._is_owed = self._is_owed and line is not self._waiting
            first = None
            queued = texts.popleft()
            batch.append(queued)
            room -= _bytes_of(queued.text)
            line.popleft()
            if texts:
                self._waiting.append((caller, texts))
        return batch

    def drop(self, caller: CallerT) -> None:
        """Forget what still waits of a caller."""
        self._new = deque(entry for entry in self._new if entry[0] is not caller)
        self._waiting = deque(entry for entry in self._waiting if entry[0] is not caller)

    def drain(self) -> list[CallerT]:
        """Every caller that still waits; nobody does afterwards."""
        callers = [caller for line in (self._waiting, self._new) for caller, _ in line]
        self._new.clear()
        self._waiting.clear()
        return callers


def _bytes_of(text: str) -> int:
    """Of UTF-8: scripts with more bytes to a character have more tokens to it, by about as much."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def length_groups(lengths: Sequence[int]) -> list[list[int]]:
    """Positions grouped so that little is padded: the longest of a group is at most a quarter longer, plus 4.

    With their padding they are 256 tokens at most: what is computed of a group is in memory at once, and stays the
    process's.
    """
    groups: list[list[int]] = []
    limit = -1.0
    for position in sorted(range(len(lengths)), key=lengths.__getitem__):
        if lengths[position] > limit or lengths[position] * (len(groups[-1]) + 1) > _GROUP_TOKENS:
            groups.append([])
            limit = lengths[position] * (1 + _PADDING_SHARE) + _PADDING_TOKENS
        groups[-1].append(position)
    return groups
