"""What a judge model says of the answer, without another to compare it with. Cost: one more call (`judge`).

It sees what no log-probability shows, an answer that is sure and wrong, as far as the judge knows better.
"""

from collections.abc import Mapping

from thriftgate.cascade.signals.evidence import Signal, SignalEvidence


def measure(evidence: SignalEvidence) -> Mapping[str, float] | None:
    """The judge's rating in [0, 1]; None without one."""
    return None if evidence.rating is None else {"judge_score": evidence.rating}


JUDGE = Signal(name="judge", cost="judge", features=("judge_score",), measure=measure)
