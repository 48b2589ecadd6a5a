"""Words and patterns that must not be there, each list by the operator's own name for it.

Failure behaviour: pure; a pattern that the linear engine does not take raises ValueError when the list is made.
"""

from collections.abc import Iterator, Sequence

from thriftgate.guards.findings import Finding
from thriftgate.guards.linear import LinearPattern, whole_words
from thriftgate.guards.texts.readings import LATIN, TextReading, plain_form


class DenyList:
    """Finds whole words, in whatever case and script, and patterns."""

    def __init__(self, name: str, words: Sequence[str], patterns: Sequence[str]) -> None:
        self.name = name
        wanted = [form for form in map(plain_form, words) if form.strip()]
        self._words = whole_words(wanted)
        self._latin = whole_words([*wanted, *(plain_form(word, is_latin=True) for word in wanted)])
        self._patterns = [LinearPattern("|".join(f"(?:{one})" for one in patterns))] if patterns else []

    def find(self, read: Sequence[TextReading]) -> Iterator[Finding]:
        """The first place of the list in a text, of which all `literal_readings` are given."""
        for reading in read:
            for pattern in (*(self._latin if reading.layer == LATIN else self._words), *self._patterns):
                place = pattern.search(reading.text)
                if place is not None:
                    yield Finding("deny", self.name, 1.0, *reading.source(*place))
                    return
