"""Attacks and harmless texts by source, from THRIFTGATE_DATA. Nothing of them is committed; they are data to classify.

Sets whose attacks come from one kind of author stand together, so that leaving one out leaves its style out.
"""

import csv
import json
import os
import random
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from thriftgate.guards.texts.json_words import words_of_json
from thriftgate.guards.texts.windows import windows

_ROOT = Path(__file__).parents[2]
MOST, MOST_HARMLESS = 250, 400
"""Texts of one source of attacks, and of harmless ones."""


def data_folder() -> Path | None:
    """Where the public sets are; None when they are not."""
    folder = Path(os.environ.get("THRIFTGATE_DATA") or _ROOT.parent.parent / "shared" / "data")
    return folder if (folder / "slabs_injection").is_dir() else None


def read_attacks(folder: Path) -> dict[str, list[str]]:
    """Texts by source, at most `MOST` of each, drawn with a fixed seed."""
    found: dict[str, list[str]] = {
        "S-Labs": [row["text"] for row in slabs_of(folder) if row["label"] == "1"],
        "seven languages": [
            row["prompt_injections"] for row in rows_of(folder / "multilingual_injection" / "prompt_injections.csv")
        ],
        "in the wild": _json(folder / "jailbreaks_in_the_wild" / "inthewild_jailbreak_llms.json"),
        "JailbreakBench": _jailbreakbench(folder),
        "BIPIA": _bipia(folder),
        "neuralchemy": [str(row["text"]) for row in neuralchemy_of(folder) if int(row["label"]) == 1],
    }
    for line in (folder / "attack_sources" / "attacks.jsonl").read_text(encoding="utf-8").splitlines():
        row: dict[str, str] = json.loads(line)
        found.setdefault(_SOURCES.get(row["source"], row["source"]), []).append(row["text"])
    return {name: drawn(texts) for name, texts in found.items() if texts}


_SOURCES: dict[str, str] = {
    "deepset/prompt-injections": "deepset", "lakera/gandalf": "Gandalf", "satml-ctf-2024": "SaTML",
    "llmail-inject": "LLMail", "jackhhao/jailbreak": "jackhhao",
}  # fmt: skip


def read_benign(folder: Path) -> dict[str, list[str]]:
    """Harmless texts by source: support, assistants' tasks, talk of security, other languages, passages and e-mails."""
    found: dict[str, list[str]] = {
        "BANKING77": [row["text"] for row in rows_of(folder / "banking77" / "train.csv")],
        "BANKING77 test": [row["text"] for row in rows_of(folder / "banking77" / "test.csv")],
        "Bitext": [row["utterance"] for row in rows_of(first_of(folder / "bitext_support", "*Training*.csv"))],
        "Bitext test": [row["utterance"] for row in rows_of(first_of(folder / "bitext_support", "*Testing*.csv"))],
        "S-Labs benign": [row["text"] for row in slabs_of(folder) if row["label"] == "0"],
        "neuralchemy benign": [str(row["text"]) for row in neuralchemy_of(folder) if int(row["label"]) == 0],
        "XSTest safe": [r["prompt"] for r in rows_of(folder / "xstest" / "xstest_prompts.csv") if r["label"] == "safe"],
        "NotInject": _notinject(folder),
        "e-mails": [*_mails(folder, "train"), *_mails(folder, "test")],
        "security, own": security_questions(),
        "other languages": _languages(folder),
        "knowledge base": strings_of(folder / "tau2_banking_kb" / "documents.jsonl", ("content", "text", "body")),
        "tasks": _tasks(folder),
        **_longer(folder),
    }  # fmt: skip
    return {name: drawn(texts, MOST_HARMLESS) for name, texts in found.items() if texts}


LONGER = frozenset({
    "passages", "questions on passages", "answers on passages", "news", "answers", "instructions", "airline users",
    "airline agents", "tool results", "JSON",
})  # fmt: skip
"""What retrieval, tools and models give back: they set no threshold, so what is not trained on is a test. News are
never trained on: their licence allows evaluation alone."""


