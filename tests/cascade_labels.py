"""Made-up traffic whose truth is known exactly, and artefacts calibrated on it."""

import numpy as np

from thriftgate.cascade.artefact import Artefact
from thriftgate.cascade.calibration.calibration import Calibration
from thriftgate.cascade.calibration.labels import Label
from thriftgate.cascade.calibration.report import artefact_of

TIERS = ("small", "large")


def labels(n: int, rng: np.random.Generator, *, sharpness: float = 2.0, cheap: float = 0.1) -> list[Label]:
    """Traffic in which `hedges` and `sums_wrong` tell how likely the cheap answer is worse."""
    made: list[Label] = []
    for place in range(n):
        doubt, noise = rng.normal(), rng.normal()
        good = rng.uniform() < 1 / (1 + np.exp(sharpness * doubt - 1.0))
        strong = rng.uniform() < 0.9
        made.append(
            Label(
                group=str(place),
                quality=(float(good), float(strong)),
                cost_usd=(cheap, 1.0),
                features=({"hedges": doubt, "repetition": noise},),
                vetoes=(None,),
                question={"question_length": noise},
            )
        )
    return made


def artefact(calibration: Calibration) -> Artefact:
    return artefact_of(calibration, tiers=TIERS, rng=np.random.default_rng(1), created_at="2026-01-01T00:00:00Z")
