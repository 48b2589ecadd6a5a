"""Signals that tell good answers from bad ones: one small pure scorer per file, each with its cost.

A new signal is a file with a `Signal`, and one more line in `SIGNALS`.
"""

from collections.abc import Iterable, Sequence

from thriftgate.cascade.signals.agreement import AGREEMENT
from thriftgate.cascade.signals.evidence import Cost, Signal, SignalEvidence
from thriftgate.cascade.signals.figures import FIGURES
from thriftgate.cascade.signals.form import FORM
from thriftgate.cascade.signals.hedging import HEDGING
from thriftgate.cascade.signals.judge import JUDGE
from thriftgate.cascade.signals.logprobs import LOGPROBS
from thriftgate.cascade.signals.question import QUESTION
from thriftgate.cascade.signals.refusal import REFUSAL
from thriftgate.cascade.signals.relation import RELATION
from thriftgate.cascade.signals.self_report import SELF_REPORT
from thriftgate.cascade.signals.tools import TOOLS
from thriftgate.cascade.signals.validity import VALIDITY

__all__ = ["SIGNALS", "Cost", "Features", "Signal", "SignalEvidence", "measure", "signals_named"]

SIGNALS: tuple[Signal, ...] = (
    VALIDITY,
    TOOLS,
    REFUSAL,
    HEDGING,
    LOGPROBS,
    SELF_REPORT,
    RELATION,
    FORM,
    FIGURES,
    QUESTION,
    AGREEMENT,
    JUDGE,
)


def signals_named(names: Iterable[str]) -> tuple[Signal, ...]:
    """Signals by name, in the order of `SIGNALS`. Raises ValueError for a name that there is not."""
    wanted = set(names)
    unknown = wanted - {signal.name for signal in SIGNALS}
    if unknown:
        raise ValueError(
            f"there is no signal {', '.join(sorted(unknown))}; there are {', '.join(s.name for s in SIGNALS)}"
        )
    return tuple(signal for signal in SIGNALS if signal.name in wanted)


class Features(dict[str, float]):
    """Features by name, and how many signals threw while they were measured."""

    errors: int = 0


def measure(evidence: SignalEvidence, signals: Sequence[Signal] = SIGNALS) -> Features:
    """All features that the evidence allows. A signal that throws is counted and gives nothing."""
    features = Features()
    for signal in signals:
        try:
            features.update(signal.measure(evidence) or {})
        except Exception:
            features.errors += 1
    return features