def _longer(folder: Path) -> dict[str, list[str]]:
    """Passages and news, answers of models, instructions, an agent's conversations and JSON."""
    dialogues = lines_of(folder / "mtrag_un" / "tasks.jsonl")
    airline = lines_of(folder / "tau_airline_trajectories" / "trajectories.jsonl")
    instructions = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted((folder / "llmbar").glob("LLMBar_*"))
    ]
    return {
        "passages": [one["text"] for one in lines_of(folder / "mtrag_un" / "passages.jsonl")],
        "questions on passages": _said_by("user", dialogues),
        "answers on passages": _said_by("assistant", dialogues),
        "news": [one["source"] for one in lines_of(folder / "faithbench" / "samples.jsonl") if one["source"]],
        "answers": strings_of(folder / "mtbench101" / "mtbench101.jsonl", ("bot",)),
        "instructions": [row["input"] for rows in instructions for row in rows],
        "airline users": _said_by("user", airline),
        "airline agents": _said_by("assistant", airline),
        "tool results": _said_by("tool", airline),
        "JSON": [
            json.dumps(test["data"], ensure_ascii=False)[:4000]
            for one in lines_of(folder / "jsonschemabench" / "sample.jsonl")
            for test in one["tests"]
            if test.get("valid") and isinstance(test["data"], dict | list)
        ],
    }


def lines_of(path: Path) -> list[Any]:
    """What stands in each line of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _said_by(role: str, dialogues: Sequence[Any]) -> list[str]:
    """Without the marks by which a simulated user ends its dialogue."""
    said = [one for dialogue in dialogues for one in dialogue["messages"] if one.get("role") == role]
    return [one["content"] for one in said if isinstance(one.get("content"), str) and "###" not in one["content"]]


def security_questions() -> list[str]:
    """Harmless talk of the topics that attacks are about, made of parts; it must not be taken for them."""
    things = (
        "SQL injection", "prompt injection", "a phishing e-mail", "ransomware", "a buffer overflow", "password hashing",
        "two-factor authentication", "jailbreaking a phone", "a firewall rule",
        "our system prompt",
        "a penetration test", "cross-site scripting", "social engineering", "an API key that leaked",
        "role-playing games", "developer mode",
        "administrator rights", "the debug mode of our app", "base64 encoding", "the instructions of this shelf",
        "ignored test cases", "a bypass operation", "an override of a CSS rule", "the hidden files of a folder",
        "a secret santa", "the rules of chess", "the policy of the school", "a system restore", "unfiltered coffee",
        "an unrestricted licence", "malware on a laptop", "a data breach", "a VPN", "the dark web",
        "encryption at rest",
    )  # fmt: skip
    frames = (
        "What is {}?", "How does {} work?", "Explain {} to a beginner.", "How do I protect my company against {}?",
        "Write a short lecture on {}.", "Why is {} so important?",
        "A colleague asked me about {}; what should I answer?",
        "Can you summarise the history of {}?", "Give me three exam questions about {}.", "Is there a good book on {}?",
        "Please ignore my last message, I meant {}.", "Forget what I said about the weather, tell me about {}.",
        "You are a helpful teacher. Explain {}.", "Act as an interviewer and ask me about {}.",
    )  # fmt: skip
    return [frame.format(thing) for frame in frames for thing in things]


def slabs_of(folder: Path) -> list[dict[str, str]]:
    """S-Labs' rows, with their labels."""
    return [row for name in ("train", "validation") for row in rows_of(folder / "slabs_injection" / f"{name}.csv")]


def neuralchemy_of(folder: Path) -> Sequence[Mapping[str, Any]]:
    """Rows of neuralchemy, with their labels; none without `pyarrow`."""
    if find_spec("pyarrow") is None:
        return ()
    read: Callable[[Path], Any] = import_module("pyarrow.parquet").read_table
    return [row for name in ("train", "validation")
            for row in read(folder / "neuralchemy_injection" / f"core-{name}.parquet").to_pylist()]  # fmt: skip


def _jailbreakbench(folder: Path) -> list[str]:
    found: dict[str, None] = {}
    for path in sorted((folder / "jailbreakbench_artifacts").glob("*.json")):
        for one in json.loads(path.read_text(encoding="utf-8"))["jailbreaks"]:
            if isinstance(one.get("prompt"), str) and one["prompt"].strip():
                found[one["prompt"]] = None
    return list(found)


