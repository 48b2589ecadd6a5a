"""A demo model as a judge: whether two answers say the same.

A gateway may ask a model to compare answers, with a system message that wants "SAME" or "DIFFERENT" and a user message
that is a JSON object of two texts. Two texts are the same here when they name the same numbers, both deny something
or neither does, and share at least half of their meaningful words.

Failure behaviour: pure and total; None when nothing is to be compared.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from thriftgate.demo.judge import normalize_words
from thriftgate.demo.lexicon import FILLERS, NEGATIONS
from thriftgate.demo.tokens import content_text

SAME, DIFFERENT = "SAME", "DIFFERENT"
_SHARED_WORDS = 0.5


def compare_gateways(messages: Sequence[Mapping[str, Any]]) -> str | None:
    """SAME or DIFFERENT, where a conversation asks for it."""
    instruction = " ".join(content_text(m) for m in messages if m.get("role") in {"system", "developer"})
    if SAME not in instruction or DIFFERENT not in instruction or messages[-1].get("role") != "user":
        return None
    try:
        document: object = json.loads(content_text(messages[-1]))
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    texts = [value for value in cast("dict[str, object]", document).values() if isinstance(value, str)]
    if len(texts) != 2:
        return None
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
