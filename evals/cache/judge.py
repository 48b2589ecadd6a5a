"""How well answers are compared for free, on recorded pairs: `uv run python -m evals.cache.judge`.

Two models' answers to one question say the same when their final answers are the same. Also with the last sentence of
each cut off: most of what could be told is gone then, and the judge has to say that it cannot tell. And, as the cache
compares them, answers to two questions of which one is the other's nearest: none of those says the same, whatever
letter or number both end with. The judge is the one that serves (`services.checking.statements`, behind
`AgreementJudge`). Its bounds were chosen on other pairs (400
drawn with seed 0), of MMLU-Pro; most of GSM8K's pairs are the same. Writes results/judge.json.
"""

import asyncio
import json
import math
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from evals.cache import data
from evals.cascade import data as recorded

from thriftgate.caching.comparing import NEAR_ENOUGH
from thriftgate.services.checking.judges import AgreementJudge
from thriftgate.stats.intervals import wilson_interval
from thriftgate.stores.minilm.embedder import LocalEmbedder
from thriftgate.types import ChatRequest

Pair = tuple[str, str, bool]
PAIRS = 1_000
_REQUEST = ChatRequest(request_id="eval", route="eval", messages=())
NEAREST_AMONG = 4_000
"""Questions among which each one's nearest is looked for."""
NOT_THE_SAME = 0.97
"""Cosine from which two recorded questions may be one."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")


Answered = tuple[str, str, str]
"""A question and two models' answers."""


def gsm8k_answers() -> list[Answered]:
    """Mixtral's and GPT-4's solutions."""
    rows = recorded.read_rows(recorded.DATA / "routellm" / "gsm8k_responses.csv")
    return [(row[0], row[3], row[4]) for row in rows if row[3] and row[4]]


def mmlu_pro_answers() -> list[Answered]:
    """Chains of thought of Llama-3.1-8B and 70B."""
    both = [(models["llama-3.1-8b"], models["llama-3.1-70b"]) for models in recorded.pro_rows()]
    return [(one["question"], one["generated_text"], other["generated_text"]) for one, other in both]


async def of_two_questions(answers: Sequence[Answered], draw: random.Random, embedder: LocalEmbedder) -> list[Pair]:
    """An answer to a question and one to its nearest, each where the cache would compare them."""
    chosen = draw.sample(answers, min(NEAREST_AMONG, len(answers)))
    vectors: list[Any] = []
    for start in range(0, len(chosen), 64):
        vectors.extend(await embedder.embed([question[:1_000] for question, _, _ in chosen[start : start + 64]]))
    cosines = np.array(vectors) @ np.array(vectors).T
    np.fill_diagonal(cosines, -1)
    nearest, highest = cosines.argmax(axis=1), cosines.max(axis=1)
    return [
        (own, chosen[near][2], False)
        for (_, own, _), near, cosine in zip(chosen, nearest, highest, strict=True)
        if NEAR_ENOUGH <= cosine < NOT_THE_SAME
    ]


def gsm8k() -> list[Pair]:
    """Mixtral's and GPT-4's solutions, of which at least one is right: they say the same when both are."""
    rows = recorded.read_rows(recorded.DATA / "routellm" / "gsm8k_responses.csv")
    return [
        (row[3], row[4], row[1] == row[2] == "True") for row in rows if "True" in (row[1], row[2]) and row[3] and row[4]
    ]


def mmlu_pro() -> list[Pair]:
    """Chains of thought of Llama-3.1-8B and 70B, of which both come to an option."""
    both = [(models["llama-3.1-8b"], models["llama-3.1-70b"]) for models in recorded.pro_rows()]
    return [
        (one["generated_text"], other["generated_text"], one["pred"] == other["pred"])
        for one, other in both
        if one["pred"] and other["pred"]
    ]


def without_end(text: str) -> str:
    """The text without its last sentence."""
    sentences = _SENTENCE.split(text.strip())
    return " ".join(sentences[:-1]) or text


async def judged(pairs: Sequence[Pair], judge: AgreementJudge) -> dict[str, Any]:
    """How often each verdict came, and how often it was mistaken, with 95 % intervals."""
    counts = {"missed": 0, "false": 0, "told": 0, "told_same": 0, "told_different": 0, "same": 0}
    for one, other, is_same in pairs:
        verdict = (await judge.compare(_REQUEST, one, other)).is_acceptable
        counts["same"] += is_same
        if verdict is not None:
            counts["told"] += 1
            counts["told_same" if verdict else "told_different"] += 1
            counts["missed"] += is_same and not verdict
            counts["false"] += verdict and not is_same
    mistaken = {
        "different_but_same": wilson_interval(counts["missed"], counts["told_different"]),
        "same_but_different": wilson_interval(counts["false"], counts["told_same"]),
        "told": wilson_interval(counts["told"], len(pairs)),
    }
    shares = {
        name: None if math.isnan(one.estimate) else [round(one.estimate, 4), round(one.low, 4), round(one.high, 4)]
        for name, one in mistaken.items()
    }
    return {"pairs": len(pairs), **counts, **shares}


async def main() -> None:
    """All sets, into results/judge.json."""
    embedder = LocalEmbedder(data.SCRATCH, cache_size=0)
    draw = random.Random(1)
    found: dict[str, Any] = {}
    try:
        for name, pairs in (("gsm8k", gsm8k()), ("mmlu_pro", mmlu_pro())):
            chosen = draw.sample(pairs, PAIRS)
            found[name] = await judged(chosen, AgreementJudge(embedder))
            cut = [(without_end(one), without_end(other), is_same) for one, other, is_same in chosen]
            found[f"{name}, last sentence cut"] = await judged(cut, AgreementJudge(embedder))
        for name, answers in (("gsm8k", gsm8k_answers()), ("mmlu_pro", mmlu_pro_answers())):
            pairs = await of_two_questions(answers, draw, embedder)
            chosen = draw.sample(pairs, min(PAIRS, len(pairs)))
            found[f"{name}, two questions"] = await judged(chosen, AgreementJudge(embedder, is_one_question=False))
    finally:
        await embedder.close()
    for name, row in found.items():
        print(name, row)
    target = Path(__file__).parent / "results" / "judge.json"
    target.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
