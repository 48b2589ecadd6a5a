"""Our recognizers and the Rampart model in the form that Presidio's registry takes.

Failure behaviour: what a recognizer raises reaches whoever analyses; the analyzer fails closed.
"""

import importlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from presidio_analyzer import EntityRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts

from thriftgate.privacy.context import Context
from thriftgate.privacy.kinds import NAME_LANGUAGES
from thriftgate.privacy.recognizers import Recognizer
from thriftgate.privacy.scanning import PAUSE
from thriftgate.privacy.spans import TextSpan
from thriftgate.stores.presidio.blank_nlp import BlankNlpEngine
from thriftgate.stores.rampart.model import Rampart
from thriftgate.stores.rampart.second_look import second_look_steps
from thriftgate.stores.rampart.spans import ADDRESS, LOCATION, PERSON, span_steps

_WINDOW = 2_000
_OVERLAP = 200
_SECTION = 8_000
"""Characters whose names are looked at again together."""
_WORDS = BlankNlpEngine(["en"])


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

    def find(self, context: Context) -> Iterable[TextSpan]:
        """The spans of a text, with what is known around it, and pauses."""
        return self._recognizer.find(context)

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """Presidio's own way in, without a label."""
        return [result_of(span) for span in self.find(Context(text)) if span is not PAUSE]


class NameRecognizer(EntityRecognizer):
    """A model of names and addresses, and the languages that it is for."""

    def __init__(self, name: str, kinds: Iterable[str], languages: Iterable[str]) -> None:
        self.languages = frozenset(languages)
        super().__init__(supported_entities=sorted(kinds), name=name, supported_language="en")

    def load(self) -> None:
        """Loaded by whoever made the model."""

    def steps(self, text: str) -> Iterator[Sequence[TextSpan]]:
        """The spans of a text: what each window of it, or each reading of one, has found."""
        raise NotImplementedError

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """Presidio's own way in."""
        return [result_of(span) for found in self.steps(text) for span in found]


class RampartRecognizer(NameRecognizer):
    """Names and addresses by the Rampart model."""

    def __init__(self, model: Rampart) -> None:
        super().__init__("RampartRecognizer", (PERSON, ADDRESS, LOCATION), NAME_LANGUAGES)
        self._model = model

    def steps(self, text: str) -> Iterator[Sequence[TextSpan]]:
        """Nothing while the model reads, then the names it is sure of, then those it finds as it looks again."""
        reading = self._model.reading(text)
        for _ in reading:
            yield ()
        words = reading.words()
        spans: list[TextSpan] = []
        for span in span_steps(text, words):
            if span is not PAUSE:
                spans.append(span)
            yield [span] if span is not PAUSE else ()
        read = cache(self._model.words)  # a name that a text has often is asked about once
        # In order, and none overlaps another.
        people = [one for one in spans if one.entity_type == PERSON]
        first_word = first = 0
        for start, end in _sections(text):
            last_word = bisect_left(words, end, first_word, key=lambda word: word.start)
            part = [word.moved(-start) for word in words[first_word:last_word]]
            # Of them only those count that cover something of the section.
            first = bisect_right(people, start, first, key=lambda one: one.end)
            last = bisect_left(people, end, first, key=lambda one: one.end) + 1
            known = [replace(one, start=one.start - start, end=one.end - start) for one in people[first:last]]
            first_word = last_word
            for one in second_look_steps(text[start:end], part, known, read):
                yield [replace(one, start=one.start + start, end=one.end + start)] if one is not PAUSE else ()
            yield ()


class SpacyRecognizer(NameRecognizer):
    """Names by a pipeline of spaCy.

    Args:
        folder: Where the pipeline is.
        labels: Its labels → our kinds.
        languages: What it is for.
        score: How sure its findings count, as spaCy does not say.
    """

    def __init__(self, folder: Path, labels: Mapping[str, str], languages: Iterable[str], *, score: float) -> None:
        import spacy

        super().__init__("SpacyRecognizer", set(labels.values()), languages)
        self._pipeline: Any = spacy.load(folder)
        self._labels, self._score = labels, score

    def steps(self, text: str) -> Iterator[Sequence[TextSpan]]:
        """The spans of each window of a text."""
        for start, window in read_windows(text):
            yield [
                TextSpan(start + one.start_char, start + one.end_char, self._labels[one.label_], self._score, "spacy")
                for one in self._pipeline(window).ents
                if one.label_ in self._labels
            ]


class ForeignRecognizer(NameRecognizer):
    """Names by a class that the operator wrote or installed, derived from Presidio's EntityRecognizer.

    Args:
        path: `module.Class`.
        options: What it is called with.
        labels: Its kinds → ours.
        languages: What it is for.
    """

    def __init__(
        self, path: str, options: Mapping[str, Any], labels: Mapping[str, str], languages: Iterable[str]
    ) -> None:
        super().__init__("ForeignRecognizer", set(labels.values()), languages)
        module, _, name = path.rpartition(".")
        self._recognizer: EntityRecognizer = getattr(importlib.import_module(module), name)(**options)
        self._labels = labels

    def steps(self, text: str) -> Iterator[Sequence[TextSpan]]:
        """The spans of each window of a text."""
        for start, window in read_windows(text):
            words = _WORDS.process_text(window, "en")
            yield [
                replace(span_of(result, "foreign", start), entity_type=self._labels[result.entity_type])
                for result in self._recognizer.analyze(window, list(self._labels), words) or ()
                if result.entity_type in self._labels
            ]


def _sections(text: str) -> Iterator[tuple[int, int]]:
    """A long text in parts that are looked at again one by one, cut at the end of a line or sentence, or at a blank."""
    start = 0
    while len(text) - start > _SECTION:
        latest = start + _SECTION
        found = (text.rfind(mark, start + _SECTION // 2, latest) + len(mark) for mark in ("\n", ". ", " "))
        end = next((place for place in found if place > start + _SECTION // 2), latest)
        yield start, end
        start = end
    yield start, len(text)


def read_windows(text: str) -> Iterator[tuple[int, str]]:
    """A long text in parts that share some of it: where each begins, and the part."""
    for start in range(0, max(1, len(text) - _OVERLAP), _WINDOW - _OVERLAP):
        yield start, text[start : start + _WINDOW]


def result_of(span: TextSpan) -> RecognizerResult:
    """A span in Presidio's words."""
    return RecognizerResult(span.entity_type, span.start, span.end, span.score)


def span_of(result: Any, recognizer: str, start: int = 0) -> TextSpan:
    """Presidio's result as a span of ours; `start` is where the part that was analysed begins."""
    kind, score = str(result.entity_type), float(result.score)
    return TextSpan(start + int(result.start), start + int(result.end), kind, score, recognizer)
