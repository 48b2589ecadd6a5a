"""An operator's own kind of value: patterns of a linear engine, words that must stand near, a list of values.

Failure behaviour: a pattern that does not compile raises ValueError when the recognizer is made.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import re2

from thriftgate.privacy.context import Context
from thriftgate.privacy.scanning import MOST_MATCHES, PAUSE
from thriftgate.privacy.spans import TextSpan

_HALVES = re.compile("[\ud800-\udfff]")
"""Of characters: JSON may hold them, and RE2 does not take them."""


class PatternRecognizer:
    """One kind, as the configuration describes it.

    Args:
        entity_type: The kind.
        patterns: RE2 syntax: no look-around, no back-references, linear time on any text.
        words: When given, one of them has to stand before the value or be its key.
        score: How sure a match is.
    """

    def __init__(self, entity_type: str, patterns: Sequence[str], words: Sequence[str], score: float) -> None:
        self.entity_type = entity_type
        self._words = tuple(word.lower() for word in words)
        self._score = score
        options = re2.Options()
        options.log_errors = False
        try:
            self._patterns = [re2.compile(pattern, options) for pattern in patterns]
        except re2.error:
            raise ValueError("not a pattern of RE2: look-around and back-references are not part of it") from None

    def find(self, context: Context) -> Iterable[TextSpan]:
        """Every match near one of the words."""
        text = _HALVES.sub("\ufffd", context.text)
        for pattern in self._patterns:
            engine: Any = pattern
            for number, match in enumerate(engine.finditer(text), 1):
                if number % MOST_MATCHES == 0:
                    yield PAUSE
                start, end = int(match.start()), int(match.end())
                if end > start and self._is_named(context, start):
                    yield TextSpan(start, end, self.entity_type, self._score, "configured")

    def _is_named(self, context: Context, start: int) -> bool:
        if not self._words:
            return True
        before = context.before(start)
        return any(word in before for word in self._words)
