"""Values in the place of placeholders, in a whole text or in one that is still being written.

For every way of cutting a text into pieces the pieces' results joined are the result of the whole. No more than
`placeholders.LONGEST` characters are held back, and only where a placeholder may have begun.

Failure behaviour: pure and total; a placeholder that nobody gave out stays as it is.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping

from thriftgate.privacy.placeholders import LOOKED_BACK, PlaceholderScanner, ScanOutcome


class Restorer:
    """Puts back the values of one conversation.

    Args:
        values: Placeholder as it was written → the value that it stands for.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values
        self.scanner = PlaceholderScanner(values)

    def restored(self, text: str) -> str:
        """A whole text."""
        stream = self.stream()
        return stream.feed(text) + stream.flush()

    def stream(self) -> "StreamRestorer":
        """One object for one text that comes in pieces."""
        return StreamRestorer(self)


class Moves:
    """Where a place of a text is once values stand in it."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._values: list[tuple[int, int, int]] = []

    def note(self, read: int, written: int, length: int, new_length: int) -> None:
        """A value took the place of `length` characters, which began at `read` and now begin at `written`."""
        self._starts.append(read)
        self._values.append((read + length, written, written + new_length))

    def moved(self, place: int, *, is_end: bool = False) -> int:
        """A place inside of what was replaced is where the value begins, or ends."""
        number = (bisect_left if is_end else bisect_right)(self._starts, place) - 1
        if number < 0:
            return place
        end, new_start, new_end = self._values[number]
        if place >= end:
            return new_end + place - end
        return new_end if is_end else new_start


class StreamRestorer:
    """Restores a text piece by piece: `feed` each, `flush` at the end.

    Args:
        restorer: Whose values are put back.
        spell: How a value is written where it stands; absent: as it is.
        passed: Told every part of the source that a restored value does not replace, before what follows is spelled;
            says how that is written.
    """

    def __init__(
        self,
        restorer: Restorer,
        spell: Callable[[str], str] | None = None,
        passed: Callable[[str], str] | None = None,
    ) -> None:
        self._restorer = restorer
        self._spell = spell
        self._passed = passed
        self._before = ""
        self._held = ""
        self._read = self._written = 0
        self.moves = Moves()
        """Where values stand in what was read and in what was written."""

    @property
    def held(self) -> int:
        """Characters held back."""
        return len(self._held)

    def feed(self, piece: str) -> str:
        """What is certain by now."""
        return self._take(piece, is_end=False)

    def flush(self) -> str:
        """What was held back, now that nothing follows."""
        return self._take("", is_end=True)

    def _take(self, piece: str, *, is_end: bool) -> str:
        scanner = self._restorer.scanner
        if not scanner:
            return piece
        # What stands before decides whether a word begins.
        text = self._before + self._held + piece
        at = copied = len(self._before)
        out: list[str] = []
        while (at := scanner.next_start(text, at)) < len(text):
            found = scanner.scan(text, at, is_end=is_end)
            if found.outcome is ScanOutcome.MORE:
                break
            if found.outcome is ScanOutcome.NOTHING:
                at += 1
                continue
            value = self._restorer.values[found.placeholder]
            out.append(self._copied(text[copied:at]))
            out.append(self._spell(value) if self._spell else value)
            self.moves.note(self._read, self._written, found.end - at, len(out[-1]))
            self._read += found.end - at
            self._written += len(out[-1])
            at = copied = found.end
        out.append(self._copied(text[copied:at]))
        self._held = text[at:]
        self._before = text[max(0, at - LOOKED_BACK) : at]
        return "".join(out)

    def _copied(self, text: str) -> str:
        passed = text if self._passed is None else self._passed(text)
        self._read += len(text)
        self._written += len(passed)
        return passed
