"""The outlook on a question before anybody is asked: how likely is the first tier's answer to be accepted?"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from thriftgate.cascade.calibration.fit import cross_fitted, fit_calibrator, fit_logistic, picked
from thriftgate.cascade.calibration.tier_models import LEAST_TO_FIT, log_odds, usable_features
from thriftgate.cascade.models import Confidence
from thriftgate.cascade.stake import Stake
from thriftgate.stats.intervals import Floats

Questions = Sequence[Mapping[str, float]]


def fit_outlook(questions: Questions, outcomes: Floats, rng: np.random.Generator) -> tuple[Confidence, Floats] | None:
    """A calibrated model over the questions' features, and its cross-fitted outlook on each of them.

    None when there are too few questions, no features, or only one kind of outcome.
    """
    names = usable_features(questions)
    if len(questions) < LEAST_TO_FIT or not names or not 0 < outcomes.mean() < 1:
        return None
    whole = [i for i, question in enumerate(questions) if all(name in question for name in names)]
    rows, target = [questions[i] for i in whole], outcomes[whole]
    fitted = fit_logistic(rows, target, features=names, rng=rng)

    def predict(rest: npt.NDArray[np.intp], held: npt.NDArray[np.intp]) -> Floats:
        fold = fit_logistic(picked(rows, rest), target[rest], features=names, rng=rng, penalty=fitted.penalty)
        return log_odds(fold.model, picked(rows, held))

    scores = np.nan_to_num(cross_fitted(len(rows), rng, predict))
    confidence = Confidence(fitted.model, fit_calibrator(scores, target))
    outlook = np.full(len(questions), np.nan)
    outlook[whole] = [confidence.calibrator.confidence(score) for score in scores.tolist()]
    return confidence, outlook


def outlooks(confidence: Confidence | None, questions: Questions, stake: Stake | None = None) -> Floats:
    """The outlook on each question, weighed where there is a stake; NaN without a model or features."""
    chances = [None if confidence is None else confidence.of(question) for question in questions]
    found = np.array([np.nan if chance is None else chance for chance in chances], dtype=np.float64)
    return found if stake is None else weighed_all(found, questions, stake)


def weighed_all(outlook: Floats, questions: Questions, stake: Stake) -> Floats:
    """Outlooks weighed by what is at stake in each question."""
    return np.array([stake.weigh(chance, one) for chance, one in zip(outlook.tolist(), questions, strict=True)])
