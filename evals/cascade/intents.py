"""Messages with their intents, and the prompt by which a small model is asked for one.

A message is sorted by a model that sees the labelled messages nearest to it: what a support desk would build. Half of
each set's messages, by the hash of their text, are examples; the other half is asked. Nearness is the local embedder's.
"""

import csv
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

_BITEXT = "bitext_support/Bitext_Sample_Customer_Service_{}_Dataset.csv"
_FILES: Mapping[str, tuple[tuple[str, ...], str, str]] = {
    "snips": (("snips/snips.csv",), "question", "intent"),
    "bitext": (tuple(_BITEXT.format(part) for part in ("Testing", "Training", "Validation")), "utterance", "intent"),
    "hwu64": (("hwu64/hwu64.csv",), "question", "intent"),
    "banking77": (("banking77/train.csv", "banking77/test.csv"), "text", "category"),
}
"""Per set: its files, and the columns of the message and of its intent."""
NAMES = tuple(_FILES)
SHOTS = 4
"""Labelled messages in a prompt; the nearest comes last."""
MOST_TOKENS = 12
"""An answer's limit; the longest intent of these sets has nine tokens of SmolLM2."""
_TASK = "Name the intent of each message."


@dataclass(frozen=True, slots=True)
class Message:
    """One message and what its writer wants."""

    text: str
    intent: str
    """In plain words: "card arrival"."""

    @property
    def id(self) -> str:
        """Stands for the text in a recording."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:10]


def messages_of(name: str, folder: Path) -> list[Message]:
    """The messages of a set, each text once, in an order that its hash decides."""
    files, text, intent = _FILES[name]
    return read_messages([folder / file for file in files], text, intent)


def read_messages(files: Sequence[Path], text: str, intent: str) -> list[Message]:
    """The same of any CSV files; a text with two intents is left out."""
    found: dict[str, set[str]] = {}
    for file in files:
        with file.open(newline="", encoding="utf-8") as rows:
            for row in csv.DictReader(rows):
                found.setdefault(row[text].strip(), set()).add(in_words(row[intent]))
    sure = [Message(asked, *intents) for asked, intents in found.items() if asked and len(intents) == 1]
    return sorted(sure, key=lambda one: one.id)


def in_words(name: str) -> str:
    """`AddToPlaylist`, `card_arrival` and "change shipping address" as a model would write them."""
    spaced = "".join(f" {letter}" if letter.isupper() else letter for letter in name)
    return " ".join(spaced.replace("_", " ").lower().split())


def halves(messages: Sequence[Message]) -> tuple[list[Message], list[Message]]:
    """The examples, and those to ask."""
    examples = [one for one in messages if int(one.id[-1], 16) % 2]
    return examples, [one for one in messages if not int(one.id[-1], 16) % 2]


Embed = Callable[[Sequence[str]], Sequence[npt.NDArray[np.float32]]]


def nearest(
    asked: Sequence[Message], examples: Sequence[Message], embed: Embed, shots: int = SHOTS
) -> Iterator[list[Message]]:
    """Of each message the examples to show, the nearest last; never itself."""
    known = np.array(embed([one.text for one in examples]))
    for message, vector in zip(asked, embed([one.text for one in asked]), strict=True):
        order = np.argsort(-(known @ vector), kind="stable")[: shots + 1]
        yield [examples[place] for place in order if examples[place].text != message.text][:shots][::-1]


def prompt(message: Message, examples: Sequence[Message]) -> list[dict[str, str]]:
    """The conversation that asks for the message's intent: each example is a turn that was answered."""
    turns = [{"role": "system", "content": _TASK}]
    for one in examples:
        turns += [{"role": "user", "content": one.text}, {"role": "assistant", "content": one.intent}]
    return [*turns, {"role": "user", "content": message.text}]


def named(answer: str) -> str:
    """The intent that an answer names, as `in_words` writes them."""
    return in_words(answer.strip().strip(".").strip())
