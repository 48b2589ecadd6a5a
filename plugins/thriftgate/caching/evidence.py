"""What speaks for and against giving the answer of a cached question: eight numbers, measured at serving time.

A single similarity cannot carry the decision. The strongest evidence is *agreement*: several neighbours whose answers
were found to say the same (one answer group), and a clear gap to the nearest neighbour with another answer. Measured
on BANKING77 at 0.65 % wrong answers: similarity alone 35 % hits, with the gap 51 %, with the vote of the groups 56 %.

Failure behaviour: pure and total; no neighbour gives None. About 0.3 ms for 16 neighbours, 1 ms when none of their
questions was read lately.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from thriftgate.caching.differences.guards import Veto, first_veto, substituted_words
from thriftgate.caching.differences.reading import read
from thriftgate.caching.entries import Neighbour, united

FEATURES = (
    "similarity",  # of the question to the entry whose answer would be served
    "margin",  # similarity of the best supporter minus that of the nearest entry with another answer
    "vote",  # share of the neighbourhood, weighted by nearness, that stands behind the answer
    "support",  # log(number of supporters)
    "mean_gap",  # mean similarity of the three best supporters minus that of the three best opponents
    "overlap_gap",  # best word overlap with a supporter minus best with an opponent
    "density",  # similarity of the farthest neighbour: how well covered this corner is
    "negation",  # 1 when exactly one of the two questions holds a negation
)
"""The names, in the order of `Evidence.values`. A policy artefact states the same names."""

NEIGHBOURS = 16
"""How many neighbours a decision wants to see: fewer make the vote blunt, more change nothing."""

_VOTE_WIDTH = 0.05
_ASSUMED_GAP = 0.05
"""With no opponent in sight, the next one is assumed this much below the farthest neighbour."""
_CANDIDATES = 3
_COMPARED_SUPPORTERS = 4
_COMPARED_OPPONENTS = 3


@dataclass(frozen=True, slots=True)
class Evidence:
    """The entry that would be served, and what is known about how well it fits."""

    candidate: Neighbour
    supporters: tuple[Neighbour, ...]
    """Those whose answers say what the candidate's says, itself among them, nearest first."""
    values: tuple[float, ...]
    """One number for each of `FEATURES`."""


def gather(question: str, neighbours: Sequence[Neighbour]) -> Evidence | Veto | None:
    """Weigh the neighbours, nearest first, against each other.

    Returns the veto of a guard when every near entry of the best answer group is vetoed, None with no neighbours.
    """
    if not neighbours:
        return None
    weights = [math.exp((each.similarity - neighbours[0].similarity) / _VOTE_WIDTH) for each in neighbours]
    names = united(each.entry for each in neighbours)
    votes: dict[str, float] = {}
    for neighbour, weight in zip(neighbours, weights, strict=True):
        group = names[neighbour.entry.group]
        votes[group] = votes.get(group, 0.0) + weight
    winner = max(votes, key=lambda group: votes[group])
    supporters = [each for each in neighbours if names[each.entry.group] == winner]
    opponents = [each for each in neighbours if names[each.entry.group] != winner]
    candidate = _candidate(question, supporters)
    if isinstance(candidate, Veto):
        return candidate
    farthest = neighbours[-1].similarity
    opposing = [each.similarity for each in opponents] or [farthest - _ASSUMED_GAP]
    return Evidence(
        candidate,
        tuple(supporters),
        (
            candidate.similarity,
            supporters[0].similarity - opposing[0],
            votes[winner] / sum(weights),
            math.log(len(supporters)),
            _mean([each.similarity for each in supporters[:3]]) - _mean(opposing[:3]),
            _overlap(question, supporters[:_COMPARED_SUPPORTERS]) - _overlap(question, opponents[:_COMPARED_OPPONENTS]),
            farthest,
            float((read(question).negations > 0) != (read(candidate.entry.question).negations > 0)),
        ),
    )


def _candidate(question: str, supporters: Sequence[Neighbour]) -> Neighbour | Veto:
    """The nearest supporter that no guard objects to; else the objection to the nearest one."""
    first: Veto | None = None
    for neighbour in supporters[:_CANDIDATES]:
        veto = first_veto(question, neighbour.entry.question) or _unknown_word(question, neighbour, supporters)
        if veto is None:
            return neighbour
        first = first or veto
    return first or Veto.SUBSTITUTION


def _unknown_word(question: str, candidate: Neighbour, supporters: Sequence[Neighbour]) -> Veto | None:
    """The question puts another word in the candidate's sentence, and no other entry with this answer has that word.

    One that has it shows that the word does not change the answer: "lost" and "misplaced", unlike "savings"
    and "business".
    """
    replaced = substituted_words(question, candidate.entry.question)
    if not replaced:
        return None
    for other in supporters:
        if other is not candidate and replaced <= read(other.entry.question).content:
            return None
    return Veto.SUBSTITUTION


def _overlap(question: str, neighbours: Sequence[Neighbour]) -> float:
    """The best Jaccard overlap of meaningful words; 0 with no neighbours."""
    words = read(question).content
    best = 0.0
    for neighbour in neighbours:
        others = read(neighbour.entry.question).content
        union = len(words | others)
        best = max(best, len(words & others) / union if union else 1.0)
    return best


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
