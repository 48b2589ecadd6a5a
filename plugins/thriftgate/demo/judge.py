"""Whether an answer is right, by the key facts that the truth consists of, and whether two say the same.

A fact is a phrase. `a | b` wants either, `a & b` wants both, and `!a` must not be said. Phrases are looked for as
runs of whole words after normalisation: lower case, number words as digits, no thousands separators, no plural `s`,
`%` as "percent", hyphens as spaces. "14 days" is therefore found in "a 14-day window" and not in "114 days". Where a
script has no spaces between words, the phrase is looked for as it stands.

A tool call is right when its name and its arguments are. An answer may be a JSON document: its texts are judged.

Failure behaviour: pure and total.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from thriftgate.demo.models.lexicon import FILLERS, NEGATIONS
from thriftgate.demo.tokens import content_text

_WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+|%")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_SYMBOLS = {"%": "percent"}
_NUMBER_WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen",
)  # fmt: skip
_NUMBERS = {word: str(number) for number, word in enumerate(_NUMBER_WORDS)}


@dataclass(frozen=True, slots=True)
class Truth:
    """What a right answer has: the facts it states, or the tool it calls with which arguments."""

    facts: tuple[str, ...] = ()
    tool: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class FactCheck:
    """Right when nothing is missing. `missing` are the facts (or "tool", or an argument's name) that failed."""

    missing: tuple[str, ...] = ()

    @property
    def is_right(self) -> bool:
        """True when every fact holds."""
        return not self.missing


def check_facts(truth: Truth, text: str, tool_calls: Sequence[Mapping[str, Any]] = ()) -> FactCheck:
    """Compare an answer with the truth. `tool_calls` are OpenAI's objects."""
    if truth.tool is not None:
        return _judge_calls(truth, tool_calls)
    if tool_calls:
        return FactCheck(("text",))
    said = _said(text)
    return FactCheck(tuple(fact for fact in truth.facts if not _holds(fact, said)))


@dataclass(frozen=True, slots=True)
class _Said:
    words: str
    """Normalised words between single spaces, with one at either end."""
    raw: str

    def has(self, phrase: str) -> bool:
        if not phrase.isascii() and phrase.lower() in self.raw:
            return True
        return f" {normalize_words(phrase)} " in self.words


def _said(text: str) -> _Said:
    plain = " ".join(_texts(text))
    return _Said(f" {normalize_words(plain)} ", plain.lower())


def _holds(fact: str, said: _Said) -> bool:
    if fact.startswith("!"):
        return not said.has(fact[1:])
    return any(all(said.has(part.strip()) for part in option.split("&")) for option in fact.split("|"))


def normalize_words(text: str) -> str:
    """A text's words in the form in which facts are looked for, with single spaces."""
    return " ".join(map(_canonical, _WORD.findall(_GROUPED.sub("", text.lower()))))


def _canonical(word: str) -> str:
    if word[0].isdigit():
        # 7.50 is 7.5; 8:00 stays.
        return word.rstrip("0").rstrip(".") if "." in word and ":" not in word else word
    if word in _NUMBERS or word in _SYMBOLS:
        return _NUMBERS.get(word) or _SYMBOLS[word]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _texts(text: str) -> Iterator[str]:
    """The text, or all strings and numbers of the JSON document that it is."""
    try:
        document: object = json.loads(text) if text.lstrip()[:1] in {"{", "["} else text
    except ValueError:
        document = text
    yield from _leaves(document)


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in cast("Mapping[str, object]", value).values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _leaves(item)
    elif isinstance(value, str | int | float):
        yield str(value)


def _judge_calls(truth: Truth, tool_calls: Sequence[Mapping[str, Any]]) -> FactCheck:
    functions: list[Mapping[str, Any]] = [call.get("function") or {} for call in tool_calls]
    named = [function for function in functions if function.get("name") == truth.tool]
    if not named:
        return FactCheck(("tool",))
    try:
        arguments: object = json.loads(str(named[0].get("arguments") or "{}"))
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        return FactCheck(("arguments",))
    given = cast("Mapping[str, Any]", arguments)
    return FactCheck(tuple(name for name, value in truth.arguments.items() if given.get(name) != value))


SAME, DIFFERENT, FIRST, SECOND = "SAME", "DIFFERENT", "FIRST", "SECOND"
_SHARED_WORDS = 0.5


def compare_gateways(
    messages: Sequence[Mapping[str, Any]], facts_of: Callable[[str], Sequence[str]] = lambda _: ()
) -> str | None:
    """SAME or DIFFERENT, where a conversation asks for it; None when nothing is to be compared.

    A gateway may ask a model so, with a system message that wants one of these words and a user message that is a
    JSON object of two texts. Where it also wants FIRST or SECOND, and its object has a "question" whose true facts
    are known (`facts_of`), the answer that alone is right is named.
    """
    instruction = " ".join(content_text(m) for m in messages if m.get("role") in {"system", "developer"})
    if SAME not in instruction or DIFFERENT not in instruction or messages[-1].get("role") != "user":
        return None
    try:
        document: object = json.loads(content_text(messages[-1]))
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    told = cast("dict[str, object]", document)
    texts = [text for name, text in told.items() if name != "question" and isinstance(text, str)]
    if len(texts) != 2:
        return None
    question = told.get("question")
    facts = facts_of(question) if isinstance(question, str) and FIRST in instruction and SECOND in instruction else ()
    if facts:
        first, second = (check_facts(Truth(tuple(facts)), text).is_right for text in texts)
        if first or second:
            return SAME if first and second else FIRST if first else SECOND
    return SAME if answers_agree(*texts) else DIFFERENT


def answers_agree(one: str, other: str) -> bool:
    """Whether two answers agree in numbers and denial, and in half of the shorter one's meaningful words."""
    left, right = _meaning(one), _meaning(other)
    if _numbers(left) != _numbers(right) or bool(left & NEGATIONS) != bool(right & NEGATIONS):
        return False
    return not left | right or len(left & right) >= _SHARED_WORDS * min(len(left), len(right))


def _meaning(text: str) -> set[str]:
    return set(normalize_words(text).split()) - FILLERS


def _numbers(words: set[str]) -> set[str]:
    return {word for word in words if word[0].isdigit()}
