"""What an answer would have cost without us: the prices of the model that clients would use."""

from collections.abc import Sequence
from typing import Any

from thriftgate.ports import Pricer
from thriftgate.types import Answer, Usage


class Baseline:
    """Prices answers as if one model group had given them all."""

    def __init__(self, pricer: Pricer, model: str) -> None:
        self._pricer = pricer
        self._model = model

    def cost_usd(self, answer: Answer) -> float:
        """For the same tokens; the answer's own cost where that model gave it, or has no price."""
        if answer.model == self._model:
            return answer.cost_usd
        cost = self._pricer.cost_usd(self._model, answer.usage)
        return answer.cost_usd if cost is None else cost

    def estimated_usd(self, messages: Sequence[Any], text: str) -> float:
        """For an answer that no model was asked for, by a tokenizer's count."""
        usage = Usage(self._pricer.count_tokens(self._model, messages), self._pricer.count_tokens(self._model, text))
        return self._pricer.cost_usd(self._model, usage) or 0.0
