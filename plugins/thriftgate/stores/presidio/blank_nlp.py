"""Words of a text without any language model, for Presidio's context rules.

Presidio raises the score of a pattern when certain words stand beside it. It takes words and lemmas from spaCy; whole
words in lower case do as well for that, in every language, without a model to download.

Failure behaviour: nothing raises.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine

_WORD = re.compile(r"\w+|[^\w\s]")


class BlankNlpEngine(NlpEngine):
    """Splits words; knows no entities."""

    def __init__(self, languages: Iterable[str]) -> None:
        self._languages = sorted(languages)

    def load(self) -> None:
        """Nothing to load."""

    def is_loaded(self) -> bool:
        """Always."""
        return True

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        """The words of the text and where they begin."""
        words = list(_WORD.finditer(text))
        tokens: Any = [word[0] for word in words]
        return NlpArtifacts(
            entities=[],
            tokens=tokens,
            tokens_indices=[word.start() for word in words],
            lemmas=[word.lower() for word in tokens],
            nlp_engine=self,
            language=language,
        )

    def process_batch(
        self, texts: Iterable[str], language: str, batch_size: int = 1, n_process: int = 1, **kwargs: Any
    ) -> Iterator[tuple[str, NlpArtifacts]]:
        """Text by text."""
        for text in texts:
            yield text, self.process_text(text, language)

    def is_stopword(self, word: str, language: str) -> bool:
        """Short words say nothing."""
        return len(word) < 2

    def is_punct(self, word: str, language: str) -> bool:
        """True for a sign."""
        return not any(character.isalnum() for character in word)

    def get_supported_entities(self) -> list[str]:
        """None."""
        return []

    def get_supported_languages(self) -> list[str]:
        """Those it was made for."""
        return self._languages
