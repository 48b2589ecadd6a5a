"""All matches of a pattern in a long text, with pauses in which somebody else may have a turn.

A pattern is searched in windows, and each match is the one that a search of the whole text would have met: a window has
what follows it in it, as far as the pattern can look, and where a match still reaches its end it is read again on the
whole text.

Failure behaviour: pure and total. Linear where the pattern is.
"""

import re
from collections.abc import Iterator

from thriftgate.privacy.spans import TextSpan

PAUSE = TextSpan(0, 0, "", 0.0)
"""What a recognizer gives now and then while it finds nothing: an empty span, which is no finding."""
SCAN_WINDOW = 10_000
"""Characters that are searched before a pause."""
MOST_MATCHES = 100
"""After as many comes a pause too: what is done with each may cost more than the search."""
REACH = 1_000
"""How far behind its beginning a pattern looks that says nothing else."""
_LOOK_AHEAD = 128
"""How far it looks behind its match's end; a match that may have looked out of the window is read again."""


class Scan:
    """The matches of a pattern in order, as `finditer` has them; None is a pause.

    Args:
        pattern: What is searched.
        text: The whole text.
        reach: How many characters a match may have before a part without bound.
        most: Matches between two pauses.

    `at` is where the search goes on; it may be set after each match.
    """

    def __init__(self, pattern: re.Pattern[str], text: str, *, reach: int = REACH, most: int = MOST_MATCHES) -> None:
        self.at = 0
        self._pattern = pattern
        self._text = text
        self._reach = reach
        self._most = most

    def __iter__(self) -> Iterator[re.Match[str] | None]:
        text, size = self._text, len(self._text)
        edge, found = SCAN_WINDOW, 0
        while self.at < size:
            if self.at >= edge or found >= self._most:
                yield None
                edge, found = self.at + SCAN_WINDOW, 0
            end = min(size, edge + self._reach)
            match = self._pattern.search(text, self.at, end)
            if match is None and end == size:
                return
            if match is None or (match.start() >= edge and end < size):
                self.at = max(self.at, edge)
                continue
            if end < size and match.end() + _LOOK_AHEAD > end:
                whole = self._pattern.match(text, match.start())
                if whole is None:
                    self.at = match.start() + 1
                    continue
                match = whole
            self.at = match.end()
            found += 1
            yield match
