"""Says whether two answers come to the same.

Failure behaviour: a judge that cannot tell, or whose model or embedder is away, answers None; nothing is learnt then.
"""

import hashlib
import json

import numpy as np

from thriftgate.errors import StoreUnavailableError, TierFailedError
from thriftgate.ports import Clock, Completer, Embedder
from thriftgate.services.checking.booking import CheckingBill
from thriftgate.services.checking.statements import LONGEST_COMPARED, say_the_same
from thriftgate.services.request.reading import question_of
from thriftgate.types import CallPurpose, ChatRequest, Judgement

_INSTRUCTION = """\
You compare two answers, which may have been given to two different questions. They are the same when a reader would \
be told the same facts and would do the same things; wording, length and politeness do not matter, and an equal letter \
or number is not enough where they speak of different things. Reply with one word: SAME or DIFFERENT."""

RANKING = """\
You compare two answers to one question. They are the SAME when a reader would be told the same facts and would do the \
same things; wording, length and politeness do not matter. Where they are DIFFERENT, say which one serves the reader \
better: FIRST or SECOND. A wrong answer never does; of two wrong ones neither does, which counts as SAME. Reply with \
one word: SAME, FIRST or SECOND."""


class AgreementJudge:
    """Compares what two answers say (`statements`), by their embeddings where nothing else tells. No call.

    A cache compares answers to questions that are only alike (`is_one_question` False); evals those to one.
    """

    def __init__(self, embedder: Embedder, *, is_one_question: bool = True) -> None:
        self._embedder = embedder
        self._is_one_question = is_one_question

    async def compare(self, request: ChatRequest, answer: str, reference: str) -> Judgement:
        """True when they say the same, False when they do not, and often None: it cannot tell."""
        told = say_the_same(answer, reference, None, is_one_question=self._is_one_question)
        if told is None and max(len(answer), len(reference)) <= LONGEST_COMPARED:
            try:
                first, second = await self._embedder.embed([answer, reference])
            except StoreUnavailableError:
                return Judgement(None)
            similarity = float(np.dot(first, second))
            told = say_the_same(answer, reference, similarity, is_one_question=self._is_one_question)
        return Judgement(told)


class ModelJudge:
    """Asks a model group whether two answers come to the same, and where it `ranks`, which of them is better.

    A promise about quality is about answers that got worse, less those that got better: two that differ say neither.
    Which answer is shown first is drawn by the request's id, since judges favour a place.
    """

    def __init__(self, completer: Completer, model: str, clock: Clock, *, ranks: bool = False) -> None:
        self._completer = completer
        self._model = model
        self._clock = clock
        self._ranks = ranks

    async def compare(self, request: ChatRequest, answer: str, reference: str) -> Judgement:
        """What the model says; None when it says none of its words or fails."""
        shown = [answer, reference]
        is_turned = self._ranks and hashlib.blake2b(request.request_id.encode()).digest()[0] % 2 == 1
        if is_turned:
            shown.reverse()
        compared = {"answer_1": shown[0], "answer_2": shown[1]}
        if self._ranks:
            compared = {"question": question_of(request.messages), **compared}
        messages = (
            {"role": "system", "content": RANKING if self._ranks else _INSTRUCTION},
            # As JSON, so that nothing in an answer can pass for an instruction or for the end of its quotation.
            {"role": "user", "content": json.dumps(compared, ensure_ascii=False)},
        )
        asked = request.asking(messages, {"temperature": 0, "max_tokens": 5})
        bill = CheckingBill(self._completer, self._clock)
        try:
            verdict = await bill.ask(self._model, asked, purpose=CallPurpose.JUDGE)
        except TierFailedError:
            return Judgement(None, None, bill.cost_usd, tuple(bill.calls))
        is_acceptable, is_better = self._told(verdict.text.strip().upper(), is_turned=is_turned)
        return Judgement(is_acceptable, is_better, bill.cost_usd, tuple(bill.calls))

    def _told(self, words: str, *, is_turned: bool) -> tuple[bool | None, bool | None]:
        """Whether the answer is as good as the reference, and whether it is better."""
        if words.startswith("SAME"):
            return True, False if self._ranks else None
        if self._ranks and words.startswith(("FIRST", "SECOND")):
            is_better = words.startswith("FIRST") != is_turned
            return is_better, is_better
        if words.startswith("DIFFERENT"):
            # Who was asked which one is better and does not say so has not found it better: a verdict that counts, or
            # the bad ones would leave the sample for how they were worded.
            return False, False if self._ranks else None
        return None, None
