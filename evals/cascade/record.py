r"""Ask a model for the intents of labelled messages, and keep what it said with its log-probabilities.

    PYTHONPATH=. .venv/bin/python evals/cascade/record.py --base-url http://127.0.0.1:8080/v1 --model small \
        --set banking77 --n 1000 [--out FILE.jsonl] [--labels LABELS.jsonl]
    … --questions my.csv --text message --intent topic --out my.jsonl --labels my-labels.jsonl

Any OpenAI-compatible server will do (its key is read from OPENAI_API_KEY). Half of the messages are examples, of which
each prompt shows the nearest; messages of the other half are asked in an order that their hashes decide. A recording
holds no message: ids, the answer where it is one of the intents (else its shape, every letter an x), log-probabilities
and token counts. A run that was cut short goes on where it stopped. `--labels` writes what `thriftgate cascade
calibrate` reads, with the messages in it, the human label as the strong tier's answer.

Failure behaviour: a request that fails is told and left out; after five in a row the run ends with exit code 1.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from evals.cascade import data, intents, recorded
from evals.cascade.intents import Message

_MOST_FAILURES = 5
_ALTERNATIVES = 2
"""As many as a route asks for (`scoring.TOP_LOGPROBS`)."""
Ask = Callable[[list[dict[str, str]]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One message with its prompt and what came back."""

    message: Message
    shown: Sequence[Message]
    reply: dict[str, Any]
    """OpenAI's chat completion."""


def asking(base_url: str, model: str, key: str = "", timeout: float = 300.0) -> Ask:
    """What asks a server; raises httpx.HTTPError when it does not answer."""
    client = httpx.Client(timeout=timeout, headers={"authorization": f"Bearer {key}"} if key else {})
    settings = {
        "model": model,
        "temperature": 0,
        "max_tokens": intents.MOST_TOKENS,
        "logprobs": True,
        "top_logprobs": _ALTERNATIVES,
    }

    def ask(messages: list[dict[str, str]]) -> dict[str, Any]:
        answered = client.post(f"{base_url.rstrip('/')}/chat/completions", json={**settings, "messages": messages})
        return answered.raise_for_status().json()

    return ask


def record(messages: Sequence[Message], examples: Sequence[Message], embed: intents.Embed, ask: Ask) -> Iterator[Asked]:
    """Ask for each message; raises the last error after five failures in a row."""
    failed = 0
    for message, shown in zip(messages, intents.nearest(messages, examples, embed), strict=True):
        try:
            yield Asked(message, shown, ask(intents.prompt(message, shown)))
            failed = 0
        except (httpx.HTTPError, ValueError) as error:
            failed += 1
            print(f"{message.id}: {type(error).__name__}", file=sys.stderr)
            if failed == _MOST_FAILURES:
                raise


def row_of(asked: Asked, known: frozenset[str]) -> list[Any]:
    """A line of the recording, without a word of a message: `recorded.COLUMNS`."""
    choice = asked.reply["choices"][0]
    usage: dict[str, int] = asked.reply.get("usage") or {}
    said: dict[str, Any] = choice.get("logprobs") or {}
    tokens: list[dict[str, Any]] = said.get("content") or []
    answer = choice["message"].get("content") or ""
    hide = str if intents.named(answer) in known else shape
    return [
        asked.message.id,
        [one.id for one in asked.shown],
        hide(answer),
        [_token(entry, hide) for entry in tokens],
        choice.get("finish_reason"),
        usage.get("prompt_tokens", 0),
        usage.get("completion_tokens", 0),
    ]


def _token(entry: dict[str, Any], hide: Callable[[str], str]) -> list[Any]:
    tops = sorted((round(float(top["logprob"]), 4) for top in entry.get("top_logprobs") or ()), reverse=True)
    return [hide(entry.get("token") or ""), round(float(entry["logprob"]), 4), *tops[:_ALTERNATIVES]]


def shape(text: str) -> str:
    """The text with every letter an x and every digit a 0: it may repeat what a message said."""
    return re.sub(r"[^\W\d_]", "x", re.sub(r"\d", "0", text))


def label_line(asked: Asked) -> dict[str, Any]:
    """A line for `thriftgate cascade calibrate`, the human label as the strong tier's answer."""
    choice = asked.reply["choices"][0]
    cheap = {"content": choice["message"].get("content") or "", "logprobs": choice.get("logprobs")}
    return {
        "messages": intents.prompt(asked.message, asked.shown),
        "cheap": cheap | {"finish_reason": choice.get("finish_reason"), "usage": asked.reply.get("usage")},
        "strong": asked.message.intent,
        "label": intents.named(cheap["content"]) == asked.message.intent,
    }


def _embed(texts: Sequence[str]) -> Sequence[Any]:
    return data.embed(texts)[0]


def _cut(file: Path) -> None:
    """Take off a last line that was not finished."""
    held = file.read_bytes()
    file.write_bytes(held[: held.rfind(b"\n") + 1])


def main() -> None:
    """Record, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--model", required=True)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--set", choices=intents.NAMES)
    which.add_argument("--questions", type=Path, help="a CSV file of your own")
    parser.add_argument("--text", default="text", help="its column of messages")
    parser.add_argument("--intent", default="intent", help="its column of intents")
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--skip", type=int, default=0, help="leave out the first ones of the asked half")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--labels", type=Path)
    given = parser.parse_args()
    if given.set:
        messages = intents.messages_of(given.set, data.DATA)
    else:
        messages = intents.read_messages([given.questions], given.text, given.intent)
    name = given.set or given.questions.stem
    out: Path = given.out or recorded.FOLDER / f"{name}.jsonl"
    examples, rest = intents.halves(messages)
    known = frozenset(one.intent for one in messages)
    for file in (out, given.labels):
        if file is not None and file.exists():
            _cut(file)
    done = recorded.ids(out) if out.exists() else set[str]()
    asked = [one for one in rest[given.skip : given.skip + given.n] if one.id not in done]
    ask = asking(given.base_url, given.model, os.environ.get("OPENAI_API_KEY", ""))
    out.parent.mkdir(parents=True, exist_ok=True)
    right = 0
    with out.open("a", encoding="utf-8") as file:
        if not file.tell():
            header = {"set": name, "model": given.model, "shots": intents.SHOTS, "columns": recorded.COLUMNS}
            print(json.dumps(header), file=file)
        try:
            for place, one in enumerate(record(asked, examples, _embed, ask), start=1):
                print(json.dumps(row_of(one, known), separators=(",", ":")), file=file, flush=True)
                line = label_line(one)
                right += line["label"]
                if given.labels:
                    with given.labels.open("a", encoding="utf-8") as labels:
                        print(json.dumps(line, ensure_ascii=False), file=labels)
                if place % 50 == 0:
                    print(f"{name}: {place:,} of {len(asked):,}, {right / place:.1%} right", flush=True)
        except httpx.HTTPError as error:
            raise SystemExit(f"the server does not answer: {type(error).__name__}") from None


if __name__ == "__main__":
    main()
