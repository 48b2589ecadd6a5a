"""The confidence that the model states itself, where the prompt or schema asks for it. Cost: free.

Read from a JSON field (`confidence`, `certainty`, `probability`, `score`; a number or a word) or from a line
such as "Confidence: 85%". Verbal confidences are overconfident; the calibrator puts them right.
"""

import re
from collections.abc import Mapping
from typing import Any, cast

from thriftgate.cascade.signals.evidence import Signal, SignalEvidence

FIELDS = ("confidence", "certainty", "confidence_score", "probability", "score")
WORDS = {"very low": 0.1, "low": 0.25, "medium": 0.5, "moderate": 0.5, "high": 0.8, "very high": 0.95}
_LINE = re.compile(
    r"\b(?:confidence|certainty|konfidenz|confianza|confiance)\W{1,6}(\d+(?:\.\d+)?)\s*(%|/\s*10\b)?", re.I
)


def measure(evidence: SignalEvidence) -> Mapping[str, float] | None:
    """The stated confidence in [0, 1]; None when none is stated."""
    parsed = evidence.parsed
    if isinstance(parsed, dict):
        answer = cast("Mapping[str, Any]", parsed)
        stated = next((answer[field] for field in FIELDS if field in answer), None)
        value = as_confidence(stated)
    else:
        lines = list(_LINE.finditer(evidence.text[-400:]))
        value = as_confidence(float(lines[-1][1]), unit=lines[-1][2]) if lines else None
    return None if value is None else {"self_confidence": value}


def as_confidence(stated: object, *, unit: str | None = None) -> float | None:
    """A number, percentage, "8/10" or word as a confidence in [0, 1]; None when it is none."""
    if isinstance(stated, str):
        text = stated.strip().casefold()
        if text in WORDS:
            return WORDS[text]
        try:
            stated, unit = float(text.rstrip("% ")), "%" if text.endswith("%") else unit
        except ValueError:
            return None
    if isinstance(stated, bool) or not isinstance(stated, int | float):
        return None
    value = float(stated)
    if unit and unit.startswith("/"):
        value /= 10
    elif unit == "%" or value > 1:
        value /= 100
    return value if 0 <= value <= 1 else None


SELF_REPORT = Signal(name="self_report", cost="free", features=("self_confidence",), measure=measure)
