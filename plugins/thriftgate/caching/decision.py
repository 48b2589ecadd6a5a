"""Whether an answer given before is given again.

A decision is a value: `Hit` is served, `Explore` and `Miss` go upstream. An `Explore` came close: its fresh answer
should be compared with the entry's, which costs no extra call and is what the policy learns from.

Failure behaviour: pure and total.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from thriftgate.caching.differences.guards import Veto, first_veto
from thriftgate.caching.entries import CacheEntry, Neighbour
from thriftgate.caching.evidence import FEATURES, Evidence, gather
from thriftgate.caching.policy import CONFIDENCE, SERVED, CachePolicy, FixedThreshold

_WORTH_COMPARING = 0.1
"""Below this confidence the fresh answer is surely another one, and teaches nothing."""
_NEAR_THE_THRESHOLD = 0.5
"""Exploration is for the lower half of the confidences that are served."""


class MissReason(StrEnum):
    """Why nothing was served."""

    EMPTY = "nothing similar in the cache"
    TOO_FAR = "no question is near enough"
    GUARD = "a guard saw a difference"
    UNSURE = "the answer might be wrong"
    BELOW_THRESHOLD = "similarity below the threshold"
    UNCHECKED = "the first hits of a route are checked, and this one could not be"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """Serve the answer of `entry`."""

    entry: CacheEntry
    similarity: float
    confidence: float | None
    """Estimated probability that the answer is right for the question; None under a fixed threshold."""
    features: Mapping[str, float] = field(default_factory=dict[str, float])
    others: tuple[CacheEntry, ...] = ()
    """Near entries whose answers say what this one says, nearest first."""
    must_be_checked: bool = False
    """Too few hits were verified yet: it is served only if it is asked afresh beside the request."""

    def unserved(self) -> "Explore":
        """The same, not served: the fresh answer tells for free whether it would have been right."""
        features = {name: value for name, value in self.features.items() if name != SERVED}
        return Explore(
            entry=self.entry,
            similarity=self.similarity,
            confidence=self.confidence,
            features=features,
            reason=MissReason.UNCHECKED,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Explore:
    """Ask upstream, and compare the fresh answer with that of `entry`: the policy wants to know."""

    entry: CacheEntry
    similarity: float
    confidence: float | None
    features: Mapping[str, float] = field(default_factory=dict[str, float])
    reason: MissReason = MissReason.UNSURE


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """Ask upstream; there is nothing to be learnt."""

    reason: MissReason
    similarity: float | None = None
    """Of the nearest entry; None when there was none."""
    veto: Veto | None = None
    """The guard that objected to the nearest entry."""


Decision = Hit | Explore | Miss


def decide(
    question: str, neighbours: Sequence[Neighbour], *, policy: CachePolicy | FixedThreshold, draw: float
) -> Decision:
    """Decide on the evidence of the nearest entries, nearest first; `draw` is uniform in [0, 1).

    Serves the answer that the neighbours agree on when no guard objects and its confidence reaches the policy's
    threshold. Keep `features` with the observation when the outcome is verified: the learner needs them.
    """
    if isinstance(policy, FixedThreshold):
        return _decide_by_similarity(question, neighbours, policy.min_similarity)
    evidence = gather(question, neighbours)
    if evidence is None:
        return Miss(reason=MissReason.EMPTY)
    if isinstance(evidence, Veto):
        return Miss(reason=MissReason.GUARD, similarity=neighbours[0].similarity, veto=evidence)
    return _weigh(evidence, policy, draw)


def _weigh(evidence: Evidence, policy: CachePolicy, draw: float) -> Decision:
    entry, similarity = evidence.candidate.entry, evidence.candidate.similarity
    confidence = policy.confidence(evidence.values, entry.outcomes)
    features = dict(zip(FEATURES, evidence.values, strict=True)) | {CONFIDENCE: confidence}
    if confidence >= policy.threshold:
        certainty = (confidence - policy.threshold) / max(1 - policy.threshold, 1e-9)
        if certainty >= _NEAR_THE_THRESHOLD or draw >= policy.explore:
            served = features | {SERVED: 1.0}
            others = tuple(one.entry for one in evidence.supporters if one.entry is not entry)
            return Hit(entry=entry, similarity=similarity, confidence=confidence, features=served, others=others)
    elif confidence < _WORTH_COMPARING:
        return Miss(reason=MissReason.TOO_FAR, similarity=similarity)
    return Explore(entry=entry, similarity=similarity, confidence=confidence, features=features)


def _decide_by_similarity(question: str, neighbours: Sequence[Neighbour], least: float) -> Decision:
    if not neighbours:
        return Miss(reason=MissReason.EMPTY)
    veto: Veto | None = None
    for neighbour in neighbours:
        if neighbour.similarity < least:
            break
        objection = first_veto(question, neighbour.entry.question)
        if objection is None:
            return Hit(entry=neighbour.entry, similarity=neighbour.similarity, confidence=None)
        veto = veto or objection
    reason = MissReason.GUARD if veto else MissReason.BELOW_THRESHOLD
    return Miss(reason=reason, similarity=neighbours[0].similarity, veto=veto)
