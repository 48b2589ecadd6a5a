"""Words and patterns that must not be there, each list by the operator's own name for it.

Failure behaviour: pure; a pattern that the linear engine does not take raises ValueError when the list is made.
"""

from collections.abc import Iterator, Sequence

from thriftgate.guards.findings import Finding
from thriftgate.guards.linear import LinearPattern, literal


class DenyList:
    """Finds whole words, in whatever case, and patterns."""

    def __init__(self, name: str, words: Sequence[str], patterns: Sequence[str]) -> None:
        self.name = name
        parts = [rf"\b{literal(word)}\b" for word in words if word.strip()]
        parts += [f"(?:{pattern})" for pattern in patterns]
        self._pattern = LinearPattern("|".join(parts)) if parts else None

    def find(self, text: str) -> Iterator[Finding]:
        """The first place of the list in a text."""
        place = self._pattern.search(text) if self._pattern is not None else None
        if place is not None:
            yield Finding("deny", self.name, 1.0, *place)
