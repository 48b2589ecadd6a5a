"""Whether confidences come true: wrong answers that were seen, beside those that were expected.

Two looks at it. Served answers that were checked tell how often hits are wrong; a promise is about them. All verified
outcomes, those of answers that were only nearly served included, tell it for each level of confidence: there it shows
that 0.9 means four wrong of ten on this traffic, long before the mean of all hits does.

Failure behaviour: pure. Few outcomes say nothing: the confidences are believed until some errors too many came.
"""

from bisect import bisect_right

import numpy as np

from thriftgate.caching.entries import Observation
from thriftgate.caching.policy import CONFIDENCE, SERVED
from thriftgate.stats.logistic import Matrix

_BELIEVED = 2.0
"""Confidences are believed as firmly as if so many expected errors had come true."""
_BELIEVED_AT_A_LEVEL = 5.0
"""More firmly at each level: of several levels one looks bad by chance alone."""
LEVELS = (0.8, 0.9, 0.95, 0.98)
"""Where the levels of confidence begin."""


class Odds:
    """What verified outcomes say of the confidences they were decided by."""

    def __init__(self) -> None:
        self.checked = 0
        """Served answers with a verdict."""
        self._expected = 0.0
        self._wrong = 0.0
        self._expected_at = [0.0] * (len(LEVELS) + 1)
        self._wrong_at = [0.0] * (len(LEVELS) + 1)

    @property
    def inflation(self) -> float:
        """By how much more often checked hits were wrong than their confidences said; at least 1."""
        return _inflation(self._wrong, self._expected, _BELIEVED)

    def add(self, observation: Observation) -> None:
        """Count one verified outcome; complaints are no random sample of anything, and measure nothing."""
        confidence = observation.features.get(CONFIDENCE)
        if confidence is None or observation.source == "feedback":
            return
        expected, wrong = 1 - confidence, 1 - float(observation.is_correct)
        level = bisect_right(LEVELS, confidence)
        self._expected_at[level] += expected
        self._wrong_at[level] += wrong
        if observation.features.get(SERVED):
            self.checked += 1
            self._expected += expected
            self._wrong += wrong

    def errors(self, confidences: Matrix) -> Matrix:
        """The chance that each answer is wrong, as far as verified outcomes tell; it may exceed 1."""
        levels = [
            _inflation(wrong, due, _BELIEVED_AT_A_LEVEL)
            for wrong, due in zip(self._wrong_at, self._expected_at, strict=True)
        ]
        factors = np.maximum(self.inflation, np.array(levels))
        return (1 - confidences) * factors[np.searchsorted(LEVELS, confidences, side="right")]


def _inflation(wrong: float, expected: float, believed: float) -> float:
    return max(1.0, (wrong + believed) / (expected + believed))
