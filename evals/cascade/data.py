"""The recorded answers: questions with what cheap and strong models said, whether it was right, and what it cost.

Costs are tokens (characters / 4) times list prices in US dollars per million tokens (input, output), taken from the
price map of LiteLLM 1.109. Question and answer are counted, no few-shot prompt.
"""

import csv
import gzip
import hashlib
import json
import os
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from evals.cascade import intents, recorded

from thriftgate.cascade.calibration.labels import Label
from thriftgate.cascade.scoring import answer_features
from thriftgate.cascade.signals.question import features as question_features
from thriftgate.types import Answer, ChatRequest, Choice, Vector

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DATA = Path(os.environ.get("THRIFTGATE_DATA", ROOT.parent / "shared" / "data"))
PRICES = {
    "mixtral-8x7b": (0.60, 0.60),  # together_ai/mistralai/Mixtral-8x7B-Instruct-v0.1
    "gpt-4-1106": (10.0, 30.0),  # gpt-4-1106-preview
    "llama-3.1-8b": (0.03, 0.05),  # deepinfra/meta-llama/Meta-Llama-3.1-8B-Instruct
    "llama-3.1-70b": (0.40, 0.40),  # deepinfra/meta-llama/Meta-Llama-3.1-70B-Instruct
    "phi-3-mini": (0.10, 0.10),  # fireworks_ai/accounts/fireworks/models/phi-3-mini-128k-instruct
    "qwen1.5-7b": (0.20, 0.20),  # fireworks_ai/accounts/fireworks/models/qwen2-7b-instruct
    "qwen1.5-72b": (0.90, 0.90),  # fireworks_ai/accounts/fireworks/models/qwen1p5-72b-chat
    "gpt-3.5": (0.50, 1.50),  # gpt-3.5-turbo-0125
    "gpt-4.1-nano": (0.10, 0.40),
    "gpt-4.1": (2.0, 8.0),
    # Not in that map: as Reka announced them in April 2024.
    "reka-edge": (0.40, 1.00),
    "reka-flash": (0.80, 2.00),
    "reka-core": (10.0, 25.0),
}
_MMLU_ANSWER = 4
"""Characters of an answer where only its correctness is published: one option letter, about a token."""
_LETTERS = "ABCDEFGHIJ"


@dataclass(frozen=True, slots=True)
class Item:
    """One question with the answers of every tier."""

    request: ChatRequest
    answers: tuple[Answer | None, ...]
    """Per tier; None where only the correctness is known."""
    quality: tuple[float, ...]
    """1 for right, 0 for wrong, or a grade between them."""
    second: Answer | None = None
    """Another cheap answer, bought for every question."""


@dataclass(frozen=True, slots=True)
class RecordedSet:
    """One replayed data set."""

    name: str
    tiers: tuple[str, ...]
    items: list[Item]
    labels: list[Label]
    embedder: str = ""
    subjects: tuple[str, ...] = ()
    """Of each question, where the set has subjects."""


def absent() -> str | None:
    """Why the sets cannot be replayed; None when they can."""
    needed = [DATA / "routellm" / "gsm8k_responses.csv", DATA / "mmlu_pro"]
    missing = [str(path) for path in needed if not path.exists()]
    return f"no recorded answers at {', '.join(missing)} (set THRIFTGATE_DATA)" if missing else None


def recorded_sets(names: Sequence[str] = ()) -> Iterator[RecordedSet]:
    """The data sets, all or those named, one after the other: they need memory."""
    for name, load in SETS.items():
        if not names or name in names:
            yield load(name)


def gsm8k(name: str) -> RecordedSet:
    """RouteLLM's GSM8K: Mixtral-8x7B before GPT-4."""
    tiers = ("mixtral-8x7b", "gpt-4-1106")
    items = [
        Item(
            _asked(row[0]),
            (_said(tiers[0], row[0], row[3]), _said(tiers[1], row[0], row[4])),
            (row[1] == "True", row[2] == "True"),
        )
        for row in read_rows(DATA / "routellm" / "gsm8k_responses.csv")
    ]
    return RecordedSet(name, tiers, items, labels_of(items, tiers))


