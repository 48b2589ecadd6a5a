"""The demo provider's tokens: a rule that anybody can recompute by hand.

A token is one optional space with up to six letters, up to three digits or one other visible character; leftover
white space is a token of its own. Joined, the tokens of a text are the text. A prompt costs its contents' tokens,
plus 4 for each message, 3 for the reply's opening, 85 for each image and the tokens of the tools' compact JSON;
names and tool calls count as their compact JSON.

Failure behaviour: pure and total.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

TOKENS_PER_MESSAGE = 4
TOKENS_PER_REPLY = 3
TOKENS_PER_IMAGE = 85

IDENTIFIER = re.compile(r"#?\b(?:[A-Z]{2,4}-\d{3,}|\d{5,})\b")
"""An order, invoice or subscription number in a text."""
_TOKEN = re.compile(r" ?[^\W\d_]{1,6}| ?\d{1,3}| ?[^\s\w]| ?_|\s+|.", re.DOTALL)


def tokenize(text: str) -> list[str]:
    """The tokens of a text; `"".join(tokenize(text)) == text`."""
    return _TOKEN.findall(text)


def count_prompt_tokens(messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()) -> int:
    """What a conversation costs as a prompt, by the rule above."""
    total = TOKENS_PER_REPLY + sum(map(_count_message, messages))
    return total + (_count_json(list(tools)) if tools else 0)


def content_text(message: Mapping[str, Any]) -> str:
    """The text of a message, whether it is a string or a list of parts; other parts are left out."""
    content: object = message.get("content")
    if isinstance(content, str):
        return content
    return " ".join(str(part["text"]) for part in content_parts(message) if isinstance(part.get("text"), str))


def content_parts(message: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The parts of a message whose content is a list; empty otherwise."""
    content: object = message.get("content")
    if not isinstance(content, list):
        return ()
    return [cast("Mapping[str, Any]", part) for part in cast("list[object]", content) if isinstance(part, Mapping)]


def _count_message(message: Mapping[str, Any]) -> int:
    total = TOKENS_PER_MESSAGE + len(tokenize(content_text(message)))
    total += TOKENS_PER_IMAGE * sum(part.get("type") in {"image_url", "image"} for part in content_parts(message))
    extras = {key: message[key] for key in ("name", "tool_calls") if message.get(key)}
    return total + (_count_json(extras) if extras else 0)


def _count_json(value: object) -> int:
    return len(tokenize(json.dumps(value, separators=(",", ":"), ensure_ascii=False)))
