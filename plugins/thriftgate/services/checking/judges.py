"""Says whether two answers to one question come to the same.

Failure behaviour: a judge that cannot tell, or whose model or embedder is away, answers None; nothing is learnt then.
"""

import json

import numpy as np

from thriftgate.errors import StoreUnavailableError, TierFailedError
from thriftgate.ports import Clock, Completer, Embedder
from thriftgate.services.checking.booking import CheckingBill
from thriftgate.services.checking.statements import LONGEST_COMPARED, say_the_same
from thriftgate.types import CallPurpose, ChatRequest, Judgement

_INSTRUCTION = """\
You compare two answers to the same question. They are the same when a reader would be told the same facts and \
would do the same things; wording, length and politeness do not matter. Reply with one word: SAME or DIFFERENT."""


class AgreementJudge:
    """Compares what two answers say (`statements`), by their embeddings where nothing else tells. No call."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    async def compare(self, request: ChatRequest, answer: str, reference: str) -> Judgement:
        """True when they say the same, False when they do not, and often None: it cannot tell."""
        told = say_the_same(answer, reference, None)
        if told is None and max(len(answer), len(reference)) <= LONGEST_COMPARED:
            try:
                first, second = await self._embedder.embed([answer, reference])
            except StoreUnavailableError:
                return Judgement(None)
            told = say_the_same(answer, reference, float(np.dot(first, second)))
        return Judgement(told)


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
