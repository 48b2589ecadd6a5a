"""What Brindlebox's support desk knows, and what a weak model believes instead.

Brindlebox is a company that does not exist: it sells an inventory app for small shops and the barcode scanner that
goes with it. Each YAML file here holds one area's topics. A topic has a question in many wordings, the true answer
with the key facts by which any answer can be judged, and what a weak model says in its place when the topic is
hard for it. `traps` are questions that read almost the same and need another answer; `follow_ups` only mean
something after the topic's own question.

Failure behaviour: a malformed file raises ValueError that names the file and topic; it is packaged, so that can
only happen to who edits it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any, cast

import yaml


class Weakness(StrEnum):
    """How a weak model fares with an entry."""

    KNOWS = "knows"
    """Easy: right nearly always, and sure of it."""
    GUESSES = "guesses"
    """Hard: mostly wrong, with low token probabilities."""
    HESITATES = "hesitates"
    """Hard: mostly says that it is not sure."""
    MISREMEMBERS = "misremembers"
    """Hard: wrong and sure of it, so that no cascade by confidence alone can be perfect."""
    CONFUSES = "confuses"
    """A trap: mostly gives the answer of the question that it resembles."""


class EntryKind(StrEnum):
    """What an entry is to its topic."""

    TOPIC = "topic"
    TRAP = "trap"
    FOLLOW_UP = "follow_up"
    TRANSLATION = "translation"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolHint:
    """The tool that a topic's questions call for, where the client brought one."""

    name: str
    """What such a tool is usually called; matched by its words against the names the client sent."""
    needs: tuple[str, ...]
    """The parameters without which the model has to ask back; matched by their words."""
    report: str
    """How a result is told; `{field}` stands for a field of the tool's result or of the call's arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that may be asked, with its true answer."""

    id: str
    topic: str
    area: str
    kind: EntryKind
    language: str = "en"
    question: str
    paraphrases: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()
    """Wordings that the demo's models have never seen; the workload alone asks them."""
    answer: str
    facts: tuple[str, ...]
    """What a right answer must say, and after a `!` what it must not; see `judge`."""
    wrong: str
    hesitant: str
    weakness: Weakness
    twist: str = ""
    """For traps: negation, number, entity, role or condition."""
    tool: ToolHint | None = None

    @property
    def is_hard(self) -> bool:
        """Whether the weak model mostly fails here."""
        return self.weakness is not Weakness.KNOWS

    @property
    def wordings(self) -> tuple[str, ...]:
        """Every wording that the models know."""
        return (self.question, *self.paraphrases)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Everything that may be asked, by id."""

    entries: Mapping[str, Entry]

    def of_kind(self, kind: EntryKind) -> tuple[Entry, ...]:
        """The entries of one kind, in the order of the files."""
        return tuple(entry for entry in self.entries.values() if entry.kind is kind)

    def related(self, topic: str, kind: EntryKind) -> tuple[Entry, ...]:
        """The traps, follow-ups or translations of a topic."""
        return tuple(entry for entry in self.entries.values() if entry.topic == topic and entry.kind is kind)


@cache
def load_knowledge() -> Knowledge:
    """Read the packaged files; once per process, 60 ms."""
    entries: dict[str, Entry] = {}
    for file in sorted(resources.files(__name__).iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".yaml"):
            continue
        area = file.name.removesuffix(".yaml")
        for raw in _parse(file.read_text(encoding="utf-8")):
            try:
                found = {entry.id: entry for entry in _entries(area, raw)}
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{file.name}, topic {raw.get('id')!r}: {error!r}") from error
            if twice := entries.keys() & found.keys():
                raise ValueError(f"{file.name}: {sorted(twice)} are defined twice")
            entries.update(found)
    return Knowledge(entries)


def _parse(text: str) -> Sequence[Mapping[str, Any]]:
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return cast("Sequence[Mapping[str, Any]]", yaml.load(text, Loader=loader))


def _entries(area: str, raw: Mapping[str, Any]) -> Iterator[Entry]:
    topic = _topic(area, raw)
    yield topic
    for number, trap in enumerate(raw.get("traps", ()), 1):
        # Who falls for a trap gives the answer of the question that it resembles.
        yield _derived(topic, EntryKind.TRAP, number, trap, wrong=topic.answer, default=Weakness.CONFUSES)
    for number, follow_up in enumerate(raw.get("follow_ups", ()), 1):
        yield _derived(topic, EntryKind.FOLLOW_UP, number, follow_up, wrong=topic.answer, default=Weakness.KNOWS)
    for language, translation in raw.get("translations", {}).items():
        raw_translation = {"weak": topic.weakness, **translation, "language": language}
        yield _derived(topic, EntryKind.TRANSLATION, language, raw_translation, wrong="", default=topic.weakness)


def _topic(area: str, raw: Mapping[str, Any]) -> Entry:
    weakness = Weakness(raw["weak"])
    answer = _line(raw["answer"])
    if weakness is not Weakness.KNOWS and "hesitant" not in raw:
        raise ValueError("a hard topic says what a hesitant model answers")
    tool = raw.get("tool")
    return Entry(
        id=raw["id"], topic=raw["id"], area=area, kind=EntryKind.TOPIC,
        question=_line(raw["question"]),
        paraphrases=_lines(raw["paraphrases"]),
        held_out=_lines(raw["held_out"]),
        answer=answer,
        facts=tuple(map(str, raw["facts"])),
        wrong=_line(raw["wrong"]),
        hesitant=_line(raw.get("hesitant", "")) or _hedged(answer),
        weakness=weakness,
        tool=ToolHint(name=tool["name"], needs=tuple(tool["needs"]), report=_line(tool["report"])) if tool else None,
    )  # fmt: skip


def _derived(
    topic: Entry, kind: EntryKind, suffix: int | str, raw: Mapping[str, Any], *, wrong: str, default: Weakness
) -> Entry:
    answer = _line(raw["answer"])
    return Entry(
        id=f"{topic.id}/{kind.value}-{suffix}", topic=topic.id, area=topic.area, kind=kind,
        language=raw.get("language", "en"),
        question=_line(raw["question"]),
        paraphrases=_lines(raw.get("paraphrases", ())),
        held_out=_lines(raw.get("held_out", ())),
        answer=answer,
        facts=tuple(map(str, raw["facts"])),
        wrong=_line(raw.get("wrong", "")) or wrong or topic.wrong,
        hesitant=_line(raw.get("hesitant", "")) or _hedged(answer),
        weakness=Weakness(raw.get("weak", default)),
        twist=raw.get("twist", ""),
    )  # fmt: skip


def _hedged(answer: str) -> str:
    """An answer that is right but not sure of itself."""
    return f"I am not completely sure, but I believe this is how it works: {answer} Please double-check with the team."


def _line(text: object) -> str:
    return " ".join(str(text).split())


def _lines(texts: Sequence[object]) -> tuple[str, ...]:
    return tuple(map(_line, texts))
