"""The outlook on a question before anybody is asked: how likely is the first tier's answer to be accepted?"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from thriftgate.cascade.fit import cross_fitted, fit_calibrator, fit_logistic, picked
from thriftgate.cascade.models import Confidence, Logistic
from thriftgate.cascade.tier_models import LEAST_TO_FIT, usable_features
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
    whole_fit = fit_logistic(rows, target, features=names, rng=rng)

    def predict(rest: npt.NDArray[np.intp], held: npt.NDArray[np.intp]) -> Floats:
        fold = fit_logistic(picked(rows, rest), target[rest], features=names, rng=rng, penalty=whole_fit.penalty)
        return scores(fold.model, picked(rows, held))

    scored = cross_fitted(len(rows), rng, predict)
    fitted = Confidence(whole_fit.model, fit_calibrator(np.nan_to_num(scored), target))
    outlook = np.full(len(questions), np.nan)
    outlook[whole] = [fitted.calibrator.confidence(float(score)) for score in np.nan_to_num(scored)]
    return fitted, outlook


def outlooks(confidence: Confidence | None, questions: Questions) -> Floats:
    """The outlook on each question; NaN without a model or where features are missing."""
    chances = [None if confidence is None else confidence.of(question) for question in questions]
    return np.array([np.nan if chance is None else chance for chance in chances], dtype=np.float64)


def scores(model: Logistic, questions: Questions) -> Floats:
    """Log-odds per question; NaN where features are missing."""
    found = [model.score(question) for question in questions]
    return np.array([np.nan if score is None else score for score in found], dtype=np.float64)
