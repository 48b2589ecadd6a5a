"""How numbers flow from the question through the calculations to the conclusion. Cost: free.

Who misreads a task leaves a given number aside, works out what is never used, brings in a number from nowhere, or ends
in one that no calculation gave. Sums that are wrong are rare beside that (`form`).
"""

import math
import re
from collections.abc import Mapping

from thriftgate.cascade.signals.agreement import conclusion
from thriftgate.cascade.signals.evidence import Signal, SignalEvidence
from thriftgate.cascade.signals.form import calculations

_NUMBER = re.compile(r"\d{1,15}(?:,\d{3}){0,4}(?:\.\d{1,15})?")
_MOST_NUMBERS = 200
_EVERYDAY = frozenset({*map(float, range(13)), 0.25, 0.5, 24.0, 52.0, 60.0, 100.0, 365.0, 1000.0})
"""Numbers that a calculation takes from common knowledge, or that a question writes as a word."""


def measure(evidence: SignalEvidence) -> Mapping[str, float]:
    """Given numbers left aside (share); results never used and operands from nowhere (log counts); fractions (share).

    Of the concluding number: whether it is whole (one half without such a number), whether the last calculation gave
    it, and how often it is named (log count).
    """
    given, named = set(_numbers(evidence.question)), _numbers(evidence.text)
    said = set(named)
    found = conclusion(evidence.text)
    concluded = found if isinstance(found, float) and math.isfinite(found) else None
    results, used, new = _worked_out(evidence.text, given)
    return {
        "figures_unused": len(given - said) / len(given) if given else 0.0,
        "results_unused": math.log1p(sum(abs(one) not in used and one != concluded for one in results[:-1])),
        "figures_new": math.log1p(new),
        "fraction_share": sum(not one.is_integer() for one in named) / len(named) if named else 0.0,
        "conclusion_whole": 0.5 if concluded is None else float(concluded.is_integer()),
        "conclusion_computed": float(bool(results) and concluded == results[-1]),
        "conclusion_repeated": 0.0 if concluded is None else math.log1p(named.count(abs(concluded))),
    }


def _worked_out(text: str, given: set[float]) -> tuple[list[float], set[float], int]:
    """The results of the written calculations, the numbers they used, and how many of these came from nowhere."""
    known = given | {one / 100 for one in given} | _EVERYDAY
    results: list[float] = []
    used: set[float] = set()
    new = 0
    for calculation, stated in calculations(text):
        operands = set(_numbers(calculation))
        new += len(operands - known - used)
        used |= operands
        results.append(float(stated))
        # Operands are read without their signs.
        known.add(abs(results[-1]))
    return results, used, new


def _numbers(text: str) -> list[float]:
    """The numbers written in a text, without their signs."""
    return [float(number.replace(",", "")) for number in _NUMBER.findall(text)[:_MOST_NUMBERS]]


FIGURES = Signal(
    name="figures",
    cost="free",
    features=(
        "figures_unused",
        "results_unused",
        "figures_new",
        "fraction_share",
        "conclusion_whole",
        "conclusion_computed",
        "conclusion_repeated",
    ),
    measure=measure,
)
