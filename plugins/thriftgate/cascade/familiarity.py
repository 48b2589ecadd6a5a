"""Does a question resemble those that an artefact was proved with?

A promise is about questions like the labelled ones, and a cheap model fails on others without knowing it. The artefact
keeps a summary: centres of the labelled questions' embeddings, their usual lengths, and how far labels that made
neither lie from the nearest centre and from those lengths. An embedder sees the subject and not the length, by which
acceptances are weighed: of subjects without a label, those of long questions lost most (evals/cascade). A new
question's p-value is its rank among those distances (split conformal prediction, Vovk et al. 2005): of questions like
the labelled ones at most a share `share` has one of at most `share`, whatever their distribution.

Failure behaviour: a vector of another length, or none, says nothing (None): the request goes on as without a summary.
A vector that is not finite is as far away as can be.
"""

import base64
import binascii
import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from thriftgate.stats import beta_binomial_tail
from thriftgate.types import Vector

SUMMARY_VERSION = 1
_PER_LENGTH = 0.25
"""Cosine distance that a question counts for which is e times as long as usual."""
CERTAIN = 0.001
"""A shift is told where chance would look like it this rarely: the test is asked at every look at a report."""

_Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionSummary:
    """What an artefact keeps of the questions that it was calibrated with; no text, and no single question's vector."""

    embedder: str
    """Fingerprint; vectors of another one mean nothing."""
    dimensions: int
    centres: str
    """Base64 of little-endian 16-bit floats, one row of unit length per centre."""
    distances: tuple[float, ...]
    """Ascending, of labels that made no centre: `distances_to`."""
    usual_lengths: tuple[float, float] | None = None
    """Logarithms of 1 + characters, between which four of five questions lie; None: length does not count."""
    version: int = SUMMARY_VERSION

    @property
    def held_out(self) -> int:
        """Labels that a new question is ranked among."""
        return len(self.distances)


class Familiarity:
    """A summary, ready to rank questions by. Raises ValueError for one that is damaged."""

    def __init__(self, summary: QuestionSummary) -> None:
        self.summary = summary
        self._centres = decoded(summary.centres, summary.dimensions)
        distances = list(summary.distances)
        if not distances or distances != sorted(distances) or not all(map(math.isfinite, distances)):
            raise ValueError("the distances of a summary are finite and ascend")
        if summary.usual_lengths is not None and not summary.usual_lengths[0] <= summary.usual_lengths[1]:
            raise ValueError("the usual lengths of a summary do not ascend")

    def p_value(self, vector: Vector | None, length: float) -> float | None:
        """The share of held-out labels at least as far away, the question itself among them; None without a vector.

        `length` is the logarithm of 1 + the question's characters.
        """
        if vector is None or len(vector) != self.summary.dimensions:
            return None
        row = np.asarray(vector, dtype=np.float64).reshape(1, -1)
        found = distances_to(row, np.array([length]), self._centres, self.summary.usual_lengths)
        return conformal_p_value(float(found[0]), self.summary.distances)


def conformal_p_value(distance: float, held_out: Sequence[float]) -> float:
    """The rank of a distance among ascending ones, in (0, 1]; the farther, the lower. NaN counts as the farthest."""
    farther = 0 if math.isnan(distance) else len(held_out) - bisect_left(held_out, distance)
    return (1 + farther) / (len(held_out) + 1)


def distances_to(
    vectors: _Matrix, lengths: _Matrix, centres: _Matrix, usual_lengths: tuple[float, float] | None
) -> _Matrix:
    """Cosine distance of each row, of norm 1, to the nearest centre, more where the length is unusual: shape (n,)."""
    nearest: _Matrix = np.max(vectors @ centres.T, axis=1)
    beyond = np.zeros(len(vectors))
    if usual_lengths is not None:
        shortest, longest = usual_lengths
        beyond = np.maximum(0.0, np.maximum(lengths - longest, shortest - lengths))
    return (1.0 - nearest + _PER_LENGTH * beyond).round(6)


def encoded(centres: _Matrix) -> str:
    """The centres as a summary keeps them."""
    return base64.b64encode(centres.astype("<f2").tobytes()).decode("ascii")


def decoded(centres: str, dimensions: int) -> _Matrix:
    """The reverse: shape (centres, dimensions). Raises ValueError."""
    try:
        numbers = np.frombuffer(base64.b64decode(centres, validate=True), dtype="<f2").astype(np.float64)
    except binascii.Error as error:
        raise ValueError("the centres of a summary are no base64") from error
    if dimensions < 1 or not len(numbers) or len(numbers) % dimensions or not np.isfinite(numbers).all():
        raise ValueError("the centres of a summary do not fit its dimensions")
    return numbers.reshape(-1, dimensions)


@dataclass(frozen=True, slots=True)
class Shift:
    """Are there more unfamiliar questions than questions like the labelled ones would bring?"""

    unfamiliar: int
    questions: int
    """Those that were looked at."""
    expected: float
    """The share that the check was set to."""
    p_value: float
    has_shifted: bool
    """The traffic is another than that of the labels; no audit is needed to see it."""

    @property
    def share(self) -> float:
        """Of unfamiliar questions; 0 without any question."""
        return self.unfamiliar / self.questions if self.questions else 0.0


def shift_of(unfamiliar: int, questions: int, *, share: float, held_out: int) -> Shift:
    """Test a window's count of unfamiliar questions.

    Exact where questions are independent: ranks among `held_out` labels make the true share of unfamiliar ones
    Beta(l, held_out + 1 - l) distributed with l = floor(share (held_out + 1)), so that their number is beta-binomial. A
    plain binomial test against `share` would call the luck of few labels a shift.
    """
    rank = math.floor(share * (held_out + 1) + 1e-9)
    p_value = beta_binomial_tail(unfamiliar, questions, rank, held_out + 1 - rank) if rank >= 1 else 1.0
    return Shift(unfamiliar, questions, share, p_value, has_shifted=p_value <= CERTAIN)
