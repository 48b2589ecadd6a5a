"""Presidio's registry with everything that is looked for: texts in, spans out.

Ours and the model read the whole text, as a table's heading or a private key's end may be far away; Presidio's own
patterns read it in windows, since some of them take more than linear time. Spans of one text may overlap: which of
them count is for a policy to say.

Failure behaviour: an unknown kind or a pattern that does not compile raises ConfigurationError when the engine is made;
what goes wrong in an analysis is raised, without the text. Importing this module takes seconds and 100 MB.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import presidio_analyzer.predefined_recognizers as predefined
from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerRegistry

from thriftgate.errors import ConfigurationError
from thriftgate.privacy.context import Context
from thriftgate.privacy.field_names import Field, as_fields_say, fields
from thriftgate.privacy.findings import Text
from thriftgate.privacy.kinds import PRESIDIO_RECOGNIZERS
from thriftgate.privacy.lookalikes import sifted
from thriftgate.privacy.recognizers import Recognizer
from thriftgate.privacy.recognizers.secrets import SECRET
from thriftgate.privacy.scanning import PAUSE
from thriftgate.privacy.spans import TextSpan
from thriftgate.privacy.views import View, view_steps
from thriftgate.stores.presidio.blank_nlp import BlankNlpEngine
from thriftgate.stores.presidio.recognizers import NameRecognizer, OwnRecognizer, read_windows, span_of

_LANGUAGE = "en"
"""Presidio files recognizers by language and asks for one; ours are told apart by kind, so one shelf does for all."""


class PresidioEngine:
    """Everything loaded. Not thread-safe: one thread calls it.

    Args:
        recognizers: Ours, with those that the operator wrote.
        kinds: Kinds for which Presidio's own recognizers are wanted.
        names: Models of names and addresses.
    """

    def __init__(
        self, recognizers: Sequence[Recognizer], kinds: Sequence[str], names: Sequence[NameRecognizer] = ()
    ) -> None:
        self.registry = RecognizerRegistry(supported_languages=[_LANGUAGE])
        self._own = [OwnRecognizer(recognizer, _LANGUAGE) for recognizer in recognizers]
        self._names = names
        for recognizer in [*self._own, *names]:
            self.registry.add_recognizer(recognizer)
        self._kinds = list(kinds)
        self._windowed: AnalyzerEngine | None = None
        if self._kinds:
            registry = RecognizerRegistry(supported_languages=[_LANGUAGE])
            for kind in self._kinds:
                recognizer = _presidios(kind)
                self.registry.add_recognizer(recognizer)
                registry.add_recognizer(recognizer)
            self._windowed = AnalyzerEngine(
                registry=registry, nlp_engine=BlankNlpEngine([_LANGUAGE]), supported_languages=[_LANGUAGE]
            )

    def analyze(self, text: Text) -> list[TextSpan]:
        """Every finding in a text, cut out of the text as it was given."""
        return [span for found in self.steps(text) for span in found]

    def steps(self, text: Text) -> Iterator[Sequence[TextSpan]]:
        """The same in steps, none of which takes long: some thousand characters, or a finding, or a model's window."""
        if len(text.text) < 2 or not any(character.isalnum() for character in text.text):
            return
        view = yield from view_steps(text.text)
        spans: list[TextSpan] = []
        for found in self._found(view, text):
            spans += found
            yield ()
        within: list[Field] = []
        for field in fields(Context(view.text, text.label)) if spans else ():
            if field is None:
                yield ()
            else:
                within.append(field)
        for span in as_fields_say(sifted(view.text, spans), within, view.text):
            yield [_in_source(view, span)] if span.end > span.start else ()
        if view.text != text.text:
            for span in self._as_written(text):
                yield [span] if span is not PAUSE else ()

    def _found(self, view: View, text: Text) -> Iterator[Sequence[TextSpan]]:
        """What each step has found in the view."""
        context = Context(view.text, text.label, view.widths(text.text))
        for recognizer in self._own:
            for span in recognizer.find(context):
                yield [span] if span is not PAUSE else ()
            yield ()
        if text.is_prose and any(character.isalpha() for character in view.text):
            for one in self._names:
                if text.languages is None or text.languages & one.languages:
                    yield from one.steps(view.text)
        yield from self._presidio(view.text)

    def _as_written(self, text: Text) -> Iterator[TextSpan]:
        """Credentials that by chance have what looks like an escape (`%3e`), which decoding would cut in two."""
        context = Context(text.text, text.label)
        for recognizer in self._own:
            if SECRET in recognizer.supported_entities:
                yield from recognizer.find(context)

    def _presidio(self, text: str) -> Iterator[list[TextSpan]]:
        if self._windowed is None:
            return
        for start, window in read_windows(text):
            results = self._windowed.analyze(window, _LANGUAGE, entities=self._kinds)
            yield [span_of(result, "presidio", start) for result in results]


def _presidios(kind: str) -> EntityRecognizer:
    name = PRESIDIO_RECOGNIZERS.get(kind)
    if name is None:
        raise ConfigurationError([f"privacy.entities.{kind}: nothing recognizes this kind"])
    made: Any = getattr(predefined, name)(supported_language=_LANGUAGE)
    return made


def _in_source(view: View, span: TextSpan) -> TextSpan:
    start, end = view.source(span.start, span.end)
    return TextSpan(start, end, span.entity_type, span.score, span.recognizer)
