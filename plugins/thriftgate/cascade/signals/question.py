"""What the question alone tells, before anybody is asked. Cost: free."""

import math
import re
from collections.abc import Mapping
from typing import cast

from thriftgate.cascade.signals.evidence import LONGEST_TEXT, Evidence, Signal, message_text
from thriftgate.types import ChatRequest, Message

_CODE = re.compile(r"```|\bdef |\bfunction\b|\bclass \b|=>|\{\s*$|;\s*$|</\w+>|\bSELECT\b|\bimport \w", re.MULTILINE)
_MATHS = re.compile(r"\d\s*[-+*/^=]\s*\d|\\frac|\\int|\\sum|\bprove\b|\bintegral\b|\bderivative\b|\bequation\b", re.I)
_LIST = re.compile(r"^\s*(?:[-*•]|\(?[A-Ja-j\d]{1,2}[.)])\s", re.MULTILINE)


def features(request: ChatRequest) -> Mapping[str, float]:
    """Length, numbers, code, maths, listed options, questions asked, script, depth, pictures and tools."""
    texts = [message_text(message) for message in request.messages]
    asked = next(
        (text for text, message in zip(reversed(texts), reversed(request.messages), strict=True) if _is_user(message)),
        "",
    )[-LONGEST_TEXT:]
    length = max(1, len(asked))
    return {
        "question_length": math.log1p(len(asked)),
        "context_length": math.log1p(sum(map(len, texts)) - len(asked)),
        "question_numbers": math.log1p(len(re.findall(r"\d+(?:\.\d+)?", asked))),
        "question_code": float(bool(_CODE.search(asked))),
        "question_maths": math.log1p(len(_MATHS.findall(asked))),
        "question_options": math.log1p(len(_LIST.findall(asked))),
        "question_marks": float(min(5, asked.count("?"))),
        "question_foreign": sum(ord(character) > 0x24F for character in asked) / length,
        "turns": math.log1p(sum(map(_is_user, request.messages))),
        "pictures": float(any(_has_parts(message) for message in request.messages)),
        "tools_offered": math.log1p(len(request.tools)),
    }


def measure(evidence: Evidence) -> Mapping[str, float]:
    """The features of the request that the answer belongs to."""
    return features(evidence.request)


def _is_user(message: Message) -> bool:
    return message.get("role") == "user"


def _has_parts(message: Message) -> bool:
    content = message.get("content")
    return isinstance(content, list | tuple) and any(
        "image" in str(cast("Message", part).get("type")) for part in cast("list[object]", content)
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
