"""A second cheap answer says the same. Cost: one more cheap call (`second_sample`), by the same or another model.

The best signal where no log-probabilities are to be had (answer consistency, Yue et al. 2023, arXiv 2310.03094).
Compared are the conclusions: the last number, the chosen option, the JSON, else the words.
"""

import re
from collections.abc import Mapping
from typing import Any, cast

from thriftgate.cascade.signals.evidence import LONGEST_TEXT, NOT_JSON, Signal, SignalEvidence, parse_json

# Its first letter stands before the flag: `re` skips to a plain set of letters, and tries every place without one.
_OPTION = re.compile(
    r"[AaOoCcRr](?i:(?<=a)(?:nswer|ntwort)|(?<=o)ption|(?<=c)hoice|(?<=r)(?:éponse|espuesta|isposta|esposta))"
    r"\W{0,12}(?i:is|ist|est|es|è|é)?\W{0,6}\(?(?i:([A-J]))\b"
)
_CONCLUDING = 800
"""Characters at the end of an answer in which it says what it comes to."""
_BOXED = re.compile(r"\\boxed\{([^{}]*)\}")
_LONE_OPTION = re.compile(r"^\W*([A-J])\W*$")
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


def measure(evidence: SignalEvidence) -> Mapping[str, float] | None:
    """1 when the conclusions agree, 0 when they do not, and how alike the words are; None without a second answer."""
    if evidence.second is None:
        return None
    one, other = evidence.text, evidence.second.text[-LONGEST_TEXT:]
    return {"agreement": float(agrees(one, other)), "word_overlap": word_overlap(one, other)}


def agrees(one: str, other: str) -> bool:
    """Whether two answers come to the same conclusion."""
    ours, theirs = conclusion(one), conclusion(other)
    if ours is None or theirs is None:
        return ours is theirs and word_overlap(one, other) >= 0.6
    return ours == theirs


def conclusion(text: str) -> Any:
    """What an answer comes down to: its JSON, its option letter, its last number; None for prose."""
    parsed = parse_json(text)
    if isinstance(parsed, dict | list):
        return cast("object", parsed)
    text = text[-_CONCLUDING:]
    boxed = _BOXED.findall(text)
    if boxed:
        return _number(boxed[-1]) or boxed[-1].strip().casefold()
    options = _OPTION.findall(text) or _LONE_OPTION.findall(text)
    if options:
        return options[-1].upper()
    numbers = _NUMBER.findall(text)
    return _number(numbers[-1]) if numbers else None if parsed is NOT_JSON else parsed


def word_overlap(one: str, other: str) -> float:
    """Shared words over all words (Jaccard); 1 for two empty texts."""
    ours, theirs = set(one.casefold().split()), set(other.casefold().split())
    return len(ours & theirs) / len(ours | theirs) if ours or theirs else 1.0


def _number(text: str) -> float | None:
    found = _NUMBER.search(text)
    return float(found[0].replace(",", "")) if found else None


AGREEMENT = Signal(name="agreement", cost="second_sample", features=("agreement", "word_overlap"), measure=measure)