def gsm8k_embedded(name: str) -> RecordedSet:
    """The same, with the question's embedding as one more signal."""
    return _embedded(gsm8k(name))


def mmlu(name: str) -> RecordedSet:
    """RouteLLM's MMLU: correctness only, so the question alone decides, by its features and its embedding."""
    tiers = ("mixtral-8x7b", "gpt-4-1106")
    files = {path.stem: read_rows(path) for path in sorted((DATA / "routellm").glob("mmlu_*.csv"))}
    rows = [row for subject in files.values() for row in subject]
    subjects = tuple(name for name, subject in files.items() for _ in subject)
    items = [Item(_asked(row[0]), (None, None), (row[1] == "True", row[2] == "True")) for row in rows]
    vectors, embedder = embed([row[0] for row in rows])
    labels = [replace(label, vector=vector) for label, vector in zip(labels_of(items, tiers), vectors, strict=True)]
    return RecordedSet(name, tiers, items, labels, embedder, subjects)


def mmlu_pro(name: str) -> RecordedSet:
    """MMLU-Pro: Llama-3.1-8B before 70B, on what the cheap answer's text tells."""
    return _pro(name, ("llama-3.1-8b", "llama-3.1-70b"), pro_rows())


def mmlu_pro_qwen(name: str) -> RecordedSet:
    """MMLU-Pro: Qwen1.5-7B before 72B, at less than a fifth of its price."""
    return _pro(name, ("qwen1.5-7b", "qwen1.5-72b"), pro_rows(_QWEN_FILES))


def _pro(name: str, tiers: tuple[str, ...], rows: list[dict[str, dict[str, Any]]]) -> RecordedSet:
    items = [_pro_item(models, tiers) for models in rows]
    subjects = tuple(str(models[tiers[0]]["category"]) for models in rows)
    return RecordedSet(name, tiers, items, labels_of(items, tiers), subjects=subjects)


_WILDBENCH_FILES = {
    "reka-edge": "reka-edge.json.gz",
    "reka-flash": "reka-flash-20240226.json.gz",
    "gpt-3.5": "gpt-3.5-turbo-0125.json.gz",
    "reka-core": "reka-core-20240501.json.gz",
}


def wildbench(name: str) -> RecordedSet:
    """WildBench's tasks: reka-edge before reka-core, graded from 1 to 10 by GPT-4o; the questions are not at hand."""
    return _wildbench(name, "reka-edge")


def wildbench_flash(name: str) -> RecordedSet:
    """The same with reka-flash before it, which is closer to it."""
    return _wildbench(name, "reka-flash")


def wildbench_gpt35(name: str) -> RecordedSet:
    """The same with GPT-3.5 before it."""
    return _wildbench(name, "gpt-3.5")


def _wildbench(name: str, cheap: str) -> RecordedSet:
    tiers = (cheap, "reka-core")
    graded = [_grades(DATA / "wildbench" / _WILDBENCH_FILES[tier]) for tier in tiers]
    items = [
        Item(
            # The id stands for the question, and its length in the price.
            _asked(task),
            (_said(tiers[0], task, graded[0][task][0]), _said(tiers[1], task, graded[1][task][0])),
            tuple((grades[task][1] - 1) / 9 for grades in graded),
        )
        for task in sorted(graded[0].keys() & graded[1].keys())
    ]
    return RecordedSet(name, tiers, items, labels_of(items, tiers))


def _grades(path: Path) -> dict[str, tuple[str, float]]:
    """By task: the answer and its grade; tasks without an answer are left out."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return {row["id"]: (row["a"], float(row["score"])) for row in json.load(file) if row["a"]}


def mmlu_pro_embedded(name: str) -> RecordedSet:
    """The same, with the question's embedding as one more signal."""
    return _embedded(mmlu_pro(name))


