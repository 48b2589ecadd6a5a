"""How often the guards and the detectors speak up on ordinary support questions."""

from collections.abc import Sequence

import numpy as np

from thriftgate.caching.calibration import shuffled
from thriftgate.caching.differences.guards import GUARDS, substitution
from thriftgate.caching.rehearsal import Labelled
from thriftgate.caching.sharing.timebound import is_about_own_account, is_time_bound

_SAMPLE = 6_000
_NEAR = 0.75


def guard_rates(questions: Labelled) -> dict[str, object]:
    """Vetoes among nearest pairs above 0.75: with the same answer (hits lost), and with another one (errors saved)."""
    sample = questions.take(shuffled(len(questions), np.random.default_rng(0))[:_SAMPLE])
    similarities = sample.vectors @ sample.vectors.T
    np.fill_diagonal(similarities, -1.0)
    nearest = similarities.argmax(axis=1)
    pairs = [(place, int(nearest[place])) for place in range(_SAMPLE) if similarities[place].max() >= _NEAR]
    same = [pair for pair in pairs if sample.groups[pair[0]] == sample.groups[pair[1]]]
    other = [pair for pair in pairs if sample.groups[pair[0]] != sample.groups[pair[1]]]
    return {
        "pairs_same": len(same),
        "pairs_other": len(other),
        "vetoed": {
            guard.__name__: {
                name: round(
                    sum(guard(sample.questions[a], sample.questions[b]) is not None for a, b in chosen) / len(chosen), 4
                )
                for name, chosen in (("same", same), ("other", other))
            }
            for guard in (*GUARDS, substitution)
        },
    }


def detector_rates(banking: Labelled, bitext: Labelled) -> dict[str, object]:
    """Share of the questions that are held to be time-bound, or about the caller's own account."""
    return {"banking77": _shares(banking.questions), "bitext": _shares(bitext.questions)}


def _shares(questions: Sequence[str]) -> dict[str, float]:
    return {
        "questions": len(questions),
        "time_bound": round(sum(map(is_time_bound, questions)) / len(questions), 5),
        "own_account": round(sum(map(is_about_own_account, questions)) / len(questions), 5),
    }
