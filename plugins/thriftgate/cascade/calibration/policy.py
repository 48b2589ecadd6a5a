"""Playing a set of thresholds on labelled questions: which tier would have answered, at what loss and what cost."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from thriftgate.cascade.calibration.labels import Label
from thriftgate.stats.intervals import Floats

LOSSES = ("net", "regressions")


@dataclass(frozen=True, slots=True)
class ThresholdPolicy:
    """Scores from which answers are accepted, per tier but the last, and what may be decided before asking."""

    accept_at: tuple[float, ...]
    """Infinity: never."""
    skip_below: float = -np.inf
    """Outlook on the question below which the strongest tier is asked at once."""
    trust_above: float = np.inf
    """Outlook from which the first tier's answer is given unseen."""


@dataclass(frozen=True, slots=True)
class Replay:
    """Labelled questions as arrays, with the scores that models gave them."""

    scores: Floats
    """Shape (n, tiers - 1); minus infinity where there is a veto or no score."""
    quality: Floats
    """Shape (n, tiers)."""
    cost_usd: Floats
    """Shape (n, tiers)."""
    outlook: Floats
    """Shape (n,); NaN where nothing is known before asking."""
    clusters: npt.NDArray[np.intp] | None = None
    """Shape (n,): labels of one number may repeat each other; None: none does."""

    def __len__(self) -> int:
        return len(self.quality)

    def take(self, rows: npt.NDArray[np.intp]) -> "Replay":
        """Some of the questions."""
        clusters = None if self.clusters is None else self.clusters[rows]
        return Replay(self.scores[rows], self.quality[rows], self.cost_usd[rows], self.outlook[rows], clusters)

    def play(self, policy: ThresholdPolicy) -> "Played":
        """What the policy would have done with each question."""
        n, tiers = self.quality.shape
        answering = np.full(n, tiers - 1)
        cost = np.zeros(n)
        with np.errstate(invalid="ignore"):
            skips = self.outlook < policy.skip_below
            if policy.trust_above < np.inf:
                # Of whom nothing is known, a route that decides by the question asks the strongest tier.
                skips |= np.isnan(self.outlook)
            trusts = (self.outlook >= policy.trust_above) & ~skips
        waiting = ~skips & ~trusts
        for tier, accept_at in enumerate(policy.accept_at):
            cost[waiting] += self.cost_usd[waiting, tier]
            accepted = waiting & (self.scores[:, tier] >= accept_at)
            answering[accepted] = tier
            waiting = waiting & ~accepted
        cost[trusts] += self.cost_usd[trusts, 0]
        answering[trusts] = 0
        to_strong = skips | waiting
        cost[to_strong] += self.cost_usd[to_strong, -1]
        return Played(answering, self.quality[np.arange(n), answering], cost)


@dataclass(frozen=True, slots=True)
class Played:
    """What a policy did: arrays of shape (n,)."""

    tier: npt.NDArray[np.intp]
    """Whose answer was given."""
    quality: Floats
    cost_usd: Floats

    def losses(self, replay: Replay, kind: str = "net") -> Floats:
        """Quality lost against always asking the strongest tier, per question, in [-1, 1].

        `net` counts what a cheaper answer does better as well; `regressions` only what it does worse.
        """
        return as_loss(replay.quality[:, -1] - self.quality, kind)


def replay_of(
    labels: Sequence[Label],
    scores: Floats,
    outlook: Floats | None = None,
    clusters: npt.NDArray[np.intp] | None = None,
) -> Replay:
    """Labels with their scores as arrays; a veto lowers the score to minus infinity, as does a missing one."""
    tiers = len(labels[0].quality) if labels else 2
    played = np.where(np.isnan(scores), -np.inf, scores)
    for row, label in enumerate(labels):
        for tier, veto in enumerate(label.vetoes):
            if veto is not None:
                played[row, tier] = -np.inf
    return Replay(
        scores=played,
        quality=np.array([label.quality for label in labels], dtype=np.float64).reshape(-1, tiers),
        cost_usd=np.array([label.cost_usd for label in labels], dtype=np.float64).reshape(-1, tiers),
        outlook=np.full(len(labels), np.nan) if outlook is None else outlook,
        clusters=clusters,
    )


def as_loss(lost: Floats, kind: str) -> Floats:
    """Quality lost per question as the promise counts it."""
    return np.maximum(lost, 0.0) if kind == "regressions" else lost