def mmlu_pro_second_sample(name: str) -> RecordedSet:
    """MMLU-Pro with Phi-3-mini asked as well for every question, and the two cheap answers compared."""
    tiers = ("llama-3.1-8b", "llama-3.1-70b")
    items = [
        replace(_pro_item(models, tiers), second=_pro_answer("phi-3-mini", models["phi-3-mini"]))
        for models in pro_rows()
    ]
    return RecordedSet(name, tiers, items, labels_of(items, tiers))


def mmlu_pro_three_tiers(name: str) -> RecordedSet:
    """Llama-3.1-8B, then Phi-3-mini compared with it, then 70B: the second opinion is only bought where needed."""
    tiers = ("llama-3.1-8b", "phi-3-mini", "llama-3.1-70b")
    items = [_pro_item(models, tiers) for models in pro_rows()]
    return RecordedSet(name, tiers, items, labels_of(items, tiers))


def _recorded(name: str, messages: str) -> RecordedSet:
    tiers, prices = ("smollm2-135m", "human-label"), (PRICES["gpt-4.1-nano"], PRICES["gpt-4.1"])
    file, texts = recorded.FOLDER / f"{messages}.jsonl", intents.messages_of(messages, DATA)
    items = [
        Item(request, answers, (float(is_right), 1.0))
        for request, answers, is_right in recorded.answered(file, texts, *zip(tiers, prices, strict=True))
    ]
    return RecordedSet(name, tiers, items, labels_of(items, tiers))


def bitext_live(name: str) -> RecordedSet:
    """Bitext's 27 support intents: SmolLM2-135M with its log-probabilities before the human label."""
    return _recorded(name, "bitext")


def banking77_live(name: str) -> RecordedSet:
    """The same with BANKING77's 77 intents."""
    return _recorded(name, "banking77")


def snips_live(name: str) -> RecordedSet:
    """The same with SNIPS's seven."""
    return _recorded(name, "snips")


SETS: dict[str, Callable[[str], RecordedSet]] = {
    "gsm8k": gsm8k,
    "gsm8k_embedded": gsm8k_embedded,
    "mmlu": mmlu,
    "mmlu_pro": mmlu_pro,
    "mmlu_pro_qwen": mmlu_pro_qwen,
    "mmlu_pro_embedded": mmlu_pro_embedded,
    "mmlu_pro_second_sample": mmlu_pro_second_sample,
    "mmlu_pro_three_tiers": mmlu_pro_three_tiers,
    "wildbench": wildbench,
    "wildbench_flash": wildbench_flash,
    "wildbench_gpt35": wildbench_gpt35,
    "bitext_live": bitext_live,
    "banking77_live": banking77_live,
    "snips_live": snips_live,
}


def labels_of(items: Sequence[Item], tiers: Sequence[str]) -> list[Label]:
    """What calibration learns from, made by the code that serves; each answer is compared with the one before it."""
    labels: list[Label] = []
    for item in items:
        earlier = item.second
        features: list[dict[str, float]] = []
        vetoes: list[str | None] = []
        for answer in item.answers[:-1]:
            if answer is not None:
                measured, veto = answer_features(item.request, answer, second=earlier)
                features.append(measured)
                vetoes.append(veto)
            earlier = answer
        labels.append(
            Label(
                group=hashlib.sha256(item.request.messages[-1]["content"].encode()).hexdigest()[:16],
                quality=tuple(map(float, item.quality)),
                cost_usd=_costs(item, tiers),
                features=tuple(features),
                vetoes=tuple(vetoes),
                question=question_features(item.request),
            )
        )
    return labels


