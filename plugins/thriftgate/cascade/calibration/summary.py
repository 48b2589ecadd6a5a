"""Sums up the labelled questions, so that others are recognised when they come (cascade/familiarity.py)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from thriftgate.cascade.familiarity import QuestionSummary, decoded, distances_to, encoded

FEWEST = 100
"""Questions below which nothing is kept: half of them could not tell a share of 2 %."""
MOST_CENTRES = 64
MOST_DISTANCES = 1_000
_PER_CENTRE = 8
_ROUNDS = 12
_UNUSUAL = 10
"""Per cent of the questions that are shorter, and that are longer, than usual."""

_Matrix = npt.NDArray[np.float64]


def summary_of_questions(
    vectors: npt.ArrayLike,
    lengths: npt.ArrayLike,
    groups: Sequence[str],
    rng: np.random.Generator,
    *,
    embedder: str,
) -> QuestionSummary | None:
    """A summary of unit vectors, shape (n, dimensions), and log lengths, shape (n,); None for fewer than `FEWEST`.

    One half makes the centres and the usual lengths, the other the distances. Questions of one group stay in one half:
    where traffic repeats itself the distances are then larger than new ones, and fewer questions are called unfamiliar
    than allowed.
    """
    rows, log_lengths = np.asarray(vectors, dtype=np.float64), np.asarray(lengths, dtype=np.float64)
    names = sorted(set(groups))
    order: list[int] = rng.permutation(len(names)).tolist()
    drawn = {names[place] for place in order[: len(names) // 2]}
    is_ranked = np.array([group in drawn for group in groups], dtype=bool)
    if len(rows) < FEWEST or is_ranked.sum() < FEWEST // 3 or (~is_ranked).sum() < FEWEST // 3:
        return None
    kept = encoded(centres_of(rows[~is_ranked], rng))
    shortest, longest = np.percentile(log_lengths[~is_ranked], [_UNUSUAL, 100 - _UNUSUAL]).round(4).tolist()
    ranked = rng.permutation(np.flatnonzero(is_ranked))[:MOST_DISTANCES]
    # Of the centres as they are kept, rounded: a question is later measured against the same.
    centres = decoded(kept, rows.shape[1])
    distances = np.sort(distances_to(rows[ranked], log_lengths[ranked], centres, (shortest, longest)))
    return QuestionSummary(
        embedder=embedder,
        dimensions=rows.shape[1],
        centres=kept,
        distances=tuple(map(float, distances)),
        usual_lengths=(shortest, longest),
    )


def centres_of(vectors: _Matrix, rng: np.random.Generator) -> _Matrix:
    """Spherical k-means: shape (k, dimensions), rows of unit length, k at most `MOST_CENTRES`."""
    k = max(1, min(MOST_CENTRES, len(vectors) // _PER_CENTRE))
    centres = vectors[rng.choice(len(vectors), size=k, replace=False)]
    for _ in range(_ROUNDS):
        nearest = np.argmax(vectors @ centres.T, axis=1)
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, vectors)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        # A centre that lost all its questions stays where it was.
        centres = np.where(lengths > 1e-9, sums / np.maximum(lengths, 1e-9), centres)
    return centres
