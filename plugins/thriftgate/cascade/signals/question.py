"""What the question alone tells, before anybody is asked. Cost: free."""

import math
import re
from collections.abc import Mapping
from typing import cast

from thriftgate.cascade.signals.evidence import Signal, SignalEvidence, message_text
from thriftgate.types import ChatRequest, Message

_CODE = ("```", "def ", "function ", "class ", "=>", "</", "SELECT ", "import ", "{\n", ";\n", "#include")
_MATHS = ("\\frac", "\\int", "\\sum", "prove ", "integral", "derivative", "equation", "probability")
_CALCULATION = re.compile(r"\d\s?[-+*/^=]\s?\d")
_FOREIGN = re.compile("[^\x00-\u024f]+")
_LONGEST_QUESTION = 2000
"""Characters of the question, from its end, that are read; how long it is counts in full."""
_LIST = re.compile(r"^[ \t]{0,40}(?:[-*•]|\(?[A-Ja-j\d]{1,2}[.)])\s", re.MULTILINE)


def features(request: ChatRequest) -> Mapping[str, float]:
    """Length, numbers, code, maths, listed options, questions asked, script, depth, pictures and tools."""
    texts = [message_text(message) for message in request.messages]
    whole = next(
        (text for text, message in zip(reversed(texts), reversed(request.messages), strict=True) if _is_user(message)),
        "",
    )
    asked = whole[-_LONGEST_QUESTION:]
    lowered = asked.lower()
    return {
        "question_length": math.log1p(len(whole)),
        "context_length": math.log1p(sum(map(len, texts)) - len(whole)),
        "question_numbers": math.log1p(len(re.findall(r"\d+(?:\.\d+)?", asked))),
        "question_code": float(any(mark in asked for mark in _CODE)),
        "question_maths": math.log1p(sum(map(lowered.count, _MATHS)) + len(_CALCULATION.findall(asked))),
        "question_options": math.log1p(len(_LIST.findall(asked))),
        "question_marks": float(min(5, asked.count("?"))),
        "question_foreign": _foreign_share(asked),
        "turns": math.log1p(sum(map(_is_user, request.messages))),
        "pictures": float(any(_has_parts(message) for message in request.messages)),
        "tools_offered": math.log1p(len(request.tools)),
    }


def measure(evidence: SignalEvidence) -> Mapping[str, float]:
    """The features of the request that the answer belongs to."""
    return features(evidence.request)


def _foreign_share(text: str) -> float:
    """Of characters beyond the Latin alphabets."""
    return 0.0 if text.isascii() else (len(text) - len(_FOREIGN.sub("", text))) / len(text)


def _is_user(message: Message) -> bool:
    return message.get("role") == "user"


def _has_parts(message: Message) -> bool:
    content = message.get("content")
    return isinstance(content, list | tuple) and any(
        isinstance(part, Mapping) and "image" in str(cast("Message", part).get("type"))
        for part in cast("list[object]", content)
    )


QUESTION = Signal(
    name="question",
    cost="free",
    features=(
        "question_length",
        "context_length",
        "question_numbers",
        "question_code",
        "question_maths",
        "question_options",
        "question_marks",
        "question_foreign",
        "turns",
        "pictures",
        "tools_offered",
    ),
    measure=measure,
)