def embed(texts: Sequence[str]) -> tuple[list[Vector], str]:
    """The questions' vectors by the local embedder, kept under `.thriftgate/` for the next run."""
    import asyncio

    from thriftgate.stores.minilm.embedder import LocalEmbedder

    embedder = LocalEmbedder(ROOT / ".thriftgate", cache_size=0)
    key = hashlib.sha256("\x00".join([embedder.fingerprint, *texts]).encode()).hexdigest()[:16]
    kept = ROOT / ".thriftgate" / "evals" / f"vectors-{key}.npy"
    if not kept.exists():
        print(f"embedding {len(texts):,} questions …", file=sys.stderr)
        vectors = asyncio.run(embedder.embed(texts))
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, vectors)
    return list(np.load(kept)), embedder.fingerprint


def _embedded(recorded: RecordedSet) -> RecordedSet:
    vectors, embedder = embed([item.request.messages[0]["content"] for item in recorded.items])
    labels = [replace(label, vector=vector) for label, vector in zip(recorded.labels, vectors, strict=True)]
    return replace(recorded, labels=labels, embedder=embedder)


def _asked(text: str) -> ChatRequest:
    return ChatRequest(request_id="eval", route="eval", messages=({"role": "user", "content": text},))


def _said(model: str, question: str, text: str) -> Answer:
    return Answer(
        choices=(Choice({"role": "assistant", "content": text or " "}, "stop"),),
        model=model,
        cost_usd=_price(model, len(question), len(text)),
    )


def _price(model: str, asked: int, said: int) -> float:
    into, out = PRICES[model]
    return (asked * into + said * out) / 4 / 1e6


def _costs(item: Item, tiers: Sequence[str]) -> tuple[float, ...]:
    asked = len(item.request.messages[-1]["content"])
    costs = [
        answer.cost_usd if answer is not None else _price(tier, asked, _MMLU_ANSWER)
        for tier, answer in zip(tiers, item.answers, strict=True)
    ]
    costs[0] += item.second.cost_usd if item.second is not None else 0.0
    return tuple(costs)


def read_rows(path: Path) -> list[list[str]]:
    """The rows of a CSV file below its header."""
    csv.field_size_limit(10**8)
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


_PRO_FILES = {
    "llama-3.1-8b": "mmlu_pro/model_outputs_Meta-Llama-3_1-8B-Instruct_5shots.zip",
    "llama-3.1-70b": "mmlu_pro/model_outputs_Meta-Llama-3_1-70B-Instruct_5shots.zip",
    "phi-3-mini": "mmlu_pro/model_outputs_Phi-3-mini-4k-instruct_5shots.zip",
}
_QWEN_FILES = {
    "qwen1.5-7b": "mmlu_pro_qwen/model_outputs_Qwen1.5-7B-Chat_5shots.zip",
    "qwen1.5-72b": "mmlu_pro_qwen/model_outputs_Qwen1.5-72B-Chat_5shots.zip",
}


def pro_rows(files: Mapping[str, str] = _PRO_FILES) -> list[dict[str, dict[str, Any]]]:
    """Per question that every model answered: what each model said."""
    by_question: dict[int, dict[str, dict[str, Any]]] = {}
    for model, file in files.items():
        with zipfile.ZipFile(DATA / file) as archive:
            for row in json.loads(archive.read(archive.namelist()[0])):
                by_question.setdefault(row["question_id"], {})[model] = row
    return [models for _, models in sorted(by_question.items()) if len(models) == len(files)]


def _pro_question(row: dict[str, Any]) -> str:
    return "\n".join(
        [row["question"], *(f"{letter}. {text}" for letter, text in zip(_LETTERS, row["options"], strict=False))]
    )


def _pro_answer(model: str, row: dict[str, Any]) -> Answer:
    return _said(model, _pro_question(row), row["generated_text"])


def _pro_item(models: dict[str, dict[str, Any]], tiers: Sequence[str]) -> Item:
    rows = [models[tier] for tier in tiers]
    return Item(
        _asked(_pro_question(rows[0])),
        tuple(_pro_answer(tier, row) for tier, row in zip(tiers, rows, strict=True)),
        tuple(row["pred"] == row["answer"] for row in rows),
    )
