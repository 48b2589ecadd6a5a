"""Would other vectors serve more?

    PYTHONPATH=. .venv/bin/python -m evals.cache.whitening

Centres and whitens MiniLM's vectors by the mean and covariance of Bitext, calibrates on Bitext alone, and plays the
3,080 stream in three orders.
"""

from collections.abc import Callable

import numpy as np
from evals.cache import data
from evals.cache.streams import play

from thriftgate.caching.calibration import calibrate_cache
from thriftgate.caching.learner import Learner
from thriftgate.caching.rehearsal import Labelled, Vectors

Map = Callable[[Vectors], Vectors]


def maps_of(vectors: Vectors) -> dict[str, Map]:
    """Every way to look at a vector, fitted on `vectors`."""
    mean = vectors.mean(axis=0)
    _, spread, directions = np.linalg.svd(vectors - mean, full_matrices=False)
    found: dict[str, Map] = {"as served": lambda rows: rows, "centred": lambda rows: _unit(rows - mean)}
    for kept in (64, 128, 256):
        turn = directions[:kept].T / (spread[:kept] / np.sqrt(len(vectors)))
        found[f"whitened to {kept} dimensions"] = lambda rows, turn=turn: _unit((rows - mean) @ turn)
    return found


def _unit(rows: Vectors) -> Vectors:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def main() -> None:
    """Play and print."""
    bitext = data.bitext()
    questions, files = data.banking77()
    test = questions.take([place for place, file in enumerate(files) if file == "test"])
    for name, look in maps_of(bitext.vectors).items():
        known = Labelled(bitext.questions, bitext.groups, look(bitext.vectors))
        asked = Labelled(test.questions, test.groups, look(test.vectors))
        artefact = calibrate_cache([known], calibrated_on="Bitext")
        found = play(name, asked, lambda artefact=artefact: Learner(artefact, max_error=0.01), orders=3)
        print(f"{name:26} {found.hit_rate:.1%} hits, {found.error:.2%} wrong", flush=True)


if __name__ == "__main__":
    main()
