"""The model hedges, doubts or corrects itself. Cost: free.

Weak alone (AUROC about 0.54 on MMLU-Pro) but it never needs anything, and a model combines it with the rest.
"""

import math
from collections.abc import Mapping

from thriftgate.cascade.signals.evidence import Signal, SignalEvidence

HEDGES = (
    "maybe", "perhaps", "possibly", "probably", "i think", "i believe", "i guess", "it seems", "it appears",
    "might be", "could be", "not certain", "hard to say", "difficult to say", "as far as i know", "if i recall",
    "approximately", "closest", "best guess", "most likely", "vielleicht", "möglicherweise", "wahrscheinlich",
    "vermutlich", "ich glaube", "ich denke", "soweit ich weiß", "könnte sein", "peut-être", "probablement", "je pense",
    "je crois", "il semble", "quizás", "tal vez", "probablemente", "creo que", "parece que", "forse", "probabilmente",
    "penso che", "credo che", "talvez", "provavelmente", "acho que", "misschien", "waarschijnlijk", "ik denk",
    "可能", "也许", "大概", "かもしれません", "おそらく", "と思います",
)  # fmt: skip
CORRECTIONS = (
    "wait,", "actually,", "let me re", "let's re", "i made a mistake", "correction:", "on second thought", "however,",
    "but this is not", "doesn't match", "does not match", "none of the", "there seems to be", "moment mal", "korrektur",
    "attendez", "correction :", "un momento", "corrección", "correzione", "correção", "等等", "更正", "訂正",
)  # fmt: skip


def measure(evidence: SignalEvidence) -> Mapping[str, float]:
    """log(1 + count) of hedges and of self-corrections."""
    text = evidence.folded
    hedges, corrections = _OF_ASCII if text.isascii() else (HEDGES, CORRECTIONS)
    return {
        "hedges": math.log1p(sum(map(text.count, hedges))),
        "corrections": math.log1p(sum(map(text.count, corrections))),
    }


_OF_ASCII = (tuple(filter(str.isascii, HEDGES)), tuple(filter(str.isascii, CORRECTIONS)))
"""All that a text without other characters can say; to look for each phrase is what this signal costs."""


HEDGING = Signal(name="hedging", cost="free", features=("hedges", "corrections"), measure=measure)
