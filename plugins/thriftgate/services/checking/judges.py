"""Says whether two answers to one question come to the same.

Failure behaviour: a judge that cannot tell, or whose model or embedder is away, answers None; nothing is learnt then.
"""

import json

import numpy as np

from thriftgate.caching.grouping import normalise
from thriftgate.caching.guards import first_veto
from thriftgate.errors import StoreUnavailableError, TierFailedError
from thriftgate.ports import Clock, Completer, Embedder
from thriftgate.services.checking.booking import CheckingBill
from thriftgate.types import CallPurpose, ChatRequest, Judgement

SAME_ABOVE = 0.85
"""Cosine of two answers' embeddings from which they count as the same, if no guard objects."""
DIFFERENT_BELOW = 0.6
"""Cosine below which they count as different; between the two nobody can tell."""

_INSTRUCTION = """\
You compare two answers to the same question. They are the same when a reader would be told the same facts and \
would do the same things; wording, length and politeness do not matter. Reply with one word: SAME or DIFFERENT."""


class AgreementJudge:
    """Compares answers by their embeddings and by the guards against other numbers, names and negations. No call."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    async def compare(self, request: ChatRequest, answer: str, reference: str) -> Judgement:
        """True when they agree, False when they surely do not, None in between."""
        return Judgement(await self._agree(answer, reference))

    async def _agree(self, answer: str, reference: str) -> bool | None:
        if normalise(answer) == normalise(reference):
            return True
        try:
            first, second = await self._embedder.embed([answer, reference])
        except StoreUnavailableError:
            return None
        similarity = float(np.dot(first, second))
        if similarity < DIFFERENT_BELOW:
            return False
        if similarity < SAME_ABOVE:
            return None
        return first_veto(answer, reference) is None


class ModelJudge:
    """Asks a model group whether two answers come to the same."""

    def __init__(self, completer: Completer, model: str, clock: Clock) -> None:
        self._completer = completer
        self._model = model
        self._clock = clock

    async def compare(self, request: ChatRequest, answer: str, reference: str) -> Judgement:
        """What the model says; None when it says neither or fails."""
        # As JSON, so that nothing in an answer can pass for an instruction or for the end of its quotation.
        compared = json.dumps({"answer_1": answer, "answer_2": reference}, ensure_ascii=False)
        messages = ({"role": "system", "content": _INSTRUCTION}, {"role": "user", "content": compared})
        asked = request.asking(messages, {"temperature": 0, "max_tokens": 5})
        bill = CheckingBill(self._completer, self._clock)
        try:
            verdict = await bill.ask(self._model, asked, purpose=CallPurpose.JUDGE)
        except TierFailedError:
            return Judgement(None, calls=tuple(bill.calls))
        words = verdict.text.strip().upper()
        is_same = True if words.startswith("SAME") else False if words.startswith("DIFFERENT") else None
        return Judgement(is_same, bill.cost_usd, tuple(bill.calls))
