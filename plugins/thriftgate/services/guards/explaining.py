"""How one text was judged for attacks, for `thriftgate guard test`: what the look itself read, and nothing read anew.

Failure behaviour: pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from thriftgate.guards.classifier import Classifier
from thriftgate.guards.findings import Finding
from thriftgate.guards.injection import Piece, judged, score_beside
from thriftgate.services.guards.vectors import Looked


@dataclass(slots=True)
class Watched:
    """What a look at one text saw of it."""

    pieces: Sequence[Piece] | None = None
    """Every window of every reading; None: it was not read, as nothing would have followed."""
    looked: Looked | None = None
    """What the model of attacks said; None where there is none."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything about one text."""

    pieces: Sequence[Piece]
    """Every window of every reading."""
    scores: Sequence[float]
    """Of each piece, as it counts."""
    asked: frozenset[str] = field(default_factory=frozenset[str])
    """The windows that the model of attacks was asked about."""
    worst: Finding | None = None
    failure: Exception | None = None
    """Why the model could not be asked."""
    has_model: bool = False


def explanation(watched: Watched, classifier: Classifier, threshold: float) -> Explanation | None:
    """Of what was seen; None where nothing was read."""
    pieces, looked = watched.pieces, watched.looked
    if pieces is None:
        return None
    if looked is None:
        return Explanation(pieces, [one.score for one in pieces], worst=judged(pieces, classifier))
    scores = [score_beside(one, classifier, looked.vectors.get(one.text), threshold) for one in pieces]
    worst = judged(pieces, classifier, looked.vectors, threshold)
    return Explanation(pieces, scores, frozenset(looked.vectors), worst, looked.failure, has_model=True)
