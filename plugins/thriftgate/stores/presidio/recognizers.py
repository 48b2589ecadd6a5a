"""Our recognizers and the Rampart model in the form that Presidio's registry takes.

Failure behaviour: what a recognizer raises reaches whoever analyses; the analyzer fails closed.
"""

from typing import Any

from presidio_analyzer import EntityRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts

from thriftgate.privacy.context import Context
from thriftgate.privacy.recognizers import Recognizer
from thriftgate.privacy.spans import TextSpan
from thriftgate.stores.rampart.model import Rampart
from thriftgate.stores.rampart.spans import ADDRESS, LOCATION, PERSON, spans_of


class OwnRecognizer(EntityRecognizer):
    """One of `thriftgate.privacy.recognizers`."""

    def __init__(self, recognizer: Recognizer, language: str) -> None:
        self._recognizer = recognizer
        super().__init__(
            supported_entities=[recognizer.entity_type],
            name=type(recognizer).__name__,
            supported_language=language,
        )

    def load(self) -> None:
        """Nothing to load."""

    def find(self, context: Context) -> list[TextSpan]:
        """The spans of a text, with what is known around it."""
        return list(self._recognizer.find(context))

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """Presidio's own way in, without a label."""
        return [result_of(span) for span in self.find(Context(text))]


class RampartRecognizer(EntityRecognizer):
    """Names and addresses by the Rampart model."""

    def __init__(self, model: Rampart, language: str) -> None:
        self._model = model
        super().__init__(
            supported_entities=[PERSON, ADDRESS, LOCATION], name="RampartRecognizer", supported_language=language
        )

    def load(self) -> None:
        """Loaded by whoever made the model."""

    def find(self, text: str) -> list[TextSpan]:
        """The spans of a text."""
        return spans_of(text, self._model.words(text))

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """Presidio's own way in."""
        return [result_of(span) for span in self.find(text)]


def result_of(span: TextSpan) -> RecognizerResult:
    """A span in Presidio's words."""
    return RecognizerResult(span.entity_type, span.start, span.end, span.score)


def span_of(result: Any, recognizer: str) -> TextSpan:
    """Presidio's result as a span of ours."""
    return TextSpan(int(result.start), int(result.end), str(result.entity_type), float(result.score), recognizer)
