"""Values in the place of placeholders, in a whole text or in one that is still being written.

For every way of cutting a text into pieces the pieces' results joined are the result of the whole. No more than
`placeholders.LONGEST` characters are held back, and only where a placeholder may have begun.

Failure behaviour: pure and total; a placeholder that nobody gave out stays as it is.
"""

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
            at = copied = found.end
        out.append(self._copied(text[copied:at]))
        self._held = text[at:]
        self._before = text[max(0, at - LOOKED_BACK) : at]
        return "".join(out)

    def _copied(self, text: str) -> str:
        return text if self._passed is None else self._passed(text)