def _bipia(folder: Path) -> list[str]:
    """E-mails with an instruction planted at their end, in the middle or at the beginning."""
    draw = random.Random(7)
    mails = _mails(folder, "train")
    files = [folder / "bipia_indirect" / f"{name}.json" for name in _PLANTED]
    read = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    planted = [text for one in read for texts in one.values() for text in texts]
    found: list[str] = []
    for text in planted:
        mail = draw.choice(mails)
        at = draw.choice((0, len(mail) // 2, len(mail)))
        found.append(f"{mail[:at]}\n{text}\n{mail[at:]}")
    return found


_PLANTED = ("text_attack_test", "text_attack_train", "code_attack_test")


def _mails(folder: Path, name: str) -> list[str]:
    lines = (folder / "bipia_indirect" / f"email_{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["context"] for line in lines]


def _notinject(folder: Path) -> list[str]:
    files = sorted((folder / "injection_hard_benign").glob("NotInject_*.json"))
    return [one["prompt"] for path in files for one in json.loads(path.read_text(encoding="utf-8"))]


def _languages(folder: Path) -> list[str]:
    found: list[str] = []
    for path in sorted((folder / "multilingual_hatecheck").glob("*.csv")):
        found += [row["test_case"] for row in rows_of(path) if row["label_gold"] == "non-hateful"][:300]
    lines = (folder / "ner_pud_de" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    return found + [json.loads(line)["text"] for line in lines[:400]]


def _tasks(folder: Path) -> list[str]:
    return strings_of(folder / "mtbench101" / "mtbench101.jsonl", ("user",))


def strings_of(path: Path, names: Sequence[str]) -> list[str]:
    """Every string of a JSONL file that stands under one of the names, however deep."""
    values: Any = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    found: list[str] = []
    waiting: list[Any] = [values]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            fields = cast("dict[str, Any]", one)
            found += [value for name, value in fields.items() if name in names and isinstance(value, str)]
            waiting += list(fields.values())
        elif isinstance(one, list):
            waiting += cast("list[Any]", one)
    return found


def _json(path: Path) -> list[str]:
    return [one for one in json.loads(path.read_text(encoding="utf-8")) if isinstance(one, str)]


def rows_of(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    """The rows of a file of separated values."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def first_of(folder: Path, pattern: str) -> Path:
    """The first file of a folder that a pattern names."""
    return sorted(folder.glob(pattern))[0]


def drawn(texts: Sequence[str], most: int = MOST) -> list[str]:
    """At most so many of the distinct texts, drawn with a fixed seed."""
    unique = sorted({text.strip() for text in texts if text and text.strip()})
    random.Random(13).shuffle(unique)
    return unique[:most]


def read_toxicity(folder: Path) -> dict[str, list[tuple[str, bool]]]:
    """Texts with whether they are toxic, by source. `Surge` is never trained on."""
    tweets = [
        (row["tweet"], row["class"] != "2") for row in rows_of(folder / "hate_offensive_tweets" / "labeled_data.csv")
    ]
    kinds = {True: [one for one in tweets if one[1]], False: [one for one in tweets if not one[1]]}
    draw = random.Random(13)
    for one in kinds.values():
        draw.shuffle(one)
    languages = [
        (row["test_case"], row["label_gold"] == "hateful")
        for path in sorted((folder / "multilingual_hatecheck").glob("*.csv"))
        for row in rows_of(path)
    ]
    draw.shuffle(languages)
    hatecheck = [
        (row["test_case"], row["label_gold"] == "hateful")
        for row in rows_of(folder / "hatecheck" / "test_suite_cases.csv")
    ]
    draw.shuffle(hatecheck)
    return {
        "tweets": [*kinds[True][:2000], *kinds[False][:2000]],
        "HateCheck": hatecheck[:1500],
        "HateCheck, other languages": languages[:1500],
        "Surge": [
            (row["text"], row["is_toxic"] == "Toxic") for row in rows_of(folder / "surge_toxicity" / "toxicity_en.csv")
        ],
    }


def some_windows(text: str) -> list[str]:
    """The first and the last window of a text; of JSON, of its words, as the guard reads it."""
    words = words_of_json(text)
    found = windows(text if words is None else words)
    return found if len(found) <= 2 else [found[0], found[-1]]
