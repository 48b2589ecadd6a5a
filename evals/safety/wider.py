"""Harmless texts of further kinds, and more of the kinds in `sets`, from THRIFTGATE_DATA. Nothing of them is committed.

A classifier of attacks takes for one what it has never seen: trained without these it blocked every Spanish report of a
clinic and a quarter of exam questions.
"""

import json
from collections.abc import Collection
from pathlib import Path

from evals.safety.sets import drawn, first_of, lines_of, neuralchemy_of, rows_of, slabs_of, strings_of

WIDER = frozenset({
    "clinical reports", "encyclopedia", "exam questions", "hate quoted", "orders at home", "posts",
    "sentences with names",
})  # fmt: skip
"""They set no threshold; a quarter of each is a test."""
MORE = frozenset({
    "more of S-Labs", "more of neuralchemy", "more languages", "more tasks", "more answers", "more passages",
    "more of the knowledge base", "more support", "more JSON", "more instructions",
})  # fmt: skip
"""Only trained on."""


def read_wider(folder: Path) -> dict[str, list[str]]:
    """By source: a hospital's reports in Spanish, talk over an encyclopedia, exams, quoted hate, orders to a house."""
    talks = [row for name in ("dev", "test") for row in rows_of(folder / "begin_wow" / f"begin_{name}_wow.tsv", "\t")]
    exams = [row["prompt"] for path in sorted((folder / "routellm").glob("mmlu_*.csv")) for row in rows_of(path)]
    names = json.loads((folder / "presidio_synth" / "synth_dataset_v2.json").read_text(encoding="utf-8"))
    return {
        "clinical reports": [one["text"] for one in lines_of(folder / "meddocan_es" / "train200.jsonl")],
        "encyclopedia": [
            *drawn([row["knowledge"] for row in talks], 500),
            *drawn([row["message"] for row in talks], 400),
        ],
        "exam questions": [
            *drawn(exams, 500),
            *drawn([row["prompt"] for row in rows_of(folder / "routellm" / "gsm8k_responses.csv")], 300),
        ],
        "hate quoted": drawn(
            [
                row["test_case"]
                for row in rows_of(folder / "hatecheck" / "test_suite_cases.csv")
                if row["label_gold"] == "non-hateful"
            ],
            500,
        ),
        "orders at home": [
            *drawn([row["question"] for row in rows_of(folder / "hwu64" / "hwu64.csv")], 700),
            *drawn([row["question"] for row in rows_of(folder / "snips" / "snips.csv")], 500),
            *drawn([row["question"] for row in rows_of(folder / "home_assistant" / "home_assistant.csv")], 600),
        ],
        "posts": drawn([one["text"] for one in lines_of(folder / "ner_wnut17_en" / "dev_test.jsonl")], 800),
        "sentences with names": drawn([one["full_text"] for one in names], 500),
    }


def read_more(folder: Path, known: Collection[str]) -> dict[str, list[str]]:
    """Further harmless texts of sources that are in `sets`, which are only ever trained on: none that is `known`."""
    spoken = [
        row["test_case"]
        for path in sorted((folder / "multilingual_hatecheck").glob("*.csv"))
        for row in rows_of(path)
        if row["label_gold"] == "non-hateful"
    ]
    dialogues = folder / "mtbench101" / "mtbench101.jsonl"
    judged = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((folder / "llmbar").glob("*.json"))]
    support = [row["utterance"] for row in rows_of(first_of(folder / "bitext_support", "*Training*.csv"))]
    schemas = lines_of(folder / "jsonschemabench" / "sample.jsonl")
    found = {
        "more of S-Labs": drawn([row["text"] for row in slabs_of(folder) if row["label"] == "0"], 3_000),
        "more of neuralchemy": drawn(
            [str(row["text"]) for row in neuralchemy_of(folder) if int(row["label"]) == 0], 1_200
        ),
        "more languages": drawn(
            [*spoken, *(one["text"] for one in lines_of(folder / "ner_pud_de" / "test.jsonl"))], 1_500
        ),
        "more tasks": drawn(strings_of(dialogues, ("user",)), 1_600),
        "more answers": drawn(strings_of(dialogues, ("bot",)), 1_000),
        "more passages": drawn([one["text"] for one in lines_of(folder / "mtrag_un" / "passages.jsonl")], 1_152),
        "more of the knowledge base": drawn(
            strings_of(folder / "tau2_banking_kb" / "documents.jsonl", ("content", "text", "body")), 800
        ),
        "more support": [
            *drawn([row["text"] for row in rows_of(folder / "banking77" / "train.csv")], 1_000),
            *drawn(support, 1_000),
        ],
        "more JSON": drawn(
            [
                json.dumps(test["data"], ensure_ascii=False)[:4000]
                for one in schemas
                for test in one["tests"]
                if test.get("valid") and isinstance(test["data"], dict | list)
            ],
            1_000,
        ),
        "more instructions": drawn(
            [row["input"] for rows in judged for row in rows if isinstance(row.get("input"), str)], 1_000
        ),
    }
    return {name: [text for text in dict.fromkeys(texts) if text not in known] for name, texts in found.items()}
