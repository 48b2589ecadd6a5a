"""Can a cascade pay at all? What prices and answers say before anything is built.

Asking a cheap model first costs its price on every question and saves the strong one's on those whose cheap answer is
accepted: it pays only where the accepted share exceeds cheap price / strong price.
"""

from collections.abc import Sequence

import numpy as np

from thriftgate.cascade.calibration.labels import Label
from thriftgate.cascade.prices import Payoff, objections_to

_SHORT = float(np.log1p(8.0))
"""Median `answer_length` (log of 1 + characters) of answers that are a letter or a word: their text tells nothing."""


def payoff_of(labels: Sequence[Label]) -> Payoff | None:
    """The break-even of labelled calls, and what speaks against a cascade; None without labels or prices."""
    cheap = sum(label.cost_usd[0] for label in labels)
    strong = sum(label.cost_usd[-1] for label in labels)
    if strong <= 0:
        return None
    ratio = strong / cheap if cheap > 0 else float("inf")
    objections = list(objections_to(ratio))
    rows = [label.features[0] for label in labels if label.features]
    lengths = [row["answer_length"] for row in rows if "answer_length" in row]
    if lengths and float(np.median(lengths)) <= _SHORT and not any("logprob_mean" in row for row in rows):
        objections.append(
            "The cheap answers are a letter or a word and come without log-probabilities: nothing in them tells good "
            "ones from bad ones. Ask the provider for log-probabilities, or for a line of reasoning before the answer."
        )
    return Payoff(price_ratio=ratio, break_even=1 / ratio, objections=tuple(objections))
