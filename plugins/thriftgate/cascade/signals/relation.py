"""How the answer relates to the question and to what was given with it. Cost: free.

Answers that wander off, that are much longer than usual, or whose numbers and names stand nowhere in the given
passages are wrong more often.
"""

import math
import re
from collections.abc import Mapping

from thriftgate.cascade.signals.evidence import LONGEST_TEXT, Signal, SignalEvidence, message_text

_SHORTEST = 3
_WORD = re.compile(rf"\w{{{_SHORTEST},}}")
# What begins a word, its first character tested behind itself: `re` skips to a set, and tries every place for `\b`.
_SPECIFIC = re.compile(r"[\dA-Z](?<!\w\w)(?:(?<=\d)[\d.,:/-]*|(?<=[A-Z])[\w-]{2,})")
_MOST_WORDS = 500
_MOST_SPECIFICS = 200
_MOST_MESSAGES = 40
"""The latest messages, and the first: in them may stand what an answer names."""


def measure(evidence: SignalEvidence) -> Mapping[str, float]:
    """Lengths (log characters), their ratio, word overlap, and the share of specifics found in what was given."""
    question, answer = evidence.question, evidence.text
    asked, said = _words(question), _words(answer)
    shared = len(asked & said)
    messages = evidence.request.messages
    read = [*messages[:1], *messages[1:][-_MOST_MESSAGES:]]
    given = "\n".join(message_text(message)[:LONGEST_TEXT] for message in read)
    specifics = {found.rstrip(".,:/-") for found in _SPECIFIC.findall(answer)[:_MOST_SPECIFICS]}
    return {
        "answer_length": math.log1p(len(evidence.choice.text)),
        "length_ratio": math.log1p(len(evidence.choice.text)) - math.log1p(len(question)),
        "question_covered": shared / len(asked) if asked else 0.0,
        "answer_from_question": shared / len(said) if said else 0.0,
        "support": sum(found in given for found in specifics) / len(specifics) if specifics else 1.0,
    }


def _words(text: str) -> set[str]:
    if text.isascii():
        # The same, and twice as fast.
        words = text.translate(_SEPARATED).split()
        return set([word for word in words if len(word) >= _SHORTEST][:_MOST_WORDS])
    return set(_WORD.findall(text.casefold())[:_MOST_WORDS])


_SEPARATED = {code: chr(code).lower() if chr(code).isalnum() or chr(code) == "_" else " " for code in range(128)}


RELATION = Signal(
    name="relation",
    cost="free",
    features=("answer_length", "length_ratio", "question_covered", "answer_from_question", "support"),
    measure=measure,
)
