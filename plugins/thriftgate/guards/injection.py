"""What a text tries to do to a model that reads it: readings, phrases, words and, where that matters, its vector.

    pieces, hidden = pieces_of(text, classifier)         every window of every reading, scored by its words
    some = undecided(pieces, classifier, 0.5)            those whose vector can decide
    judged(pieces, classifier, vectors, 0.5)             a finding for the piece with the highest score

A vector says so much at most, for an attack or against it (`VectorWeights.most`): where the words are farther from the
threshold than that, no vector changes the verdict, and none is computed.

Failure behaviour: pure and total; linear in the length of the text.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from thriftgate.guards.classifier import Classifier, VectorWeights, probability
from thriftgate.guards.findings import Finding
from thriftgate.guards.hashing import hashed
from thriftgate.guards.phrases import is_plain_order, phrase_features, phrases_in
from thriftgate.guards.texts.form_words import FormReading, readings_of_form
from thriftgate.guards.texts.json_words import words_of_json
from thriftgate.guards.texts.readings import TextReading, readings
from thriftgate.guards.texts.windows import places
from thriftgate.types import Vector

_PLAIN = 0.75
"""Score of a plain order in a language whose words the classifier was not trained on, if it has no higher one."""
_OPAQUE = re.compile(r"(?<![^\s.])[A-Za-z0-9+/_-]{24,}={0,2}(?![^\s.])")
"""A hash, a key or what is encoded: that has readings of its own, and is no language."""
_JOINED = re.compile(r"(?<![A-Za-z0-9])[A-Z]?[a-z]{2,}(?![A-Za-z0-9])|(?<![A-Za-z0-9])[A-Z]{3,}(?![A-Za-z0-9])")
_NEAR = 4_000
"""Characters in which the next sentence is looked for."""
_SHORTEST = 3
"""Characters below which there is nothing to say."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One window of one reading."""

    text: str
    start: int
    end: int
    """Its place in the source."""
    layer: str
    logit: float
    """How much its words and phrases speak for an attack."""
    score: float
    """By these alone."""
    least: float = 0.0
    """Its score is not below this, whatever its vector says."""


def pieces_of(text: str, classifier: Classifier) -> tuple[list[Piece], list[Finding]]:
    """What is looked at, and what was hidden. Of JSON its words: quotes and braces are no sign of an attack."""
    read, hidden = readings(text)
    whole = (0, len(text))
    words = words_of_json(text)
    if words is not None:
        found = [replace(one, starts=None, whole=whole) for one in (*readings(words)[0], *read[1:])]
        found[0] = replace(found[0], text=_OPAQUE.sub(_readable, found[0].text))
        read = list({(one.text, one.layer): one for one in found}.values())
    elif (parts := readings_of_form(read[0].text)) is not None:
        told = [
            piece
            for one, reading in _placed(read[0], parts, whole)
            for piece in _pieces(reading, classifier, hidden=bool(hidden), doubt=one.doubt)
        ]
        return [*told, *_all_pieces(read[1:], classifier, hidden)], hidden
    return _all_pieces(read, classifier, hidden), hidden


def _placed(
    plain: TextReading, parts: Iterable[FormReading], whole: tuple[int, int]
) -> Iterator[tuple[FormReading, TextReading]]:
    """Each part with its place; with all of the source where that does not have it so."""
    at = 0
    for one in parts:
        start = plain.text.find(one.text, at, at + _NEAR)
        place = plain.source(start, start + len(one.text)) if start >= 0 else whole
        at = start if start >= 0 else at
        yield one, replace(plain, text=_OPAQUE.sub(_readable, one.text), starts=None, whole=place)


def _readable(run: re.Match[str]) -> str:
    """What has no digit, and the words of what has: whoever joins an order's words with dashes hides nothing."""
    return f" {' '.join(_JOINED.findall(run[0]))} " if any(map(str.isdecimal, run[0])) else run[0]


def _all_pieces(read: Iterable[TextReading], classifier: Classifier, hidden: Sequence[Finding]) -> list[Piece]:
    return [piece for one in read for piece in _pieces(one, classifier, hidden=bool(hidden))]


def features_of(text: str, *, hidden: bool = False, layer: bool = False) -> tuple[Mapping[int, float], Sequence[float]]:
    """A window as the classifier sees it."""
    return hashed(text), phrase_features(text, hidden=hidden, layer=layer)


def most_suspect(pieces: Iterable[Piece], count: int) -> list[Piece]:
    """The pieces with the highest scores."""
    return sorted(pieces, key=lambda piece: -piece.score)[:count]


def undecided(pieces: Iterable[Piece], classifier: Classifier, threshold: float) -> list[Piece]:
    """The pieces whose vector can decide.

    None where a piece counts whatever its vector says, and for a classifier without vectors.
    """
    weights = classifier.vector
    if weights is None:
        return []
    found: list[Piece] = []
    for piece in pieces:
        if _score(piece, weights, -weights.most) >= threshold:
            return []
        if _score(piece, weights, weights.most) >= threshold:
            found.append(piece)
    return found


def judged(
    pieces: Sequence[Piece],
    classifier: Classifier,
    vectors: Mapping[str, Vector] | None = None,
    threshold: float = 0.5,
) -> Finding | None:
    """The finding of the piece with the highest score, whatever that is; None for an empty text.

    With `vectors`, by text, a piece that none is needed of is judged as if its vector said nothing; a piece that could
    do with one and has none, and every piece where there are no `vectors`, by its words alone.
    """
    best: Finding | None = None
    for piece in pieces:
        score = piece.score if vectors is None else score_beside(piece, classifier, vectors.get(piece.text), threshold)
        if best is None or score > best.score:
            best = Finding("injection", piece.layer or "classifier", score, piece.start, piece.end)
    return best


def score_beside(piece: Piece, classifier: Classifier, vector: Vector | None, threshold: float) -> float:
    """The score of a piece where vectors stand beside words."""
    weights = classifier.vector
    if weights is None:
        return piece.score
    if vector is not None:
        return _score(piece, weights, weights.said(vector))
    lowest, highest = (_score(piece, weights, said) for said in (-weights.most, weights.most))
    return piece.score if lowest < threshold <= highest else _score(piece, weights, 0.0)


def _score(piece: Piece, weights: VectorWeights, said: float) -> float:
    """With what a vector says."""
    return max(piece.least, probability(piece.logit + weights.shift + said))


def nearest(vectors: Mapping[str, Vector], pieces: Sequence[Piece], known: Sequence[Vector]) -> Finding | None:
    """How near a piece comes to an attack that the operator knows."""
    best: Finding | None = None
    for piece in pieces:
        vector = vectors.get(piece.text)
        if vector is None:
            continue
        similarity = max((float(vector @ one) for one in known), default=0.0)
        if best is None or similarity > best.score:
            best = Finding("injection", "near a known attack", max(0.0, similarity), piece.start, piece.end)
    return best


def explained(text: str) -> list[str]:
    """The phrases of a text that speak for an attack."""
    return [name for name, _, _ in phrases_in(text)]


def _pieces(reading: TextReading, classifier: Classifier, *, hidden: bool, doubt: float = 0.0) -> Iterable[Piece]:
    for start, end in places(len(reading.text)):
        text = reading.text[start:end]
        if len(text.strip()) < _SHORTEST:
            continue
        words, phrases = features_of(text, hidden=hidden, layer=bool(reading.layer))
        first, last = reading.source(start, end)
        least = _PLAIN if is_plain_order(text) else 0.0
        logit = classifier.words.logit(words, phrases) - doubt
        yield Piece(text, first, last, reading.layer, logit, max(least, probability(logit)), least)
